"""Fetches a segmented stream, HLS or DASH: every segment or none, then one faststart MP4.

Segments are fetched several at a time and written in order (``track``), each track into an append-only file a run; a
segment that stays away makes the stream Incomplete, none is ever skipped. A track that is one file is fetched as one,
with its resume (``direct``). ``stream_tracks`` finds the tracks, ``stream_source`` is all network traffic.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mediavault.core.clock import Clock
from mediavault.core.errors import BadUrl, HttpError, Incomplete, NoSpace
from mediavault.core.media import DownloadedFile, Expected, OnProgress, SourceType
from mediavault.services.download.direct import DirectDownloader
from mediavault.services.download.host_slots import HostSlots, SegmentSlots
from mediavault.services.download.manifest import MediaPlaylist
from mediavault.services.download.port import DownloadLimits, MediaRequest
from mediavault.services.download.quality import Wanted
from mediavault.services.download.stream_source import StreamSource
from mediavault.services.download.stream_tracks import find_tracks
from mediavault.services.download.track import Progress, TrackFetch, all_or_first_failure
from mediavault.services.egress.port import HttpClient
from mediavault.services.media.remux import SLACK, SLACK_S, Track, join_tracks
from mediavault.services.media.sniff import Kind

ROUNDING_S = 0.5
NAMES = ("video", "audio")


class StreamDownloader:
    """``Downloader`` for HLS playlists, master or media, and for DASH manifests."""

    def __init__(self, client: HttpClient, clock: Clock, *, hosts: HostSlots | None = None) -> None:
        self._client, self._clock, self._hosts = client, clock, hosts or HostSlots()
        self._direct = DirectDownloader(client, clock, hosts=self._hosts, also={Kind.AUDIO})

    async def fetch(
        self, request: MediaRequest, *, into: Path, limits: DownloadLimits, on_progress: OnProgress
    ) -> DownloadedFile:
        source = StreamSource(self._client, self._clock, request, limits)
        try:
            async with self._hosts.slot_for(request):
                wanted = Wanted(request.prefer, sound=request.expected.audio)
                found = await find_tracks(source, request.url, page_url=request.scope_url, wanted=wanted)
            playlists = found.playlists
            tracks = await self._tracks(source, request, playlists, into, limits, on_progress)
        except BadUrl as exc:
            raise HttpError(f"The stream's address, or where it led, is no proper address: {exc.message}") from exc
        finally:
            await source.close()
        path = into / "media.mp4"
        announced_s = max(playlist.duration_s for playlist in playlists)
        await asyncio.to_thread(_check_space, tracks, into, limits.reserve_bytes)
        slack_s = _slack_s(playlists, announced_s)
        facts = await join_tracks(tracks, path, announced_s=announced_s or None, slack_s=slack_s)
        _check_sound(playlists, [track.kind for track in facts.tracks], path)
        size = await asyncio.to_thread(_tidy, tracks, path)
        return DownloadedFile(
            path=path,
            url=found.url,
            bytes=size,
            content_type="video/mp4",
            expected=_expected(request, playlists, announced_s),
            segmented=True,
        )

    async def _tracks(
        self,
        source: StreamSource,
        request: MediaRequest,
        playlists: Sequence[MediaPlaylist],
        into: Path,
        limits: DownloadLimits,
        on_progress: OnProgress,
    ) -> list[Track]:
        slots = SegmentSlots(limits.segment_concurrency, self._hosts.slot_for(request))
        progress = Progress(limits.max_bytes, on_progress)
        return await all_or_first_failure(
            [
                self._whole_files(request, playlist, into / name, limits, progress)
                if playlist.whole_file
                else TrackFetch(source, self._clock, playlist, into / name, slots, progress, limits).run()
                for name, playlist in zip(NAMES, playlists, strict=False)
            ]
        )

    async def _whole_files(
        self, request: MediaRequest, playlist: MediaPlaylist, folder: Path, limits: DownloadLimits, progress: Progress
    ) -> Track:
        """One file for each period, each in a folder of its own."""
        files = []
        for number, segment in enumerate(playlist.segments):
            place = folder.with_name(f"{folder.name}-{number:03}")
            await asyncio.to_thread(place.mkdir, exist_ok=True)
            one = replace(request, url=segment.url, source_type=SourceType.DIRECT, expected=Expected())
            file = await self._direct.fetch(one, into=place, limits=limits, on_progress=progress.of_one_file())
            files.append(file.path)
        parts = tuple(segment.part for segment in playlist.segments)
        return Track(tuple(files), parts=parts, origins_s=tuple(segment.origin_s for segment in playlist.segments))


def _slack_s(playlists: Sequence[MediaPlaylist], announced_s: float) -> float:
    """By how much the joined film may differ from what its playlists announce."""
    usual = max(SLACK_S, SLACK * announced_s)
    rounding = max(ROUNDING_S * len(playlist.segments) if playlist.rounded else 0.0 for playlist in playlists)
    return max(usual, rounding)


def _expected(request: MediaRequest, playlists: Sequence[MediaPlaylist], announced_s: float) -> Expected:
    """The post's own word goes first; durations rounded to seconds are no word at all."""
    said = request.expected
    if said.duration_s is not None or not announced_s or any(playlist.rounded for playlist in playlists):
        return said
    return replace(said, duration_s=announced_s)


def _check_sound(playlists: Sequence[MediaPlaylist], kinds: Sequence[str], path: Path) -> None:
    """A stream with a track of sound of its own must have become a film with sound."""
    if len(playlists) > 1 and "audio" not in kinds:
        path.unlink(missing_ok=True)
        raise Incomplete("The stream's sound track holds no sound.")


def _check_space(tracks: Sequence[Track], into: Path, reserve_bytes: int) -> None:
    """Joining needs as much space again."""
    needed = sum(run.stat().st_size for track in tracks for run in track.runs)
    free = shutil.disk_usage(into).free - reserve_bytes
    if free < needed:
        raise NoSpace(f"Joining the stream needs {needed / 1e6:,.0f} MB, and {max(0, free) / 1e6:,.0f} MB are free.")


def _tidy(tracks: Sequence[Track], path: Path) -> int:
    """Remove what was joined; the size of the result."""
    for track in tracks:
        for run in track.runs:
            run.unlink(missing_ok=True)
            if run.parent != path.parent:
                shutil.rmtree(run.parent, ignore_errors=True)
    return path.stat().st_size
