"""Chooses the downloader by how a candidate's bytes are delivered."""

from __future__ import annotations

from pathlib import Path

from mediavault.core.clock import Clock
from mediavault.core.media import DownloadedFile, OnProgress, SourceType
from mediavault.services.download.direct import DirectDownloader, PlaylistInstead
from mediavault.services.download.host_slots import HostSlots
from mediavault.services.download.pair import PairDownloader
from mediavault.services.download.port import DownloadLimits, MediaRequest
from mediavault.services.download.segments import StreamDownloader
from mediavault.services.egress.port import HttpClient

_STREAMS = (SourceType.HLS, SourceType.DASH)


class MediaFetcher:
    """``Downloader`` for every source type. An address that turns out to be a playlist or manifest is fetched as one."""

    def __init__(self, client: HttpClient, clock: Clock) -> None:
        hosts = HostSlots()
        self._direct = DirectDownloader(client, clock, hosts=hosts)
        self._pair = PairDownloader(client, clock, hosts=hosts)
        self._stream = StreamDownloader(client, clock, hosts=hosts)

    async def fetch(
        self, request: MediaRequest, *, into: Path, limits: DownloadLimits, on_progress: OnProgress
    ) -> DownloadedFile:
        if request.source_type not in _STREAMS:
            if request.audio_url is not None:
                return await self._pair.fetch(request, into=into, limits=limits, on_progress=on_progress)
            try:
                return await self._direct.fetch(request, into=into, limits=limits, on_progress=on_progress)
            except PlaylistInstead:
                pass  # the stream's downloader reads what it is
        return await self._stream.fetch(request, into=into, limits=limits, on_progress=on_progress)
