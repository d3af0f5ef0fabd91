"""The examiner: reads one media file with FFmpeg's libraries and reports facts, or makes a still picture of it.

Runs as ``python -m`` in a confined child, JSON in and out. It never judges (``judgement`` does, in the parent) and never
opens a URL: only ``file:`` paths, with the demuxer that ``sniff`` chose from the first bytes. Damaged files make PyAV
raise anything, BlockingIOError and IndexError included; hence ``except Exception`` around it, here and only here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mediavault.core.pictures import picture_suffix
from mediavault.services.media.boxes import walk
from mediavault.services.media.decode import decode_all
from mediavault.services.media.facts import FileFacts, PacketFacts, PictureFacts, StreamFacts, to_json
from mediavault.services.media.library import (
    FAULTS,
    TIME_BASE,
    codec_name,
    decode_in_this_thread,
    even,
    jpeg,
    main_video,
    open_input,
    quiet,
    upright,
)
from mediavault.services.media.packets import read_packets
from mediavault.services.media.picture_child import SMALL_SIDE, small_jpeg
from mediavault.services.media.sniff import DEMUXERS, SNIFF_BYTES, Kind, demuxer_of, sniff
from mediavault.services.sandbox.guard import error_text

TAIL_S = 3.0
SAMPLE_POSITIONS = (0.0, 1 / 3, 2 / 3, 0.97)  # of the duration, where pictures are decoded
MAX_PACKETS_TO_A_PICTURE = 600

# No index, or none that can be relied on: reading them whole is more reliable than seeking in them.
_UNSEEKABLE = frozenset({Kind.FLV, Kind.MPEGPS, Kind.ASF, Kind.OGG})


def answer(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """``{"task": "examine", "path", "deep"}`` -> FileFacts; ``{"task": "still", "path", "into", "at_s"}`` -> ``{"made"}``.

    With ``longest_px`` the file is a picture, which is made that small.
    """
    quiet()
    path = Path(request["path"])
    if request["task"] == "still":
        small = request.get("longest_px", SMALL_SIDE)
        return {"made": write_still(path, Path(request["into"]), request["at_s"], longest_px=small)}
    return to_json(examine(path, deep=request["deep"]))


def examine(path: Path, *, deep: bool) -> FileFacts:
    """Run checks S, B and O; then D and F when ``deep`` or when the file does not say how long it is, else T and K.

    K follows where F used up its time.
    """
    facts = FileFacts(size=path.stat().st_size, kind=_kind(path))
    if facts.kind not in DEMUXERS:
        return facts
    deep = deep or facts.kind in _UNSEEKABLE
    with path.open("rb") as file:
        facts = replace(facts, structure=walk(file, facts.size, facts.kind, deep=deep))
    try:
        with open_input(path, DEMUXERS[facts.kind]) as container:
            facts = _streams(container, facts)
            if facts.video is not None and not facts.structure.problems:
                deep = deep or facts.duration_s is None
                facts = _deep(path, container, facts) if deep else _quick(container, facts)
    except Exception as exc:  # noqa: BLE001 - see above
        return replace(facts, open_error=error_text(exc))
    return facts


def seek(container: Any, at_s: float) -> None:
    """Seek to the key frame at or before ``at_s``; in a transport stream to some packet near it, or to the first one.

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
        start = container.start_time or 0
        try:
            container.seek(start)
        except Exception:  # noqa: BLE001 - see above
            container.seek(start, backward=False)  # no key frame at or before the start: to the first one after it


def _kind(path: Path) -> Kind:
    with path.open("rb") as file:
        return sniff(file.read(SNIFF_BYTES))


def _streams(container: Any, facts: FileFacts) -> FileFacts:
    """Run check O on an opened container."""
    video = main_video(container)
    return replace(
        facts,
        duration_s=container.duration / TIME_BASE if container.duration else None,
        still_only=video is None and any(stream.codec_context is not None for stream in container.streams.video),
        undecodable=video is None and any(stream.codec_context is None for stream in container.streams.video),
        video=_video_facts(video) if video is not None else None,
        audio=_audio_facts(container),
    )


def _quick(container: Any, facts: FileFacts) -> FileFacts:
    """Run checks T and K."""
    video = main_video(container)
    decode_in_this_thread(video)
    pictures, turned = _pictures(container, video, facts.duration_s)
    return _turned(replace(facts, tail=_tail(container, video, facts), pictures=pictures), turned=turned)


def _deep(path: Path, container: Any, facts: FileFacts) -> FileFacts:
    """Run checks D and F."""
    decoded = decode_all(path, DEMUXERS[facts.kind])
    facts = replace(facts, whole=_read_whole(path, facts.kind), decoded=decoded)
    if not decoded.complete:
        video = main_video(container)
        decode_in_this_thread(video)
        facts = replace(facts, pictures=_pictures(container, video, facts.duration_s)[0])
    return _turned(facts, turned=decoded.turned)


def _turned(facts: FileFacts, *, turned: bool) -> FileFacts:
    """Swap width and height when the pictures are stored on their side."""
    video = facts.video
    if video is None or not turned:
        return facts
    return replace(facts, video=replace(video, width=video.height, height=video.width))


def _video_facts(video: Any) -> StreamFacts:
    rate = video.average_rate
    return StreamFacts(
        codec=codec_name(video),
        duration_s=float(video.duration * video.time_base) if video.duration else None,
        frames=video.frames,
        width=video.codec_context.width,
        height=video.codec_context.height,
        fps=round(float(rate), 3) if rate else None,
    )


