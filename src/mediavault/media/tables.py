"""Checks that the tables of an MP4 agree: where its samples are, when they play, and which of them
are shown.

A flipped bit in a table breaks no length, and a demuxer ignores it: it plays one picture of a
hundred, or no sound. But the same facts are stored several times (ISO/IEC 14496-12: 8.6.1 and 8.6.6
times, 8.7 offsets, 8.4.2 and 8.3.2 lengths), so a contradiction reveals it. Writers round, and some
copy one track's length to another: only large differences count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, repeat
from typing import BinaryIO

from mediavault.core.messages import Message, counted
from mediavault.media.mp4_boxes import (
    Box,
    Tables,
    boxes,
    chunks_of,
    ends_of_samples,
    fields,
    inside,
)

# the display order of longer tracks is not checked: two hours at 60 pictures a second
MAX_ORDERED_SAMPLES = 500_000
MAX_ODD_SHARE = 0.1  # more pictures off the beat are a way of writing, not damage
# of pictures that share another one's time: a viewer does not notice that few
MAX_CROWDED_SHARE = 0.01
MAX_REORDER = 64  # pictures that one may be decoded early; H.264 and HEVC allow 16
SLACK_S = 1.0

_KINDS = {b"vide": Message("pictures"), b"soun": Message("sound")}
_UNKNOWN = (0, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
_SELF_CONTAINED = 1

Span = tuple[int, int]


def contradiction(file: BinaryIO, moov: Box, contents: Sequence[range]) -> str | None:
    """Return how the tables of pictures and sound contradict each other, or None.

    ``contents`` are the insides of the ``mdat``s. For files without fragments: those have their
    tables elsewhere.
    """
    scale, movie_ticks = _scale_and_length(_first(file, moov, b"mvhd"))
    spans: list[Span] = []
    for trak in inside(file, [moov], (b"trak",)):
        try:
            track = _read_track(file, trak)
            if track is None:
                continue
            spans += track.chunks
            reason = (
                _check_times(track, scale, movie_ticks)
                or _check_edits(track, scale, movie_ticks)
                or _check_order(track)
            )
        except ValueError as exc:
            reason = str(exc)
        if reason:
            return reason
    return _check_offsets(spans, contents)


@dataclass(frozen=True, slots=True)
class _Track:
    kind: str
    timescale: int
    ticks: int  # as its media header says
    header_ticks: int  # as its track header says, on the film's clock
    count: int  # of samples
    chunks: list[Span]
    steps: list[tuple[int, ...]]  # (how many samples, how long each)
    shifts: list[tuple[int, ...]]  # (how many samples, how much later each is shown)
    # (how long on the film's clock, from when on the track's own; -1: nothing is shown)
    edits: list[tuple[int, int]]

    @property
    def length_s(self) -> float:
        return sum(count * ticks for count, ticks in self.steps) / self.timescale

    @property
    def ends_s(self) -> float:
        """When the last sample has been shown, on the track's own clock."""
        return self.length_s + max((shift for _, shift in self.shifts), default=0) / self.timescale


def _read_track(file: BinaryIO, trak: Box) -> _Track | None:
    """Return a track of pictures or sound with samples in this file; None for any other.

    Raises ValueError for tables that are cut short.
    """
    header = _first(file, trak, b"mdia", b"hdlr")
    kind = _KINDS.get(header[8:12])
    stbl = inside(file, [trak], (b"mdia", b"minf", b"stbl"))
    if (
        kind is None
        or len(stbl) != 1
        or not _is_here(_first(file, trak, b"mdia", b"minf", b"dinf", b"dref"))
    ):
        return None
    tables = {
        child.type: (child.body, child.end) for child in boxes(file, stbl[0].body, stbl[0].end)
    }
    _check_descriptions(file, tables)
    timescale, ticks = _scale_and_length(_first(file, trak, b"mdia", b"mdhd"))
    if not {b"stts", b"stsc"} <= tables.keys() or tables.keys().isdisjoint({b"stsz", b"stz2"}):
        return None
    totals = ends_of_samples(file, tables)
    if len(totals) == 1:
        return None
    if not timescale:
        raise ValueError(Message("%(kind)s without a clock", kind=kind))
    count = len(totals) - 1
    return _Track(
        kind, timescale, ticks, _header_ticks(_first(file, trak, b"tkhd")), count,
        chunks_of(file, tables, totals), _without_surplus(count, fields(file, tables, b"stts", 2)),
        _shifts(file, tables), _edit_list(_first(file, trak, b"edts", b"elst")),
    )  # fmt: skip


