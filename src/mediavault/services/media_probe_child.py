"""The examiner: reads one media file with FFmpeg's libraries and reports facts. Run as ``python -m``, JSON in and out.

It never judges (``media_judgement`` does, in the parent) and never opens an address: only ``file:`` paths, with the
demuxer that our own look at the first bytes allows. Damaged files make PyAV raise anything, BlockingIOError and
IndexError included, hence ``except Exception`` around it, here and only here.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mediavault.services.child_guard import said, serve
from mediavault.services.media_boxes import walk
from mediavault.services.media_facts import MediaFacts, PacketFacts, PictureFacts, StreamFacts, median, to_json
from mediavault.services.media_library import (
    TIME_BASE,
    codec_name,
    decode_in_this_thread,
    main_video,
    open_input,
    quiet,
)
from mediavault.services.media_nal import nal_length_bytes, units_fill
from mediavault.services.media_sniff import DEMUXERS, SNIFF_BYTES, Kind, sniff
from mediavault.services.media_still import write_still

TAIL_S = 3.0
PLACES = (0.0, 1 / 3, 2 / 3, 0.97)  # of the duration, where pictures are decoded
MAX_PACKETS_TO_A_PICTURE = 600

# Codecs of which no real packet begins with eight zero bytes; PCM silence, for one, does.
_NEVER_ZERO_LED = frozenset(
    {"mjpeg", "h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "aac", "mp3", "opus", "vorbis", "ac3", "eac3"}
)


def main() -> int:
    return serve(answer)


def answer(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """``{"task": "examine", "path", "deep"}`` -> MediaFacts; ``{"task": "still", "path", "into", "at_s"}`` -> ``{"made"}``."""
    quiet()
    path = Path(request["path"])
    if request["task"] == "still":
        return {"made": write_still(path, Path(request["into"]), request["at_s"])}
    return to_json(examine(path, deep=request["deep"]))


def examine(path: Path, *, deep: bool) -> MediaFacts:
    """Checks S, B, O, T and K, and D when ``deep`` or when the file does not say how long it is."""
    facts = MediaFacts(size=path.stat().st_size, kind=_kind(path))
    if facts.kind not in DEMUXERS:
        return facts
    with path.open("rb") as file:
        facts = replace(facts, structure=walk(file, facts.size, facts.kind, deep=deep))
    if facts.structure.problems:
        return facts
    try:
        with open_input(path, DEMUXERS[facts.kind]) as container:
            facts = _look(container, facts)
    except Exception as exc:  # noqa: BLE001 - see above
        return replace(facts, open_error=said(exc))
    if facts.video is not None and (deep or facts.duration_s is None):
        facts = replace(facts, whole=_read_whole(path, facts.kind))
    return facts


def seek(container: Any, at_s: float) -> None:
    """To the key frame at or before ``at_s``; in a transport stream to some packet near it, or to the first one.

    A transport stream has no index: a search by time overshoots its start, and fails where pictures are far apart.
    """
    if at_s > 0:
        try:
            container.seek((container.start_time or 0) + int(at_s * TIME_BASE))
            return
        except Exception:
            if container.format.name != "mpegts":
                raise
    if container.format.name == "mpegts":
        container.seek(0, unsupported_byte_offset=True)
    else:
        container.seek(container.start_time or 0)


def _kind(path: Path) -> Kind:
    with path.open("rb") as file:
        return sniff(file.read(SNIFF_BYTES))


def _look(container: Any, facts: MediaFacts) -> MediaFacts:
    """O, T and K on an opened container."""
    facts = replace(
        facts,
        duration_s=container.duration / TIME_BASE if container.duration else None,
        still_only=bool(container.streams.video) and main_video(container) is None,
        audio=_audio_facts(container),
    )
    video = main_video(container)
    if video is None:
        return facts
    decode_in_this_thread(video)
    pictures, turned = _pictures(container, video, facts.duration_s)
    return replace(
        facts, video=_video_facts(video, turned=turned), tail=_tail(container, video, facts), pictures=pictures
    )


def _video_facts(video: Any, *, turned: bool) -> StreamFacts:
    width, height = video.codec_context.width, video.codec_context.height
    rate = video.average_rate
    return StreamFacts(
        codec=codec_name(video),
        duration_s=float(video.duration * video.time_base) if video.duration else None,
        frames=video.frames,
        width=height if turned else width,
        height=width if turned else height,
        fps=round(float(rate), 3) if rate else None,
    )


def _audio_facts(container: Any) -> StreamFacts | None:
    streams = container.streams.audio
    if not streams:
        return None
    first = streams[0]
    duration = float(first.duration * first.time_base) if first.duration and first.time_base else None
    return StreamFacts(codec=codec_name(first), duration_s=duration, frames=first.frames)


def _tail(container: Any, video: Any, facts: MediaFacts) -> PacketFacts:
    """T: the last TAIL_S seconds, from the key frame before them."""
    try:
        seek(container, max(0.0, (facts.duration_s or 0) - TAIL_S))
    except Exception as exc:  # noqa: BLE001 - see above
        return PacketFacts(error=f"seeking failed: {said(exc)}")
    return read_packets(container.demux(), video, start_s=(container.start_time or 0) / TIME_BASE)


def _read_whole(path: Path, kind: Kind) -> PacketFacts:
    """D: every packet, as stored: an edit list must not hide those that it leaves out."""
    options = {"advanced_editlist": "0"} if DEMUXERS[kind] == "mov" else {}
    try:
        with open_input(path, DEMUXERS[kind], **options) as container:
            start_s = (container.start_time or 0) / TIME_BASE
            return read_packets(container.demux(), main_video(container), start_s=start_s)
    except Exception as exc:  # noqa: BLE001 - see above
        return PacketFacts(error=said(exc))


def read_packets(packets: Iterable[Any], video: Any, *, start_s: float) -> PacketFacts:
    """Read to the end and count. Times are seconds from ``start_s``."""
    tally = _Tally(video, start_s)
    error = None
    try:
        for packet in packets:
            if packet.size or packet.dts is not None:  # else: the mark that a stream has ended
                tally.add(packet)
    except Exception as exc:  # noqa: BLE001 - see above
        error = said(exc)
    return tally.facts(error)


@dataclass(frozen=True, slots=True)
class _Stream:
    """What is asked about each packet's stream, looked up once: a film has a hundred thousand packets an hour."""

    kind: str
    tick_s: float
    never_zero_led: bool


