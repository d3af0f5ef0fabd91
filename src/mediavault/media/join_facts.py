"""What the joiner counts in the tracks that it joins, and the verdict on that. Pure.

Joining packets into a new file hides damage: half of the damaged inputs that were tried became MP4s
that pass every check. So segmented media is judged while it is joined: marked packets, jumps in
time, and its length.
"""

from __future__ import annotations

import bisect
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mediavault.core.messages import Message, counted
from mediavault.media.facts import median

MAX_GAP_S = 1.0  # in either track's decoding times, unless the film is a slide show
MAX_GAP_STEPS = 8
SMALL_GAP_S = 0.1  # that may be missing or repeated where two segments meet
SMALL_GAP_STEPS = 2.5
MAX_LATE_S = 10.0  # by which a track may begin later: encoders send a key frame at least that often

Span = tuple[float, float]  # begin and end, in seconds


@dataclass(frozen=True, slots=True)
class TrackFacts:
    """One stream of the joined file. Times in seconds."""

    kind: str  # "video" or "audio"
    codec: str
    packets: int
    corrupt: int  # marked by the demuxer, away from the joints of segments
    # steps in time across joints at which the demuxer marked a packet
    joint_gaps_s: tuple[float, ...]
    longest_gap_s: float  # between two packets, forwards or back
    longest_jump_back_s: float
    usual_step_s: float
    # of each part, from the part's beginning; None: the part has none of it
    spans: tuple[Span | None, ...] = ()


@dataclass(frozen=True, slots=True)
class JoinFacts:
    duration_s: float  # of all runs together
    tracks: tuple[TrackFacts, ...]


@dataclass(frozen=True, slots=True)
class Announced:
    """What a playlist says about the length of its track, in seconds: of each part, and of the
    longest segment.

    A part may be ``slack_s`` shorter than that.
    """

    parts_s: tuple[float, ...]
    segment_s: float
    slack_s: float = 0.0


def reasons_to_reject(
    facts: JoinFacts,
    *,
    announced_s: float | None,
    slack_s: float,
    announced: Sequence[Announced] = (),
    sound_only: bool = False,
    recorded: bool = False,
) -> tuple[str, ...]:
    """Return why the joined file is not the whole film, or not its whole sound where that is
    enough; each completes "The stream is incomplete: …". ``announced`` is what the playlists of the
    joined tracks say, in the tracks' order; ``announced_s`` is the length of the film.

    A stream that was ``recorded`` while it was running may have holes: its encoder stops now and
    then, and nobody has the film without them.
    """
    reasons = [reason for track in facts.tracks if not recorded for reason in _track_reasons(track)]
    if announced and not recorded:
        reasons += _missing_ends(facts, announced)
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
    # A packager that restarts its packet counters in each segment makes the demuxer mark the last
    # packet before the joint. That is harmless, unless time is missing there too: then the segment
    # lost its end.
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
        yield (
            backwards
            if is_video
            else Message("its sound jumps back by %(seconds).1f s", seconds=back)
        )


def _missing_ends(facts: JoinFacts, announced: Sequence[Announced]) -> Iterator[str]:
    """Compare where each track begins and ends in each part with what its playlist says.

    A playlist's length may be inexact, but then it is so for both tracks: so each must last as long
    as its playlist says, or as long as its part really does if that is less. A track may begin
    late, but not by a whole segment: an encoder that starts sends sound before its first key frame.

    The sound of a playlist with pictures may begin after them and end before them: nothing says how
    long it is. Films have silent credits, uploads have sound that ends early, and Twitch removes
    the sound of whole segments if a rights holder asks for it. The verdict on the joined file asks
    the user if the difference is large.
    """
    parts = zip(*(track.spans for track in facts.tracks), strict=True)
    ends_s = [max((span[1] for span in spans if span), default=0.0) for spans in parts]
    is_shared = len(announced) == 1 and len(facts.tracks) > 1
    for track in facts.tracks:
        playlist = announced[0 if track.kind == "video" else -1]
        gap_s = max(MAX_GAP_S, MAX_GAP_STEPS * track.usual_step_s)
        late_s = max(gap_s, min(MAX_LATE_S, playlist.segment_s))
        may_vary = is_shared and track.kind == "audio"
        offset_s = 0.0
        for number, (span, part_s, end_s) in enumerate(
            zip(track.spans, playlist.parts_s, ends_s, strict=False), start=1
        ):
            is_first, is_last = number == 1, number == len(ends_s)
            begins_s, stops_s = span or (end_s, 0.0)
            if min(part_s, end_s) - stops_s > max(gap_s, playlist.slack_s):
                if is_last and not may_vary:
                    yield _ends_early(track, offset_s + stops_s, offset_s + part_s)
                elif not is_last:
                    yield _is_missing(track, offset_s + stops_s, offset_s + end_s)
            elif begins_s > late_s and not (is_first and may_vary):
                yield _is_missing(track, offset_s, offset_s + begins_s)
            offset_s += end_s


def _ends_early(track: TrackFacts, at_s: float, announced_s: float) -> str:
    if track.kind == "video":
        return Message(
            "its pictures end at %(at).1f s, their playlist announced %(announced_s).1f s",
            at=at_s,
            announced_s=announced_s,
        )
    return Message(
        "its sound ends at %(at).1f s, its playlist announced %(announced_s).1f s",
        at=at_s,
        announced_s=announced_s,
    )


def _is_missing(track: TrackFacts, begin_s: float, end_s: float) -> str:
    if track.kind == "video":
        return Message(
            "its pictures are missing from %(begin).1f s to %(end).1f s", begin=begin_s, end=end_s
        )
    return Message(
        "its sound is missing from %(begin).1f s to %(end).1f s", begin=begin_s, end=end_s
    )


# --- counting -------------------------------------------------------------------------------------

# packets: the parser after the demuxer passes a mark on up to one packet too early
MARK_SHOWS_WITHIN = 2


@dataclass(slots=True)
class _Mark:
    """A packet that the demuxer marked as corrupt, until the packets after it show why."""

    position: int | None
    gap_s: float = 0.0  # longest step in time since
    seen: int = 0  # packets since


class Tally:
    """Counts one track while it is joined: steps in time,
    and packets that the demuxer marked as corrupt.
    """

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
        self._begin_s, self._end_s = math.inf, -math.inf
        self._spans: list[Span | None] = []

    def add(self, packet: Any, tick_s: float, joints: Sequence[int], *, shift_s: float) -> None:
        """Count a packet. ``shift_s`` turns its times into those since the beginning of its
        part.
        """
        at_s = packet.dts * tick_s
        shown = packet.pts if packet.pts is not None else packet.dts
        self._begin_s = min(self._begin_s, shown * tick_s + shift_s)
        self._end_s = max(self._end_s, (shown + (packet.duration or 0)) * tick_s + shift_s)
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

    def end_part(self) -> None:
        """Note that the next packet belongs to another part."""
        self._settle(everything=True)
        self._last_s = None
        self._spans.append((self._begin_s, self._end_s) if self._begin_s < math.inf else None)
        self._begin_s, self._end_s = math.inf, -math.inf

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
            spans=tuple(self._spans),
        )


def _joint_between(joints: Sequence[int], after: int | None, until: int | None) -> bool:
    if after is None or until is None:
        return False
    index = bisect.bisect_right(joints, after)
    return index < len(joints) and joints[index] <= until
