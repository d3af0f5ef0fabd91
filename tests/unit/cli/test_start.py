"""What the start of a command imports: every import is time that the user waits for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mediavault.cli.commands import COMMANDS, EXAMPLES, GROUPS, PANELS
from mediavault.cli.main import refuse_other_systems
from mediavault.core.failures import BadInput

# What `--version` and `--help` may import of this package, and what no start of these may import of
# others.
ALLOWED = {
    "mediavault",
    "mediavault._version",
    "mediavault.cli",
    "mediavault.cli.commands",
    "mediavault.cli.options",
    "mediavault.cli.main",
    "mediavault.cli.streams",
    "mediavault.core",
    "mediavault.core.failures",
    "mediavault.core.messages",
}
NEVER = {
    "asyncio",
    "aiohttp",
    "av",
    "fastapi",
    "jinja2",
    "playwright",
    "pydantic",
    "structlog",
    "yt_dlp",
}
# What the commands that people and scripts call most often do without.
NOT_FOR_LISTS = {
    "aiohttp",
    "av",
    "fastapi",
    "jinja2",
    "playwright",
    "rich.progress",
    "structlog",
    "uvicorn",
    "yt_dlp",
}

ENTRIES = {
    **COMMANDS,
    **{
        f"{group} {name}": entry
        for group, (_, two) in GROUPS.items()
        for name, entry in two.items()
    },
}


def imported_by(folder: Path, *arguments: str) -> set[str]:
    program = (
        f"import json, sys; from mediavault.cli.main import main; main({list(arguments)!r});"
        r"print('\n' + json.dumps(sorted(sys.modules)))"
    )
    environment = {
        **os.environ,
        "MEDIAVAULT_STATE_DIR": str(folder),
        "MEDIAVAULT_DOWNLOAD_DIR": str(folder),
    }
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    )
    return set(json.loads(ran.stdout.splitlines()[-1]))


@pytest.mark.parametrize("argument", ["--version", "--help"])
def test_version_and_help_import_only_these_modules(argument: str, tmp_path: Path) -> None:
    modules = imported_by(tmp_path, argument)

    assert {name for name in modules if name.startswith("mediavault")} <= ALLOWED
    assert modules & NEVER == set()


@pytest.mark.parametrize("arguments", [("list",), ("classify", "https://x.com/jane/status/1")])
def test_a_command_that_only_reads_does_not_import_the_servers_and_browsers_libraries(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    assert imported_by(tmp_path, *arguments) & NOT_FOR_LISTS == set()


def test_an_idle_vault_does_not_import_what_only_stamps_encrypted_streams_and_codes_need() -> None:
    program = (
        "import json, sys; import mediavault.app.processes, mediavault.app.ytdlp_upkeep,"
        "mediavault.web.app; print(json.dumps(sorted(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

    assert set(json.loads(ran.stdout)) & {"av", "cryptography", "playwright", "segno"} == set()


@pytest.mark.parametrize("name", ["get", "inspect", "verify"])
def test_the_help_of_a_command_does_not_import_what_only_its_work_needs(
    name: str, tmp_path: Path
) -> None:
    assert imported_by(tmp_path, name, "--help") & {*NOT_FOR_LISTS, "xml.parsers.expat"} == set()


@pytest.mark.parametrize("name", ENTRIES)
def test_the_help_of_a_command_that_is_not_loaded_is_its_own(name: str) -> None:
    entry = ENTRIES[name]
    documented = (entry.load().__doc__ or "").strip().split("\n\n")[0]

    assert entry.help == " ".join(documented.split())


def test_each_command_is_in_one_group_of_the_help_and_the_examples_are_of_commands() -> None:
    listed = [name for names in PANELS.values() for name in names]

    assert sorted(listed) == sorted([*COMMANDS, *GROUPS])
    for name, examples in EXAMPLES.items():
        assert name in {"", *listed}
        for typed, _ in examples:
            assert f"mediavault {name}" in typed, typed


@pytest.mark.parametrize(
    ("platform", "triplet", "words"),
    [
        ("win32", "", "mediavault does not run on Windows. Use WSL 2"),
        (
            "linux",
            "x86_64-linux-musl",
            "mediavault needs glibc, and this system has musl. Use a Debian-based image",
        ),
    ],
)
def test_a_system_that_lacks_what_every_command_needs_is_refused(
    platform: str, triplet: str, words: str
) -> None:
    with pytest.raises(BadInput) as refused:
        refuse_other_systems(platform, triplet)

    assert f"{refused.value.message} {refused.value.help}".startswith(words)


@pytest.mark.parametrize(
    ("platform", "triplet"), [("linux", "x86_64-linux-gnu"), ("darwin", "darwin"), ("linux", "")]
)
def test_linux_with_glibc_and_macos_are_accepted(platform: str, triplet: str) -> None:
    refuse_other_systems(platform, triplet)
