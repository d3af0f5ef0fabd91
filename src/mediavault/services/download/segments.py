"""Fetches an HLS stream: every segment or none, then one faststart MP4.

Segments are fetched several at a time and written in order (``track``), each track into an append-only file a run; a
segment that stays away makes the stream Incomplete, none is ever skipped. ``hls_source`` is all network traffic.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mediavault.core.clock import Clock
from mediavault.core.errors import BadUrl, HttpError, NoSpace, NotAVideo, TooLarge
from mediavault.core.media import DownloadedFile, Expected, OnProgress
from mediavault.services.download.hls_source import HlsSource
from mediavault.services.download.playlist import MAX_PLAYLIST_BYTES, Master, MediaPlaylist, read_playlist
from mediavault.services.download.port import DownloadLimits, MediaRequest
from mediavault.services.download.track import Progress, TrackFetch, all_or_first_failure
from mediavault.services.egress.port import HttpClient
from mediavault.services.media_sniff import DESCRIPTIONS, SNIFF_BYTES, Kind, sniff
from mediavault.services.remux import SLACK, SLACK_S, Track, join_tracks

MAX_DEPTH = 3  # a master that names a master …
ROUNDING_S = 0.5


class HlsDownloader:
    """``Downloader`` for HLS playlists, master or media."""

    def __init__(self, client: HttpClient, clock: Clock) -> None:
        self._client, self._clock = client, clock

    async def fetch(
        self, request: MediaRequest, *, into: Path, limits: DownloadLimits, on_progress: OnProgress
    ) -> DownloadedFile:
        source = HlsSource(self._client, self._clock, request, limits)
        try:
            url, playlists = await _playlists(source, request.url)
            tracks = await self._tracks(source, playlists, into, limits, on_progress)
        except BadUrl as exc:
            raise HttpError(f"The stream's address, or where it led, is no proper address: {exc.message}") from exc
        finally:
            await source.close()
        path = into / "media.mp4"
        announced_s = max(playlist.duration_s for playlist in playlists)
        await asyncio.to_thread(_check_space, tracks, into, limits.reserve_bytes)
        await join_tracks(tracks, path, announced_s=announced_s, slack_s=_slack_s(playlists, announced_s))
        size = await asyncio.to_thread(_tidy, tracks, path)
        return DownloadedFile(
            path=path,
            url=url,
            bytes=size,
            content_type="video/mp4",
            expected=_expected(request, playlists, announced_s),
            segmented=True,
        )

    async def _tracks(
        self,
        source: HlsSource,
        playlists: Sequence[MediaPlaylist],
        into: Path,
        limits: DownloadLimits,
        on_progress: OnProgress,
    ) -> list[Track]:
        slots = asyncio.Semaphore(limits.segment_concurrency)
        progress = Progress(limits.max_bytes, on_progress)
        fetches = [
            TrackFetch(source, self._clock, playlist, into / name, slots, progress, limits)
            for name, playlist in zip(("video", "audio"), playlists, strict=False)
        ]
        return await all_or_first_failure([fetch.run() for fetch in fetches])


async def _playlists(source: HlsSource, url: str) -> tuple[str, list[MediaPlaylist]]:
    """The final address and the playlists of the best variant: pictures, then sound where that is separate."""
    audio_url: str | None = None
    for _ in range(MAX_DEPTH):
        url, playlist = await _playlist(source, url)
        if isinstance(playlist, MediaPlaylist):
            sound = await _playlist(source, audio_url) if audio_url else None
            if sound is None:
                return url, [playlist]
            if isinstance(sound[1], Master):
                raise NotAVideo("The stream's sound leads to a list of variants.")
            return url, [playlist, sound[1]]
        url, audio_url = playlist.best.url, playlist.best.audio_url or audio_url
    raise NotAVideo(f"More than {MAX_DEPTH} playlists lead to each other.")


async def _playlist(source: HlsSource, url: str) -> tuple[str, Master | MediaPlaylist]:
    try:
        final_url, body = await source.small(url, limit=MAX_PLAYLIST_BYTES, decode=True)
    except TooLarge as exc:
        raise NotAVideo(f"The playlist is larger than {MAX_PLAYLIST_BYTES:,} bytes.") from exc
    kind = sniff(body[:SNIFF_BYTES])
    if kind is not Kind.HLS:
        raise NotAVideo(f"The site sent no playlist: it is {DESCRIPTIONS.get(kind, 'a video file')}.")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise NotAVideo("The playlist is no proper text.") from exc
    # in a thread: a playlist of five megabytes takes seconds to read
    return final_url, await asyncio.to_thread(read_playlist, text, final_url)


def _slack_s(playlists: Sequence[MediaPlaylist], announced_s: float) -> float:
    """By how much the joined film may differ from what its playlists announce."""
    usual = max(SLACK_S, SLACK * announced_s)
    rounding = max(ROUNDING_S * len(playlist.segments) if playlist.rounded else 0.0 for playlist in playlists)
    return max(usual, rounding)


def _expected(request: MediaRequest, playlists: Sequence[MediaPlaylist], announced_s: float) -> Expected:
    """The post's own word goes first; durations rounded to seconds are no word at all."""
    said = request.expected
    if said.duration_s is not None or any(playlist.rounded for playlist in playlists):
        return said
    return replace(said, duration_s=announced_s)


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
    return path.stat().st_size
