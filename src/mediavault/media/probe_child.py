"""The examiner: reads one media file with FFmpeg's libraries and reports facts, or makes a still
picture of it.

Runs as ``python -m`` in a confined child, JSON in and out. It never judges (``judgement`` does, in
the parent) and never opens a URL: only ``file:`` paths, with the demuxer that ``sniff`` chose from
the first bytes. Damaged files make PyAV raise anything, BlockingIOError and IndexError included;
hence ``except Exception`` around it, here and only here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from mediavault.core.media import picture_suffix
from mediavault.core.typed_records import to_named_json
from mediavault.media.arrival_child import file_id
from mediavault.media.boxes import walk
from mediavault.media.decode import BUDGET_PX, decode, decode_part
from mediavault.media.facts import DecodeFacts, FileFacts, PacketFacts, StreamFacts
from mediavault.media.library import (
    FAULTS,
    TIME_BASE,
    codec_name,
    decode_in_this_thread,
    even,
    jpeg,
    main_video,
    open_input,
    quiet,
    start_s,
    upright,
)
from mediavault.media.packets import read_packets
from mediavault.media.picture_child import SMALL_SIDE, small_jpeg
from mediavault.media.sniff import DEMUXERS, SNIFF_BYTES, Kind, demuxer_of, sniff
from mediavault.sandbox.guard import error_text


def answer(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """``{"task": "examine", "path", "formats_only", "arrived"}`` -> FileFacts;
    ``{"task": "decode", "path", "start"}`` -> DecodeFacts;
    ``{"task": "still", "path", "into", "at_s"}`` -> ``{"made"}``.

    ``arrived`` is the answer of ``arrival_child``, or None. With ``longest_px`` the file of a still
    is a picture, which is made that small.
    """
    quiet()
    path = Path(request["path"])
    if request["task"] == "still":
        small = request.get("longest_px", SMALL_SIDE)
        return {"made": write_still(path, Path(request["into"]), request["at_s"], longest_px=small)}
    if request["task"] == "decode":
        return asdict(decode_part(path, DEMUXERS[_kind(path)], start=request["start"]))
    return to_named_json(
        examine(
            path, formats_only=request.get("formats_only", False), arrived=request.get("arrived")
        )
    )


def examine(
    path: Path,
    *,
    budget_px: int = BUDGET_PX,
    formats_only: bool = False,
    arrived: Mapping[str, Any] | None = None,
) -> FileFacts:
    """Run checks S, B, O, D and F; a film of more pixels than the budget is decoded in part
    (``decode.decode``).

    ``formats_only`` runs S and O alone: what the file holds, not whether it is whole. ``arrived``
    is the answer of ``arrival_child``: its facts take the place of F if they are of this file and
    of every packet of it.
    """
    facts = FileFacts(size=path.stat().st_size, kind=_kind(path))
    if facts.kind not in DEMUXERS:
        return facts
    if formats_only:
        return _opened(path, facts)
    with path.open("rb") as file:
        facts = replace(facts, structure=walk(file, facts.size, facts.kind))
    facts = _opened(path, facts)
    if facts.video is None or facts.structure.problems:
        return facts
    whole = _read_whole(path, facts.kind)
    decoded = decode(
        path,
        DEMUXERS[facts.kind],
        needed_px=whole.video_packets * facts.video.width * facts.video.height,
        budget_px=budget_px,
        arrived=_decoded_on_arrival(path, arrived, whole) if arrived is not None else None,
    )
    return _turned(replace(facts, whole=whole, decoded=decoded), turned=decoded.turned)


def _decoded_on_arrival(
    path: Path, arrived: Mapping[str, Any], whole: PacketFacts
) -> DecodeFacts | None:
    """Return what was decoded while the file arrived; None unless it is of this file,
    and of every packet of it.
    """
    if arrived["decoded"] is None or arrived["file"] != file_id(path.stat()):
        return None
    facts = DecodeFacts(**arrived["decoded"])
    every_packet = (whole.video_packets, whole.audio_packets)
    return facts if (facts.video_packets, facts.audio_packets) == every_packet else None


def _kind(path: Path) -> Kind:
    with path.open("rb") as file:
        return sniff(file.read(SNIFF_BYTES))


def _opened(path: Path, facts: FileFacts) -> FileFacts:
    """Run check O."""
    try:
        with open_input(path, DEMUXERS[facts.kind]) as container:
            video = main_video(container)
            return replace(
                facts,
                duration_s=container.duration / TIME_BASE if container.duration else None,
                still_only=video is None
                and any(stream.codec_context is not None for stream in container.streams.video),
                undecodable=video is None
                and any(stream.codec_context is None for stream in container.streams.video),
                video=_video_facts(video) if video is not None else None,
                audio=_audio_facts(container),
            )
    except Exception as exc:  # noqa: BLE001 - see above
        return replace(facts, open_error=error_text(exc))


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
    duration = (
        float(first.duration * first.time_base) if first.duration and first.time_base else None
    )
    decodable = first.codec_context is not None
    return StreamFacts(
        codec=codec_name(first), duration_s=duration, frames=first.frames, decodable=decodable
    )


def _read_whole(path: Path, kind: Kind) -> PacketFacts:
    """Read every packet as stored (check D): an edit list must not hide those that it leaves
    out.
    """
    options = {"advanced_editlist": "0"} if DEMUXERS[kind] == "mov" else {}
    try:
        with open_input(path, DEMUXERS[kind], **options) as container:
            exact = DEMUXERS[kind] == "mov"
            return read_packets(
                container.demux(), main_video(container), start_s=start_s(container), exact=exact
            )
    except Exception as exc:  # noqa: BLE001 - see above
        return PacketFacts(error=error_text(exc))


# --- a still picture, for a post without a thumbnail ----------------------------------------------

MAX_STILL_WIDTH = 1_280
MAX_STILL_FRAMES = 600  # that are decoded on the way from the key frame to the moment asked for


def write_still(path: Path, into: Path, at_s: float, *, longest_px: int = SMALL_SIDE) -> bool:
    """Write a JPEG of the picture at ``at_s`` seconds, or of the last one before it; of a file that
    is a picture, a small one of that, with sides of at most ``longest_px``. False when nothing
    decodes.
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
    begin_s = start_s(container)
    wanted = min(at_s, (container.duration or 0) / TIME_BASE / 2)
    if wanted > 0:
        container.seek(int((begin_s + wanted) * TIME_BASE))
    best = None
    with contextlib.suppress(*FAULTS):  # of the beginning of a file the rest is missing
        for number, frame in enumerate(container.decode(video)):
            best = frame
            if number >= MAX_STILL_FRAMES or (
                frame.time is not None and frame.time - begin_s >= wanted
            ):
                break
    return best
