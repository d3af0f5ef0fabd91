"""Records a running HLS stream: polls its playlists and writes each new segment once (RFC 8216,
6.3.4).

Segments are fetched and written as those of any stream (``track``). A segment counts as recorded
once its bytes and the recording's state (``recording_state``) have reached the disk, so that a
later call resumes after a crash.
What could not be read before the site dropped it is a gap: the files of all tracks break there, and
it is counted.
"""

from __future__ import annotations

import asyncio
import math
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from mediavault.core.clock import Clock
from mediavault.core.failures import (
    EmptyBody,
    Failure,
    HttpError,
    Incomplete,
    LinkExpired,
    NetworkFailure,
    NoSpace,
    NotAVideo,
    RateLimited,
    TookTooLong,
    TooLarge,
)
from mediavault.core.media import LiveNow
from mediavault.core.recordings import RecordingEnd
from mediavault.download.find_tracks import PlaylistSource, Tracks
from mediavault.download.manifest import MediaPlaylist, Segment
from mediavault.download.pacing import all_or_first_failure
from mediavault.download.port import DownloadLimits, RecordingOrder
from mediavault.download.recording_state import RecordedTrack, RecordingState, path_of, save_state
from mediavault.download.stream_source import StreamSource, is_gone
from mediavault.download.track import TrackFetch, TrackProgress, TrackRuns

QUIET_S = 300.0  # without a new segment, whatever the reason: then the stream counts as ended
QUIET_TARGETS = 6  # and at least this many target durations
POLL_S = (1.0, 30.0)  # the bounds for a playlist's target duration
BATCH = 16  # segments between two writes of the state, where many are listed at once
JOIN_ROOM = 1.1  # of the recorded bytes: what joining them takes on the same disk
PART = 10**22  # above every number of a discontinuity

_TRANSIENT = (NetworkFailure, TookTooLong, RateLimited)  # the stream itself may be fine
_BROKEN = (HttpError, Incomplete, EmptyBody, NotAVideo, LinkExpired)  # of a segment


class _LiveTrack:
    """One track of the stream: where its playlist is, and what is recorded of it."""

    def __init__(
        self, source: PlaylistSource, known: RecordedTrack, runs: TrackRuns, state: RecordingState
    ) -> None:
        self.source, self.known, self.runs = source, known, runs
        self.listed = MediaPlaylist(())  # by its playlist, when that was read last
        # how many gaps are before its next segment; two tracks that lose the same have one in
        # common
        self.cut = 0
        # the sequence number of the segment that could not be read in the round before
        self.failed: int | None = None
        self._state = state

    def fresh(self) -> list[Segment]:
        """Return the listed segments that are not recorded yet,
        with parts that count on from one playlist to the next.
        """
        segments, known = list(self.listed.segments), self.known
        if known.next is None:
            return segments[_first(self.listed) :]
        if (
            segments
            and segments[-1].sequence < known.next
            and path_of(segments[-1]) not in known.paths
        ):
            self.lose(0, until=segments[0].sequence)  # the site counts from the start again
            known.part = 0
        shift = next(
            (known.part - one.part for one in segments if one.sequence == known.next - 1), None
        )
        fresh = [segment for segment in segments if segment.sequence >= (known.next or 0)]
        if shift is None:  # sites that leave out EXT-X-DISCONTINUITY-SEQUENCE would go back
            shift = max(0, known.part - fresh[0].part) if fresh else 0
        return [replace(segment, part=segment.part + shift) for segment in fresh]

    def lose(self, count: int, *, until: int) -> None:
        """Note that ``count`` segments are missing, and that ``until`` is the next number. Before
        the first segment that is recorded nothing is missing.
        """
        known = self.known
        if known.segments:
            self.cut += 1
            self._state.cuts = max(self._state.cuts, self.cut)
            known.missing_s += count * known.recorded_s / known.segments
        known.next = until

    def give_up(self, segment: Segment) -> None:
        """Note that a listed segment is lost."""
        self.lose(1, until=segment.sequence + 1)
        self.known.remember([segment])