class _Tally:
    """Running sums over packets."""

    def __init__(self, video: Any, start_s: float) -> None:
        self._index, self._start_s = video.index, start_s
        self._time_base = float(video.time_base)
        self._nal = nal_length_bytes(codec_name(video), video.codec_context.extradata or b"")
        self._streams: dict[int, _Stream] = {}
        self._steps: Counter[int] = Counter()
        self._last_dts: int | None = None
        self._video = self._audio = self._bytes = self._corrupt = self._empty = self._bad_nal = self._zero_led = 0
        self._video_end_s = self._end_s = -math.inf

    def add(self, packet: Any) -> None:
        stream = self._streams.get(packet.stream_index) or self._meet(packet)
        size = packet.size
        self._bytes += size
        self._corrupt += packet.is_corrupt
        self._empty += size == 0
        if stream.kind not in ("video", "audio"):
            return
        at = packet.pts if packet.pts is not None else packet.dts
        end_s = (at + (packet.duration or 0)) * stream.tick_s - self._start_s if at is not None else -math.inf
        self._end_s = max(self._end_s, end_s)
        if packet.stream_index == self._index:
            self._add_video(packet, end_s)
        self._audio += stream.kind == "audio"
        if stream.never_zero_led and size >= 8:
            self._zero_led += bytes(memoryview(packet)[:8]) == bytes(8)

    def _meet(self, packet: Any) -> _Stream:
        stream = packet.stream
        codec = codec_name(stream) if stream.type in ("video", "audio") else ""
        self._streams[packet.stream_index] = _Stream(stream.type, float(packet.time_base), codec in _NEVER_ZERO_LED)
        return self._streams[packet.stream_index]

    def _add_video(self, packet: Any, end_s: float) -> None:
        self._video += 1
        self._video_end_s = max(self._video_end_s, end_s)
        if self._nal is not None and not units_fill(memoryview(packet), self._nal):
            self._bad_nal += 1
        if packet.dts is not None:
            if self._last_dts is not None:
                self._steps[abs(packet.dts - self._last_dts)] += 1  # a jump back is a gap as well
            self._last_dts = packet.dts

    def facts(self, error: str | None) -> PacketFacts:
        return PacketFacts(
            video_packets=self._video,
            audio_packets=self._audio,
            bytes=self._bytes,
            video_end_s=_finite(self._video_end_s),
            end_s=_finite(self._end_s),
            corrupt=self._corrupt,
            empty=self._empty,
            bad_nal=self._bad_nal,
            zero_led=self._zero_led,
            longest_gap_s=max(self._steps, default=0) * self._time_base,
            usual_step_s=median(self._steps) * self._time_base,
            error=error,
        )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _pictures(container: Any, video: Any, duration_s: float | None) -> tuple[tuple[PictureFacts, ...], bool]:
    """K: a key frame and the picture after it at PLACES; also whether the pictures lie on their side."""
    turned = False
    found = []
    for place in PLACES if duration_s else PLACES[:1]:
        at_s = place * (duration_s or 0)
        count, error = 0, None
        try:
            for frame in _decoded(container, video, at_s):
                count += 1
                turned = turned or frame.rotation % 180 != 0
                if count == 2:
                    break
        except Exception as exc:  # noqa: BLE001 - see above
            error = said(exc)
        found.append(PictureFacts(round(at_s, 3), count, error))
    return tuple(found), turned


def _decoded(container: Any, video: Any, at_s: float) -> Iterator[Any]:
    """Pictures from the key frame at or before ``at_s``.

    In a transport stream a seek lands between key frames, and behind the last one there may be none left: then from
    further back, in the end from the start, and there without waiting for a key frame.
    """
    for back_s in (0.0, 5.0, 20.0, at_s):
        from_s = max(0.0, at_s - back_s)
        seek(container, from_s)
        came = False
        for packet in _from_a_key_frame(container.demux(video), needed=from_s > 0):
            for frame in packet.decode():
                came = True
                yield frame
        if came or from_s == 0:
            return


def _from_a_key_frame(packets: Iterable[Any], *, needed: bool) -> Iterator[Any]:
    started = not needed
    for number, packet in enumerate(packets):
        started = started or packet.is_keyframe
        if started:
            yield packet
        if number > MAX_PACKETS_TO_A_PICTURE:
            return


if __name__ == "__main__":
    sys.exit(main())
