"""Reading an object in pieces, the next one on its way while a reader takes the last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from mediavault.services.vault.bucket import Bucket

FIRST_PIECE = 512 << 10  # a player often asks for a whole file and takes its beginning
LARGEST_PIECE = 4 << 20
HANDED_OUT = 256 << 10


@dataclass(slots=True)
class ObjectFile:
    """One version of an object. A newer one under the same name is never mixed into it."""

    bucket: Bucket
    key: str
    size: int
    etag: str
    _ahead: asyncio.Task[bytes | None] | None = None

    @property
    def version(self) -> str:
        return "".join(letter for letter in self.etag if letter.isalnum() or letter in "-_") or f"{self.size:x}"

    async def chunks(self, start: int, end: int) -> AsyncIterator[bytes]:
        spans = spans_of(start, min(end, self.size))
        self._fetch(next(spans, None))
        while self._ahead is not None:
            piece = await self._ahead
            if piece is None:
                return
            self._fetch(next(spans, None))
            for at in range(0, len(piece), HANDED_OUT):
                yield piece[at : at + HANDED_OUT]

    async def close(self) -> None:
        """What is on its way for a reader who left is given up."""
        if self._ahead is not None:
            self._ahead.cancel()
            await asyncio.gather(self._ahead, return_exceptions=True)
            self._ahead = None

    def _fetch(self, span: tuple[int, int] | None) -> None:
        self._ahead = None
        if span is not None:
            self._ahead = asyncio.ensure_future(self.bucket.read(self.key, *span, etag=self.etag))


def spans_of(start: int, end: int) -> Iterator[tuple[int, int]]:
    """``start`` to ``end`` in pieces that grow twofold, up to 4 MiB."""
    length = FIRST_PIECE
    while start < end:
        stop = min(start + length, end)
        yield start, stop
        start, length = stop, min(length * 2, LARGEST_PIECE)
