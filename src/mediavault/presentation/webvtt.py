"""Subtitles as WebVTT (W3C), for the text tracks of browsers. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from mediavault.core.media import Cue

MAX_S = 359_999.999  # 99 hours
_UNSHOWN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]|[\ud800-\udfff]")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def to_webvtt(cues: Iterable[Cue]) -> str:
    """Return a WebVTT file. The texts are untrusted: all of their characters are shown, and none is markup."""
    return "\n\n".join(("WEBVTT", *_blocks(cues))) + "\n"


def _blocks(cues: Iterable[Cue]) -> Iterator[str]:
    for cue in sorted(cues, key=lambda cue: cue.start_s):
        lines = [line.strip() for line in _UNSHOWN.sub(" ", cue.text).splitlines()]
        text = "\n".join(line for line in lines if line).translate(_ESCAPES)  # an empty line would end the cue
        start_s, end_s = max(0.0, cue.start_s), min(cue.end_s, MAX_S)
        if text and start_s < end_s:
            yield f"{_time(start_s)} --> {_time(end_s)}\n{text}"


def _time(seconds: float) -> str:
    minutes, millis = divmod(round(seconds * 1_000), 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{millis // 1_000:02}.{millis % 1_000:03}"
