"""Fetches a segmented stream, HLS or DASH: every segment or none, then one faststart MP4.

First the tracks are found: a master playlist leads to others. Segments are fetched several at a time and written in order
(``track``), each track into one append-only file per run. A segment that cannot be fetched makes the stream Incomplete; none
is ever skipped. A track that is one file is fetched and resumed as one (``direct``). ``stream_source`` does all network
traffic.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote_to_bytes

from mediavault.core.clock import Clock
from mediavault.core.failures import BadUrl, HttpError, Incomplete, NoSpace, NotAVideo, TooLarge
from mediavault.core.media import DownloadedFile, Expected, OnProgress, SourceType
from mediavault.core.messages import Message
from mediavault.services.download.direct import DirectDownloader
from mediavault.services.download.hls_text import looks_like_hls
from mediavault.services.download.manifest import MAX_PLAYLIST_BYTES, Master, MediaPlaylist, Wanted
from mediavault.services.download.mpd import read_mpd
from mediavault.services.download.mpd_document import looks_like_dash
from mediavault.services.download.pacing import HostSlots, SegmentSlots, all_or_first_failure
from mediavault.services.download.playlist import read_playlist
from mediavault.services.download.port import DownloadLimits, MediaRequest
from mediavault.services.download.stream_source import StreamSource
from mediavault.services.download.track import TrackFetch, TrackProgress
from mediavault.services.egress.port import HttpClient
from mediavault.services.media.remux import SLACK, SLACK_S, Joiner, Track
from mediavault.services.media.sniff import DESCRIPTIONS, Kind, sniff

MAX_DEPTH = 3  # a master that names a master …
_DATA = "data:"


@dataclass(frozen=True, slots=True)
class Tracks:
    """Pictures, then sound where that is separate. ``url`` is the final URL of the playlist of pictures."""

    url: str
    playlists: tuple[MediaPlaylist, ...]


async def find_tracks(source: StreamSource, url: str, *, page_url: str, wanted: Wanted) -> Tracks:
    """Return the tracks of the wanted quality.

    A ``data:`` manifest is part of the page at ``page_url``, which is its base. Raises what ``read_playlist`` and
    ``read_mpd`` raise, and what fetching raises.
    """
    variables: Mapping[str, str] = {}
    audio_url: str | None = None
    for _ in range(MAX_DEPTH):
        url, text = await _text(source, url, page_url)
        if not looks_like_hls(text):
            return Tracks(url, tuple(await asyncio.to_thread(read_mpd, text, url, wanted)))
        # in a thread: a playlist of five megabytes takes a second to read
        playlist = await asyncio.to_thread(read_playlist, text, url, imported=variables)
        if isinstance(playlist, MediaPlaylist):
            sound = (await _sound(source, audio_url, page_url, variables),) if audio_url else ()
            return Tracks(url, (playlist, *sound))
        variables = playlist.variables
        best = playlist.best(wanted)
        url, audio_url = best.url, best.audio_url or audio_url
    raise NotAVideo(Message("More than %(max_depth)s playlists lead to each other.", max_depth=MAX_DEPTH))


async def _sound(source: StreamSource, url: str, page_url: str, variables: Mapping[str, str]) -> MediaPlaylist:
    url, text = await _text(source, url, page_url)
    playlist = await asyncio.to_thread(read_playlist, text, url, imported=variables)
    if isinstance(playlist, Master):
        raise NotAVideo("The stream's sound leads to a list of variants.")
    return playlist


async def _text(source: StreamSource, url: str, page_url: str) -> tuple[str, str]:
    """Return the base URL and the text of a manifest."""
    if url[: len(_DATA)].lower() == _DATA:
        final_url, body = page_url, _inline(url)
    else:
        try:
            final_url, body = await source.fetch_small(url, limit=MAX_PLAYLIST_BYTES, decode=True)
        except TooLarge as exc:
            raise NotAVideo(
                Message(
                    "The playlist is larger than %(max_playlist_bytes)d bytes.", max_playlist_bytes=MAX_PLAYLIST_BYTES
                )
            ) from exc
    encoding = "utf-16" if body.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8"
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as exc:
        raise NotAVideo("The playlist is not valid text.") from exc
    if not looks_like_hls(text) and not looks_like_dash(text):
        raise NotAVideo(
            Message(
                "The site sent no playlist: it is %(descriptions)s.",
                descriptions=DESCRIPTIONS.get(sniff(body), Message("a video file")),
            )
        )
    return final_url, text


def _inline(url: str) -> bytes:
    """Return the body of a ``data:`` URL (RFC 2397)."""
    head, comma, body = url.partition(",")
    if not comma or len(url) > 2 * MAX_PLAYLIST_BYTES:
        raise NotAVideo("The page's own manifest is broken, or too large.")
    try:
        data = unquote_to_bytes(body)
        return base64.b64decode(data, validate=True) if head.lower().endswith(";base64") else data
    except (binascii.Error, ValueError) as exc:
        raise NotAVideo("The page's own manifest is broken.") from exc


ROUNDING_S = 0.5
NAMES = ("video", "audio")


class StreamDownloader:
    """``Downloader`` for HLS playlists, master or media, and for DASH manifests."""

    def __init__(self, client: HttpClient, clock: Clock, joiner: Joiner, *, hosts: HostSlots) -> None:
        self._client, self._clock, self._joiner, self._hosts = client, clock, joiner, hosts
        self._direct = DirectDownloader(client, clock, hosts=self._hosts, also={Kind.AUDIO})

    async def fetch(
        self, request: MediaRequest, *, into: Path, limits: DownloadLimits, on_progress: OnProgress
    ) -> DownloadedFile:
        source = StreamSource(self._client, self._clock, request, limits)
        try:
            async with self._hosts.slot_for(request):
                wanted = Wanted(request.prefer, sound=request.expected.audio)
                stream = await find_tracks(source, request.url, page_url=request.scope_url, wanted=wanted)
            playlists = stream.playlists
            tracks = await self._tracks(source, request, playlists, into, limits, on_progress)
        except BadUrl as exc:
            raise HttpError(
                Message("The stream's address, or where it led, is not valid: %(error)s", error=exc.message)
            ) from exc
        finally:
            await source.close()
        path = into / "media.mp4"
        announced_s = max(playlist.duration_s for playlist in playlists)
        await asyncio.to_thread(_check_space, tracks, into, limits.reserve_bytes)
        slack_s = _slack_s(playlists, announced_s)
        facts = await self._joiner.join(tracks, path, announced_s=announced_s or None, slack_s=slack_s)
        _check_sound(playlists, [track.kind for track in facts.tracks], path)
        size = await asyncio.to_thread(_tidy, tracks, path)
        return DownloadedFile(
            path=path,
            url=stream.url,
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
        progress = TrackProgress(limits.max_bytes, on_progress)
        return await all_or_first_failure(
            [
                self._whole_files(request, playlist, into / name, limits, progress)
                if playlist.whole_file
                else TrackFetch(source, self._clock, playlist, into / name, slots, progress, limits).run()
                for name, playlist in zip(NAMES, playlists, strict=False)
            ]
        )

    async def _whole_files(
        self,
        request: MediaRequest,
        playlist: MediaPlaylist,
        folder: Path,
        limits: DownloadLimits,
        progress: TrackProgress,
    ) -> Track:
        """Fetch one file for each period, each into its own folder."""
        files = []
        for number, segment in enumerate(playlist.segments):
            into = folder.with_name(f"{folder.name}-{number:03}")
            await asyncio.to_thread(into.mkdir, exist_ok=True)
            part = replace(request, url=segment.url, source_type=SourceType.DIRECT, expected=Expected())
            file = await self._direct.fetch(part, into=into, limits=limits, on_progress=progress.of_one_file())
            files.append(file.path)
        parts = tuple(segment.part for segment in playlist.segments)
        return Track(tuple(files), parts=parts, origins_s=tuple(segment.origin_s for segment in playlist.segments))


def _slack_s(playlists: Sequence[MediaPlaylist], announced_s: float) -> float:
    """Return by how many seconds the joined film may differ from what its playlists announce."""
    usual = max(SLACK_S, SLACK * announced_s)
    rounding = max(ROUNDING_S * len(playlist.segments) if playlist.rounded else 0.0 for playlist in playlists)
    return max(usual, rounding)


def _expected(request: MediaRequest, playlists: Sequence[MediaPlaylist], announced_s: float) -> Expected:
    """Return what to expect of the file: the duration of the post, else that of the playlists unless it is rounded."""
    announced = request.expected
    if announced.duration_s is not None or not announced_s or any(playlist.rounded for playlist in playlists):
        return announced
    return replace(announced, duration_s=announced_s)


def _check_sound(playlists: Sequence[MediaPlaylist], kinds: Sequence[str], path: Path) -> None:
    """Raise Incomplete when a stream with a separate sound track became a film without sound."""
    if len(playlists) > 1 and "audio" not in kinds:
        path.unlink(missing_ok=True)
        raise Incomplete("The stream's sound track holds no sound.")


def _check_space(tracks: Sequence[Track], into: Path, reserve_bytes: int) -> None:
    """Raise NoSpace unless the joined file fits on the disk next to its tracks."""
    needed = sum(run.stat().st_size for track in tracks for run in track.runs)
    free = shutil.disk_usage(into).free - reserve_bytes
    if free < needed:
        raise NoSpace(
            Message(
                "Joining the stream needs %(needed).0f MB, and %(free).0f MB are free.",
                needed=needed / 1e6,
                free=max(0, free) / 1e6,
            )
        )


def _tidy(tracks: Sequence[Track], path: Path) -> int:
    """Remove the joined tracks and return the size of the result."""
    for track in tracks:
        for run in track.runs:
            run.unlink(missing_ok=True)
            if run.parent != path.parent:
                shutil.rmtree(run.parent, ignore_errors=True)
    return path.stat().st_size
