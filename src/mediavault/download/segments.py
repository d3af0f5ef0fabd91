"""Fetches a segmented stream, HLS or DASH: every segment or none, then one faststart MP4.

First the tracks are found: a master playlist leads to others. Segments are fetched several at a
time and written in order (``track``), each track into one append-only file per run. A segment that
cannot be fetched makes the stream Incomplete; none is ever skipped. A track that is one file is
fetched and resumed as one (``direct``). ``stream_source`` does all network traffic.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mediavault.core.bandwidth_limiter import BandwidthLimiter
from mediavault.core.clock import Clock
from mediavault.core.failures import BadUrl, Failure, HttpError, Incomplete
from mediavault.core.media import DownloadedFile, Expected, OnProgress, SourceType
from mediavault.core.messages import Message
from mediavault.core.recordings import RecordingEnd
from mediavault.download.direct import DirectDownloader
from mediavault.download.find_tracks import Tracks, find_tracks
from mediavault.download.manifest import MediaPlaylist, Wanted
from mediavault.download.manifest_reading import ManifestReader
from mediavault.download.pacing import HostSlots, SegmentSlots, all_or_first_failure
from mediavault.download.port import DownloadLimits, MediaRequest, RecordingOrder
from mediavault.download.recording import StreamRecorder
from mediavault.download.recording_state import RecordingState, joinable, load_state, save_state
from mediavault.download.stream_source import StreamSource, is_gone
from mediavault.download.track import TrackFetch, TrackProgress, TrackRuns
from mediavault.download.writer import check_space
from mediavault.egress.port import HttpClient
from mediavault.media.join_facts import Announced
from mediavault.media.remux import SLACK, SLACK_S, Joiner, Track
from mediavault.media.sniff import Kind

ROUNDING_S = 0.5
MAX_SLACK = 0.1  # of a part, that a track may end early where its playlist is inexact
NAMES = ("video", "audio")


class StreamDownloader:
    """``Downloader`` for HLS playlists, master or media, and for DASH manifests."""

    def __init__(
        self,
        client: HttpClient,
        clock: Clock,
        joiner: Joiner,
        manifests: ManifestReader,
        *,
        hosts: HostSlots,
        bandwidth: BandwidthLimiter,
    ) -> None:
        self._manifests = manifests
        self._client, self._clock, self._joiner, self._hosts, self._bandwidth = (
            client,
            clock,
            joiner,
            hosts,
            bandwidth,
        )
        self._direct = DirectDownloader(
            client, clock, hosts=self._hosts, bandwidth=bandwidth, also={Kind.AUDIO}
        )

    async def fetch(
        self, request: MediaRequest, *, into: Path, limits: DownloadLimits, on_progress: OnProgress
    ) -> DownloadedFile:
        source = StreamSource(
            self._client, self._clock, request, limits, self._manifests, self._bandwidth
        )
        try:
            if request.recording is not None:
                recorded = await self._record(source, request, request.recording, into, limits)
                if recorded is not None:
                    return recorded
            stream = await self._find(source, request)
            playlists = stream.playlists
            tracks = await self._tracks(source, request, playlists, into, limits, on_progress)
        except BadUrl as exc:
            raise HttpError(
                Message(
                    "The stream's address, or where it led, is not valid: %(error)s",
                    error=exc.message,
                )
            ) from exc
        finally:
            await source.close()
        path = into / "media.mp4"
        announced_s = max(playlist.duration_s for playlist in playlists)
        await asyncio.to_thread(_check_space, tracks, into, limits.reserve_bytes)
        slack_s = _slack_s(playlists, announced_s)
        facts = await self._joiner.join(
            tracks,
            path,
            announced_s=announced_s or None,
            slack_s=slack_s,
            announced=[_announced(playlist, alone=len(playlists) == 1) for playlist in playlists],
            sound_only=request.prefer.sound_only,
        )
        if len(playlists) > 1:
            _check_sound([track.kind for track in facts.tracks], path)
        size = await asyncio.to_thread(_tidy, tracks, path)
        return DownloadedFile(
            path=path,
            url=stream.url,
            bytes=size,
            content_type="video/mp4",
            expected=_expected(request, playlists, announced_s),
            segmented=True,
            subtitles=stream.subtitles,
        )

    async def _find(
        self, source: StreamSource, request: MediaRequest, *, live: bool = False
    ) -> Tracks:
        async with self._hosts.slot_for(request):
            wanted = Wanted(request.prefer, sound=request.expected.audio)
            return await find_tracks(
                source, request.url, page_url=request.scope.url, wanted=wanted, live=live
            )

    async def _record(
        self,
        source: StreamSource,
        request: MediaRequest,
        order: RecordingOrder,
        into: Path,
        limits: DownloadLimits,
    ) -> DownloadedFile | None:
        """Record the stream if it is running, or finish what an earlier call recorded; None where
        it is neither, or where the whole stream can be had now.
        """
        state = await asyncio.to_thread(load_state, order.folder) or RecordingState()
        url = request.url
        if state.has_segments and (state.end is not None or order.stop.is_set()):
            state.end = state.end or order.reason
        else:
            try:
                stream = await self._find(source, request, live=True)
            except Failure as exc:
                if not is_gone(exc) or not state.has_segments:
                    raise
                state.end = RecordingEnd.GONE
            else:
                url = stream.url
                if not stream.is_live and (not state.has_segments or _covers(stream, state)):
                    return None
                if state.has_segments and len(state.tracks) != len(stream.sources):
                    # as it was recorded: what it offers now cannot be joined to that
                    state.end = RecordingEnd.REFUSED
                else:
                    recorder = StreamRecorder(source, self._clock, order, limits, NAMES, state)
                    state = await recorder.run(stream)
        return await self._join_recording(request, order, state, into, limits, url=url)

    async def _join_recording(
        self,
        request: MediaRequest,
        order: RecordingOrder,
        state: RecordingState,
        into: Path,
        limits: DownloadLimits,
        *,
        url: str,
    ) -> DownloadedFile:
        """Join what is recorded. Its files stay: only their owner knows when the result is safe.
        Subtitles are left out: of them only the end could still be fetched.
        """
        await asyncio.to_thread(save_state, order.folder, state)
        # cuts off what came after the last whole segment
        await asyncio.to_thread(load_state, order.folder)
        tracks, left_out = joinable(state)
        await asyncio.to_thread(_check_space, tracks, into, limits.reserve_bytes)
        path = into / "media.mp4"
        facts = await self._joiner.join(
            tracks, path, sound_only=request.prefer.sound_only, recorded=True
        )
        if len(tracks) > 1:
            _check_sound([track.kind for track in facts.tracks], path)
        recording = replace(state.recording, gaps=state.cuts + left_out)
        return DownloadedFile(
            path=path,
            url=url,
            bytes=path.stat().st_size,
            content_type="video/mp4",
            expected=Expected(audio=request.expected.audio),
            segmented=True,
            recording=recording,
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
                else TrackFetch(
                    source,
                    self._clock,
                    playlist,
                    TrackRuns(source, self._clock, into / name, progress, limits),
                    slots,
                    limits.segment_concurrency,
                ).run()
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
            part = replace(
                request, url=segment.url, source_type=SourceType.DIRECT, expected=Expected()
            )
            file = await self._direct.fetch(
                part, into=into, limits=limits, on_progress=progress.of_one_file()
            )
            files.append(file.path)
        parts = tuple(segment.part for segment in playlist.segments)
        return Track(
            tuple(files),
            parts=parts,
            origins_s=tuple(segment.origin_s for segment in playlist.segments),
        )


def _slack_s(playlists: Sequence[MediaPlaylist], announced_s: float) -> float:
    """Return by how many seconds the joined film may differ from what its playlists announce."""
    usual = max(SLACK_S, SLACK * announced_s)
    rounding = max(
        ROUNDING_S * len(playlist.segments) if playlist.rounded else 0.0 for playlist in playlists
    )
    return max(usual, rounding)


def _announced(playlist: MediaPlaylist, *, alone: bool) -> Announced:
    """Return what a playlist says about its track's length. ``alone``: it is of pictures and sound,
    whose clock is one.

    The segments of a DASH track are mostly counted by the length of the presentation, which is that
    of the longest track: others may end within their last segment.
    """
    parts: dict[int, float] = {}
    for segment in playlist.segments:
        parts[segment.part] = parts.get(segment.part, 0.0) + segment.duration_s
    segment_s = max(segment.duration_s for segment in playlist.segments)
    slack_s = 0.0
    if playlist.window is None:
        slack_s = segment_s
    elif playlist.rounded and not alone:
        slack_s = ROUNDING_S * len(playlist.segments)
    return Announced(
        tuple(parts.values()), segment_s, min(slack_s, MAX_SLACK * min(parts.values()))
    )


def _expected(
    request: MediaRequest, playlists: Sequence[MediaPlaylist], announced_s: float
) -> Expected:
    """Return what to expect of the file: what the post announces, completed by the manifest.

    A duration of whole seconds for each segment is too inexact. Sound that the manifest announces
    is expected but of a post that says that it has none: sites package GIFs like any other video.
    """
    expected = request.expected
    if (
        expected.duration_s is None
        and announced_s
        and not any(playlist.rounded for playlist in playlists)
    ):
        expected = replace(expected, duration_s=announced_s)
    if expected.audio is None and any(playlist.has_sound for playlist in playlists):
        expected = replace(expected, audio=True)
    return expected


def _covers(stream: Tracks, state: RecordingState) -> bool:
    """Whether a stream that has ended offers all that is recorded of it:
    then it is better fetched as a whole.
    """
    playlist, known = stream.playlists[0], state.tracks[0]
    begins = playlist.segments[0].sequence <= (known.first or 0) if playlist.segments else False
    return playlist.window is None or (
        begins and playlist.duration_s + ROUNDING_S >= known.recorded_s
    )


def _check_sound(kinds: Sequence[str], path: Path) -> None:
    """Raise Incomplete when a stream with a separate sound track became a film without sound."""
    if "audio" not in kinds:
        path.unlink(missing_ok=True)
        raise Incomplete("The stream's sound track holds no sound.")


def _check_space(tracks: Sequence[Track], into: Path, reserve_bytes: int) -> None:
    """Raise NoSpace unless the joined file fits on the disk next to its tracks."""
    needed = sum(run.stat().st_size for track in tracks for run in track.runs)
    check_space(needed, into, reserve_bytes)


def _tidy(tracks: Sequence[Track], path: Path) -> int:
    """Remove the joined tracks and return the size of the result."""
    for track in tracks:
        for run in track.runs:
            run.unlink(missing_ok=True)
            if run.parent != path.parent:
                shutil.rmtree(run.parent, ignore_errors=True)
    return path.stat().st_size
