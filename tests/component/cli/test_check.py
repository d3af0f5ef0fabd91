"""``check``: one verdict a file, in the order given; 0 all accepted, 1 some refused, 2 not understood."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from mediavault.cli.check import as_dict
from mediavault.core.media import ProbeReport, Problem, ProblemKind
from tests import media
from tests.unit.cli.conftest import Ran, Run

FIELDS = {
    "file", "verdict", "reason", "container", "video_codec", "audio_codec", "duration_s", "width", "height",
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "film.mp4").write_bytes(media.mp4(1.0))
    (tmp_path / "tiny.webm").write_bytes(media.webm(0.2, sound=False))
    (tmp_path / "page.mp4").write_bytes(media.html())
    (tmp_path / "cut.mp4").write_bytes(media.mp4(1.0)[:-1])
    return tmp_path


def lines(ran: Ran) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ran.out.splitlines()]


def test_each_file_has_one_object_a_line_in_the_order_given(run: Run, folder: Path) -> None:
    names = [str(folder / name) for name in ("page.mp4", "film.mp4", "cut.mp4", "tiny.webm")]
    ran = run("check", "--json", *names)
    found = lines(ran)

    assert ran.code == 1
    assert [each["file"] for each in found] == names
    assert [each["verdict"] for each in found] == ["reject", "accept", "reject", "accept"]
    assert all(set(each) == FIELDS for each in found)
    assert found[0]["reason"] == "it is a web page"
    film = {name: found[1][name] for name in ("reason", "container", "video_codec", "audio_codec", "width", "height")}
    assert film == {
        "reason": None, "container": "mp4", "video_codec": "h264", "audio_codec": "aac", "width": 320, "height": 180,
    }  # fmt: skip
    assert found[1]["duration_s"] == pytest.approx(1.0, abs=0.1)


def test_all_accepted_is_0_and_reads_well(run: Run, folder: Path) -> None:
    ran = run("check", str(folder / "film.mp4"))

    assert ran.code == 0
    assert ran.out.startswith(f"accept  {folder / 'film.mp4'}  mp4 h264+aac 320×180 1.0")


def test_names_come_from_standard_input_as_well(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = f"{folder / 'film.mp4'}\n\n{folder / 'page.mp4'}\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(names.encode())))
    ran = run("check", "-", str(folder / "tiny.webm"), "--json")

    assert [Path(each["file"]).name for each in lines(ran)] == ["film.mp4", "page.mp4", "tiny.webm"]


def test_what_cannot_be_read_is_refused_with_its_reason(run: Run, folder: Path) -> None:
    found = lines(run("check", "--json", str(folder / "gone.mp4"), str(folder), str(folder / "film.mp4")))

    assert [each["verdict"] for each in found] == ["reject", "reject", "accept"]
    assert [each["reason"] for each in found[:2]] == [
        "it cannot be read: No such file or directory",
        "it cannot be read: it is a folder",
    ]


def test_no_file_at_all_is_2(run: Run) -> None:
    assert run("check").code == 2


def test_a_verdict_names_every_problem_or_every_oddity() -> None:
    cut = Problem(ProblemKind.INCOMPLETE, "it is cut")
    jump = Problem(ProblemKind.DAMAGED, "it jumps")

    assert (
        as_dict("a", ProbeReport("mp4", "h264", None, 1.0, 2, 2, problems=(cut, jump)))["reason"]
        == "it is cut; it jumps"
    )
    assert as_dict("a", ProbeReport("mp4", "h264", None, 1.0, 2, 2, notes=("it has no sound",)))["verdict"] == "accept"
