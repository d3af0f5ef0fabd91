"""Reads packets to the end and counts the signs of damage. Runs inside the examiner's process.

Holes in time: where the container stores each picture's duration (MP4), a hole is where a picture
begins later than the one before it ended. Elsewhere pictures may simply be rare (a screen recording
that does not change for seconds), so a hole is proven where the sound has it too. A jump back is
always proof: a piece is repeated.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mediavault.core.messages import Message
from mediavault.media.facts import PacketFacts, median
from mediavault.media.library import FAULTS, codec_name, is_end
from mediavault.sandbox.guard import error_text, watchdog

# --- H.264 and HEVC as MP4 and Matroska store them: units, each after its length (ISO/IEC
# 14496-15).


def nal_length_bytes(codec: str, extradata: bytes) -> int | None:
    """Return the size of each unit's length field, from the decoder configuration;
    None when start codes mark the units.
    """
    # AVCDecoderConfigurationRecord
    if codec == "h264" and len(extradata) > 6 and extradata[0] == 1:
        return (extradata[4] & 3) + 1
    # HEVCDecoderConfigurationRecord
    if codec == "hevc" and len(extradata) > 22 and extradata[0] == 1:
        return (extradata[21] & 3) + 1
    return None


def has_hole(packet: bytes, least: int) -> bool:
    """Return whether the packet contains ``least`` consecutive zero bytes that are followed by
    other data.
    """
    at = packet.find(bytes(least))
    return at >= 0 and bool(packet[at:].strip(b"\0"))


def units_fill(packet: memoryview, length_bytes: int) -> bool:
    """Return whether the units' lengths lead exactly to the packet's end."""
    at, end = 0, len(packet)
    while at + length_bytes <= end:
        at += length_bytes + int.from_bytes(packet[at : at + length_bytes], "big")
    return at == end


def parameter_sets(codec: str, extradata: bytes) -> bytes:
    """Return the parameter sets of a decoder configuration as units after their lengths; empty when
    it holds none.

    Raises ValueError for a broken configuration.
    """
    length_bytes = nal_length_bytes(codec, extradata)
    if length_bytes is None:
        return b""
    try:
        units = list(_avc_units(extradata) if codec == "h264" else _hevc_units(extradata))
        return b"".join(len(unit).to_bytes(length_bytes, "big") + unit for unit in units)
    except (IndexError, OverflowError) as exc:
        raise ValueError(Message("its decoder configuration is broken")) from exc


def same_form(codec: str, first: bytes, other: bytes) -> bool:
    """Return whether packets of both configurations mark their units alike,
    so that one track can hold them.
    """
    return nal_length_bytes(codec, first) == nal_length_bytes(codec, other)


def _avc_units(record: bytes) -> Iterator[bytes]:
    at = 5
    for mask in (0x1F, 0xFF):  # sequence sets, then picture sets
        count, at = record[at] & mask, at + 1
        for _ in range(count):
            unit, at = _unit(record, at)
            yield unit


def _hevc_units(record: bytes) -> Iterator[bytes]:
    at = 23
    for _ in range(record[22]):
        count, at = int.from_bytes(record[at + 1 : at + 3], "big"), at + 3
        for _ in range(count):
            unit, at = _unit(record, at)
            yield unit


def _unit(record: bytes, at: int) -> tuple[bytes, int]:
    end = at + 2 + int.from_bytes(record[at : at + 2], "big")
    if end > len(record):
        raise IndexError
    return record[at + 2 : end], end


HOLE_S = 0.2  # shorter ones are not recorded
MAX_HOLES = 1_000

# Codecs of which no real packet begins with eight zero bytes; PCM silence, for one, does.
_NEVER_ZERO_LED = frozenset(
    {
        "mjpeg",
        "h264",
        "hevc",
        "vp8",
        "vp9",
        "av1",
        "mpeg4",
        "aac",
        "mp3",
        "opus",
        "vorbis",
        "ac3",
        "eac3",
    }
)

# Codecs whose packets begin with a mark of their own.
_BEGINS: Mapping[str, Callable[[bytes, int], bool]] = {
    **{
        codec: (lambda head, _: head.startswith(b"\0\0"))
        for codec in ("mpeg1video", "mpeg2video", "mpeg4")
    },
    # its first part (RFC 6386, 9.1)
    "vp8": lambda head, size: int.from_bytes(head[:3], "little") >> 5 < size,
    "vp9": lambda head, _: head[0] >> 6 == 0b10,  # frame_marker
}

# No compressed picture contains this many consecutive zero bytes: units of H.264 and HEVC never
# hold three (emulation prevention, 7.4.1 of both), and what an arithmetic coder writes looks like
# noise.
ZEROS_OF_A_HOLE = 256
_NEVER_ZERO_FILLED = frozenset({"vp8", "vp9", "av1"})

Hole = tuple[float, float]  # from, to; seconds


def read_packets(
    packets: Iterable[Any], video: Any | None, *, start_s: float, exact: bool
) -> PacketFacts:
    """Read to the end and count. Times are seconds from ``start_s``; ``exact``: packets say how
    long they last.

    Without ``video`` the packets are of sound alone.
    """
    tally = _Tally(video, start_s, exact=exact)
    error = None
    try:
        with watchdog() as still_working:
            for packet in packets:
                still_working()
                if not is_end(packet):
                    tally.add(packet)
    except FAULTS as exc:
        error = error_text(exc)
    return tally.facts(error)


def shared(video: list[Hole], sound: list[Hole]) -> list[Hole]:
    """Return the holes of the pictures that the sound has as well."""
    return [
        hole for hole in video if any(hole[0] < other[1] and other[0] < hole[1] for other in sound)
    ]


@dataclass(slots=True)
class _PacketStream:
    """What is needed of each packet's stream, looked up once:
    a film has a hundred thousand packets an hour.
    """

    kind: str
    tick_s: float
    never_zero_led: bool
    last_dts: int | None = None
    last_ticks: int = 0
    holes: list[Hole] = field(default_factory=list)

    def follow(self, packet: Any, *, exact: bool) -> int | None:
        """Return the ticks since the packet before it, and record the hole between them."""
        if packet.dts is None:
            return None
        step = packet.dts - self.last_dts if self.last_dts is not None else None
        if step is not None and len(self.holes) < MAX_HOLES:
            hole = abs(step) if step < 0 else step - (self.last_ticks if exact else 0)
            if hole * self.tick_s > HOLE_S:
                self.holes.append(((packet.dts - hole) * self.tick_s, packet.dts * self.tick_s))
        self.last_dts, self.last_ticks = packet.dts, packet.duration or 0
        return step


class _Tally:
    """Running sums over packets."""

    def __init__(self, video: Any | None, start_s: float, *, exact: bool) -> None:
        self._start_s, self._exact = start_s, exact
        self._index, self._time_base, self._nal, self._never_zero_filled = -1, 0.0, None, False
        if video is not None:
            self._index, self._time_base = video.index, float(video.time_base)
            self._nal = nal_length_bytes(codec_name(video), video.codec_context.extradata or b"")
            self._never_zero_filled = (
                self._nal is not None or codec_name(video) in _NEVER_ZERO_FILLED
            )
        self._begins = _BEGINS.get(codec_name(video)) if video is not None else None
        self._streams: dict[int, _PacketStream] = {}
        self._steps: Counter[int] = Counter()
        self._back = 0
        self._video = self._audio = self._bytes = self._corrupt = self._empty = self._ill_formed = (
            self._zero_led
        ) = 0
        self._video_begin_s = self._audio_begin_s = math.inf
        self._video_end_s = self._audio_end_s = self._end_s = -math.inf
        self._sound_back_s = 0.0
        self._zero_filled = 0

    def add(self, packet: Any) -> None:
        stream = self._streams.get(packet.stream_index) or self._add_stream(packet)
        size = packet.size
        self._bytes += size
        if stream.kind not in ("video", "audio"):
            return
        self._corrupt += packet.is_corrupt
        self._empty += size == 0
        at = packet.pts if packet.pts is not None else packet.dts
        begin_s = at * stream.tick_s - self._start_s if at is not None else math.inf
        end_s = begin_s + (packet.duration or 0) * stream.tick_s if at is not None else -math.inf
        self._end_s = max(self._end_s, end_s)
        step = stream.follow(packet, exact=self._exact)
        if packet.stream_index == self._index:
            self._video_begin_s = min(self._video_begin_s, begin_s)
            self._add_video(packet, end_s, step)
        elif stream.kind == "audio":
            self._audio += 1
            self._audio_begin_s = min(self._audio_begin_s, begin_s)
            self._audio_end_s = max(self._audio_end_s, end_s)
            if self._exact and step is not None and step < 0:
                self._sound_back_s = max(self._sound_back_s, -step * stream.tick_s)
        if stream.never_zero_led and size >= 8:
            self._zero_led += bytes(memoryview(packet)[:8]) == bytes(8)

    def _add_stream(self, packet: Any) -> _PacketStream:
        stream = packet.stream
        codec = codec_name(stream) if stream.type in ("video", "audio") else ""
        # FFmpeg's parser puts what it finds between the frames of an MP3 file before the next one:
        # the decoder refuses that.
        never_zero_led = codec in _NEVER_ZERO_LED and stream.container.format.name != "mp3"
        self._streams[packet.stream_index] = _PacketStream(
            stream.type, float(packet.time_base), never_zero_led
        )
        return self._streams[packet.stream_index]

    def _add_video(self, packet: Any, end_s: float, step: int | None) -> None:
        self._video += 1
        self._video_end_s = max(self._video_end_s, end_s)
        if self._nal is not None and not units_fill(memoryview(packet), self._nal):
            self._ill_formed += 1
        if self._begins is not None and packet.size >= 8:
            self._ill_formed += not self._begins(bytes(memoryview(packet)[:8]), packet.size)
        if self._never_zero_filled and packet.size > ZEROS_OF_A_HOLE:
            self._zero_filled += has_hole(bytes(packet), ZEROS_OF_A_HOLE)
        if step is not None:
            self._steps[abs(step)] += 1
            self._back = max(self._back, -step)

    def facts(self, error: str | None) -> PacketFacts:
        return PacketFacts(
            video_packets=self._video,
            audio_packets=self._audio,
            bytes=self._bytes,
            start_s=self._start_s,
            video_begin_s=_finite(self._video_begin_s),
            video_end_s=_finite(self._video_end_s),
            audio_begin_s=_finite(self._audio_begin_s),
            audio_end_s=_finite(self._audio_end_s),
            end_s=_finite(self._end_s),
            corrupt=self._corrupt,
            empty=self._empty,
            ill_formed=self._ill_formed,
            zero_led=self._zero_led,
            zero_filled=self._zero_filled,
            longest_gap_s=_longest(self._holes()),
            proven_gap_s=max(_longest(self._proven()), self._back * self._time_base),
            sound_gap_s=max(map(_longest, self._sound_holes()), default=0.0)
            if self._exact
            else 0.0,
            sound_back_s=self._sound_back_s,
            usual_step_s=median(self._steps) * self._time_base,
            error=error,
        )

    def _holes(self) -> list[Hole]:
        video = self._streams.get(self._index)
        return video.holes if video is not None else []

    def _proven(self) -> list[Hole]:
        if self._exact:
            return self._holes()
        return shared(self._holes(), [hole for holes in self._sound_holes() for hole in holes])

    def _sound_holes(self) -> list[list[Hole]]:
        return [stream.holes for stream in self._streams.values() if stream.kind == "audio"]


def _longest(holes: list[Hole]) -> float:
    return max((end - start for start, end in holes), default=0.0)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
