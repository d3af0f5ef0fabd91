"""The joiner: copies packets of one or more tracks into a faststart MP4 without re-encoding.

A track is a list of runs, one file each. Runs of one part share a clock and follow each other;
between two parts the clock may restart (discontinuities). The k-th parts of all tracks belong
together and are shifted by the same amount, so that sound and pictures stay in step. When the
decoder configuration changes between runs (an insert, another encoder), H.264 and HEVC carry their
parameter sets in front of each key frame, because an MP4 made here has one configuration per track
(ISO/IEC 14496-15, 5.3.3.1.2 and 8.3.3.1.2).
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mediavault.core.messages import Message
from mediavault.core.typed_records import to_named_json
from mediavault.media.join_facts import JoinFacts, Tally
from mediavault.media.library import (
    TIME_BASE,
    add_copy,
    codec_name,
    extradata,
    main_video,
    open_input,
    open_mp4,
    quiet,
    with_bytes,
)
from mediavault.media.packets import parameter_sets, same_form
from mediavault.media.sniff import DEMUXERS, SNIFF_BYTES, sniff

OVERLAP_S = 1
SHORTEST_TICK_S = 1 / 90_000
CLOSE_S = 0.005  # farther apart than this, no rounding makes two decoding times equal


def answer(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """``{"task": "join", "tracks": [{"runs": [path], "joints": [[offset]], "parts": [n],
    "origins_s": [s]}], "into": path}`` -> JoinFacts.
    """
    quiet()
    return to_named_json(join(request["tracks"], Path(request["into"])))


@dataclass(frozen=True, slots=True)
class Piece:
    """One file of a track, with the fields of ``remux.Track`` that concern it."""

    path: Path
    joints: Sequence[int]
    part: int
    origin_s: float


@dataclass(slots=True)
class RemuxSource:
    """One input file. ``shift_s`` turns its own times into those that its part shares;
    the files of ``rest`` follow it.
    """

    container: Any
    joints: Sequence[int]
    shift_s: float
    rest: Sequence[Piece]
    # "video" and "audio": what is taken from it
    streams: dict[str, Any] = field(default_factory=dict)
    ticks_s: dict[str, float] = field(default_factory=dict)  # of these streams' own times
    # what goes in front of their key frames
    prefixes: dict[str, bytes] = field(default_factory=dict)

    @property
    def start_s(self) -> float:
        return float((self.container.start_time or 0) / TIME_BASE) + self.shift_s

    def take(self, kind: str, stream: Any) -> None:
        self.streams[kind], self.ticks_s[kind] = stream, float(stream.time_base)


def join(tracks: Sequence[Mapping[str, Any]], into: Path) -> JoinFacts:
    pieces = [_pieces(track) for track in tracks]
    if len({len({piece.part for piece in track}) for track in pieces}) != 1:
        raise ValueError(Message("the tracks have different numbers of discontinuities"))
    parts = [
        [list(group) for _, group in itertools.groupby(track, key=lambda piece: piece.part)]
        for track in pieces
    ]
    with open_mp4(into) as out:
        joiner = _Joiner(out)
        for together in zip(*parts, strict=True):
            joiner.add_part([_open(first, rest) for first, *rest in together])
    return joiner.facts()


def _pieces(track: Mapping[str, Any]) -> list[Piece]:
    count = len(track["runs"])
    joints, parts = track.get("joints") or [()] * count, track.get("parts") or range(count)
    origins_s = track.get("origins_s") or [0.0] * count
    return [
        Piece(Path(run), *known)
        for run, *known in zip(track["runs"], _padded(joints, count), parts, origins_s, strict=True)
    ]


def _padded(joints: Sequence[Sequence[int]], count: int) -> list[Sequence[int]]:
    return [*joints, *[()] * (count - len(joints))]


def _open(piece: Piece, rest: Sequence[Piece] = ()) -> RemuxSource:
    with piece.path.open("rb") as file:
        head = file.read(SNIFF_BYTES)
    demuxer, shift_s = "mov" if head[4:8] == b"ftyp" else DEMUXERS.get(sniff(head)), 0.0
    if demuxer is None:
        demuxer, shift_s = packed_audio(head)
    return RemuxSource(
        open_input(piece.path, demuxer), piece.joints, shift_s - piece.origin_s, rest
    )


class _Joiner:
    """Writes part after part into one file and counts what it sees."""

    def __init__(self, out: Any) -> None:
        self._out = out
        self._outputs: dict[str, Any] = {}
        self._headers: dict[str, bytes] = {}
        # kinds whose header has changed once: from then on it is repeated
        self._varied: set[str] = set()
        self._tallies: dict[str, Tally] = {}
        self._last_dts_s: dict[str, float] = {}
        self._end_s = 0.0

    def add_part(self, sources: list[RemuxSource]) -> None:
        try:
            _assign_streams(sources)
            begin_s, offset_s = min(source.start_s for source in sources), self._end_s
            self._accept_all(sources)
            packets = heapq.merge(
                *(self._timed(source) for source in sources), key=lambda item: item[0]
            )
            for _, kind, source, packet in packets:
                shift_s = source.shift_s - begin_s
                self._tallies[kind].add(
                    packet, source.ticks_s[kind], source.joints, shift_s=shift_s
                )
                self._write(kind, packet, source, shift_s + offset_s)
            for tally in self._tallies.values():
                tally.end_part()
        finally:
            for source in sources:
                source.container.close()

    def _accept_all(self, sources: Sequence[RemuxSource]) -> None:
        for source in sources:
            for kind, stream in source.streams.items():
                if kind not in self._outputs:
                    self._begin(kind, stream)
                self._accept(kind, stream, source)

    def _begin(self, kind: str, stream: Any) -> None:
        if self._end_s > 0:
            raise ValueError(Message("its %(kind)s begins half way", kind=kind))
        self._outputs[kind] = add_copy(self._out, stream)
        self._headers[kind] = extradata(stream)
        self._tallies[kind] = Tally(kind, codec_name(stream))

    def _accept(self, kind: str, stream: Any, source: RemuxSource) -> None:
        """Refuse a change that no player could follow; for any other,
        store the parameter sets to repeat.
        """
        codec, header = self._tallies[kind].codec, extradata(stream)
        if codec != codec_name(stream):
            raise ValueError(Message("its %(kind)s codec changes half way", kind=kind))
        if header == self._headers[kind] and kind not in self._varied:
            return
        if kind == "audio":
            if stream.sample_rate != self._outputs[kind].sample_rate:
                raise ValueError(Message("its sampling rate changes half way"))
            return
        if not same_form(codec, self._headers[kind], header):
            raise ValueError(Message("its %(kind)s changes its form half way", kind=kind))
        self._varied.add(kind)
        source.prefixes[kind] = parameter_sets(codec, header)

    def _timed(self, source: RemuxSource) -> Iterator[tuple[float, str, RemuxSource, Any]]:
        """Yield the wanted packets of a source and of the files that follow it,
        with their common decoding time.
        """
        yield from _packets(source)
        for piece in source.rest:
            following = _open(piece)
            try:
                for kind in source.streams:
                    following.take(kind, _stream(following.container, kind))
                    self._accept(kind, following.streams[kind], following)
                yield from _packets(following)
            finally:
                following.container.close()

    def _write(self, kind: str, packet: Any, source: RemuxSource, offset_s: float) -> None:
        tick_s = source.ticks_s[kind]
        if packet.is_keyframe and (prefix := source.prefixes.get(kind)):
            packet = with_bytes(packet, prefix + bytes(packet))
        shift = round(offset_s / tick_s)
        packet.dts += shift
        packet.pts = packet.pts + shift if packet.pts is not None else packet.dts
        self._end_s = max(self._end_s, (packet.pts + (packet.duration or 0)) * tick_s)
        if self._in_order(kind, packet, tick_s):
            packet.stream = self._outputs[kind]
            self._out.mux_one(packet)

    def _in_order(self, kind: str, packet: Any, tick_s: float) -> bool:
        """Return whether the packet can be written; MP4 takes rising decoding times only.

        Runs may overlap by the few pictures that reordering needs: these are moved to follow each
        other. A packet that jumps back farther is left out; the tally has seen it, and the file is
        refused.
        """
        last_s, at_s = self._last_dts_s.get(kind, -math.inf), packet.dts * tick_s
        if at_s < last_s - OVERLAP_S:
            return False
        if at_s < last_s + CLOSE_S:
            apart_s = max(tick_s, float(self._outputs[kind].time_base or 0), SHORTEST_TICK_S)
            if at_s < last_s + apart_s * 0.999:  # floating-point times are far more exact than that
                packet.dts = math.ceil((last_s + apart_s) / tick_s - 0.001)
                packet.pts = max(packet.pts, packet.dts)
        self._last_dts_s[kind] = packet.dts * tick_s
        return True

    def facts(self) -> JoinFacts:
        return JoinFacts(self._end_s, tuple(tally.facts() for tally in self._tallies.values()))


def _assign_streams(sources: list[RemuxSource]) -> None:
    """Take pictures from the first source that has some, sound from the last:
    a separate sound track wins.
    """
    for source in sources:
        if (video := main_video(source.container)) is not None:
            source.take("video", video)
            break
    for source in reversed(sources):
        if source.container.streams.audio:
            source.take("audio", source.container.streams.audio[0])
            break


def _stream(container: Any, kind: str) -> Any:
    stream = main_video(container) if kind == "video" else next(iter(container.streams.audio), None)
    if stream is None:
        raise ValueError(Message("its %(kind)s ends half way", kind=kind))
    return stream


def _packets(source: RemuxSource) -> Iterator[tuple[float, str, RemuxSource, Any]]:
    """Yield the wanted packets of one file; one without any time directly follows the packet before
    it.
    """
    kinds = {stream.index: kind for kind, stream in source.streams.items()}
    last: dict[str, int] = {}
    if not kinds:
        return
    for packet in source.container.demux(*source.streams.values()):
        kind = kinds.get(packet.stream_index)
        if kind is None:
            continue  # the mark that a stream has ended is of stream 0, whichever ended
        if packet.dts is None:
            if packet.size == 0 or kind not in last:
                continue  # that mark, or nothing to count from
            packet.dts = last[kind]
        last[kind] = packet.dts + (packet.duration or 0)
        yield packet.dts * source.ticks_s[kind] + source.shift_s, kind, source, packet


# --- sound-only HLS segments without a container: raw frames after an ID3 tag (RFC 8216, section
# 3.4) ---

# The tag's PRIV frame of this owner holds 8 bytes: a 90 kHz time of 33 bits.
_OWNER = b"com.apple.streaming.transportStreamTimestamp\0"
_CLOCK_HZ = 90_000
_RAW_AUDIO = (
    (b"\xff\xf1", "aac"),
    (b"\xff\xf9", "aac"),
    (b"\xff\xfb", "mp3"),
    (b"\xff\xf3", "mp3"),
    (b"\x0b\x77", "ac3"),
)


def packed_audio(head: bytes) -> tuple[str, float]:
    """Return FFmpeg's demuxer and the second at which the first frame is heard.

    Raises ValueError when it is not packed audio.
    """
    frames, start_s = head, 0.0
    if head.startswith(b"ID3") and len(head) >= 10:
        size = sum(
            (byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True)
        )
        tag, frames = head[: 10 + size], head[10 + size :]
        at = tag.find(_OWNER)
        if at >= 0:
            value = tag[at + len(_OWNER) : at + len(_OWNER) + 8]
            start_s = (int.from_bytes(value, "big") & ((1 << 33) - 1)) / _CLOCK_HZ
    demuxer = next((name for magic, name in _RAW_AUDIO if frames.startswith(magic)), None)
    if demuxer is None:
        raise ValueError(Message("its segments have an unknown format"))
    return demuxer, start_s
