"""Subtitles: read from WebVTT (W3C), SubRip and YouTube's ``json3``, written as WebVTT for the text
tracks of browsers. Pure.

The input is untrusted: its size is limited, markup is dropped, and anything other than a cue is
ignored.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import unescape
from typing import Any

from mediavault.core.media import Cue
from mediavault.core.messages import Message

MAX_S = 359_999.999  # 99 hours
MAX_CUES = 50_000
MAX_CUE_CHARS = 2_000
MAX_SCROLLED = 10  # lines that a cue repeats

_UNSHOWN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]|[\ud800-\udfff]")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_TIMES = re.compile(r"^[ \t]*([\d:.,]{1,16})[ \t]*-->[ \t]*([\d:.,]{1,16})")
_TAG = re.compile(r"</?[a-zA-Z0-9.:_][^<>\n]{0,200}>|\{\\[^{}\n]{0,200}\}")
_SPACES = re.compile(r"[ \t\u00a0]+")


def to_webvtt(cues: Iterable[Cue]) -> str:
    """Return a WebVTT file. The texts are untrusted: all of their characters are shown,
    and none is markup.
    """
    return "\n\n".join(("WEBVTT", *_blocks(cues))) + "\n"


def read_subtitles(text: str) -> tuple[Cue, ...]:
    """Return the cues of a WebVTT, SubRip or json3 file, by their start, without the repetitions of
    scrolling captions.

    Raises ValueError for anything else, and for one without a cue.
    """
    text = text.lstrip("\ufeff \t\r\n")
    found = _from_json3(text) if text.startswith("{") else _from_blocks(text)
    cues = _without_scrolling(sorted(found[:MAX_CUES], key=lambda cue: (cue.start_s, cue.end_s)))
    if not cues:
        raise ValueError(Message("it has no subtitles"))
    return tuple(cues)


def _blocks(cues: Iterable[Cue]) -> Iterator[str]:
    for cue in sorted(cues, key=lambda cue: cue.start_s):
        lines = [line.strip() for line in _UNSHOWN.sub(" ", cue.text).splitlines()]
        # an empty line would end the cue
        text = "\n".join(line for line in lines if line).translate(_ESCAPES)
        start_s, end_s = max(0.0, cue.start_s), min(cue.end_s, MAX_S)
        if text and start_s < end_s:
            yield f"{_time(start_s)} --> {_time(end_s)}\n{text}"


def _time(seconds: float) -> str:
    minutes, millis = divmod(round(seconds * 1_000), 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{millis // 1_000:02}.{millis % 1_000:03}"


# --- reading --------------------------------------------------------------------------------------


def _from_blocks(text: str) -> list[Cue]:
    """Read WebVTT and SubRip, which differ in their heads and in the sign before the
    milliseconds.
    """
    cues: list[Cue] = []
    times: tuple[float, float] | None = None
    lines: list[str] = []
    for line in (*text.splitlines(), ""):
        if (match := _TIMES.match(line)) is not None:
            _add(cues, times, lines)
            start_s, end_s = _seconds(match[1]), _seconds(match[2])
            times, lines = (
                (start_s, end_s) if start_s is not None and end_s is not None else None,
                [],
            )
        elif not line.strip():
            _add(cues, times, lines)
            times, lines = None, []
        elif times is not None:
            lines.append(line)
    return cues


def _seconds(text: str) -> float | None:
    """Return a time of "01:02:03.004", "02:03,004" or "3.5" in seconds."""
    parts = text.replace(",", ".").split(":")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        return None
    if len(numbers) > 3:
        return None
    total = sum(number * 60**power for power, number in enumerate(reversed(numbers)))
    return total if math.isfinite(total) and 0 <= total <= MAX_S else None


def _add(cues: list[Cue], times: tuple[float, float] | None, lines: Sequence[str]) -> None:
    text = _plain("\n".join(lines)) if times is not None else ""
    if times is not None and text and times[0] < times[1]:
        cues.append(Cue(*times, text))


def _plain(text: str) -> str:
    """Return a cue's text without its markup."""
    text = unescape(_TAG.sub("", _UNSHOWN.sub(" ", text[:MAX_CUE_CHARS])))
    lines = (_SPACES.sub(" ", line).strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line)


def _from_json3(text: str) -> list[Cue]:
    """Read YouTube's own form: events with a start and a length in milliseconds,
    each of several pieces of text.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise ValueError(Message("its subtitle format is not supported")) from exc
    events = document.get("events") if isinstance(document, dict) else None
    cues: list[Cue] = []
    for event in events if isinstance(events, list) else ():
        # which only ends a line of scrolling captions
        if isinstance(event, Mapping) and not event.get("aAppend"):
            start_ms: Any = event.get("tStartMs")
            length_ms: Any = event.get("dDurationMs")
            if _is_time(start_ms) and _is_time(length_ms):
                _add(
                    cues,
                    (start_ms / 1_000, min(MAX_S, (start_ms + length_ms) / 1_000)),
                    [_pieces(event.get("segs"))],
                )
    return cues


def _is_time(value: Any) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and 0 <= value <= MAX_S * 1_000
    )


def _pieces(segments: Any) -> str:
    texts = (
        (piece.get("utf8") for piece in segments if isinstance(piece, Mapping))
        if isinstance(segments, list)
        else ()
    )
    return "".join(text for text in texts if isinstance(text, str)).translate(_ESCAPES)


def _without_scrolling(cues: Sequence[Cue]) -> list[Cue]:
    """Leave out the lines that a cue repeats from the one before it, as captions do that scroll up
    line by line.

    A cue ends where the next one begins, so that two of them are never on top of each other.
    """
    kept: list[Cue] = []
    before: list[str] = []
    for cue in cues:
        lines = cue.text.splitlines()
        is_next = bool(kept) and cue.start_s <= kept[-1].end_s + 0.1
        fresh = lines[_overlap(before, lines) :] if is_next else lines
        before = lines
        if not fresh:
            kept[-1] = Cue(kept[-1].start_s, max(kept[-1].end_s, cue.end_s), kept[-1].text)
            continue
        if is_next and len(fresh) < len(lines) and kept[-1].end_s > cue.start_s > kept[-1].start_s:
            kept[-1] = Cue(kept[-1].start_s, cue.start_s, kept[-1].text)
        kept.append(Cue(cue.start_s, cue.end_s, "\n".join(fresh)))
    return kept


def _overlap(before: Sequence[str], lines: Sequence[str]) -> int:
    """Return how many of the first lines are the last ones of ``before``."""
    most = min(len(before), len(lines), MAX_SCROLLED)
    return next(
        (count for count in range(most, 0, -1) if list(before[-count:]) == list(lines[:count])), 0
    )
