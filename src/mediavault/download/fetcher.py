"""Chooses the downloader by how a candidate's bytes are delivered: one file,
a silent file with its sound, or a stream.
"""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from pathlib import Path

from mediavault.core.bandwidth_limiter import BandwidthLimiter
from mediavault.core.clock import Clock
from mediavault.core.failures import Incomplete
from mediavault.core.media import DownloadedFile, Expected, OnProgress, SourceType
from mediavault.download.direct import DirectDownloader, PlaylistInstead, StartDecoding
from mediavault.download.manifest_reading import ManifestReader
from mediavault.download.pacing import HostSlots, all_or_first_failure
from mediavault.download.port import DownloadLimits, MediaRequest
from mediavault.download.segments import StreamDownloader
from mediavault.download.track import TrackProgress
from mediavault.download.writer import check_space
from mediavault.egress.port import HttpClient
from mediavault.media.remux import Joiner, Track
from mediavault.media.sniff import Kind

_STREAMS = (SourceType.HLS, SourceType.DASH)


class MediaFetcher:
    """``Downloader`` for every source type. A URL that turns out to be a playlist or manifest is
    fetched as one.

    With ``start_decoding``, a video that is one file is decoded while it arrives.
    """

    def __init__(
        self,
        client: HttpClient,
        clock: Clock,
        joiner: Joiner,
        manifests: ManifestReader,
        bandwidth: BandwidthLimiter | None = None,
        start_decoding: StartDecoding | None = None,
    ) -> None:
        hosts, bandwidth = HostSlots(), bandwidth or BandwidthLimiter(clock)
        self._direct = DirectDownloader(
            client, clock, hosts=hosts, bandwidth=bandwidth, start_decoding=start_decoding
        )
        self._pair = PairDownloader(client, clock, joiner, hosts=hosts, bandwidth=bandwidth)
        self._stream = StreamDownloader(
            client, clock, joiner, manifests, hosts=hosts, bandwidth=bandwidth
        )

    async def fetch(
        self, request: MediaRequest, *, into: Path, limits: DownloadLimits, on_progress: OnProgress
    ) -> DownloadedFile:
        if request.source_type not in _STREAMS:
            if request.audio_url is not None:
                return await self._pair.fetch(
                    request, into=into, limits=limits, on_progress=on_progress
                )
            try:
                return await self._direct.fetch(
                    request, into=into, limits=limits, on_progress=on_progress
                )
            except PlaylistInstead:
                pass  # the stream downloader finds out which kind it is
        return await self._stream.fetch(request, into=into, limits=limits, on_progress=on_progress)


PICTURES, SOUND = "video", "audio"


class PairDownloader:
    """``Downloader`` for a request with an ``audio_url``:
    fetches both files and joins them into one MP4, or fails.
    """

    def __init__(
        self,
        client: HttpClient,
        clock: Clock,
        joiner: Joiner,
        *,
        hosts: HostSlots,
        bandwidth: BandwidthLimiter,
    ) -> None:
        self._joiner = joiner
        self._direct = DirectDownloader(
            client, clock, hosts=hosts, bandwidth=bandwidth, also={Kind.AUDIO}
        )

    async def fetch(
        self, request: MediaRequest, *, into: Path, limits: DownloadLimits, on_progress: OnProgress
    ) -> DownloadedFile:
        progress = TrackProgress(limits.max_bytes, on_progress)
        urls = {PICTURES: request.url, SOUND: request.audio_url or ""}
        pictures, sound = await all_or_first_failure(
            [
                self._fetch_track(request, url, into / name, limits, progress)
                for name, url in urls.items()
            ]
        )
        await asyncio.to_thread(
            check_space, pictures.bytes + sound.bytes, into, limits.reserve_bytes
        )
        path = into / "media.mp4"
        facts = await self._joiner.join([Track((pictures.path,)), Track((sound.path,))], path)
        if "audio" not in {track.kind for track in facts.tracks}:
            await asyncio.to_thread(path.unlink, missing_ok=True)
            raise Incomplete(
                "The video's audio file contains no sound.", bytes_received=sound.bytes
            )
        for name in urls:
            await asyncio.to_thread(shutil.rmtree, into / name, ignore_errors=True)
        return DownloadedFile(
            path=path,
            url=pictures.url,
            bytes=path.stat().st_size,
            content_type="video/mp4",
            # what was announced is the size of the silent file
            expected=replace(request.expected, size=None),
        )

    async def _fetch_track(
        self,
        request: MediaRequest,
        url: str,
        folder: Path,
        limits: DownloadLimits,
        progress: TrackProgress,
    ) -> DownloadedFile:
        await asyncio.to_thread(folder.mkdir, exist_ok=True)
        expected = request.expected if url == request.url else Expected()
        part = replace(request, url=url, audio_url=None, expected=expected)
        return await self._direct.fetch(
            part, into=folder, limits=limits, on_progress=progress.of_one_file()
        )
