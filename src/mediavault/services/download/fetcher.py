"""Chooses the downloader by how a candidate's bytes are delivered."""

from __future__ import annotations

from pathlib import Path

from mediavault.core.clock import Clock
from mediavault.core.errors import Unsupported
from mediavault.core.media import DownloadedFile, OnProgress, SourceType
from mediavault.services.download.direct import DirectDownloader, PlaylistInstead
from mediavault.services.download.port import DownloadLimits, MediaRequest
from mediavault.services.download.segments import HlsDownloader
from mediavault.services.egress.port import HttpClient
from mediavault.services.media_sniff import Kind


class MediaFetcher:
    """``Downloader`` for every source type. An address that turns out to be an HLS playlist is fetched as one."""

    def __init__(self, client: HttpClient, clock: Clock) -> None:
        self._direct = DirectDownloader(client, clock)
        self._hls = HlsDownloader(client, clock)

    async def fetch(
        self, request: MediaRequest, *, into: Path, limits: DownloadLimits, on_progress: OnProgress
    ) -> DownloadedFile:
        if request.source_type is SourceType.DASH:
            raise _no_dash()
        if request.source_type is SourceType.HLS:
            return await self._hls.fetch(request, into=into, limits=limits, on_progress=on_progress)
        try:
            return await self._direct.fetch(request, into=into, limits=limits, on_progress=on_progress)
        except PlaylistInstead as exc:
            if exc.kind is not Kind.HLS:
                raise _no_dash() from exc
        return await self._hls.fetch(request, into=into, limits=limits, on_progress=on_progress)


def _no_dash() -> Unsupported:
    return Unsupported(
        "This video is offered as an MPEG-DASH stream only, which mediavault cannot save yet.",
        help="Try again after an upgrade; other sources of the same post are tried by themselves.",
    )
