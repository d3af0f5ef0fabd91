"""A player's additions to the video: chapters, subtitles, and small pictures for the seek bar.

Runs in the confined child of ``child``, as ``probe_child`` does. All texts come from the file: they
are shortened here, and escaped where they are shown.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mediavault.core.media import Chapter, Cue, PreviewSheet, Subtitles, TextTracks
from mediavault.core.typed_records import to_json
from mediavault.media.library import (
    FAULTS,
    TIME_BASE,
    contact_sheet,
    decode_in_this_thread,
    demuxer_at,
    jpeg,
    main_video,
    only_read,
    open_input,
    plain_text,
    quiet,
    shrunk,
)


def answer(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """``{"task": "tracks", "path"}`` -> ``{"tracks"}``; ``{"task": "preview", "path", "into"}`` ->
    ``{"sheet"}`` or None in it; ``{"task": "tags", "path"}`` -> ``{"tags"}``.
    """
    quiet()
    path = Path(request["path"])
    if request["task"] == "tags":
        return {"tags": read_tags(path)}
    if request["task"] == "preview":
        sheet = write_preview(path, Path(request["into"]))
        return {"sheet": None if sheet is None else to_json(PreviewSheet, sheet)}
    return {"tracks": to_json(TextTracks, read_tracks(path))}


# --- tags -----------------------------------------------------------------------------------------

TAGS = ("purl", "comment", "title", "artist", "date", "description")
MAX_TAG_CHARS = 20_000


def read_tags(path: Path) -> dict[str, str]:
    """Return the tags that say which post the file was saved from, by their names in lower case."""
    demuxer = demuxer_at(path)
    if demuxer is None:
        return {}
    with open_input(path, demuxer) as container:
        # Ogg has them at the stream
        found = [
            *container.metadata.items(),
            *(pair for stream in container.streams for pair in stream.metadata.items()),
        ]
    tags = {name.lower(): value for name, value in reversed(found)}
    return {name: tags[name][:MAX_TAG_CHARS] for name in TAGS if tags.get(name)}


# --- chapters and subtitles -----------------------------------------------------------------------

MAX_CHAPTERS = 500
MAX_STREAMS = 40
MAX_CUES = 10_000  # of one stream: three a second for an hour
# of all streams: an answer has at most 4 MiB, and a character may take 6 bytes of it
MAX_TEXT_CHARS = 500_000
MAX_CUE_CHARS = 1_000
MAX_TITLE_CHARS = 200

# Subtitles of text. Those of pictures, as on a DVD, cannot become text.
_TEXT_CODECS = frozenset({"subrip", "srt", "ass", "ssa", "webvtt", "mov_text", "text"})
_ASS_TAG = re.compile(r"\{\\[^{}]*\}")  # FFmpeg turns every text subtitle into ASS
_UNNAMED = frozenset({"SubtitleHandler"})  # FFmpeg's name for an unnamed stream of an MP4


def read_tracks(path: Path) -> TextTracks:
    """Return the chapters and subtitles. A stream that is damaged keeps what was read before the
    damage.
    """
    demuxer = demuxer_at(path)
    if demuxer is None:
        return TextTracks()
    with open_input(path, demuxer) as container:
        streams = [stream for stream in container.streams.subtitles if _is_text(stream)][
            :MAX_STREAMS
        ]
        cues: dict[int, list[Cue]] = {stream.index: [] for stream in streams}
        if streams:
            only_read(container, streams)
            _read_cues(container, streams, cues)
        subtitles = [
            Subtitles(_fact(stream, "language"), _title(stream), tuple(cues[stream.index]))
            for stream in streams
            if cues[stream.index]
        ]
        return TextTracks(tuple(_chapters(container)), tuple(subtitles))


def _chapters(container: Any) -> list[Chapter]:
    chapters = [
        Chapter(
            round(float(each["start"] * each["time_base"]), 3),
            each["metadata"].get("title", "")[:MAX_TITLE_CHARS],
        )
        for each in container.chapters()[:MAX_CHAPTERS]
    ]
    return sorted(
        (chapter for chapter in chapters if chapter.start_s >= 0),
        key=lambda chapter: chapter.start_s,
    )


def _is_text(stream: Any) -> bool:
    return stream.codec_context is not None and stream.codec_context.name in _TEXT_CODECS


def _title(stream: Any) -> str:
    name = _fact(stream, "title") or _fact(stream, "handler_name")  # MP4 has only the latter
    return "" if name in _UNNAMED else name


def _fact(stream: Any, name: str) -> str:
    return str(stream.metadata.get(name, ""))[:MAX_TITLE_CHARS]


def _read_cues(container: Any, streams: Sequence[Any], cues: Mapping[int, list[Cue]]) -> None:
    origin_s = (container.start_time or 0) / TIME_BASE
    left = MAX_TEXT_CHARS
    try:
        for packet in container.demux(*streams):
            own = cues[packet.stream_index]
            if packet.pts is None or not packet.duration or len(own) >= MAX_CUES:
                continue
            text = _text_of(packet)
            left -= len(text)
            if left < 0:
                return
            if text:
                start_s = float(packet.pts * packet.time_base) - origin_s
                length_s = float(packet.duration * packet.time_base)
                own.append(Cue(round(start_s, 3), round(start_s + length_s, 3), text))
    except FAULTS:
        return


def _text_of(packet: Any) -> str:
    try:
        return _ASS_TAG.sub("", plain_text(packet)).strip()[:MAX_CUE_CHARS]
    except FAULTS:
        return ""


# --- pictures for the seek bar --------------------------------------------------------------------

MAX_PICTURES = 100
MIN_STEP_S = 0.5
COLUMNS = 10
BOX_PX = 160  # a picture's longer side
# so long each moment's own picture is decoded; after that, the key frame before it serves
EXACT_CPU_S = 4.0
NEAR_S = 3.0  # as far ahead decoding on is cheaper than a seek
MAX_FRAMES = 600  # on the way to one moment


def write_preview(path: Path, into: Path) -> PreviewSheet | None:
    """Write a JPEG of evenly spaced pictures; None when the video is too short for two,
    or none of it decodes.
    """
    demuxer = demuxer_at(path)
    if demuxer is None:
        return None
    with open_input(path, demuxer) as container:
        video = main_video(container)
        duration_s = (container.duration or 0) / TIME_BASE
        count = min(MAX_PICTURES, int(duration_s / MIN_STEP_S))
        if video is None or count < 2:
            return None
        only_read(container, [video])
        decode_in_this_thread(video)
        step_s = duration_s / count
        moments = [(number + 0.5) * step_s for number in range(count)]
        pictures = list(shrunk(frames_at(container, video, moments), BOX_PX))
        if not pictures:
            return None
        columns = min(COLUMNS, len(pictures))
        sheet = contact_sheet(pictures, columns)
        into.write_bytes(jpeg(sheet, sheet.width, sheet.height))
        return PreviewSheet(
            len(pictures), columns, pictures[0].width, pictures[0].height, round(step_s, 4)
        )


def frames_at(
    container: Any, video: Any, moments: Sequence[float], *, exact_cpu_s: float = EXACT_CPU_S
) -> Iterator[Any]:
    """Yield a frame for each moment, in seconds; the one before again where none decodes."""
    origin_s = (container.start_time or 0) / TIME_BASE
    begun = time.process_time()
    frames: Iterator[Any] = iter(())
    frame: Any = None
    for moment in moments:
        is_exact = time.process_time() - begun < exact_cpu_s
        if (
            frame is None
            or frame.time is None
            or not is_exact
            or moment - (frame.time - origin_s) > NEAR_S
        ):
            frames = _frames_from(container, video, origin_s + moment)
        for number, following in enumerate(frames):
            frame = following
            if (
                not is_exact
                or number >= MAX_FRAMES
                or frame.time is None
                or frame.time - origin_s >= moment
            ):
                break
        if frame is not None:
            yield frame


def _frames_from(container: Any, video: Any, at_s: float) -> Iterator[Any]:
    """Yield the frames from the key frame before ``at_s`` until one does not decode."""
    try:
        container.seek(int(at_s * TIME_BASE))
        yield from container.decode(video)
    except FAULTS:
        return
