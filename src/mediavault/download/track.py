"""Downloads one track of a segmented stream: several segments at a time, written in order."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from mediavault.core.clock import Clock
from mediavault.core.failures import Failure, HttpError, Incomplete, NotAVideo, TooLarge
from mediavault.core.media import OnProgress
from mediavault.core.messages import Message
from mediavault.download.manifest import MediaPlaylist, Segment
from mediavault.download.pacing import Slot, all_or_first_failure
from mediavault.download.port import DownloadLimits
from mediavault.download.stream_source import StreamSource, says_there_is_none
from mediavault.download.writer import FileWriter, open_writer
from mediavault.media.remux import Track
from mediavault.media.sniff import DESCRIPTIONS, Kind, sniff

SEGMENT_BUFFER_BYTES = 8 << 20  # of one segment that waits for earlier ones


class TrackProgress:
    """Counts the bytes of all tracks together against the size limit."""

    def __init__(self, max_bytes: int, on_progress: OnProgress) -> None:
        self._max_bytes, self._on_progress = max_bytes, on_progress
        self.bytes = 0

    def add(self, count: int) -> None:
        """Add ``count`` bytes; it is negative for a segment that is discarded. Raises TooLarge."""
        self.bytes += count
        if self.bytes > self._max_bytes:
            raise TooLarge(
                Message(
                    "The video has more than %(max_bytes).0f MB, the most that is allowed.",
                    max_bytes=self._max_bytes / 1e6,
                )
            )
        self._on_progress(self.bytes, None)

    def of_one_file(self) -> OnProgress:
        """Return a callback that turns the total of one file into increments;
        a file may start over.
        """
        before = 0

        def add_increment(done: int, _total: int | None) -> None:
            nonlocal before
            increment, before = done - before, done
            self.add(increment)

        return add_increment


@dataclass(slots=True)
class Run:
    """One file of a track. Its segments begin after the ``init_bytes`` of its initialisation
    section.
    """

    path: Path
    part: int
    origin_s: float = 0.0
    init_bytes: int = 0
    bytes: int = 0  # once it is closed or synced
    joints: list[int] = field(default_factory=list)


class TrackRuns:
    """Writes a track's segments into ``<name>-<run>.part`` files; a new initialisation section or
    discontinuity begins a new file, and so does the first segment. The files of ``runs`` were
    written before.
    """

    def __init__(
        self,
        source: StreamSource,
        clock: Clock,
        path: Path,
        progress: TrackProgress,
        limits: DownloadLimits,
        runs: Iterable[Run] = (),
    ) -> None:
        self.runs, self.name = list(runs), path.name
        self._source, self._clock, self._path = source, clock, path
        self._progress, self._limits = progress, limits
        self._before: Segment | None = None
        self._init = b""
        self._writer: FileWriter
        self._open = AsyncExitStack()  # holds the writer of the current run

    @property
    def position(self) -> int:
        """Where the next byte of the current file goes."""
        return self._writer.position

    @property
    def received(self) -> int:
        """The bytes of all tracks together."""
        return self._progress.bytes

    async def begin(self, segment: Segment) -> int:
        """Return where the segment begins: after the one before,
        or in a new file after its initialisation section.
        """
        before = self._before
        same = before is not None and (before.part, before.init) == (segment.part, segment.init)
        init = b"" if same or segment.init is None else await self._source.init(segment.init)
        if same or (before is not None and before.part == segment.part and init == self._init):
            self._before = segment
            self.runs[-1].joints.append(self.position)
            return self.position
        await self.close()
        path = self._path.with_name(f"{self._path.name}-{len(self.runs):03}.part")
        writer = open_writer(
            path, keep=0, reserve_bytes=self._limits.reserve_bytes, clock=self._clock
        )
        self._writer = await self._open.enter_async_context(writer)
        await self._writer.reserve(0)
        self._before, self._init = segment, init
        self.runs.append(Run(path, segment.part, segment.origin_s, len(init)))
        await self.write(init)
        return len(init)

    async def write(self, piece: bytes) -> None:
        """Append a piece of the segment that was begun last."""
        self._progress.add(len(piece))
        await self._writer.write(piece)

    async def rewind(self, at: int) -> None:
        """Cut the current file off at ``at``."""
        self._progress.add(at - self.position)
        await self._writer.rewind(at)

    async def sync(self) -> None:
        """Return when everything written has reached the disk."""
        await self._writer.sync()
        self.runs[-1].bytes = self.position

    async def close(self) -> None:
        """Sync and close the current file."""
        await self._open.aclose()
        if self._before is not None:
            self.runs[-1].bytes = self.position

    def track(self) -> Track:
        """Return the files written so far."""
        return Track(
            tuple(run.path for run in self.runs),
            tuple(tuple(run.joints) for run in self.runs),
            tuple(run.part for run in self.runs),
            tuple(run.origin_s for run in self.runs),
        )


class TrackFetch:
    """Fetches the segments of one playlist into ``runs``.

    ``slots`` limits how many segments are in progress, over all tracks. A slot is held until its
    segment is written, even between its tries, and slots are given out in the segments' order: so
    the segment whose turn it is always has one, and memory never holds more than one buffer per
    slot.
    """

    def __init__(
        self,
        source: StreamSource,
        clock: Clock,
        playlist: MediaPlaylist,
        runs: TrackRuns,
        slots: Slot,
        concurrency: int,
    ) -> None:
        self._source, self._clock, self._playlist, self._runs = source, clock, playlist, runs
        self._slots, self._concurrency = slots, concurrency
        self._turns = [asyncio.Event() for _ in range(len(playlist.segments) + 1)]
        self._turns[0].set()
        self._begun: dict[int, int] = {}  # segment -> where it begins in its run's file

    @property
    def saved(self) -> int:
        """How many segments are written, the first ones of the playlist."""
        return sum(turn.is_set() for turn in self._turns) - 1

    async def run(self) -> Track:
        """Fetch all segments, or raise the first failure."""
        try:
            await self.fetch()
        finally:
            await self._runs.close()
        return self._runs.track()

    async def fetch(self) -> None:
        """Fetch all segments as ``run`` does, and leave the files open."""
        waiting = iter(enumerate(self._playlist.segments))
        await all_or_first_failure([self._work(waiting) for _ in range(self._concurrency)])

    async def undo_rest(self) -> None:
        """Undo what a failed ``fetch`` has written after the ``saved`` segments."""
        await self._undo(self.saved)

    async def _work(self, waiting: Iterator[tuple[int, Segment]]) -> None:
        while True:
            async with self._slots:
                number, segment = next(waiting, (None, None))
                if number is None or segment is None:
                    return
                await self._save(number, segment)
                self._turns[number + 1].set()

    async def _save(self, number: int, segment: Segment) -> None:
        """Save one segment, with retries."""
        failures = 0
        while True:
            try:
                await self._try(number, segment)
                return
            except Failure as exc:
                if segment.uncertain and says_there_is_none(exc):
                    await self._turns[number].wait()
                    return
                failures += 1
                wait_s = self._source.wait_before_retry_s(exc, failures)
                if wait_s is None:
                    raise self._as_incomplete(exc, number) from exc
            await self._undo(number)
            await self._clock.sleep(wait_s)

    async def _try(self, number: int, segment: Segment) -> None:
        """Fetch the segment once: buffered until its turn, then written directly."""
        gauge: SegmentChecker | None = None
        held: list[bytes] = []
        async with aclosing(self._source.pieces(segment)) as pieces:
            async for piece in pieces:
                gauge = gauge or checker_for(piece)
                gauge.feed(piece)
                held.append(piece)
                if self._turns[number].is_set() or sum(map(len, held)) >= SEGMENT_BUFFER_BYTES:
                    await self._write(number, segment, held)
        fault = gauge.fault() if gauge is not None else Message("is empty")
        if fault is not None:
            raise Incomplete(Message("It %(fault)s.", fault=fault))
        await self._write(number, segment, held)

    async def _write(self, number: int, segment: Segment, held: list[bytes]) -> None:
        """Write ``held`` to the file as soon as all earlier segments are written, and empty it."""
        await self._turns[number].wait()
        if number not in self._begun:
            self._begun[number] = await self._runs.begin(segment)
        for piece in held:
            await self._runs.write(piece)
        held.clear()

    async def _undo(self, number: int) -> None:
        """Undo what a failed try has written."""
        if number in self._begun:
            await self._runs.rewind(self._begun[number])

    def _as_incomplete(self, exc: Failure, number: int) -> Failure:
        """Return Incomplete for a missing or broken segment; other failures stay as they are."""
        if not isinstance(exc, HttpError | Incomplete):
            return exc
        which = Message(
            "Segment %(number)s of %(segments)s (%(path)s)",
            number=number + 1,
            segments=len(self._playlist.segments),
            path=self._runs.name,
        )
        return Incomplete(
            Message("%(which)s could not be downloaded: %(error)s", which=which, error=exc.message),
            http_status=exc.http_status,
            bytes_received=self._runs.received,
        )


# --- gauge ----------------------------------------------------------------------------------------
# Checks a segment's bytes as they arrive: it is whole if packets or boxes end where the segment
# ends.
#
# The transport cannot show this when no length was announced, and a server that stores a truncated
# segment announces its truncated length.

TS_PACKET_BYTES = 188
_MAX_HEADER = 16
_CLUSTER = b"\x1f\x43\xb6\x75"  # how a WebM media segment begins
_SEGMENT = b"\x18\x53\x80\x67"


class SegmentChecker(Protocol):
    def feed(self, data: bytes) -> None:
        """Take the next bytes into account."""

    def fault(self) -> str | None:
        """Return why the segment, which has ended, is not whole; completes "a segment …".
        None when it is whole.
        """


def checker_for(head: bytes) -> SegmentChecker:
    """Return a new gauge for a segment that begins with ``head``.
    Raises Incomplete and NotAVideo.
    """
    kind = sniff(head)
    if kind in (Kind.WEBM, Kind.MATROSKA) or head.startswith(_CLUSTER):
        return EbmlGauge()
    if kind is Kind.MPEGTS:
        return TsGauge()
    if kind in (Kind.MP4, Kind.MOV):
        return BoxGauge()
    if kind is Kind.AUDIO:
        return NullChecker()
    raise _not_a_segment(kind)


def _not_a_segment(kind: Kind) -> Failure:
    if kind in (Kind.EMPTY, Kind.ZEROS):
        return Incomplete("A segment is empty.")
    if kind is Kind.UNKNOWN:
        return Incomplete(
            "A segment has an unknown format: it is damaged, or encrypted with another key."
        )
    return NotAVideo(
        Message(
            "The site sent %(descriptions)s in place of a segment.", descriptions=DESCRIPTIONS[kind]
        )
    )


class TsGauge:
    """A transport stream: whole packets, each with its sync byte."""

    def __init__(self) -> None:
        self._offset = 0  # into the current packet
        self._lost_sync = False

    def feed(self, data: bytes) -> None:
        first = -self._offset % TS_PACKET_BYTES
        syncs = data[first::TS_PACKET_BYTES]
        self._lost_sync = self._lost_sync or syncs != b"\x47" * len(syncs)
        self._offset = (self._offset + len(data)) % TS_PACKET_BYTES

    def fault(self) -> str | None:
        if self._offset:
            return Message("ends inside a packet")
        return Message("loses packet sync") if self._lost_sync else None


class _LengthGauge:
    """Units that each begin with their own length and together fill the segment."""

    def __init__(self) -> None:
        self._header = b""
        self._left = 0  # of the current unit
        self._to_the_end = self._broken = False

    def feed(self, data: bytes) -> None:
        at = 0
        while at < len(data) and not (self._to_the_end or self._broken):
            if self._left:
                step = min(self._left, len(data) - at)
                self._left -= step
                at += step
            else:
                at += self._read_header(data[at : at + _MAX_HEADER - len(self._header)])

    def _read_header(self, data: bytes) -> int:
        """Take the missing bytes of a unit's header from ``data`` and return how many were
        taken.
        """
        raise NotImplementedError


class BoxGauge(_LengthGauge):
    """MP4: top-level boxes that fill the segment."""

    def _read_header(self, data: bytes) -> int:
        had = len(self._header)
        header = self._header + data
        length, needed = int.from_bytes(header[:4], "big"), 8
        if len(header) >= 8 and length == 1:
            length, needed = int.from_bytes(header[8:16], "big"), 16
        if len(header) < needed:
            self._header = header
            return len(data)
        self._header = b""
        self._to_the_end = length == 0
        self._broken = 0 < length < needed
        self._left = max(0, length - needed)
        return needed - had

    def fault(self) -> str | None:
        if self._broken:
            return Message("has a broken structure")
        return Message("ends inside a box") if self._left or self._header else None


class EbmlGauge(_LengthGauge):
    """WebM (RFC 8794): elements that fill the segment.
    The length of the outermost container is ignored.
    """

    def _read_header(self, data: bytes) -> int:
        self._header += data[:1]
        self._parse_header()
        return 1

    def _parse_header(self) -> None:
        """Parse the header once it is complete: an identifier of up to 4 bytes,
        a length of up to 8.
        """
        id_bytes = 9 - self._header[0].bit_length()
        if id_bytes > 4:
            self._broken = True
            return
        size = self._header[id_bytes:]
        if not size:
            return
        size_bytes = 9 - size[0].bit_length()
        if size_bytes > 8:
            self._broken = True
        elif len(size) == size_bytes:
            length = int.from_bytes(size, "big") & ((1 << 7 * size_bytes) - 1)
            unknown = length == (1 << 7 * size_bytes) - 1
            is_segment = self._header.startswith(_SEGMENT)
            self._to_the_end = unknown and not is_segment
            self._left = 0 if unknown or is_segment else length
            self._header = b""

    def fault(self) -> str | None:
        if self._broken:
            return Message("has a broken structure")
        return Message("ends inside an element") if self._left or self._header else None


class NullChecker:
    """For a kind in which a truncation cannot be distinguished from the end."""

    def feed(self, data: bytes) -> None:
        """Do nothing."""

    def fault(self) -> str | None:
        return None
