"""A still picture of a video, for when the post has no thumbnail of its own. Runs inside the examiner's process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mediavault.services.media.library import TIME_BASE, decode_in_this_thread, jpeg, main_video, open_input, upright
from mediavault.services.media.sniff import DEMUXERS, SNIFF_BYTES, sniff

MAX_WIDTH = 1_280
MAX_FRAMES = 600  # that are decoded on the way from the key frame to the moment asked for


def write_still(path: Path, into: Path, at_s: float) -> bool:
    """Write a JPEG of the picture at ``at_s`` seconds, or of the last one before; False when nothing decodes."""
    with path.open("rb") as file:
        demuxer = DEMUXERS.get(sniff(file.read(SNIFF_BYTES)))
    if demuxer is None:
        return False
    with open_input(path, demuxer) as container:
        video = main_video(container)
        frame = _frame_at(container, video, at_s) if video is not None else None
        if frame is None:
            return False
        picture = upright(frame)
        width = _even(min(MAX_WIDTH, picture.width))
        into.write_bytes(jpeg(picture, width, _even(picture.height * width / picture.width)))
    return True


def _frame_at(container: Any, video: Any, at_s: float) -> Any:
    decode_in_this_thread(video)
    start_s = (container.start_time or 0) / TIME_BASE
    wanted = min(at_s, (container.duration or 0) / TIME_BASE / 2)
    if wanted > 0:
        container.seek(int((start_s + wanted) * TIME_BASE))
    best = None
    for number, frame in enumerate(container.decode(video)):
        best = frame
        if number >= MAX_FRAMES or (frame.time is not None and frame.time - start_s >= wanted):
            break
    return best


def _even(length: float) -> int:
    """Colour is stored at half the size, so both sides must be even."""
    return max(2, round(length) // 2 * 2)
