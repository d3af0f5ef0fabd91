"""Damaged films are refused, at any speed of the machine; what nobody can notice in a file alone is
named.

``make damage`` tries the full matrix.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

import av
import pytest

from tests.damage import PLACES, TS_PACKET, Damage, Form, Scope, kinds_of_damage, pieces_of
from tests.damage_matrix import (
    LIMITS,
    SMALL,
    Outcome,
    Row,
    limit_of,
    outcome_of,
    verdict,
    write_damaged,
)
from tests.films import Film, film
from tests.patience import patient
from tests.slowed import TIMES, slowed

README = Path(__file__).parents[3] / "src/mediavault/media/README.md"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder in which films are made, once in a run."""
    folder = tmp_path_factory.mktemp("films")
    yield folder
    shutil.rmtree(folder)  # pytest would keep the last three


# Each container and codec is damaged in the same few ways, and one film of each family of codecs in
# all of them.
USUAL = (
    Damage(Form.NOISE, "75 %", Scope.PICTURES),
    Damage(Form.NOISE, "25 %", Scope.SOUND),
    Damage(Form.NOISE, "50 %"),
    Damage(Form.SWAPPED, "95 %"),
    Damage(Form.CUT, "95 %"),
)
SEARCHING = (
    *(Damage(Form.NOISE, place, Scope.PICTURES) for place in PLACES),
    *(damage for damage in kinds_of_damage() if damage.place == "50 %"),
)
MP4, HEVC, VP9, MPEG2 = (
    Film("MP4", "H.264", "AAC"), Film("MP4", "HEVC", "AAC"), Film("WebM", "VP9", "Opus"),
    Film("TS", "MPEG-2", "AC-3"),
)  # fmt: skip
# What was saved as complete. Damage of the largest film is early, so that little is decoded to
# prove it.
LARGER = (
    *(
        Row(replace(MP4, megabytes=30), Damage(Form.NOISE, place, Scope.PICTURES))
        for place in ("50 %", "30-100 %")
    ),
    Row(replace(MP4, megabytes=30), Damage(Form.NOISE, "30-100 %", Scope.SOUND)),
    Row(replace(HEVC, megabytes=30), Damage(Form.NOISE, "10-90 %", Scope.PICTURES)),
    Row(replace(MP4, megabytes=120), Damage(Form.NOISE, "5 %", Scope.PICTURES)),
    Row(replace(MP4, megabytes=120), Damage(Form.NOISE, "75 %", Scope.SOUND)),
    Row(replace(MP4, megabytes=120), Damage(Form.FLIPS, "5 %")),
    Row(replace(MP4, megabytes=120), Damage(Form.SWAPPED, "25 %")),
)
# A demuxer skips zeros in MPEG-2, so that only a gap is left.
GAP = Row(MPEG2, Damage(Form.ZEROS, "10-90 %", Scope.PICTURES))
TRIED = dict.fromkeys(
    row
    for row in (
        *(Row(each, damage) for each in SMALL for damage in USUAL),
        *(Row(each, damage) for each in (MP4, HEVC, VP9, MPEG2) for damage in SEARCHING),
        *LARGER,
        GAP,
    )
    if limit_of(row) is None
)


def named(rows: Sequence[Row]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in rows])


@named(list(TRIED))
def test_a_damaged_film_is_refused(row: Row, folder: Path) -> None:
    assert outcome_of(write_damaged(row, folder)) is Outcome.REFUSED


@pytest.mark.parametrize("name", dict.fromkeys(row.film.name for row in TRIED))
def test_the_same_films_without_damage_are_accepted(name: str, folder: Path) -> None:
    """Each of them is of the smallest size; the larger ones are below."""
    assert (
        verdict(film(next(row.film for row in TRIED if row.film.name == name), folder)).problems
        == ()
    )


@pytest.mark.parametrize("megabytes", [30, 120])
def test_larger_films_without_damage_are_accepted(megabytes: int, folder: Path) -> None:
    assert verdict(film(replace(MP4, megabytes=megabytes), folder)).problems == ()


def test_a_long_film_is_not_called_decoded_while_a_damaged_picture_waits_to_be(
    folder: Path,
) -> None:
    """A run of flips in the middle is between key frames. Decoding in the background finds it."""
    row = Row(replace(MP4, megabytes=120), Damage(Form.RUN, "75 %", Scope.PICTURES))

    assert outcome_of(write_damaged(row, folder)) is not Outcome.COMPLETE


