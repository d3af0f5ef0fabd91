"""The commands in README and docs: each exists with its options,
and those that need no site and no browser are run.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mediavault.cli.commands import GROUPS
from mediavault.cli.main import app_of, main
from tests import logs, media

ROOT = Path(__file__).resolve().parents[3]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```\w*\n(.*?)^```", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`(mediavault [^`\n]+)`")
# From one `mediavault` of a line up to a comment, or to the next command: they are three spaces
# apart.
COMMAND = re.compile(
    r"(?<![\w/.-])(?<!-t )(?<!owner )mediavault ((?:(?!\s{3}| #|mediavault |\| |&& |; ).)+)"
)
NOT_RUN = {  # why
    "answer": "opens a browser",
    "api": "runs until it is stopped",
    "completion": "is in the middle of a line of a shell",
    "demo": "has its own test",
    "drain": "waits for a worker to end",
    "get": "fetches a post",
    "import": "names folders of other programs",
    "inspect": "fetches a post",
    "login": "opens a browser",
    "migrate": "names a server",
    "notify": "sends to a receiver",
    "password": "asks on the terminal",
    "stop": "needs a stream that is being recorded",
    "user": "asks on the terminal",
    "seal": "visits a page",
    "serve": "runs until it is stopped",
    "worker": "runs until it is stopped",
}
# The others, in an order in which each finds what it needs.
ORDER = ["profile add", "profile list", "add", "mark", "list", "show", "tags", "collections",
         "limits", "priority", "pause", "resume", "cancel", "retry", "check", "classify", "verify",
         "backup", "restore", "rebuild", "arrange", "token add", "token list", "token revoke",
         "follow add", "follow list", "follow change", "follow pause", "follow resume",
         "follow check", "follow import", "follow export", "retention set", "retention show",
         "retention clear", "follow remove", "feed add", "feed list", "feed revoke",
         "profile remove", "sessions", "workers", "doctor", "remove",
         "trash"]  # fmt: skip


def documented() -> Iterator[tuple[str, str]]:
    """Yield each command, without `mediavault` and the signs of what is optional, and its page."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        blocks = "\n".join(FENCE.findall(text))
        for part in (*blocks.splitlines(), *INLINE.findall(FENCE.sub("", text))):
            for found in COMMAND.findall(part.split(" # ")[0]):
                yield re.sub(r"[\[\]…]", "", found).strip(), page.name


def problem_of(command: str) -> str | None:
    """Return what the command line says to these names and options; None if it knows them.
    Nothing is run.
    """
    words = shlex.split(command)
    answer = CliRunner().invoke(app_of(words[0]), [*words, "--help"])
    return answer.output if answer.exit_code else None


def test_every_documented_command_exists_with_its_options() -> None:
    wrong = {
        f"{page}: mediavault {words}": problem
        for words, page in documented()
        if (problem := problem_of(words))
    }

    assert len({words for words, _ in documented()}) > 50
    assert wrong == {}


@pytest.mark.parametrize("command", ["verify --reed-data", "token ad phone", "verfy"])
def test_a_misspelt_command_or_option_is_noticed(command: str) -> None:
    assert problem_of(command)


def test_the_documented_commands_that_need_no_site_and_no_browser_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They run in this process, since starting one for each takes most of the time.
    None of them lets an error through.
    """
    (tmp_path / "film.mp4").write_bytes(media.mp4())
    (tmp_path / "list.opml").write_text(
        "<opml><body><outline xmlUrl='https://walks.example/feed'/></body></opml>"
    )
    for folder in ("backups", "videos"):
        (tmp_path / folder).mkdir()
    for name in [name for name in os.environ if name.startswith("MEDIAVAULT_")]:
        monkeypatch.delenv(name)
    folders = {
        "MEDIAVAULT_STATE_DIR": tmp_path / "state",
        "MEDIAVAULT_DOWNLOAD_DIR": tmp_path / "videos",
    }
    for name, path in {"HOME": tmp_path, **folders}.items():
        monkeypatch.setenv(name, str(path))
    monkeypatch.chdir(tmp_path)
    known = {
        "URL": "https://videos.example/watch/1",
        "SITE": "x",
        "LEVEL": "now",
        "NAME": "phone",
        "/backups": str(tmp_path / "backups"),
    }
    done: list[list[str]] = []
    for command in documented_to_run():
        files = {
            "FILE": "film.mp4" if command.startswith("check") else "vault.db",
            "report.zip": "report.zip",
        }
        files["sources.opml"] = (
            "list.opml" if command.startswith("follow import") else "sources.opml"
        )
        places = known | {name: str(tmp_path / file) for name, file in files.items()}
        words = [_filled(word, places) for word in shlex.split(command)]
        if words in done:
            continue
        with logs.given_back():
            code = main(words)
        out, err = capsys.readouterr()
        assert code in (0, 1), f"{words}: {out} {err}"  # 1: it found something
        assert "Traceback" not in err
        if command.startswith("add"):
            # a short id may become that of two
            main(["list", "--limit", "1", "--json"])
            [known["ID"]] = (job["id"] for job in json.loads(capsys.readouterr().out)["jobs"])
        if command.startswith("follow add"):
            [known["SOURCE"]] = re.findall(r"s-[0-9a-f]{12}", out)
        done.append(words)

    assert len(done) > 20


def documented_to_run() -> list[str]:
    """Return those that are not in NOT_RUN, each once, by ORDER."""
    commands = {words for words, _ in documented() if words.split()[0] not in NOT_RUN}
    # a worker reads it
    complete = [words for words in commands if not _is_partial(words) and "--preview" not in words]
    longest = max((words for words in complete if words.startswith("token add")), key=len)
    wanted = [words for words in complete if not words.startswith("token add") or words == longest]
    assert {name for words in wanted if (name := _name_of(words)) not in ORDER} == set()
    return sorted(wanted, key=lambda words: (ORDER.index(_name_of(words)), words))


def _name_of(command: str) -> str:
    words = command.split()
    return " ".join(words[:2]) if words[0] in GROUPS else words[0]


def _is_partial(command: str) -> bool:
    """Whether it is only a name in a sentence, without the arguments that it needs,
    or needs a post or a source that was read.
    """
    return command in {
        "retry",
        "token add",
        "token revoke",
        "retry ID --choose NUMBER",
        "retry ID --choose NUMBER --choose NUMBER",
        "retry ID --as-it-is",
        "follow save SOURCE URL",
    }


def _filled(word: str, places: dict[str, str]) -> str:
    for name, value in places.items():
        if word == name or (name.startswith("/") and word.startswith(name)):
            return word.replace(name, value)
    return word
