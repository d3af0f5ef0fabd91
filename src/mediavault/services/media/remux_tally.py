"""Keeps count of one track while it is joined: steps in time, and packets that the demuxer marked as corrupt. Pure."""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mediavault.services.media.facts import median
from mediavault.services.media.remux_facts import TrackFacts

MARK_SHOWS_WITHIN = 2  # packets: the parser behind the demuxer hands a mark on by up to one packet too early


@dataclass(slots=True)
class _Mark:
    """A packet that the demuxer marked as corrupt, until the packets behind it have told why."""

    position: int | None
    gap_s: float = 0.0  # longest step in time since
    seen: int = 0  # packets since


class Tally:
    """Running facts about one output track, in its packets' own times."""

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
