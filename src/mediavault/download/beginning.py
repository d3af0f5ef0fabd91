"""Fetches the beginning of a video: enough of it for its first pictures to be decoded, and never
more than a few megabytes.

A file's index (``moov``) may be at its end: that part is fetched as well, and written where it
belongs, so that the file has a hole in between. Of a stream, the first segment of its pictures is
fetched.
"""

from __future__ import annotations

import asyncio
import io
from contextlib import aclosing
from dataclasses import replace
from itertools import islice
from pathlib import Path

from mediavault.core.clock import Clock
from mediavault.core.media import SourceType
from mediavault.download.find_tracks import find_tracks
from mediavault.download.manifest import Segment, Wanted
from mediavault.download.manifest_reading import ManifestReader
from mediavault.download.pacing import HostSlots
from mediavault.download.port import DownloadLimits, MediaRequest
from mediavault.download.resume import content_length, content_range, is_encoded
from mediavault.download.stream_source import StreamSource
from mediavault.egress.port import HttpClient, HttpResponse, Timeouts
from mediavault.media.mp4_boxes import boxes
from mediavault.media.sniff import DEMUXERS, SNIFF_BYTES, Kind, sniff

HEAD_BYTES = 4 << 20  # four seconds at 8 Mbit/s
INDEX_BYTES = 8 << 20  # of an index that is not among the first bytes: that of a film of some hours
MAX_BOXES = 64  # before the index: a file of tiny boxes would take a second of processor time
MAX_FILE_BYTES = 64 << 30  # a file with a hole is as long as the whole one, though it takes no room
TIMEOUTS = Timeouts(connect_s=4, read_s=4, total_s=6)

_STREAMS = (SourceType.HLS, SourceType.DASH)
_PLAYLISTS = (Kind.HLS, Kind.DASH)
_WITH_INDEX = (Kind.MP4, Kind.MOV)
_LIMITS = DownloadLimits(max_bytes=HEAD_BYTES, connect_s=4, stall_s=4, segment_concurrency=1)


class NoBeginningError(Exception):
    """The site sent something else. The text is for the log."""


class BeginningFetcher:
    """Fetches beginnings; over all of them, at most ``max_connections`` of a request go to one host
    at a time.
    """

    def __init__(self, client: HttpClient, clock: Clock, manifests: ManifestReader) -> None:
        self._client, self._clock, self._manifests, self._hosts = (
            client,
            clock,
            manifests,
            HostSlots(),
        )

    async def fetch(self, request: MediaRequest, into: Path) -> None:
        """Write the beginning of the video to ``into``. Raises NoBeginningError, a Failure, and
        OSError when it cannot be written.
        """
        async with self._hosts.slot_for(request):
            if request.source_type in _STREAMS or not await self._file(request, into):
                await self._stream(request, into)

    async def _file(self, request: MediaRequest, into: Path) -> bool:
        """Write the beginning of a file; False where the URL leads to a playlist instead."""
        body, total = await self._part(request, 0, HEAD_BYTES)
        kind = sniff(body[:SNIFF_BYTES])
        if kind in _PLAYLISTS:
            return False
        if kind not in DEMUXERS:
            raise NoBeginningError(f"the site sent {kind}")
        await asyncio.to_thread(into.write_bytes, body)
        start = missing_index(body, total) if kind in _WITH_INDEX and total is not None else None
        if start is not None and total is not None and total <= MAX_FILE_BYTES:
            index, _ = await self._part(request, start, INDEX_BYTES)
            await asyncio.to_thread(_write_at, into, start, index, total)
        return True

    async def _part(
        self, request: MediaRequest, start: int, count: int
    ) -> tuple[bytes, int | None]:
        """Return at most ``count`` bytes from ``start`` on,
        and the file's length where the site states it.
        """
        headers = {**request.headers, "range": f"bytes={start}-{start + count - 1}"}
        response = self._client.get(
            request.url,
            scope=request.scope,
            headers=headers,
            cookies=request.cookies,
            timeouts=TIMEOUTS,
        )
        async with response as answer:
            named = (
                content_range(answer.headers.get("content-range")) if answer.status == 206 else None
            )
            is_from_start = answer.status == 200 and start == 0
            if is_encoded(answer.headers) or not (
                is_from_start or (named is not None and named.start == start)
            ):
                raise NoBeginningError(f"the site answered {answer.status} without this part")
            total = named.total if named is not None else content_length(answer.headers)
            return await _read(answer, count), total

    async def _stream(self, request: MediaRequest, into: Path) -> None:
        source = StreamSource(self._client, self._clock, request, _LIMITS, self._manifests)
        try:
            wanted = Wanted(request.prefer, sound=request.expected.audio)
            tracks = await find_tracks(
                source, request.url, page_url=request.scope.url, wanted=wanted
            )
            pictures = tracks.playlists[0]
            first = pictures.segments[0]
            if not pictures.whole_file:
                await asyncio.to_thread(into.write_bytes, await _first_bytes(source, first))
                return
        except IndexError:
            raise NoBeginningError("the stream is empty") from None
        finally:
            await source.close()
        if not await self._file(replace(request, url=first.url), into):
            raise NoBeginningError("the stream leads to another one")


async def _first_bytes(source: StreamSource, segment: Segment) -> bytes:
    """Return the segment, after its initialisation section, or as much of it as is allowed."""
    found = bytearray(await source.init(segment.init) if segment.init is not None else b"")
    async with aclosing(source.pieces(segment)) as pieces:
        async for piece in pieces:
            found += piece
            if len(found) >= HEAD_BYTES:
                break
    return bytes(found)


async def _read(answer: HttpResponse, count: int) -> bytes:
    """Return the first ``count`` bytes of the body; leaving the rest unread ends the connection."""
    body = bytearray()
    while len(body) < count and (piece := await answer.read_chunk(count - len(body))):
        body += piece
    return bytes(body)


def missing_index(body: bytes, total: int) -> int | None:
    """Return where the missing part of an MP4's index begins, by the first bytes of the file;
    None when all of it is there.
    """
    for box in islice(boxes(io.BytesIO(body), 0, total), MAX_BOXES):
        if box.type == b"moov":
            return len(body) if len(body) < min(box.end, total) else None
        if box.end >= len(body):
            return box.end if box.end < total else None
    return None


def _write_at(path: Path, start: int, part: bytes, total: int) -> None:
    with path.open("r+b") as file:
        file.truncate(total)
        file.seek(start)
        file.write(part)
