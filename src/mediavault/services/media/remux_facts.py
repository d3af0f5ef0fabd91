"""What the remuxer reports about the tracks it joined, and the verdict on it. Pure.

Joining packets into a new file hides damage: half of the damaged inputs that were tried came out as MP4s that pass
every check. So segmented media is judged while it is joined: marked packets, jumps in time, and its length.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mediavault.core.words import counted

MAX_GAP_S = 1.0  # in either track's decoding times, unless the film is a slide show
MAX_GAP_STEPS = 8
SMALL_GAP_S = 0.1  # what may be missing where two segments meet, or come twice
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
    """KeyError, TypeError or ValueError for anything that is not a report."""
    tracks = tuple(TrackFacts(**{**track, "joint_gaps_s": tuple(track["joint_gaps_s"])}) for track in raw["tracks"])
    return JoinFacts(float(raw["duration_s"]), tracks)


def reasons_to_reject(facts: JoinFacts, *, announced_s: float | None, slack_s: float) -> tuple[str, ...]:
    """Why the joined file is not the whole film; completes "the stream is incomplete: …"."""
    found = [reason for track in facts.tracks for reason in _track_reasons(track)]
    if not any(track.kind == "video" for track in facts.tracks):
        found.insert(0, "it has no pictures")
    if announced_s is not None and abs(facts.duration_s - announced_s) > slack_s:
        found.append(f"it lasts {facts.duration_s:.1f} s, its playlist announced {announced_s:.1f} s")
    return tuple(found)


def _track_reasons(track: TrackFacts) -> Iterator[str]:
    is_video = track.kind == "video"
    if track.packets == 0:
        yield "its pictures are missing" if is_video else "its sound is missing"
    # A packager that restarts its packet counters in each segment makes the demuxer mark the last packet before the
    # joint. That is harmless, unless time is missing there too: then the segment lost its end.
    small = max(SMALL_GAP_S, SMALL_GAP_STEPS * track.usual_step_s)
    torn = [gap for gap in track.joint_gaps_s if gap > small]
    if track.corrupt or torn:
        broken = counted(track.corrupt + len(torn), "broken packet")
        yield f"its pictures have {broken}" if is_video else f"its sound has {broken}"
    jump = "its pictures jump" if is_video else "its sound jumps"
    if track.longest_gap_s > max(MAX_GAP_S, MAX_GAP_STEPS * track.usual_step_s):
        yield f"{jump} by {track.longest_gap_s:.1f} s"
    elif track.longest_jump_back_s > small:
        yield f"{jump} back by {track.longest_jump_back_s:.1f} s"