class StreamRecorder:
    """Records one stream into the folder of ``order``, until it ends or the recording is to end."""

    def __init__(
        self,
        source: StreamSource,
        clock: Clock,
        order: RecordingOrder,
        limits: DownloadLimits,
        names: Sequence[str],
        state: RecordingState,
    ) -> None:
        """``state`` is what an earlier call has recorded."""
        self._source, self._clock, self._order, self._limits, self._names = (
            source,
            clock,
            order,
            limits,
            names,
        )
        self._state = state
        self._progress = TrackProgress(limits.max_bytes, lambda _done, _total: None)
        # its own: waiting for others would make gaps
        self._slots = asyncio.Semaphore(limits.segment_concurrency)
        self._tracks: list[_LiveTrack] = []
        self._saving = asyncio.Lock()
        self._news_s = clock.monotonic()
        self._changed = False

    async def run(self, stream: Tracks) -> RecordingState:
        """Record until there is a reason to end, which the returned state names.

        Raises LinkExpired where the stream's URL is refused, what writing raises, and LiveNow when
        nothing came.
        """
        self._begin(stream.sources)
        await self._order.begin()
        self._order.on_change(self._state.recording)
        listed: Sequence[MediaPlaylist] | None = stream.playlists
        end: RecordingEnd | None = None
        try:
            while end is None:
                began_s = self._clock.monotonic()
                end = await self._round(listed) if listed is not None else await self._why_end()
                if end is None:
                    await self._wait(began_s)
                    listed = await self._reload()
        except TooLarge:
            end = RecordingEnd.SIZE
        except NoSpace:
            end = RecordingEnd.DISK
        except _Gone:
            end = RecordingEnd.GONE
        finally:
            for track in self._tracks:
                with suppress(NoSpace):  # what the state names has reached the disk before
                    await track.runs.close()
        if not self._state.has_segments:
            raise LiveNow("The stream is live, but none of it could be recorded.")
        self._state.end = end
        await self._save()
        return self._state

    def _begin(self, sources: Sequence[PlaylistSource]) -> None:
        if not self._state.has_segments:
            self._state = RecordingState([RecordedTrack() for _ in sources])
        self._progress.bytes = self._state.bytes
        for name, source, known in zip(self._names, sources, self._state.tracks, strict=False):
            path = self._order.folder / name
            runs = TrackRuns(
                self._source, self._clock, path, self._progress, self._limits, known.runs
            )
            self._tracks.append(_LiveTrack(source, known, runs, self._state))

    # --- one round --------------------------------------------------------------------------------

    async def _round(self, listed: Sequence[MediaPlaylist]) -> RecordingEnd | None:
        """Record what is new in the playlists; return why the recording ends, if it does."""
        self._changed = False
        for track, playlist in zip(self._tracks, listed, strict=True):
            track.cut = self._state.cuts
            track.listed = playlist
        done = await all_or_first_failure(list(map(self._take, self._tracks)))
        self._source.forget()
        if self._changed:
            self._news_s = self._clock.monotonic()
        self._order.on_change(self._state.recording)
        if all(done) and not any(playlist.is_live for playlist in listed):
            return RecordingEnd.ENDED
        return await self._why_end()

    async def _take(self, track: _LiveTrack) -> bool:
        """Record the new segments of one track, in order; return whether that is done."""
        fresh = track.fresh()
        edge = fresh[-2:-1] or fresh[-1:]
        while fresh:
            first = fresh[0]
            if track.known.next is not None and first.sequence > track.known.next:
                track.lose(first.sequence - track.known.next, until=first.sequence)
            if first.missing:
                track.give_up(first)
                fresh = fresh[1:]
                continue
            batch = [segment for segment in fresh[:BATCH] if not segment.missing]
            batch = [
                segment
                for at, segment in enumerate(batch)
                if segment.sequence == first.sequence + at
            ]
            saved = await self._fetch(track, batch, at_edge=first.sequence >= edge[0].sequence)
            if saved is None:
                return False
            fresh = fresh[saved:]
        return True

    async def _fetch(
        self, track: _LiveTrack, batch: Sequence[Segment], *, at_edge: bool
    ) -> int | None:
        """Return how many of ``batch`` are done with, at least one;
        None to go on in the next round.
        """
        parts = [replace(segment, part=track.cut * PART + segment.part) for segment in batch]
        fetch = TrackFetch(
            self._source,
            self._clock,
            MediaPlaylist(tuple(parts)),
            track.runs,
            self._slots,
            min(len(parts), self._limits.segment_concurrency),
        )
        failure: Failure | None = None
        try:
            await fetch.fetch()
        except (TooLarge, *_TRANSIENT, *_BROKEN) as exc:
            failure = exc
            await fetch.undo_rest()
        if fetch.saved:
            await track.runs.sync()
            if track is self._tracks[0] and track.known.first is None:
                self._state.offset_s = self._offset_s(track.listed, batch[0])
            track.known.add(batch[: fetch.saved], track.runs)
            self._changed = True
            await self._save()
        if isinstance(failure, TooLarge):
            raise failure
        if failure is None or fetch.saved:
            return fetch.saved
        if len(batch) > 1:  # the one that failed may be another
            return await self._fetch(track, batch[:1], at_edge=at_edge)
        return self._given_up(track, batch[0], failure, at_edge=at_edge)

    def _given_up(
        self, track: _LiveTrack, segment: Segment, failure: Failure, *, at_edge: bool
    ) -> int | None:
        """Return 1 for a segment that is lost; None for one to try again in the next round."""
        if isinstance(failure, _TRANSIENT):
            return None
        is_second_time, track.failed = track.failed == segment.sequence, segment.sequence
        if not is_second_time and (at_edge or not is_gone(failure)):
            return None
        if isinstance(failure, LinkExpired) and not is_gone(failure):
            raise failure
        track.give_up(segment)
        return 1

    def _offset_s(self, listed: MediaPlaylist, first: Segment) -> float | None:
        """Return where in the stream its recording begins; None where that is unknown."""
        before_s = math.fsum(
            segment.duration_s for segment in listed.segments if segment.sequence < first.sequence
        )
        if listed.segments[0].sequence == 0:
            return before_s
        if self._order.began_at is None:
            return None
        begins_at = listed.window.begins_at if listed.window else None
        if begins_at is None:  # the end of the list is about now
            begins_at = self._clock.now() - timedelta(seconds=min(listed.duration_s, 1e9))
        offset_s = (begins_at - self._order.began_at).total_seconds() + before_s
        return max(0.0, round(offset_s, 3))

    # --- between two rounds -----------------------------------------------------------------------

    @property
    def _target_s(self) -> float:
        shortest, longest = POLL_S
        windows = [track.listed.window for track in self._tracks if track.listed.window is not None]
        return min(max([shortest, *(window.target_s for window in windows)]), longest)

    async def _why_end(self) -> RecordingEnd | None:
        if self._order.stop.is_set():
            return self._order.reason
        if self._clock.monotonic() - self._news_s >= max(QUIET_S, QUIET_TARGETS * self._target_s):
            return RecordingEnd.QUIET
        usage = await asyncio.to_thread(shutil.disk_usage, self._order.folder)
        free = usage.free - self._limits.reserve_bytes
        return RecordingEnd.DISK if free < JOIN_ROOM * self._progress.bytes else None

    async def _wait(self, began_s: float) -> None:
        """Wait a target duration since the round began,
        half of it where it brought nothing new; less when it is to stop.
        """
        pause_s = self._target_s if self._changed else self._target_s / 2
        left_s = began_s + pause_s - self._clock.monotonic()
        ends = [
            asyncio.ensure_future(self._clock.sleep(max(0.0, left_s))),
            asyncio.ensure_future(self._order.stop.wait()),
        ]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in ends:
                task.cancel()

    async def _reload(self) -> Sequence[MediaPlaylist] | None:
        """Return what the playlists list now; None where that could not be read this time."""
        self._changed = False
        try:
            return await all_or_first_failure(
                [track.source.load(self._source) for track in self._tracks]
            )
        except Failure as exc:
            if is_gone(exc) and self._state.has_segments:
                raise _Gone from exc
            if isinstance(exc, LinkExpired) or not isinstance(exc, (*_TRANSIENT, *_BROKEN)):
                raise
            return None

    async def _save(self) -> None:
        async with self._saving:  # each track saves what it has
            await asyncio.to_thread(save_state, self._order.folder, self._state)


class _Gone(Exception):
    """The site no longer has the stream's playlist."""


def _first(listed: MediaPlaylist) -> int:
    """Return the index of the segment with which a recording begins: where the playlist says,
    else the oldest.
    """
    starts_s = listed.window.starts_s if listed.window else None
    if starts_s is None:
        return 0
    at_s = starts_s if starts_s >= 0 else listed.duration_s + starts_s
    ends_s = 0.0
    for index, segment in enumerate(listed.segments):
        ends_s += segment.duration_s
        if at_s < ends_s:
            return index
    return max(0, len(listed.segments) - 1)
