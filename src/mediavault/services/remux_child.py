"""The joiner: copies packets of one or more tracks into a faststart MP4 without re-encoding. Run as ``python -m``.

A track comes as runs, one file each: within a run time goes on, between two runs it may start anew (discontinuities).
The k-th runs of all tracks belong together and are shifted by the same amount, so that sound and pictures stay in step.
"""

from __future__ import annotations

import bisect
import heapq
import math
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mediavault.services.child_guard import serve
from mediavault.services.media_facts import median
from mediavault.services.media_library import TIME_BASE, codec_name, main_video, open_input, open_mp4, quiet
from mediavault.services.media_sniff import DEMUXERS, SNIFF_BYTES, sniff
from mediavault.services.packed_audio import packed_audio
from mediavault.services.remux_facts import JoinFacts, TrackFacts

OVERLAP_S = 1
SHORTEST_TICK_S = 1 / 90_000
CLOSE_S = 0.005  # farther apart than this, no rounding makes two decoding times equal
MARK_SHOWS_WITHIN = 2  # packets: the parser behind the demuxer hands a mark on by up to one packet too early


def main() -> int:
    return serve(answer)


def answer(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """``{"tracks": [{"runs": [path], "joints": [[offset]]}], "into": path}`` -> JoinFacts."""
    quiet()
    return asdict(join(request["tracks"], Path(request["into"])))


@dataclass(slots=True)
class Source:
    """One input file of a run. ``shift_s`` turns its own times into those that its run shares."""

    container: Any
    joints: Sequence[int]
    shift_s: float
    streams: dict[str, Any]  # "video" and "audio": what is taken from it
    ticks_s: dict[str, float]  # of these streams' own times

    @property
    def start_s(self) -> float:
        return float((self.container.start_time or 0) / TIME_BASE) + self.shift_s


def join(tracks: Sequence[Mapping[str, Any]], into: Path) -> JoinFacts:
    counts = {len(track["runs"]) for track in tracks}
    if len(counts) != 1:
        raise ValueError("the tracks have different numbers of discontinuities")
    with open_mp4(into) as out:
        joiner = _Joiner(out)
        for number in range(counts.pop()):
            files = [(Path(track["runs"][number]), _joints(track, number)) for track in tracks]
            joiner.add_run([_open(path, joints) for path, joints in files])
    return joiner.facts()


def _joints(track: Mapping[str, Any], number: int) -> Sequence[int]:
    joints: Sequence[Sequence[int]] = track["joints"]
    return joints[number] if number < len(joints) else ()


def _open(path: Path, joints: Sequence[int]) -> Source:
    with path.open("rb") as file:
        head = file.read(SNIFF_BYTES)
    demuxer, shift_s = DEMUXERS.get(sniff(head)), 0.0
    if demuxer is None:
        demuxer, shift_s = packed_audio(head)
    return Source(open_input(path, demuxer), joints, shift_s, {}, {})


class _Joiner:
    """Writes run after run into one file and keeps count of what it sees."""

    def __init__(self, out: Any) -> None:
        self._out = out
        self._outputs: dict[str, Any] = {}
        self._tallies: dict[str, _Tally] = {}
        self._last_dts_s: dict[str, float] = {}
        self._end_s = 0.0

    def add_run(self, sources: list[Source]) -> None:
        try:
            _share_out(sources)
            self._prepare(sources)
            begin_s, offset_s = min(source.start_s for source in sources), self._end_s
            packets = heapq.merge(*(_timed(source) for source in sources), key=lambda item: item[0])
            for _, kind, source, packet in packets:
                self._tallies[kind].add(packet, source.ticks_s[kind], source.joints)
                self._write(kind, packet, source.ticks_s[kind], source.shift_s - begin_s + offset_s)
            for tally in self._tallies.values():
                tally.end_run()
        finally:
            for source in sources:
                source.container.close()

    def _prepare(self, sources: list[Source]) -> None:
        for source in sources:
            for kind, stream in source.streams.items():
                if kind not in self._outputs:
                    if self._end_s > 0:
                        raise ValueError(f"its {kind} begins half way")
                    self._outputs[kind] = self._out.add_stream_from_template(stream)
                    self._tallies[kind] = _Tally(kind, codec_name(stream))
                elif self._tallies[kind].codec != codec_name(stream):
                    raise ValueError(f"its {kind} codec changes half way")

    def _write(self, kind: str, packet: Any, tick_s: float, offset_s: float) -> None:
        shift = round(offset_s / tick_s)
        packet.dts += shift
        packet.pts = packet.pts + shift if packet.pts is not None else packet.dts
        self._end_s = max(self._end_s, (packet.pts + (packet.duration or 0)) * tick_s)
        if self._in_order(kind, packet, tick_s):
            packet.stream = self._outputs[kind]
            self._out.mux_one(packet)

    def _in_order(self, kind: str, packet: Any, tick_s: float) -> bool:
        """MP4 takes rising decoding times only. Runs may overlap by the few pictures that reordering needs: these are
        pushed behind each other. What jumps back farther is left out; the tally has seen it, and the file is refused."""
        last_s, at_s = self._last_dts_s.get(kind, -math.inf), packet.dts * tick_s
        if at_s < last_s - OVERLAP_S:
            return False
        if at_s < last_s + CLOSE_S:
            apart_s = max(tick_s, float(self._outputs[kind].time_base or 0), SHORTEST_TICK_S)
            if at_s < last_s + apart_s * 0.999:  # floating-point times are that exact by far
                packet.dts = math.ceil((last_s + apart_s) / tick_s - 0.001)
                packet.pts = max(packet.pts, packet.dts)
        self._last_dts_s[kind] = packet.dts * tick_s
        return True

    def facts(self) -> JoinFacts:
        return JoinFacts(self._end_s, tuple(tally.facts() for tally in self._tallies.values()))


def _share_out(sources: list[Source]) -> None:
    """Pictures come from the first source that has some, sound from the last: a separate sound track wins."""
    for source in sources:
        if (video := main_video(source.container)) is not None:
            source.streams["video"] = video
            break
    for source in reversed(sources):
        if source.container.streams.audio:
            source.streams["audio"] = source.container.streams.audio[0]
            break
    for source in sources:
        source.ticks_s = {kind: float(stream.time_base) for kind, stream in source.streams.items()}


def _timed(source: Source) -> Iterator[tuple[float, str, Source, Any]]:
    """The wanted packets with their common decoding time; one without any time goes right behind its forerunner."""
    kinds = {stream.index: kind for kind, stream in source.streams.items()}
    last: dict[str, int] = {}
    if not kinds:
        return
    for packet in source.container.demux(*source.streams.values()):
        kind = kinds[packet.stream_index]
        if packet.dts is None:
            if packet.size == 0 or kind not in last:
                continue  # the mark that a stream has ended, or nothing to count from
            packet.dts = last[kind]
        last[kind] = packet.dts + (packet.duration or 0)
        yield packet.dts * source.ticks_s[kind] + source.shift_s, kind, source, packet


@dataclass(slots=True)
class _Mark:
    """A packet that the demuxer marked as corrupt, until the packets behind it have told why."""

    position: int | None
    gap_s: float = 0.0  # longest step in time since
    seen: int = 0  # packets since


class _Tally:
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


if __name__ == "__main__":
    sys.exit(main())
