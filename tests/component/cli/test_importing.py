"""`mediavault import` on real media, laid out as each downloader does, on every store;
and killed for real.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mediavault.core.job import Job
from tests import media, vaults
from tests.component.cli.test_upkeep import Run, Workspace, at, run, workspace
from tests.patience import patient

__all__ = ["run", "workspace"]

ID, OTHER_ID = "dQw4w9WgXcQ", "aqz-KE-bpKQ"
CHANNEL = "UCuAXFkgsw1L7xaCfnd5JJOw"
WATCH = "https://www.youtube.com/watch?v="
INFO = {
    "id": ID,
    "extractor_key": "Youtube",
    "webpage_url": f"{WATCH}{ID}",
    "title": "A film",
    "description": "About it",
    "uploader": "Jane",
    "uploader_id": "@jane",
    "channel_id": CHANNEL,
    "upload_date": "20200102",
    "duration": 2,
}

YT_DLP = {
    f"A film [{ID}].mp4": media.mp4,
    f"A film [{ID}].info.json": lambda: json.dumps(INFO).encode(),
    f"A film [{ID}].webp": media.jpeg,
    f"A film [{ID}].en.vtt": lambda: b"WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n",
    f"A song [{OTHER_ID}].opus": lambda: media.sound("ogg", "libopus"),
}
METUBE = {"My title.webm": media.webm, "A playlist/Another.mp4": media.mp4}
TUBE_ARCHIVIST = {f"{CHANNEL}/{ID}.mp4": media.mp4, f"{CHANNEL}/{ID}.en.vtt": lambda: b"WEBVTT\n"}
PINCHFLAT = {
    f"Jane/2020-01-02 A film/A film [{ID}].mkv": media.mkv,
    f"Jane/2020-01-02 A film/A film [{ID}]-thumb.jpg": media.jpeg,
    f"Jane/2020-01-02 A film/A film [{ID}].nfo": lambda: b"<episodedetails/>",
}


def lay_out(folder: Path, files: Mapping[str, Any]) -> Path:
    for name, body in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body())
    return folder


def saved(workspace: Workspace, name: str) -> list[Job]:
    return [stored.job for stored in at(workspace, name, vaults.all_of)]


LAYOUTS: Mapping[str, tuple[Mapping[str, Any], set[str], set[str]]] = {
    "yt-dlp": (
        YT_DLP,
        {f"{WATCH}{ID}", f"{WATCH}{OTHER_ID}"},
        {".mp4", ".opus", ".vtt", ".jpg", ".json"},
    ),
    "metube": (METUBE, set(), {".webm", ".mp4", ".jpg", ".json"}),
    "tube-archivist": (TUBE_ARCHIVIST, {f"{WATCH}{ID}"}, {".mp4", ".vtt", ".jpg", ".json"}),
    "pinchflat": (PINCHFLAT, {f"{WATCH}{ID}"}, {".mkv", ".jpg", ".json"}),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("how", ["copy", "link", "move"])
def test_a_folder_of_each_downloader_is_imported_once(
    workspace: Workspace, run: Run, layout: str, how: str
) -> None:
    files, urls, suffixes = LAYOUTS[layout]
    folder = lay_out(workspace.root / "in", files)
    checked = run("import", str(folder), "--how", how, "--json", at="a")
    first = run("import", str(folder), "--how", how, "--apply", "--json", at="a")
    second = run("import", str(folder), "--how", how, "--apply", "--json", at="a")
    jobs = saved(workspace, "a")

    assert (checked.code, checked.lines()[-1]["imported"]) == (0, len(jobs))
    assert (first.code, first.lines()[-1]["imported"], first.lines()[-1]["without_url"]) == (
        0,
        len(jobs),
        len(jobs) - len(urls),
    )
    assert (second.code, second.lines()[-1]["imported"]) == (0, 0)
    assert {job.canonical_url for job in jobs if job.canonical_url.startswith("https:")} == urls
    assert {
        path.suffix for path in workspace.library.rglob("[!.]*.*") if ".staging" not in path.parts
    } == {
        *suffixes,
        ".nfo",
    }
    assert run("verify", "--read-data", at="a").code == 0
    assert run("rebuild", "--json", at="again").lines()[-1]["new"] == len(jobs)


@pytest.mark.parametrize("engine", ["a", "postgres", "mongodb"])
def test_an_import_works_with_every_store(workspace: Workspace, run: Run, engine: str) -> None:
    folder = lay_out(workspace.root / "in", {**YT_DLP, **METUBE})
    run("import", str(folder), "--apply", at=engine)
    again = run("import", str(folder), "--apply", "--json", at=engine)
    jobs = saved(workspace, engine)

    assert again.lines()[-1]["imported"] == 0
    assert len(jobs) == 3  # the mp4 of the playlist has the same bytes as the film


def test_files_stay_in_place_inside_the_library(workspace: Workspace, run: Run) -> None:
    files = {name.replace(".webp", ".jpg"): body for name, body in YT_DLP.items()}
    lay_out(workspace.library / "old", files)
    result = run("import", str(workspace.library / "old"), "--how", "in-place", "--apply", at="a")

    assert result.code == 0, result.out
    assert {job.output_path for job in saved(workspace, "a")} == {
        f"old/A film [{ID}].mp4",
        f"old/A song [{OTHER_ID}].opus",
    }
    assert run("verify", "--read-data", at="a").code == 0


def test_the_url_in_the_tags_of_a_file_names_its_post(workspace: Workspace, run: Run) -> None:
    folder = lay_out(workspace.root / "in", {"My title.mkv": media.mkv})
    tagged = folder / "My title.mkv"
    media.tag(tagged, {"PURL": f"{WATCH}{ID}", "title": "In the tag"})
    [result, _] = run("import", str(folder), "--json", at="a").lines()

    assert (result["url"], result["title"]) == (f"{WATCH}{ID}", "In the tag")


def test_what_is_broken_is_reported_and_left_alone(workspace: Workspace, run: Run) -> None:
    folder = lay_out(
        workspace.root / "in",
        {
            "half.mp4": lambda: media.mp4()[:60_000],
            "page.mp4": media.html,
            "empty.mkv": lambda: b"",
            "zeros.webm": lambda: bytes(50_000),
            "protected.mp4": media.cenc_mp4,
        },
    )
    result = run("import", str(folder), "--how", "move", "--apply", at="a")

    assert result.code == 1
    assert "5 × the file is broken" in result.out
    assert "page.mp4: the file is broken (it is a web page)" in result.out
    assert (saved(workspace, "a"), len(list(folder.iterdir()))) == ([], 5)


def test_a_killed_import_is_finished_by_the_next_one(
    workspace: Workspace, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGKILL as soon as the first of several files is reported,
    while the next one is on its way.
    """
    folder = lay_out(
        workspace.root / "in", {f"{n}.mp4": lambda n=n: media.mp4(1.0 + n / 4) for n in range(6)}
    )
    monkeypatch.setenv("MEDIAVAULT_DATABASE_URL", workspace.url("a"))
    command = [
        sys.executable,
        "-m",
        "mediavault",
        "import",
        str(folder),
        "--apply",
        "--how",
        "move",
        "--json",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=dict(os.environ)) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=patient(30))
    finished = run("import", str(folder), "--apply", "--how", "move", "--json", at="a")

    assert json.loads(first)["outcome"] == "imported"
    assert finished.code == 0
    assert len({job.sha256 for job in saved(workspace, "a")}) == len(saved(workspace, "a")) == 6
    assert list(folder.iterdir()) == []
    assert run("verify", "--read-data", at="a").code == 0
