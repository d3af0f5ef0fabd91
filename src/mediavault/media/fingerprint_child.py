"""The fingerprint of a video's frames, which a re-encoded, letter-boxed or mirrored copy has too:
see ``core.fingerprints``.

Runs in the confined child of ``child``, as ``extras_child`` does.
"""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mediavault.core.fingerprints import (
    MAX_FRAMES,
    MIN_QUALITY,
    SIDE,
    colours,
    frame_hash,
    frame_quality,
)
from mediavault.media.extras_child import frames_at
from mediavault.media.library import (
    TIME_BASE,
    decode_in_this_thread,
    demuxer_at,
    main_video,
    only_read,
    open_input,
    plane_rows,
    quiet,
    shrunk,
    squares,
)

# between two frames, or twice that, four times … for a longer video: copies that were cut share
# their moments
STEP_S = 0.5
# than a multiple of that, where frames of all usual rates begin: rounding would choose one or
# the other
LATER_S = 0.0125
EXACT_CPU_S = 15.0
BOX_PX = 256  # the longer side of the pictures whose black borders are looked for
BLACK = 32  # of 255: what is not brighter may be a border
LEAST_SHARE = 0.3  # of width and height: less than that is not a picture between borders


def answer(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """``{"task": "fingerprint", "path"}`` -> ``{"frames"}``, in Base64;
    empty where no frame can be read.
    """
    quiet()
    return {"frames": b64encode(b"".join(read_frames(Path(request["path"])))).decode("ascii")}


def read_frames(path: Path) -> Iterator[bytes]:
    """Yield hash and colours of the frames that have enough in them,
    without the borders that all frames share.
    """
    pictures = list(_pictures(path))
    if not pictures:
        return
    part = _between_borders([list(plane_rows(picture, 0)) for picture in pictures])
    for brightness, *colour in squares(pictures, part, SIDE):
        if frame_quality(brightness) >= MIN_QUALITY:
            yield frame_hash(brightness) + colours(colour)


def _pictures(path: Path) -> Iterator[Any]:
    """Yield small pictures, evenly spaced, all of one size."""
    demuxer = demuxer_at(path)
    if demuxer is None:
        return
    with open_input(path, demuxer) as container:
        video = main_video(container)
        duration_s = (container.duration or 0) / TIME_BASE
        if video is None or duration_s <= 0:
            return
        only_read(container, [video])
        decode_in_this_thread(video)
        yield from shrunk(
            frames_at(container, video, moments(duration_s), exact_cpu_s=EXACT_CPU_S), BOX_PX
        )


def moments(duration_s: float) -> Sequence[float]:
    """Return the seconds of the frames: those of a longer video are among those of a shorter
    one.
    """
    step_s = STEP_S
    while duration_s / step_s > MAX_FRAMES:
        step_s *= 2
    return [
        number * step_s + LATER_S
        for number in range(max(1, math.ceil((duration_s - LATER_S) / step_s)))
    ]


def _between_borders(pictures: Sequence[Sequence[bytes]]) -> tuple[int, int, int, int]:
    """Return left, top, width and height of what is not black in all pictures,
    each of which is a list of rows.
    """
    rows, columns = [0] * len(pictures[0]), [0] * len(pictures[0][0])
    for picture in pictures:
        rows = [max(brightest, *row) for brightest, row in zip(rows, picture, strict=True)]
        for row in picture:
            columns = list(map(max, columns, row))
    top, height = _bright(rows)
    left, width = _bright(columns)
    return left, top, width, height


def _bright(lines: Sequence[int]) -> tuple[int, int]:
    """Return the first of the lines between black ones, and how many these are;
    all of them if too few are left.
    """
    bright = [at for at, brightest in enumerate(lines) if brightest > BLACK]
    if not bright or bright[-1] + 1 - bright[0] < LEAST_SHARE * len(lines):
        return 0, len(lines)
    return bright[0], bright[-1] + 1 - bright[0]
