"""Fetches the rest of a file over several connections, where one is slow and more of them together
are faster.

The rest is divided into blocks, which are fetched several at a time and written in order. So the
partial file is always the beginning of the file, and an interruption loses only the blocks in
memory. Each block is requested and judged as if a download were resumed there (``resume``), under a
strong validator that the server confirms.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from mediavault.core.clock import Clock
from mediavault.core.failures import HttpError, Incomplete
from mediavault.core.messages import Message
from mediavault.download.pacing import Slot, all_or_first_failure
from mediavault.download.port import MIN_RANGE_BYTES
from mediavault.download.resume import (
    OVERLAP_BYTES,
    Append,
    Refuse,
    ResumeDecision,
    ResumeRequest,
    Saved,
    resume_request,
)
from mediavault.download.writer import FileWriter
from mediavault.egress.port import HttpResponse

FAST_BYTES_PER_S = 16 << 20  # a connection at this speed is left alone
MEASURED_S = 1.0  # of one connection, before it is judged
# that the rest would take: the change costs two requests, and may not cost 2 % of the time
WORTHWHILE_S = 15.0
BLOCK_S = 2.0  # at the speed of one connection
MAX_BLOCK_BYTES = 4 << 20
TRIAL_S = 3.0
MIN_GAIN = 1.25  # times the speed of one connection


class OneConnection:
    """Measures one connection, and says when several are worth trying. Times are the clock's,
    in seconds.
    """

    def __init__(self, began_s: float) -> None:
        self._began_s, self._bytes = began_s, 0
        self.bytes_per_s = 0.0

    def add(self, count: int, *, left: int, now_s: float) -> bool:
        """Record ``count`` bytes, with ``left`` bytes to come;
        return whether several connections are worth trying.
        """
        self._bytes += count
        elapsed_s = now_s - self._began_s
        if elapsed_s < MEASURED_S:
            return False
        self.bytes_per_s = self._bytes / elapsed_s
        return self.bytes_per_s < FAST_BYTES_PER_S and left >= WORTHWHILE_S * self.bytes_per_s


class Gain:
    """Judges several connections against a single one."""

    def __init__(self, one_bytes_per_s: float, began_s: float) -> None:
        self._one, self._began_s, self._bytes = one_bytes_per_s, began_s, 0
        self.is_enough = True

    def add(self, count: int, *, now_s: float) -> None:
        """Record ``count`` bytes; each TRIAL_S seconds are judged by themselves."""
        self._bytes += count
        elapsed_s = now_s - self._began_s
        if elapsed_s >= TRIAL_S:
            self.is_enough = self._bytes >= MIN_GAIN * self._one * elapsed_s
            self._began_s, self._bytes = now_s, 0


def allows_several(headers: Mapping[str, str], saved: Saved) -> bool:
    """Return whether a file can be fetched in blocks: the server offers ranges,
    and names its length and version.
    """
    offers_ranges = (
        headers.get("accept-ranges", "").strip().lower() == "bytes" or "content-range" in headers
    )
    return offers_ranges and saved.total is not None and bool(saved.etag or saved.last_modified)


@dataclass(frozen=True, slots=True)
class RangeSource:
    """The transfer's own ways to send a request, to judge its response,
    and to read and keep its bytes.
    """

    send: Callable[[ResumeRequest], AbstractAsyncContextManager[HttpResponse]]
    judge: Callable[[HttpResponse, ResumeRequest, int], ResumeDecision]
    read: Callable[[HttpResponse], Coroutine[Any, Any, bytes]]
    keep: Callable[[bytes], Coroutine[Any, Any, None]]


class SeveralConnections:
    """One phase of a transfer with several connections,
    where a single one delivered ``one_bytes_per_s``.
    """

    def __init__(
        self,
        source: RangeSource,
        clock: Clock,
        writer: FileWriter,
        saved: Saved,
        slot: Slot,
        *,
        one_bytes_per_s: float,
    ) -> None:
        assert saved.total is not None
        self._source, self._clock, self._writer, self._saved, self._slot = (
            source,
            clock,
            writer,
            saved,
            slot,
        )
        self._block_bytes = round(
            min(max(BLOCK_S * one_bytes_per_s, MIN_RANGE_BYTES), MAX_BLOCK_BYTES)
        )
        self._starts: Iterator[int] = iter(range(writer.position, saved.total, self._block_bytes))
        self._gain = Gain(one_bytes_per_s, clock.monotonic())
        self._turn = asyncio.Event()  # of the block that is given out next
        self._turn.set()

    async def run(self, count: int) -> bool:
        """Fetch blocks over ``count`` connections until the file is whole; return early, with
        False, where they do not help.

        Raises the first failure of a block. Whatever happens, the writer then holds the beginning
        of the file.
        """
        await all_or_first_failure([self._work() for _ in range(count)])
        return self._gain.is_enough

    async def _work(self) -> None:
        while self._gain.is_enough:
            async with self._slot:
                start = next(self._starts, None)
                if start is None:
                    return
                turn, self._turn = self._turn, asyncio.Event()
                after = self._turn
                await self._fetch(start, turn)
                after.set()

    async def _fetch(self, start: int, turn: asyncio.Event) -> None:
        """Fetch one block: buffered until its turn, then written directly."""
        ask = resume_request(
            self._saved, have=start, url=self._saved.url, at_most=OVERLAP_BYTES + self._block_bytes
        )
        assert ask.end is not None
        held: list[bytes] = []
        count = 0
        is_begun = False
        async with self._source.send(ask) as answer:
            must_fit(self._source.judge(answer, ask, start))
            while count < ask.end - ask.start and (piece := await self._source.read(answer)):
                held.append(piece)
                count += len(piece)
                self._gain.add(len(piece), now_s=self._clock.monotonic())
                if turn.is_set() and (is_begun or count > OVERLAP_BYTES):
                    is_begun = await self._write(held, start, is_begun=is_begun)
        if count != ask.end - ask.start:
            raise Incomplete("The download was interrupted.")
        await turn.wait()
        await self._write(held, start, is_begun=is_begun)

    async def _write(self, held: list[bytes], start: int, *, is_begun: bool) -> bool:
        """Write and empty ``held``; the beginning of a block must equal the bytes on disk.
        Returns True.
        """
        if not is_begun:
            head = b"".join(held)
            if head[:OVERLAP_BYTES] != await self._writer.read_back(
                start - OVERLAP_BYTES, OVERLAP_BYTES
            ):
                differ = Message("its bytes differ from those on disk")
                raise Incomplete(
                    Message("The site sends a different file each time: %(reason)s.", reason=differ)
                )
            held[:] = [head[OVERLAP_BYTES:]]
        for piece in held:
            await self._source.keep(piece)
        held.clear()
        return True


def must_fit(move: ResumeDecision) -> None:
    """Raise a failure unless the response begins where it should,
    and is of the same version for certain.
    """
    if isinstance(move, Refuse):
        raise move.failure
    if not isinstance(move, Append) or not move.proven:
        raise HttpError(
            Message(
                "The site answered with a range that was not requested (%(status)s).", status=206
            )
        )