def _audio_facts(container: Any) -> StreamFacts | None:
    streams = container.streams.audio
    if not streams:
        return None
    first = next((stream for stream in streams if stream.codec_context is not None), streams[0])
    duration = float(first.duration * first.time_base) if first.duration and first.time_base else None
    decodable = first.codec_context is not None
    return StreamFacts(codec=codec_name(first), duration_s=duration, frames=first.frames, decodable=decodable)


def _tail(container: Any, video: Any, facts: FileFacts) -> PacketFacts:
    """Read the last TAIL_S seconds, from the key frame before them (check T)."""
    try:
        seek(container, max(0.0, (facts.duration_s or 0) - TAIL_S))
    except Exception as exc:  # noqa: BLE001 - see above
        return PacketFacts(error=f"seeking failed: {error_text(exc)}")
    start_s = (container.start_time or 0) / TIME_BASE
    return read_packets(container.demux(), video, start_s=start_s, exact=_says_durations(facts.kind))


def _read_whole(path: Path, kind: Kind) -> PacketFacts:
    """Read every packet as stored (check D): an edit list must not hide those that it leaves out."""
    options = {"advanced_editlist": "0"} if DEMUXERS[kind] == "mov" else {}
    try:
        with open_input(path, DEMUXERS[kind], **options) as container:
            start_s = (container.start_time or 0) / TIME_BASE
            video, exact = main_video(container), _says_durations(kind)
            return read_packets(container.demux(), video, start_s=start_s, exact=exact)
    except Exception as exc:  # noqa: BLE001 - see above
        return PacketFacts(error=error_text(exc))


def _says_durations(kind: Kind) -> bool:
    return DEMUXERS[kind] == "mov"


def _pictures(container: Any, video: Any, duration_s: float | None) -> tuple[tuple[PictureFacts, ...], bool]:
    """Decode a key frame and the picture after it at PLACES (check K). Also returns whether pictures are stored on their side."""
    turned = False
    pictures = []
    for share in SAMPLE_POSITIONS if duration_s else SAMPLE_POSITIONS[:1]:
        at_s = share * (duration_s or 0)
        count, error = 0, None
        try:
            for frame in _decoded(container, video, at_s):
                count += 1
                turned = turned or frame.rotation % 180 != 0
                if count == 2:
                    break
        except Exception as exc:  # noqa: BLE001 - see above
            error = error_text(exc)
        pictures.append(PictureFacts(round(at_s, 3), count, error))
    return tuple(pictures), turned


def _decoded(container: Any, video: Any, at_s: float) -> Iterator[Any]:
    """Yield pictures from the key frame at or before ``at_s``.

    In a transport stream a seek lands between key frames, and after the last one there may be none left: then decoding
    begins further back, in the end at the start, and there without waiting for a key frame.
    """
    for back_s in (0.0, 5.0, 20.0, at_s):
        from_s = max(0.0, at_s - back_s)
        seek(container, from_s)
        any_frame = False
        for packet in _from_a_key_frame(container.demux(video), needed=from_s > 0):
            for frame in packet.decode():
                any_frame = True
                yield frame
        if any_frame or from_s == 0:
            return


def _from_a_key_frame(packets: Iterable[Any], *, needed: bool) -> Iterator[Any]:
    started = not needed
    for number, packet in enumerate(packets):
        started = started or packet.is_keyframe
        if started:
            yield packet
        if number > MAX_PACKETS_TO_A_PICTURE:
            return


# --- a still picture, for a post without a thumbnail -------------------------------------------------------------------

MAX_STILL_WIDTH = 1_280
MAX_STILL_FRAMES = 600  # that are decoded on the way from the key frame to the moment asked for


def write_still(path: Path, into: Path, at_s: float, *, longest_px: int = SMALL_SIDE) -> bool:
    """Write a JPEG of the picture at ``at_s`` seconds, or of the last one before it; of a file that is a picture, a small
    one of that, with sides of at most ``longest_px``. False when nothing decodes.
    """
    with path.open("rb") as file:
        head = file.read(SNIFF_BYTES)
    if picture_suffix(head) is not None:
        if (small := small_jpeg(path, longest_px)) is not None:
            into.write_bytes(small)
        return small is not None
    demuxer = demuxer_of(head)
    if demuxer is None:
        return False
    with open_input(path, demuxer) as container:
        video = main_video(container)
        frame = _frame_at(container, video, at_s) if video is not None else None
        if frame is None:
            return False
        picture = upright(frame)
        width = even(min(MAX_STILL_WIDTH, picture.width))
        into.write_bytes(jpeg(picture, width, even(picture.height * width / picture.width)))
    return True


def _frame_at(container: Any, video: Any, at_s: float) -> Any:
    decode_in_this_thread(video)
    start_s = (container.start_time or 0) / TIME_BASE
    wanted = min(at_s, (container.duration or 0) / TIME_BASE / 2)
    if wanted > 0:
        container.seek(int((start_s + wanted) * TIME_BASE))
    best = None
    with contextlib.suppress(*FAULTS):  # of the beginning of a file the rest is missing
        for number, frame in enumerate(container.decode(video)):
            best = frame
            if number >= MAX_STILL_FRAMES or (frame.time is not None and frame.time - start_s >= wanted):
                break
    return best