def _without_surplus(count: int, runs: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Return the runs without the last one's entries beyond ``count`` samples:
    players stop at the last sample.
    """
    before = sum(run[0] for run in runs[:-1])
    surplus = before + runs[-1][0] - count if runs else 0
    return [*runs[:-1], (count - before, *runs[-1][1:])] if surplus > 0 and before < count else runs


def _check_times(track: _Track, scale: int, movie_ticks: int) -> str | None:
    """Return what is wrong with the times, or None.

    Every sample must have its time, and all together must last what the media header says, or else
    both other headers.
    """
    if abs(sum(count for count, _ in track.steps) - track.count) > max(2, track.count // 100):
        return Message(
            "%(count)s of %(kind)s, but times for a different number",
            count=counted(track.count, "sample"),
            kind=track.kind,
        )
    if track.ticks in _UNKNOWN:
        return None
    stated = track.ticks / track.timescale
    others = [
        ticks / scale
        for ticks in (track.header_ticks, movie_ticks)
        if scale and ticks not in _UNKNOWN
    ]
    if len(others) == 2 and all(_agree(track.length_s, other) for other in others):
        return None
    if track.length_s > 1.1 * stated + SLACK_S or track.length_s < stated / 2 - SLACK_S:
        return Message(
            "%(kind)s of %(length_s).1f s that should last %(stated).1f s",
            kind=track.kind,
            length_s=track.length_s,
            stated=stated,
        )
    return None


def _agree(length_s: float, stated_s: float) -> bool:
    return abs(length_s - stated_s) <= SLACK_S / 2 + 0.05 * stated_s


def _check_edits(track: _Track, scale: int, movie_ticks: int) -> str | None:
    """Return what is wrong with the edits, or None.

    They must be inside the track, and as long as one of the headers says.
    """
    shown = (
        [(length / scale, start) for length, start in track.edits if start >= 0] if scale else []
    )
    if not shown or any(length == 0 for length, _ in shown):
        return None
    waiting_s = sum(length for length, start in track.edits if start < 0) / scale
    total_s = sum(length_s for length_s, _ in shown)
    rest_s = track.length_s - shown[0][1] / track.timescale
    stated = [
        ticks / scale - wait
        for ticks in (track.header_ticks, movie_ticks)
        for wait in (0.0, waiting_s)
    ]
    is_rest = not any(_agree(total_s, length) for length in stated) and any(
        _agree(rest_s, length) for length in stated
    )
    if is_rest and len(shown) == 1 and total_s > rest_s:
        return None  # written on another clock, for example: everything is shown
    for length_s, start in shown:
        begins_s = start / track.timescale
        if start and begins_s + length_s > 1.1 * track.ends_s + SLACK_S / 2:
            return Message("%(kind)s played beyond the end", kind=track.kind)
    if not any(_agree(total_s, length) for length in (*stated, rest_s)):
        return Message(
            "%(total_s).1f s of %(kind)s played, of which no header knows",
            total_s=total_s,
            kind=track.kind,
        )
    return None


def _check_order(track: _Track) -> str | None:
    """Return what is wrong with the display order, or None.

    Pictures that are decoded at an even pace must be shown at one too: each on the beat, no two at
    once.
    """
    if not track.shifts or track.count > MAX_ORDERED_SAMPLES:
        return None
    if sum(count for count, _ in track.shifts) != track.count:
        return Message("pictures without a place in the order")
    paces = {ticks for count, ticks in track.steps if count > 1} | {
        ticks for _, ticks in track.steps[:-1]
    }
    if len(paces) != 1 or not (pace := paces.pop()):
        return None
    shifts = [shift for count, shift in track.shifts for shift in repeat(shift, count)]
    if max(shifts) - min(shifts) > MAX_REORDER * pace:
        return Message("a picture shown long after its neighbours")
    shown = sorted(number * pace + shift for number, shift in enumerate(shifts))
    gaps = Counter(
        (after - before) % pace if after != before else None for before, after in pairwise(shown)
    )
    if gaps[None] > track.count * MAX_CROWDED_SHARE:
        return Message(
            "%(count)s shown at the time of another", count=counted(gaps[None], "picture")
        )
    odd = gaps.total() - gaps[0] - gaps[None]
    return (
        Message("%(count)s shown off the beat", count=counted(odd, "picture"))
        if 0 < odd <= MAX_ODD_SHARE * track.count
        else None
    )


def _check_offsets(spans: list[Span], contents: Sequence[range]) -> str | None:
    """Return what is wrong with the chunks' offsets, or None.

    Every chunk must be inside the contents, and none may overlap another; two tracks may share the
    same one.
    """
    ordered = sorted({span for span in spans if span[1] > span[0]})
    if any(before[1] > after[0] and before[0] != after[0] for before, after in pairwise(ordered)):
        return Message("overlapping samples")
    starts = sorted((part.start, part.stop) for part in contents)
    at = 0
    for begin, end in ordered:
        while at < len(starts) and starts[at][1] < end:
            at += 1
        if at == len(starts) or begin < starts[at][0]:
            return Message("samples outside of its contents")
    return None


# --- reading --------------------------------------------------------------------------------------


def _first(file: BinaryIO, parent: Box, *path: bytes) -> bytes:
    """Return the content of the first box at ``path``; empty when there is none."""
    matches = inside(file, [parent], path)
    if not matches:
        return b""
    file.seek(matches[0].body)
    return file.read(matches[0].end - matches[0].body)


def _scale_and_length(header: bytes) -> tuple[int, int]:
    """Return the ticks per second and the total ticks of an ``mvhd`` or ``mdhd`` (both begin in the
    same way).
    """
    at, size = (20, 8) if header[:1] == b"\1" else (12, 4)
    return int.from_bytes(header[at : at + 4], "big"), int.from_bytes(
        header[at + 4 : at + 4 + size], "big"
    )


def _header_ticks(tkhd: bytes) -> int:
    at, size = (28, 8) if tkhd[:1] == b"\1" else (20, 4)
    return int.from_bytes(tkhd[at : at + size], "big")


def _check_descriptions(file: BinaryIO, tables: Tables) -> None:
    """Raise ValueError when a chunk's samples are of a kind that is not described (8.7.4:
    the first is number 1).
    """
    if b"stsd" not in tables or b"stsc" not in tables:
        return
    file.seek(tables[b"stsd"][0] + 4)
    described = int.from_bytes(file.read(4), "big")
    if any(not 1 <= number <= described for _, _, number in fields(file, tables, b"stsc", 3)):
        raise ValueError(Message("some samples are of a kind that it does not describe"))


def _edit_list(elst: bytes) -> list[tuple[int, int]]:
    """Return the entries of an edit list; only those present when it is shorter than it says."""
    size = 8 if elst[:1] == b"\1" else 4
    step = 2 * size + 4
    count = min(int.from_bytes(elst[4:8], "big"), max(0, len(elst) - 8) // step)
    numbers = [elst[at : at + 2 * size] for at in range(8, 8 + count * step, step)]
    return [
        (int.from_bytes(raw[:size], "big"), int.from_bytes(raw[size:], "big", signed=True))
        for raw in numbers
    ]


def _shifts(file: BinaryIO, tables: Tables) -> list[tuple[int, ...]]:
    """Return the shifts, read as signed in both versions of the table:
    many writers forget to set the later version.
    """
    if b"ctts" not in tables:
        return []
    return [
        (count, shift - (shift >> 31 << 32)) for count, shift in fields(file, tables, b"ctts", 2)
    ]


def _is_here(dref: bytes) -> bool:
    """Return whether the samples are in this file:
    an entry that names another one lacks a flag (8.7.2).
    """
    count = int.from_bytes(dref[4:8], "big")
    return count != 1 or len(dref) < 20 or bool(dref[19] & _SELF_CONTAINED)