@pytest.mark.parametrize("container", ["MP4", "MP4, fragmented", "MKV", "FLV"])
def test_damage_to_pictures_changes_nothing_else(container: str, folder: Path) -> None:
    """A demuxer finds as many packets of the same lengths at the same places and times,
    and the same sound.
    """
    wanted = next(each for each in SMALL if (each.container, each.video) == (container, "H.264"))
    before = packets_of(film(wanted, folder))
    after = packets_of(
        write_damaged(Row(wanted, Damage(Form.NOISE, "10-90 %", Scope.PICTURES)), folder)
    )

    assert [(*times, len(body)) for *times, body in after] == [
        (*times, len(body)) for *times, body in before
    ]
    changed = [kind for (kind, *_, new), (*_, old) in zip(after, before, strict=True) if new != old]
    assert set(changed) == {"video"}
    assert len(changed) == pytest.approx(0.8 * 500, abs=5)


def packets_of(path: Path) -> list[tuple[str, int | None, int | None, bytes]]:
    """Return kind, place in the file, time and contents of each packet."""
    with av.open(str(path), "r") as opened:
        return [
            (packet.stream.type, packet.pos, packet.pts, bytes(packet))
            for packet in opened.demux()
            if packet.size
        ]


def test_damage_to_pictures_of_a_transport_stream_leaves_all_headers_of_its_packets(
    folder: Path,
) -> None:
    wanted = Film("TS", "H.264", "AAC")
    before = film(wanted, folder).read_bytes()
    after = write_damaged(
        Row(wanted, Damage(Form.NOISE, "10-90 %", Scope.PICTURES)), folder
    ).read_bytes()

    assert [after[at : at + 4] for at in range(0, len(after), TS_PACKET)] == [
        before[at : at + 4] for at in range(0, len(before), TS_PACKET)
    ]
    assert pieces_of(after, Scope.PICTURES) == pieces_of(before, Scope.PICTURES)
    assert sum(new != old for new, old in zip(after, before, strict=True)) > 0.75 * 1_000_000


# --- what a file alone does not show --------------------------------------------------------------


@pytest.mark.parametrize("what", LIMITS)
def test_a_limit_that_the_documentation_names_is_one(what: str, folder: Path) -> None:
    """If FFmpeg notices such damage one day, the README can say so."""
    limit = LIMITS[what]

    assert outcome_of(write_damaged(limit.example, folder)) is not Outcome.REFUSED


@pytest.mark.parametrize("what", LIMITS)
def test_the_documentation_names_a_limit(what: str) -> None:
    _, _, not_detected = README.read_text(encoding="utf-8").partition("\nNot detected")

    assert all(word in not_detected for word in LIMITS[what].words)


# --- the machine's speed --------------------------------------------------------------------------

AT_ANY_SPEED = (
    Row(MP4, Damage(Form.NOISE, "95 %", Scope.PICTURES)),
    Row(HEVC, Damage(Form.NOISE, "30-100 %", Scope.PICTURES)),
    Row(VP9, Damage(Form.NOISE, "95 %", Scope.PICTURES)),
    Row(replace(MP4, megabytes=30), Damage(Form.NOISE, "25 %", Scope.PICTURES)),
)


@named(AT_ANY_SPEED)
def test_the_verdict_takes_no_stopwatch_into_account(
    row: Row, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour passes between two looks at any clock."""
    path = write_damaged(row, folder)
    usual = verdict(path)
    hours = count(1)
    for name in ("process_time", "thread_time", "perf_counter", "monotonic"):
        monkeypatch.setattr(time, name, lambda: 3_600.0 * next(hours))

    assert verdict(path) == usual


@pytest.mark.slow
def test_the_verdict_is_the_same_on_a_machine_that_is_five_times_slower(
    folder: Path, tmp_path: Path
) -> None:
    """Nor does the helper run into a limit there, in which the verdict is asked for in a vault."""
    files = [film(row.film, folder) for row in AT_ANY_SPEED]
    for row in AT_ANY_SPEED:
        files.append(write_damaged(row, folder).rename(tmp_path / f"{len(files)}"))

    usual, _ = probed([], files)
    with slowed() as slower:
        result, pace = probed(slower, files)

    assert result == usual
    assert pace > TIMES / 2, "the machine was not slowed"


def probed(slower: Sequence[str], files: Sequence[Path]) -> tuple[list[list[str]], float]:
    """Return the problems of each file, as helpers find them,
    and how many seconds a second of work took.
    """
    command = [*slower, sys.executable, "-m", "tests.probed", *map(str, files)]
    ended = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=patient(240)
    )
    assert ended.returncode == 0, ended.stderr
    answer = json.loads(ended.stdout)
    return answer["problems"], answer["pace"]
