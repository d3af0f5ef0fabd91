"""Fetches one file: streams it to disk, and resumes it after an interruption where that is provably
safe.

The decisions are elsewhere: ``resume`` judges a response, ``pacing`` interruptions,
``core.bandwidth_limiter`` slowness, and ``connections`` whether several are faster. This module has
the partial file ``media.part`` with its progress.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from contextlib import AbstractAsyncContextManager, ExitStack
from dataclasses import replace
from pathlib import Path

from mediavault.core.bandwidth_limiter import BandwidthLimiter, SiteBandwidth, SlowTransferDetector
from mediavault.core.clock import Clock
from mediavault.core.failures import (
    BadUrl,
    EmptyBody,
    Failure,
    HttpError,
    Incomplete,
    NetworkFailure,
    NotAVideo,
    RateLimited,
    TookTooLong,
    TooLarge,
)
from mediavault.core.media import VIDEO_TYPES, DownloadedFile, ItemType, OnProgress
from mediavault.core.messages import Message
from mediavault.download.connections import (
    OneConnection,
    RangeSource,
    SeveralConnections,
    allows_several,
    must_fit,
)
from mediavault.download.pacing import HostSlots, InterruptionCounter, wait_s
from mediavault.download.port import MIN_RANGE_BYTES, AlreadyRefused, DownloadLimits, MediaRequest
from mediavault.download.resume import (
    AlreadyComplete,
    Append,
    Refuse,
    ResumeDecision,
    ResumeRequest,
    Saved,
    StartOver,
    Whole,
    is_refused_copy,
    judge,
    resume_request,
)
from mediavault.download.writer import (
    FileWriter,
    discard_partial,
    load_progress,
    open_writer,
    progress_file,
    save_progress,
)
from mediavault.egress.port import HttpClient, HttpResponse, Timeouts
from mediavault.media.arrival import Decoding
from mediavault.media.sniff import DEMUXERS, DESCRIPTIONS, SNIFF_BYTES, Kind, sniff

PART = "media.part"

# After these failures the partial file is deleted.
_WORTHLESS = (NotAVideo, EmptyBody, TooLarge, AlreadyRefused)
# After these failures the rest is requested.
_INTERRUPTIONS = (Incomplete, NetworkFailure, TookTooLong)
MAX_PHASES = 3  # with several connections that ended with a failure
DECODED_AFTER_S = 2.0  # what arrives sooner is decoded at once, without an extra helper

# Begins to decode a partial file with these first bytes; see ``ArrivalDecoder.start``.
StartDecoding = Callable[[Path, bytes], Decoding | None]


class PlaylistInstead(NotAVideo):
    """The URL leads to a playlist of that ``kind``, which another downloader may handle."""

    def __init__(self, kind: Kind, *, http_status: int) -> None:
        super().__init__(
            Message(
                "The site sent %(descriptions)s instead of a video file.",
                descriptions=DESCRIPTIONS[kind],
            ),
            http_status=http_status,
        )
        self.kind = kind


class DirectDownloader:
    """``Downloader`` for a URL that is one file. ``also`` names kinds that are accepted in addition
    to videos.

    With ``start_decoding``, a video is decoded while it arrives.
    """

    def __init__(
        self,
        client: HttpClient,
        clock: Clock,
        *,
        hosts: HostSlots | None = None,
        bandwidth: BandwidthLimiter | None = None,
        also: Collection[Kind] = (),
        start_decoding: StartDecoding | None = None,
    ) -> None:
        self._client, self._clock, self._hosts = client, clock, hosts or HostSlots()
        self._start_decoding = start_decoding
        self._bandwidth = bandwidth or BandwidthLimiter(clock)
        # an empty body is judged at its end
        self._kinds = frozenset({*DEMUXERS, Kind.EMPTY, *also})

    async def fetch(
        self, request: MediaRequest, *, into: Path, limits: DownloadLimits, on_progress: OnProgress
    ) -> DownloadedFile:
        part = into / PART
        slot, bandwidth = self._hosts.slot_for(request), self._bandwidth.of_site(request.site)
        kinds = _kinds_of(request.type, self._kinds)
        start_decoding = self._start_decoding if request.type in VIDEO_TYPES else None
        transfer = _Transfer(
            self._client,
            self._clock,
            request,
            limits,
            on_progress,
            part,
            kinds,
            slot,
            bandwidth,
            start_decoding,
        )
        saved = await asyncio.to_thread(load_progress, part)
        with ExitStack() as on_failure:
            on_failure.callback(transfer.stop_decoding)
            try:
                async with open_writer(
                    part,
                    keep=saved.bytes if saved else 0,
                    reserve_bytes=limits.reserve_bytes,
                    clock=self._clock,
                    on_durable=transfer.remember,
                ) as writer:
                    head = await transfer.run(writer, saved)
            except _WORTHLESS:
                await asyncio.to_thread(discard_partial, part)
                raise
            except BadUrl as exc:
                raise HttpError(
                    Message(
                        "The media address, or where it led, is not valid: %(error)s",
                        error=exc.message,
                    )
                ) from exc
            path = await asyncio.to_thread(_rename_to_kind, part, sniff(head))
            on_failure.pop_all()
            return transfer.result(path)


class _Transfer:
    """One call of ``fetch``. ``saved`` describes what is on disk and changes only while nothing is
    being written.
    """

    def __init__(
        self,
        client: HttpClient,
        clock: Clock,
        request: MediaRequest,
        limits: DownloadLimits,
        on_progress: OnProgress,
        part: Path,
        kinds: Collection[Kind],
        slot: asyncio.Semaphore,
        bandwidth: SiteBandwidth,
        start_decoding: StartDecoding | None,
    ) -> None:
        self._client, self._clock, self._request, self._limits = client, clock, request, limits
        self._on_progress, self._part, self._kinds = on_progress, part, kinds
        self._saved: Saved | None = None
        self._writer: FileWriter
        self._cuts = InterruptionCounter(limits.resumes)
        self._floor = SlowTransferDetector(limits.slow_bytes_per_s, limits.slow_s)
        self._answered = False
        self._bytes = 0
        self._sha256: str
        self._at_most = request.max_range_bytes
        self._end: int | None = None  # of the current range, exclusive
        self._mid_file = False
        self._slot, self._bandwidth = slot, bandwidth
        # the connection that was left because several may be faster
        self._slow: OneConnection | None = None
        self._phases_left = MAX_PHASES
        self._start_decoding = start_decoding  # until it was tried
        self._decode_from_s = clock.monotonic() + DECODED_AFTER_S
        self._decoding: Decoding | None = None

    async def run(self, writer: FileWriter, saved: Saved | None) -> bytes:
        """Transfer until the file is whole, and return its first bytes."""
        self._writer, self._saved = writer, saved
        while True:
            try:
                async with self._slot:
                    is_whole = await self._attempt()
                if is_whole or (
                    self._slow is not None and await self._fetch_over_several(self._slow)
                ):
                    break
            except Failure as exc:
                exc.bytes_received = self._writer.position
                wait_before_next_s = self._wait_before_next_s(exc)
                if wait_before_next_s is None:
                    raise
                await self._clock.sleep(wait_before_next_s)
        self._bytes, self._sha256 = writer.position, await writer.written()
        return await writer.read_back(0, SNIFF_BYTES)

    def remember(self, durable: int) -> None:
        """Save the progress: ``durable`` bytes have reached the disk.
        Called in the writer's thread.
        """
        if self._saved is not None:
            save_progress(self._part, replace(self._saved, bytes=durable))

    def result(self, path: Path) -> DownloadedFile:
        assert self._saved is not None
        return DownloadedFile(
            path=path,
            url=self._saved.final_url,
            bytes=self._bytes,
            content_type=self._saved.content_type,
            expected=self._request.expected,
            sha256=self._sha256,
            etag=self._saved.etag,
            last_modified=self._saved.last_modified,
            decoding=self._decoding,
        )

    def stop_decoding(self) -> None:
        """Forget what was decoded of bytes that will not be in the file, or not at their place."""
        if self._decoding is not None:
            self._decoding.cancel()
            self._decoding = None

    async def _attempt(self) -> bool:
        """Make one request; True when the file is whole, False when another request is needed."""
        have = self._writer.position
        ask = resume_request(self._saved, have=have, url=self._request.url, at_most=self._at_most)
        self._mid_file, self._slow = self._answered or ask.start > 0, None
        async with self._send(ask) as answer:
            move = self._judge(answer, ask, have)
            self._answered = True
            match move:
                case Refuse(failure):
                    raise failure
                case AlreadyComplete():
                    return True
                case Whole():
                    return await self._receive_whole(answer, move)
                case Append():
                    return await self._receive_rest(answer, move)
                case StartOver(reason):
                    return await self._start_over(reason)

    def _send(self, ask: ResumeRequest) -> AbstractAsyncContextManager[HttpResponse]:
        return self._client.get(
            self._request.url,
            scope=self._request.scope,
            headers={**self._request.headers, "accept-encoding": "identity", **ask.headers},
            cookies=self._request.cookies,
            timeouts=Timeouts(connect_s=self._limits.connect_s, read_s=self._limits.stall_s),
        )

    def _judge(self, answer: HttpResponse, ask: ResumeRequest, have: int) -> ResumeDecision:
        return judge(
            answer.status,
            answer.headers,
            ask,
            self._saved,
            have=have,
            url=self._request.url,
            final_url=answer.url,
            now=self._clock.now(),
        )

    async def _fetch_over_several(self, slow: OneConnection) -> bool:
        """Fetch the rest over several connections; return whether the file is whole.

        Where that fails, or is no faster, the rest is resumed over one connection.
        """
        assert self._saved is not None
        self._mid_file = True
        source = RangeSource(self._send, self._judge, self._read, self._take)
        several = SeveralConnections(
            source,
            self._clock,
            self._writer,
            self._saved,
            self._slot,
            one_bytes_per_s=slow.bytes_per_s,
        )
        try:
            if not await several.run(self._request.max_connections):
                self._phases_left = 0
        except RateLimited:
            self._phases_left = 0
            raise
        except Failure:  # of a further connection: one was working
            self._phases_left -= 1
        return self._writer.position == self._saved.total

    def _wait_before_next_s(self, failure: Failure) -> float | None:
        """Return the seconds until the rest is requested; None when that is useless.

        In the middle of a file, a server error or a request to slow down counts as an interruption.
        """
        is_server_trouble = isinstance(failure, RateLimited) or (
            isinstance(failure, HttpError) and (failure.http_status or 0) >= 500
        )
        is_interruption = isinstance(failure, _INTERRUPTIONS) or (
            is_server_trouble and self._mid_file
        )
        if isinstance(failure, _TooSlow) or not is_interruption:
            return None
        return wait_s(failure, self._cuts.failures) if self._may_go_on() else None

    async def _receive_whole(self, answer: HttpResponse, move: Whole) -> bool:
        """Read a response that is the file from its first byte, or the first range of it."""
        saved = move.saved
        if (
            copy := next(
                (copy for copy in self._request.refused if is_refused_copy(saved, copy)), None
            )
        ) is not None:
            raise AlreadyRefused(copy)
        if self._writer.position:
            await self._rewind()
        self._saved, self._end = saved, move.end
        await self._check_size(saved.total)
        head = b""
        while len(head) < SNIFF_BYTES and (piece := await self._read(answer)):
            head += piece
        _refuse_wrong_kind(head, answer.status, self._kinds)
        await self._take(head)
        await self._receive(answer)
        return self._is_whole(saved.total)

    async def _receive_rest(self, answer: HttpResponse, move: Append) -> bool:
        """Read a response that begins a little before the missing part:
        the overlap must equal the bytes on disk.
        """
        assert self._saved is not None
        before = self._writer.position
        self._end = move.end
        await self._check_size(self._saved.total)
        known = await self._writer.read_back(move.start, self._writer.position - move.start)
        while known:
            piece = await self._read(answer)
            if not piece:
                raise Incomplete("The download was interrupted.")
            shared = min(len(piece), len(known))
            if piece[:shared] != known[:shared]:
                return await self._start_over(Message("its bytes differ from those on disk"))
            known, rest = known[shared:], piece[shared:]
            if rest:
                await self._take(rest)
        await self._receive(answer)
        if self._writer.position == before != self._saved.total:
            raise Incomplete("The site sent nothing new.")
        return self._is_whole(self._saved.total)

    async def _receive(self, answer: HttpResponse) -> None:
        """Read until the end, or until several connections are worth trying."""
        assert self._saved is not None
        one = OneConnection(self._clock.monotonic()) if self._may_take_several(answer) else None
        while piece := await self._read(answer):
            await self._take(piece)
            if one is not None and await self._bandwidth.limit() is not None:
                one = None  # it is slow because it is to be
            left = (self._saved.total or 0) - self._writer.position
            if one is not None and one.add(len(piece), left=left, now_s=self._clock.monotonic()):
                if await self._is_part_sent():
                    self._slow = one
                    return
                one = None

    async def _is_part_sent(self) -> bool:
        """Return whether a further request is answered as it should be, while this one stays open.

        A link may work only once, and a server may allow only one connection: then the one that
        works is not given up.
        """
        if self._slot.locked():
            return False
        have = self._writer.position
        ask = resume_request(self._saved, have=have, url=self._request.url, at_most=MIN_RANGE_BYTES)
        try:
            async with self._slot, self._send(ask) as answer:
                must_fit(self._judge(answer, ask, have))
                return True
        except RateLimited:
            self._phases_left = 0
        except Failure:
            self._phases_left -= 1
        return False

    def _may_take_several(self, answer: HttpResponse) -> bool:
        assert self._saved is not None
        in_one_request = self._at_most is None and self._request.max_connections > 1
        return (
            in_one_request and self._phases_left > 0 and allows_several(answer.headers, self._saved)
        )

    async def _read(self, answer: HttpResponse) -> bytes:
        piece_bytes = await self._bandwidth.piece_bytes()
        began = self._clock.monotonic()
        piece = await answer.read_chunk(piece_bytes)
        waited_s = self._clock.monotonic() - began
        if piece and self._floor.is_too_slow(count=len(piece), waited_s=waited_s):
            raise _TooSlow(
                Message(
                    "The site sent less than %(slow_bytes_per_s)s bytes a second.",
                    slow_bytes_per_s=self._limits.slow_bytes_per_s,
                )
            )
        await self._bandwidth.pay(len(piece))
        return piece

    async def _take(self, piece: bytes) -> None:
        total = self._saved.total if self._saved else None
        after = self._writer.position + len(piece)
        if after > self._limits.max_bytes:
            raise self._too_large(after)
        end = total if self._end is None else self._end
        if end is not None and after > end:
            raise Incomplete("The site sent more than it had announced.")
        await self._writer.write(piece)
        self._on_progress(after, total)
        if self._start_decoding is not None and self._clock.monotonic() >= self._decode_from_s:
            start, self._start_decoding = self._start_decoding, None
            self._decoding = start(self._part, await self._writer.read_back(0, SNIFF_BYTES))

    async def _check_size(self, total: int | None) -> None:
        if total is not None:
            if total > self._limits.max_bytes:
                raise self._too_large(total)
            await self._writer.reserve(total)

    def _too_large(self, size: int) -> TooLarge:
        limit = self._limits.max_bytes
        return TooLarge(
            Message(
                "The video has %(size).1f GB or more; at most %(limit).1f GB are allowed.",
                size=size / 1e9,
                limit=limit / 1e9,
            )
        )

    def _is_whole(self, total: int | None) -> bool:
        position = self._writer.position
        if position == 0 and not total:
            raise EmptyBody("The site sent an empty file.")
        announced = self._request.expected.size
        if total is None and announced is not None and position < announced:
            raise Incomplete(
                Message(
                    "The transfer ended at %(position)d of the %(announced)d bytes that the post"
                    " announced.",
                    position=position,
                    announced=announced,
                )
            )
        if total is not None and position < total:
            if self._slow is not None or (self._at_most is not None and position == self._end):
                return False  # the rest over several connections, or the next range
            raise Incomplete(
                Message(
                    "The download stopped at %(position)d of %(total)d bytes.",
                    position=position,
                    total=total,
                )
            )
        return True

    async def _start_over(self, reason: str) -> bool:
        """Start over with the first byte, in one request:
        ranges that went wrong once are not requested again.
        """
        self._at_most = None
        if not self._may_go_on():
            raise Incomplete(
                Message("The site sends a different file each time: %(reason)s.", reason=reason),
                bytes_received=self._writer.position,
            )
        await self._rewind()
        self._saved = None
        return False

    async def _rewind(self) -> None:
        self.stop_decoding()
        await self._writer.rewind(0)

    def _may_go_on(self) -> bool:
        return self._cuts.may_go_on(self._writer.position, ever_answered=self._answered)


class _TooSlow(TookTooLong):
    """A transfer that is too slow to be worth an immediate retry."""


def _kinds_of(wanted: ItemType, of_videos: frozenset[Kind]) -> frozenset[Kind]:
    """Return the kinds of files that are accepted."""
    match wanted:
        case ItemType.IMAGE:
            return frozenset({Kind.IMAGE, Kind.EMPTY})
        case ItemType.AUDIO:
            return of_videos | {Kind.AUDIO}
        case _:
            return of_videos


def _refuse_wrong_kind(head: bytes, status: int, accepted: Collection[Kind]) -> None:
    """Refuse a file by its first bytes, before the rest is loaded."""
    kind, is_picture = sniff(head), Kind.IMAGE in accepted
    if kind in (Kind.HLS, Kind.DASH) and not is_picture:
        raise PlaylistInstead(kind, http_status=status)
    if kind not in accepted:
        what = DESCRIPTIONS.get(kind, Message("a video"))
        message = (
            Message("The site sent no picture: it is %(what)s.", what=what)
            if is_picture
            else Message("The site sent no video: it is %(what)s.", what=what)
        )
        raise NotAVideo(message, http_status=status, bytes_received=len(head))


def _rename_to_kind(part: Path, kind: Kind) -> Path:
    path = part.with_name(f"media.{kind.value}")
    part.replace(path)
    progress_file(part).unlink(missing_ok=True)
    return path
