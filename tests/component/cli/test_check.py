"""``check`` prints one verdict per file, in order, and exits 0 (all accepted),
1 (some not) or 2 (usage error).
"""

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
    "file", "verdict", "reason", "container", "video_codec", "audio_codec", "duration_s", "width",
    "height",
    "decoded_whole",
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


def test_json_output_is_one_object_per_file_in_the_given_order(run: Run, folder: Path) -> None:
    names = [str(folder / name) for name in ("page.mp4", "film.mp4", "cut.mp4", "tiny.webm")]
    ran = run("check", "--json", *names)
    verdicts = lines(ran)

    assert ran.code == 1
    assert [verdict["file"] for verdict in verdicts] == names
    assert [verdict["verdict"] for verdict in verdicts] == ["reject", "accept", "reject", "accept"]
    assert all(set(verdict) == FIELDS for verdict in verdicts)
    assert verdicts[0]["reason"] == "it is a web page"
    film = {
        name: verdicts[1][name]
        for name in ("reason", "container", "video_codec", "audio_codec", "width", "height")
    }
    assert film == {
        "reason": None, "container": "mp4", "video_codec": "h264", "audio_codec": "aac",
        "width": 320, "height": 180,
    }  # fmt: skip
    assert [verdict["decoded_whole"] for verdict in verdicts] == [False, True, False, True]
    assert verdicts[1]["duration_s"] == pytest.approx(1.0, abs=0.1)


def test_an_accepted_file_exits_0_with_readable_output(run: Run, folder: Path) -> None:
    ran = run("check", str(folder / "film.mp4"))

    assert ran.code == 0
    assert ran.out.startswith(f"accept  {folder / 'film.mp4'}  mp4 h264+aac 320×180 1.0")


def test_file_names_are_also_read_from_standard_input(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = f"{folder / 'film.mp4'}\n\n{folder / 'page.mp4'}\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(names.encode())))
    ran = run("check", "-", str(folder / "tiny.webm"), "--json")

    assert [Path(verdict["file"]).name for verdict in lines(ran)] == [
        "film.mp4",
        "page.mp4",
        "tiny.webm",
    ]


def test_an_unreadable_file_is_refused_with_the_reason(run: Run, folder: Path) -> None:
    verdicts = lines(
        run("check", "--json", str(folder / "gone.mp4"), str(folder), str(folder / "film.mp4"))
    )

    assert [verdict["verdict"] for verdict in verdicts] == ["reject", "reject", "accept"]
    assert [verdict["reason"] for verdict in verdicts[:2]] == [
        "it cannot be read: No such file or directory",
        "it cannot be read: it is a folder",
    ]


def test_no_file_argument_exits_2(run: Run) -> None:
    assert run("check").code == 2


def test_a_verdict_names_every_problem_or_every_note() -> None:
    cut = Problem(ProblemKind.INCOMPLETE, "it is cut")
    jump = Problem(ProblemKind.DAMAGED, "it jumps")

    assert (
        as_dict("a", ProbeReport("mp4", "h264", None, 1.0, 2, 2, problems=(cut, jump)))["reason"]
        == "it is cut; it jumps"
    )
    assert (
        as_dict("a", ProbeReport("mp4", "h264", None, 1.0, 2, 2, notes=("it has no sound",)))[
            "verdict"
        ]
        == "accept"
    )


def test_a_file_whose_tracks_end_far_apart_is_unsure(run: Run, tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(media.with_sound_of(6.0, pictures_s=2.0))
    ran = run("check", "--json", str(tmp_path / "film.mp4"))

    assert ran.code == 1
    assert [(verdict["verdict"], verdict["reason"]) for verdict in lines(ran)] == [
        ("unsure", "its pictures last 2.0 s, its sound 6.0 s")
    ]
