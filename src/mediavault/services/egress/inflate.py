"""Undoing gzip and deflate without ever holding more than was asked for."""

from __future__ import annotations

import zlib

from mediavault.core.errors import HttpError, Incomplete

ACCEPTED = "gzip, deflate"
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
_RAW = -zlib.MAX_WBITS


class Inflater:
    """Feed compressed bytes, take decompressed ones in pieces of a stated size.

    Only the first member of a gzip stream counts, as in browsers: a million empty members cost nothing.
    """

    def __init__(self, encoding: str) -> None:
        """``encoding`` is the Content-Encoding header. Raises HttpError unless it is exactly one that was offered."""
        if encoding not in {"gzip", "x-gzip", "deflate"}:
            raise HttpError(f"The answer is encoded as {encoding[:40]!r}, which was not asked for.")
        self._stream = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._waiting = b""
        self._head: bytes | None = b"" if encoding == "deflate" else None  # kept while it may turn out to be raw

    @property
    def ended(self) -> bool:
        """The compressed stream is over; what may follow is ignored."""
        return self._stream.eof

    def feed(self, data: bytes) -> None:
        """More compressed bytes; only after :meth:`take` gave b""."""
        self._waiting += data
        if self._head is not None:
            self._head += data

    def take(self, limit: int) -> bytes:
        """At most ``limit`` decompressed bytes; b"" when more input is needed. Incomplete when it is damaged."""
        try:
            out = self._stream.decompress(self._waiting, limit)
        except zlib.error as exc:
            out = self._take_raw(limit, exc)
        self._waiting = self._stream.unconsumed_tail
        if out:
            self._head = None
        return out

    def _take_raw(self, limit: int, error: zlib.error) -> bytes:
        """Some servers send deflate without zlib's header, although RFC 9110, section 8.4.1.2, wants it."""
        if self._head is None:
            raise Incomplete("The compressed answer is damaged.") from error
        head, self._head = self._head, None
        self._stream = zlib.decompressobj(_RAW)
        try:
            return self._stream.decompress(head, limit)
        except zlib.error as exc:
            raise Incomplete("The compressed answer is damaged.") from exc
