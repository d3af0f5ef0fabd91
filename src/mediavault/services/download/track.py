"""Downloads one track of a segmented stream: several segments at a time, written in order."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack, aclosing
from pathlib import Path

from mediavault.core.clock import Clock
from mediavault.core.failures import Failure, HttpError, Incomplete, TooLarge
from mediavault.core.media import OnProgress
from mediavault.core.messages import Message
from mediavault.services.download.gauge import SegmentChecker, checker_for
from mediavault.services.download.manifest import MediaPlaylist, Segment
from mediavault.services.download.pacing import Slot, all_or_first_failure
from mediavault.services.download.port import DownloadLimits
from mediavault.services.download.stream_source import StreamSource, says_there_is_none, wait_before_retry_s
from mediavault.services.download.writer import FileWriter, open_writer
from mediavault.services.media.remux import Track

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
        """Return a callback that turns the total of one file into increments; a file may start over."""
        before = 0

        def add_increment(done: int, _total: int | None) -> None:
            nonlocal before
            increment, before = done - before, done
            self.add(increment)

        return add_increment


class TrackFetch:
    """Fetches the segments of one playlist into ``<name>-<run>.part`` files; a new initialisation section or
    discontinuity begins a new file.

    ``slots`` limits how many segments are in progress, over all tracks. A slot is held until its segment is written,
    even between its tries, and slots are given out in the segments' order: so the segment whose turn it is always has
    one, and memory never holds more than one buffer per slot.
    """

    def __init__(
        self,
        source: StreamSource,
        clock: Clock,
        playlist: MediaPlaylist,
        path: Path,
        slots: Slot,
        progress: TrackProgress,
        limits: DownloadLimits,
    ) -> None:
        self._source, self._clock, self._playlist, self._path = source, clock, playlist, path
        self._slots, self._progress, self._limits = slots, progress, limits
        self._turns = [asyncio.Event() for _ in range(len(playlist.segments) + 1)]
        self._turns[0].set()
        self._begun: dict[int, int] = {}  # segment -> where it begins in its run's file
        self._runs: list[Path] = []
        self._joints: list[list[int]] = []
        self._parts: list[int] = []
        self._origins_s: list[float] = []
        self._writer: FileWriter
        self._open = AsyncExitStack()  # holds the writer of the current run

    async def run(self) -> Track:
        """Fetch all segments, or raise the first failure."""
        waiting = iter(enumerate(self._playlist.segments))
        try:
            await all_or_first_failure([self._work(waiting) for _ in range(self._limits.segment_concurrency)])
        finally:
            await self._open.aclose()
        joints = tuple(tuple(joints) for joints in self._joints)
        return Track(tuple(self._runs), joints, tuple(self._parts), tuple(self._origins_s))

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
                wait_s = wait_before_retry_s(exc, failures)
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
            self._begun[number] = await self._begin(number, segment)
        for piece in held:
            self._progress.add(len(piece))
            await self._writer.write(piece)
        held.clear()

    async def _begin(self, number: int, segment: Segment) -> int:
        """Return where the segment begins: after the one before, or in a new file after its initialisation section."""
        before = self._playlist.segments[number - 1] if number > 0 else None
        if before is not None and (before.part, before.init) == (segment.part, segment.init):
            self._joints[-1].append(self._writer.position)
            return self._writer.position
        init = await self._source.init(segment.init) if segment.init is not None else b""
        await self._open.aclose()
        path = self._path.with_name(f"{self._path.name}-{len(self._runs):03}.part")
        writer = open_writer(path, keep=0, reserve_bytes=self._limits.reserve_bytes, clock=self._clock)
        self._writer = await self._open.enter_async_context(writer)
        await self._writer.reserve(0)
        self._runs.append(path)
        self._joints.append([])
        self._parts.append(segment.part)
        self._origins_s.append(segment.origin_s)
        self._progress.add(len(init))
        await self._writer.write(init)
        return len(init)

    async def _undo(self, number: int) -> None:
        """Undo what a failed try has written."""
        if number in self._begun:
            self._progress.add(self._begun[number] - self._writer.position)
            await self._writer.rewind(self._begun[number])

    def _as_incomplete(self, exc: Failure, number: int) -> Failure:
        """Return Incomplete for a missing or broken segment; other failures stay as they are."""
        if not isinstance(exc, HttpError | Incomplete):
            return exc
        which = Message(
            "Segment %(number)s of %(segments)s (%(path)s)",
            number=number + 1,
            segments=len(self._playlist.segments),
            path=self._path.name,
        )
        received = self._progress.bytes
        return Incomplete(
            Message("%(which)s could not be downloaded: %(error)s", which=which, error=exc.message),
            http_status=exc.http_status,
            bytes_received=received,
        )
