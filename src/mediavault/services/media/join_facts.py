"""What the joiner counts in the tracks that it joins, and the verdict on that. Pure.

Joining packets into a new file hides damage: half of the damaged inputs that were tried became MP4s that pass every
check. So segmented media is judged while it is joined: marked packets, jumps in time, and its length.
"""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mediavault.core.messages import Message, counted
from mediavault.services.media.facts import median

MAX_GAP_S = 1.0  # in either track's decoding times, unless the film is a slide show
MAX_GAP_STEPS = 8
SMALL_GAP_S = 0.1  # that may be missing or repeated where two segments meet
SMALL_GAP_STEPS = 2.5


@dataclass(frozen=True, slots=True)
class TrackFacts:
    """One stream of the joined file. Times in seconds."""

    kind: str  # "video" or "audio"
    codec: str
    packets: int
    corrupt: int  # marked by the demuxer, away from the joints of segments
    joint_gaps_s: tuple[float, ...]  # steps in time across joints at which the demuxer marked a packet
    longest_gap_s: float  # between two packets, forwards or back
    longest_jump_back_s: float
    usual_step_s: float


@dataclass(frozen=True, slots=True)
class JoinFacts:
    duration_s: float  # of all runs together
    tracks: tuple[TrackFacts, ...]


def from_json(raw: Mapping[str, Any]) -> JoinFacts:
    """Read a report. Raises KeyError, TypeError or ValueError for anything else."""
    tracks = tuple(TrackFacts(**{**track, "joint_gaps_s": tuple(track["joint_gaps_s"])}) for track in raw["tracks"])
    return JoinFacts(float(raw["duration_s"]), tracks)


def reasons_to_reject(
    facts: JoinFacts,
    *,
    announced_s: float | None,
    slack_s: float,
    sound_only: bool = False,
    recorded: bool = False,
) -> tuple[str, ...]:
    """Return why the joined file is not the whole film, or not its whole sound where that is enough; each completes
    "The stream is incomplete: …". A stream that was ``recorded`` while it was running may have holes: its encoder stops
    now and then, and nobody has the film without them.
    """
    reasons = [reason for track in facts.tracks if not recorded for reason in _track_reasons(track)]
    kinds = {track.kind for track in facts.tracks}
    if sound_only and "audio" not in kinds:
        reasons.insert(0, Message("it has no sound"))
    if not sound_only and "video" not in kinds:
        reasons.insert(0, "it has no pictures")
    if announced_s is not None and abs(facts.duration_s - announced_s) > slack_s:
        reasons.append(
            Message(
                "it lasts %(duration_s).1f s, its playlist announced %(announced_s).1f s",
                duration_s=facts.duration_s,
                announced_s=announced_s,
            )
        )
    return tuple(reasons)


def _track_reasons(track: TrackFacts) -> Iterator[str]:
    is_video = track.kind == "video"
    if track.packets == 0:
        yield Message("its pictures are missing") if is_video else Message("its sound is missing")
    # A packager that restarts its packet counters in each segment makes the demuxer mark the last packet before the
    # joint. That is harmless, unless time is missing there too: then the segment lost its end.
    small = max(SMALL_GAP_S, SMALL_GAP_STEPS * track.usual_step_s)
    torn = [gap for gap in track.joint_gaps_s if gap > small]
    if track.corrupt or torn:
        broken = counted(track.corrupt + len(torn), "broken packet")
        yield (
            Message("its pictures have %(broken)s", broken=broken)
            if is_video
            else Message("its sound has %(broken)s", broken=broken)
        )
    if (gap := track.longest_gap_s) > max(MAX_GAP_S, MAX_GAP_STEPS * track.usual_step_s):
        ahead = Message("its pictures jump by %(seconds).1f s", seconds=gap)
        yield ahead if is_video else Message("its sound jumps by %(seconds).1f s", seconds=gap)
    elif (back := track.longest_jump_back_s) > small:
        backwards = Message("its pictures jump back by %(seconds).1f s", seconds=back)
        yield backwards if is_video else Message("its sound jumps back by %(seconds).1f s", seconds=back)


# --- counting ----------------------------------------------------------------------------------------------------------

MARK_SHOWS_WITHIN = 2  # packets: the parser after the demuxer passes a mark on up to one packet too early


@dataclass(slots=True)
class _Mark:
    """A packet that the demuxer marked as corrupt, until the packets after it show why."""

    position: int | None
    gap_s: float = 0.0  # longest step in time since
    seen: int = 0  # packets since


class Tally:
    """Counts one track while it is joined: steps in time, and packets that the demuxer marked as corrupt."""

    def __init__(self, kind: str, codec: str) -> None:
        self.kind, self.codec = kind, codec
        self._packets = self._corrupt = 0
        self._steps: Counter[float] = Counter()
        self._longest_jump_back = 0.0
        self._joint_gaps: list[float] = []
        self._marks: list[_Mark] = []
        self._last_s: float | None = None
        self._position: int | None = None
        self._joints: Sequence[int] = ()

    def add(self, packet: Any, tick_s: float, joints: Sequence[int]) -> None:
        at_s = packet.dts * tick_s
        self._position, self._joints = packet.pos, joints
        if self._last_s is not None:
            step = round(abs(at_s - self._last_s), 4)
            self._steps[step] += 1
            if at_s < self._last_s:
                self._longest_jump_back = max(self._longest_jump_back, step)
            for mark in self._marks:
                mark.gap_s, mark.seen = max(mark.gap_s, step), mark.seen + 1
        self._settle(everything=False)
        if packet.is_corrupt:
            self._marks.append(_Mark(packet.pos))
        self._packets += 1
        self._last_s = at_s

    def end_run(self) -> None:
        self._settle(everything=True)
        self._last_s = None

    def _settle(self, *, everything: bool) -> None:
        settled = [mark for mark in self._marks if everything or mark.seen >= MARK_SHOWS_WITHIN]
        for mark in settled:
            self._marks.remove(mark)
            if _joint_between(self._joints, mark.position, self._position):
                self._joint_gaps.append(mark.gap_s)
            else:
                self._corrupt += 1

    def facts(self) -> TrackFacts:
        return TrackFacts(
            kind=self.kind,
            codec=self.codec,
            packets=self._packets,
            corrupt=self._corrupt,
            joint_gaps_s=tuple(self._joint_gaps),
            longest_gap_s=max(self._steps, default=0.0),
            longest_jump_back_s=self._longest_jump_back,
            usual_step_s=median(self._steps),
        )


def _joint_between(joints: Sequence[int], after: int | None, until: int | None) -> bool:
    if after is None or until is None:
        return False
    index = bisect.bisect_right(joints, after)
    return index < len(joints) and joints[index] <= until
