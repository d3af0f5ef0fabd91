"""Contradictions between the tables of an MP4: a changed number is noticed although every length is
still right.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from mediavault.core.media import ProblemKind
from mediavault.media.boxes import walk
from mediavault.media.sniff import Kind
from tests import media

FILM = media.reordered_mp4()  # 50 pictures, decoded in another order than they are shown, and sound
PICTURES, SOUND = "first", "last"


def position(name: bytes, track: str, offset: int) -> int:
    """Return the position in ``FILM``, ``offset`` bytes into the content of the first or the last
    track's table.
    """
    start = FILM.index(name) if track == PICTURES else FILM.rindex(name)
    return start + 4 + offset


def changed(name: bytes, track: str, offset: int, change: Callable[[int], int]) -> bytes:
    at = position(name, track, offset)
    number = change(int.from_bytes(FILM[at : at + 4], "big"))
    return FILM[:at] + number.to_bytes(4, "big") + FILM[at + 4 :]


def contradiction(body: bytes) -> str | None:
    problems = walk(io.BytesIO(body), len(body), Kind.MP4).problems
    assert all(problem.kind is ProblemKind.DAMAGED for problem in problems)
    return (
        problems[0].reason.removeprefix("its table of contents contradicts itself: ")
        if problems
        else None
    )


@pytest.mark.parametrize(
    ("table", "track", "offset", "change", "reason"),
    [
        (b"stts", SOUND, 8, lambda count: count // 2, "times for a different number"),
        (b"mdhd", PICTURES, 12, lambda scale: 0, "pictures without a clock"),
        (b"stts", SOUND, 12, lambda ticks: ticks * 4, "should last"),
        (b"stts", SOUND, 12, lambda ticks: 0, "should last"),
        (b"stts", PICTURES, 12, lambda ticks: ticks * 2, "should last"),
        (b"stsz", SOUND, 8, lambda count: count // 2, "more samples than there are"),
        (b"stsc", SOUND, 16, lambda described: described + 4, "does not describe"),
        (b"stsz", SOUND, 12, lambda size: size + 4_096, "overlapping samples"),
        (b"stsz", SOUND, 8, lambda count: count + 1_000_000, "shorter than it says"),
        (b"stco", PICTURES, 8, lambda offset: 8, "outside of its contents"),
        (b"stco", SOUND, 8, lambda offset: offset - 200, "overlapping samples"),
        (b"ctts", PICTURES, 12, lambda shift: shift + 3, "off the beat"),
        (b"ctts", PICTURES, 12, lambda shift: shift + (1 << 28), "long after"),
        (b"ctts", PICTURES, 8, lambda count: count + 1, "without a place in the order"),
        (b"elst", PICTURES, 12, lambda start: start + (1 << 20), "beyond the end"),
        (b"elst", PICTURES, 8, lambda ticks: ticks // 4, "no header knows"),
    ],
)  # fmt: skip
def test_a_changed_number_contradicts_another_table(
    table: bytes, track: str, offset: int, change: Callable[[int], int], reason: str
) -> None:
    assert reason in (contradiction(changed(table, track, offset, change)) or "nothing")


def test_a_picture_at_the_time_of_another_is_noticed() -> None:
    """The second picture's shift moves it to the time of the first:
    one picture in fifty is too many to tolerate.
    """
    pace = int.from_bytes(FILM[position(b"stts", PICTURES, 12) :][:4], "big")
    first = int.from_bytes(FILM[position(b"ctts", PICTURES, 12) :][:4], "big")
    assert int.from_bytes(FILM[position(b"ctts", PICTURES, 8) :][:4], "big") == 1

    assert "at the time of another" in (
        contradiction(changed(b"ctts", PICTURES, 20, lambda _: first - pace)) or "nothing"
    )


@pytest.mark.parametrize(
    ("table", "track", "offset", "change"),
    [
        (b"stts", SOUND, 12, lambda ticks: ticks + 1),  # rounded differently
        # the film's length written to each track
        (b"mdhd", SOUND, 16, lambda ticks: ticks * 3 // 2),
        (b"mdhd", PICTURES, 16, lambda ticks: 0),  # not known when it was written
        (b"elst", PICTURES, 8, lambda ticks: ticks - 100),
        (b"elst", PICTURES, 8, lambda ticks: 0),  # zero means until the end
        (b"stco", SOUND, 0, lambda flags: 7),
    ],
)  # fmt: skip
def test_what_writers_do_differently_is_not_a_contradiction(
    table: bytes, track: str, offset: int, change: Callable[[int], int]
) -> None:
    assert contradiction(changed(table, track, offset, change)) is None


@pytest.mark.parametrize(
    ("table", "track", "offset", "change"),
    [
        (b"stts", SOUND, 8, lambda count: count + 50),  # times of samples that do not exist
        (b"stsz", SOUND, 8, lambda count: count - 1),  # the last chunk claims one sample more
        # twice the film, which the other headers do not know
        (b"elst", PICTURES, 8, lambda ticks: ticks * 2),
        # written on the track's clock instead of the film's
        (b"elst", PICTURES, 8, lambda ticks: ticks * 13),
        (b"elst", SOUND, 4, lambda count: count + 9),
        # written on the film's clock instead of the track's
        (b"mdhd", PICTURES, 16, lambda ticks: ticks // 25),
    ],
)  # fmt: skip
def test_a_number_that_does_not_affect_playback_is_not_damage(
    table: bytes, track: str, offset: int, change: Callable[[int], int]
) -> None:
    """Chromium 156 and FFmpeg 8.1 play all pictures and all sound of each of these at the right
    times.
    """
    assert contradiction(changed(table, track, offset, change)) is None


def test_a_trimmed_film_is_whole() -> None:
    """Its edit shows less than there is, and its headers say so."""
    half = changed(b"elst", PICTURES, 8, lambda ticks: ticks // 2)
    at = position(b"tkhd", PICTURES, 20)
    ticks = int.from_bytes(half[at : at + 4], "big") // 2

    assert contradiction(half[:at] + ticks.to_bytes(4, "big") + half[at + 4 :]) is None


def test_a_film_without_an_edit_list_is_whole() -> None:
    assert contradiction(FILM.replace(b"edts", b"free")) is None


def test_samples_of_another_file_are_not_looked_for_in_this_one() -> None:
    at = position(b"url ", PICTURES, 0)
    elsewhere = FILM[:at] + bytes(4) + FILM[at + 4 :]
    stco = position(b"stco", PICTURES, 8)

    assert contradiction(elsewhere[:stco] + bytes(4) + elsewhere[stco + 4 :]) is None


@pytest.mark.parametrize(
    "name",
    [b"stts", b"stsc", b"stsz", b"stco", b"ctts", b"elst", b"mdhd", b"tkhd", b"dref", b"hdlr"],
)
@pytest.mark.parametrize("number", [0, 1, 0x7FFFFFFF, 0xFFFFFFFF])
def test_any_number_anywhere_in_a_table_is_read_without_an_error(name: bytes, number: int) -> None:
    for offset in range(0, 24, 4):
        contradiction(changed(name, PICTURES, offset, lambda _: number))
