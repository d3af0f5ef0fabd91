"""All network traffic of one stream: manifests, keys, initialisation sections and segments,
with their retries.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from datetime import datetime
from typing import TypeVar

from mediavault.core.bandwidth_limiter import BandwidthLimiter, SlowTransferDetector
from mediavault.core.clock import Clock
from mediavault.core.failures import (
    Failure,
    HttpError,
    Incomplete,
    NetworkFailure,
    RateLimited,
    TookTooLong,
    TooLarge,
)
from mediavault.core.messages import Message
from mediavault.download.manifest import Init, Key, Segment, Span
from mediavault.download.manifest_reading import ManifestReader
from mediavault.download.pacing import wait_s
from mediavault.download.port import DownloadLimits, MediaRequest
from mediavault.download.resume import content_length, content_range, failure_for, is_encoded
from mediavault.egress.port import HttpClient, HttpResponse, Timeouts
from mediavault.media.sniff import SNIFF_BYTES, Kind, sniff

# --- Decrypts HLS segments: AES-128 in CBC mode over the whole segment, with PKCS #7 padding (RFC
# 8216, 4.3.2.4). The key is one that the site hands to every player; nothing is circumvented here.

BLOCK_BYTES = 16
KEY_BYTES = 16


class Decryptor:
    """Decrypts one segment that arrives in pieces."""

    def __init__(self, key: bytes, iv: bytes) -> None:
        # 9 MB, and few streams are encrypted
        from cryptography.hazmat.primitives.ciphers import Cipher
        from cryptography.hazmat.primitives.ciphers.algorithms import AES128
        from cryptography.hazmat.primitives.ciphers.modes import CBC

        self._cipher = Cipher(AES128(key), CBC(iv)).decryptor()
        self._rest = b""  # less than a block, or the last block, which holds the padding

    def feed(self, data: bytes) -> bytes:
        data = self._rest + data
        ready = max(0, (len(data) - 1) // BLOCK_BYTES * BLOCK_BYTES)
        self._rest = data[ready:]
        return self._cipher.update(data[:ready]) if ready else b""

    def finish(self) -> bytes:
        """Return the rest without its padding. Raises Incomplete when there is no padding:
        cut off, or the wrong key.
        """
        if len(self._rest) != BLOCK_BYTES:
            raise Incomplete("An encrypted segment is incomplete.")
        last = self._cipher.update(self._rest)
        count = last[-1]
        if not 1 <= count <= BLOCK_BYTES or last[-count:] != bytes([count]) * count:
            raise Incomplete("Decryption failed: wrong key or damaged segment.")
        return last[:-count]


def iv_of(sequence: int) -> bytes:
    """Return the initialisation vector of a segment whose playlist names none."""
    return sequence.to_bytes(BLOCK_BYTES, "big")


TRIES = 3
MAX_KEY_BYTES = 1_024
MAX_INIT_BYTES = 8 << 20
LEAD_S = 240.0  # of all tracks together
MAX_TRACKS = 2  # of a recording: pictures and sound
MAX_KEPT_KEYS, MAX_KEPT_INITS = 100, 5  # of a running stream

_HEADERS = (Kind.MP4, Kind.MOV, Kind.WEBM, Kind.MATROSKA)
_GONE = (404, 410)

T = TypeVar("T")


class StreamSource:
    """Fetches for one stream. Keys and initialisation sections are fetched once each."""

    def __init__(
        self,
        client: HttpClient,
        clock: Clock,
        request: MediaRequest,
        limits: DownloadLimits,
        manifests: ManifestReader,
        bandwidth: BandwidthLimiter | None = None,
    ) -> None:
        self.manifests = manifests
        self._client, self._clock, self._request, self._limits = client, clock, request, limits
        self._bandwidth = (bandwidth or BandwidthLimiter(clock)).of_site(request.site)
        self._lead = RecordingLead(clock.monotonic()) if request.recording is not None else None
        self._keys: dict[str, asyncio.Task[bytes]] = {}
        self._inits: dict[Init, bytes] = {}
        self._quiet_until_s = 0.0  # on the monotonic clock
        # over all responses together: otherwise ten thousand segments could each trickle for a
        # little less than slow_s
        self._floor = SlowTransferDetector(limits.slow_bytes_per_s, TRIES * limits.slow_s)
        self._waiting = 0  # pending calls to the site
        self._waiting_since_s = self._waited_s = 0.0

    async def fetch_small(
        self, url: str, *, limit: int, decode: bool = False, span: Span | None = None
    ) -> tuple[str, bytes]:
        """Return (URL after redirects, body). Raises as ``open``,
        and TooLarge above ``limit`` bytes.
        """

        async def once() -> tuple[str, bytes]:
            async with self.open(url, span=span, decode=decode) as answer:
                return answer.url, await self._read_whole(answer, limit)

        return await self.with_retries(once)

    @asynccontextmanager
    async def open(
        self, url: str, *, span: Span | None = None, decode: bool = False
    ) -> AsyncIterator[HttpResponse]:
        """Provide a response whose header is right: success, the requested span, not compressed.

        When the site asks us to slow down, all other requests of the stream wait as well.
        Raises LinkExpired, RateLimited, HttpError, EmptyBody, Incomplete and what the client
        raises.
        """
        while (left_s := self._quiet_until_s - self._clock.monotonic()) > 0:
            await self._clock.sleep(left_s)
        response_context = self._client.get(
            url,
            scope=self._request.scope,
            headers={**self._request.headers, **({"range": span.header} if span else {})},
            cookies=self._request.cookies,
            timeouts=Timeouts(connect_s=self._limits.connect_s, read_s=self._limits.stall_s),
            decode=decode,
        )
        async with AsyncExitStack() as stack:
            answer = await self._waited(stack.enter_async_context(response_context))
            self._judge(0)
            failure = _refusal(answer, span, decode=decode, now=self._clock.now())
            if isinstance(failure, RateLimited):
                quiet_s = wait_s(failure, 1) or 0.0  # None: too long, the stream is given up
                self._quiet_until_s = max(self._quiet_until_s, self._clock.monotonic() + quiet_s)
            if failure is not None:
                raise failure
            yield answer

    async def pieces(self, segment: Segment) -> AsyncGenerator[bytes, None]:
        """Yield the segment's decrypted bytes, in one try;
        the first piece has SNIFF_BYTES or is the whole segment.
        """
        decryptor = await self._decryptor(segment.key, segment.sequence)
        head = b""
        async with aclosing(self._raw(segment)) as raw_pieces:
            async for raw in raw_pieces:
                piece = decryptor.feed(raw) if decryptor else raw
                if len(head) < SNIFF_BYTES:
                    head += piece
                    if len(head) >= SNIFF_BYTES:
                        yield head
                elif piece:
                    yield piece
        last = decryptor.finish() if decryptor else b""
        if len(head) < SNIFF_BYTES:
            yield head + last
        elif last:
            yield last

    async def _raw(self, segment: Segment) -> AsyncGenerator[bytes, None]:
        floor = SlowTransferDetector(self._limits.slow_bytes_per_s, self._limits.slow_s)
        received = 0
        async with self.open(segment.url, span=segment.span) as answer:
            while piece := await self._read(answer, floor):
                received += len(piece)
                yield piece
        if self._lead is not None:
            self._lead.add(segment)
        if segment.span is not None and received != segment.span.length:
            raise Incomplete(
                Message(
                    "A segment has %(received)d instead of %(length)d bytes.",
                    received=received,
                    length=segment.span.length,
                )
            )

    async def _read_whole(self, answer: HttpResponse, limit: int) -> bytes:
        floor = SlowTransferDetector(self._limits.slow_bytes_per_s, self._limits.slow_s)
        body = bytearray()
        while piece := await self._read(answer, floor):
            body += piece
            if len(body) > limit:
                raise TooLarge(
                    Message(
                        "The site sent more than %(limit)s bytes where less was expected.",
                        limit=limit,
                    )
                )
        return bytes(body)

    async def _read(self, answer: HttpResponse, floor: SlowTransferDetector) -> bytes:
        piece_bytes = await self._bandwidth.piece_bytes()
        began = self._clock.monotonic()
        piece = await self._waited(answer.read_chunk(piece_bytes))
        if piece and floor.is_too_slow(count=len(piece), waited_s=self._clock.monotonic() - began):
            raise TookTooLong(self._too_slow)
        self._judge(len(piece))
        await self._bandwidth.pay(
            len(piece),
            may_wait=self._lead is None or self._lead.is_enough(now_s=self._clock.monotonic()),
        )
        return piece

    async def _waited(self, call: Awaitable[T]) -> T:
        """Await ``call`` and count the wait. The time in which several calls wait for the site
        counts once.
        """
        if self._waiting == 0:
            self._waiting_since_s = self._clock.monotonic()
        self._waiting += 1
        try:
            return await call
        finally:
            self._waiting -= 1
            now_s = self._clock.monotonic()
            self._waited_s += now_s - self._waiting_since_s
            self._waiting_since_s = now_s

    def _judge(self, count: int) -> None:
        """Count ``count`` bytes. Raises _StreamTooSlow."""
        waited_s, self._waited_s = self._waited_s, 0.0
        if self._floor.is_too_slow(count=count, waited_s=waited_s):
            raise _StreamTooSlow(self._too_slow)

    @property
    def _too_slow(self) -> str:
        return f"The site sent less than {self._limits.slow_bytes_per_s} bytes a second."

    async def init(self, init: Init) -> bytes:
        """Return an initialisation section. Its bytes show whether it is encrypted;
        the playlist does not say so reliably.
        """
        if init not in self._inits:
            _, body = await self.fetch_small(init.url, limit=MAX_INIT_BYTES, span=init.span)
            if init.key is not None and not _is_header(body):
                decryptor = await self._decryptor(init.key, 0)
                assert decryptor is not None
                body = decryptor.feed(body) + decryptor.finish()
            if not _is_header(body):
                raise Incomplete("The stream's initialisation section is damaged.")
            self._inits[init] = body
        return self._inits[init]

    async def _decryptor(self, key: Key | None, sequence: int) -> Decryptor | None:
        if key is None:
            return None
        if key.url not in self._keys:
            self._keys[key.url] = asyncio.create_task(self._fetch_key(key.url))
        # shielded: all segments share the key, and cancelling one of them must not cancel it
        return Decryptor(await asyncio.shield(self._keys[key.url]), key.iv or iv_of(sequence))

    async def _fetch_key(self, url: str) -> bytes:
        _, body = await self.fetch_small(url, limit=MAX_KEY_BYTES)
        if len(body) != KEY_BYTES:
            raise Incomplete(
                Message(
                    "The stream's key has %(body)s bytes instead of %(key_bytes)s.",
                    body=len(body),
                    key_bytes=KEY_BYTES,
                )
            )
        return body

    def forget(self) -> None:
        """Keep only the newest keys and initialisation sections: a stream may go on for days,
        with ever new ones.
        """
        for url in list(self._keys)[:-MAX_KEPT_KEYS]:
            del self._keys[url]
        for init in list(self._inits)[:-MAX_KEPT_INITS]:
            del self._inits[init]

    async def close(self) -> None:
        """Cancel what is still pending."""
        for task in self._keys.values():
            task.cancel()
        await asyncio.gather(*self._keys.values(), return_exceptions=True)

    async def with_retries(self, once: Callable[[], Awaitable[T]]) -> T:
        """Call ``once`` up to TRIES times, while its failure may be temporary."""
        failures = 0
        while True:
            try:
                return await once()
            except Failure as exc:
                failures += 1
                wait_s = self.wait_before_retry_s(exc, failures)
                if wait_s is None:
                    raise
            await self._clock.sleep(wait_s)

    def wait_before_retry_s(self, failure: Failure, failures: int) -> float | None:
        """Return the seconds to wait after ``failures`` failures of the same request;
        None when a retry is useless.
        """
        may_pass = isinstance(
            failure, Incomplete | NetworkFailure | TookTooLong | HttpError | RateLimited
        )
        tries = min(TRIES, 1 + self._limits.resumes)
        if failures >= tries or not may_pass or isinstance(failure, _StreamTooSlow):
            return None
        return wait_s(failure, failures)


class RecordingLead:
    """How far a recording is ahead of what it must have by now: only then may a bandwidth limit
    make it wait.

    A running stream is lost where it is not read in time. So as much as is being sent is read at
    once, and LEAD_S more; what the site still offers of the time before is read within the limit.
    """

    def __init__(self, began_s: float) -> None:
        self._began_s, self._media_s = began_s, 0.0

    def add(self, segment: Segment) -> None:
        """Record a segment that was read."""
        self._media_s += segment.duration_s

    def is_enough(self, *, now_s: float) -> bool:
        """Whether the recording can wait."""
        return self._media_s > LEAD_S + MAX_TRACKS * (now_s - self._began_s)


class _StreamTooSlow(TookTooLong):
    """A stream that is too slow to be worth an immediate retry."""


def _is_header(body: bytes) -> bool:
    """Return whether the body is a container's header,
    including one whose brand says that it is sound only.
    """
    return body[4:8] == b"ftyp" or sniff(body[:SNIFF_BYTES]) in _HEADERS


def says_there_is_none(failure: Failure) -> bool:
    """Return whether the site says that the resource does not exist."""
    return isinstance(failure, HttpError) and failure.http_status in _GONE


def is_gone(failure: Failure) -> bool:
    """Whether the site says that it does not have the resource, or no longer."""
    return failure.http_status in _GONE


def _refusal(
    answer: HttpResponse, span: Span | None, *, decode: bool, now: datetime
) -> Failure | None:
    """Return why the response's header is not what was requested; None when it is."""
    failure = failure_for(answer.status, answer.headers, now=now)
    if failure is not None:
        return failure
    if answer.status == 416:
        return HttpError("The site has no such part of the stream (416).", http_status=416)
    if not decode and is_encoded(answer.headers):
        return HttpError("The site sent a segment compressed although that was not asked for.")
    if span is None:
        return (
            None
            if answer.status == 200
            else HttpError("The site sent a part that was not requested (206).")
        )
    if answer.status == 200:
        # ignoring the range does no harm when the span is the whole file
        whole = span.start == 0 and content_length(answer.headers) == span.length
        return (
            None if whole else Incomplete("The site ignores byte ranges, which this stream needs.")
        )
    named = content_range(answer.headers.get("content-range"))
    if named is None or named.start != span.start or named.end != span.start + span.length - 1:
        return Incomplete("The site sent another part of the stream than it was asked for.")
    return None
