"""Segments of a video that SponsorBlock's users marked, such as advertising read out by the author; kept as a job's mark.

The format of the answer: https://wiki.sponsor.ajay.app/w/API_Docs (read 2026-11). Pure.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

CATEGORIES = (
    "sponsor", "selfpromo", "interaction", "intro", "outro", "preview", "hook", "filler", "music_offtopic",
)  # fmt: skip
MAX_SEGMENTS = 200
PREFIX_CHARS = 4  # of the hash: the service does not learn which of some thousand videos is meant
SNAP_S = 1.0  # a segment that begins sooner begins with the video
_LENGTH_SLACK_S = 1.0  # by which the video may differ from the one that was marked
_LENGTH_SHARE = 0.05  # of the segment's own length, for larger differences up to five seconds
_MOST_SLACK_S = 5.0


@dataclass(frozen=True, slots=True)
class VideoSegment:
    """A part of a video that can be skipped, in seconds from its beginning."""

    start_s: float
    end_s: float
    category: str


def path_of_request(video_id: str) -> str:
    """Return path and query of the request for a video's segments, which names only the beginning of its id's hash."""
    prefix = hashlib.sha256(video_id.encode("utf-8", "replace")).hexdigest()[:PREFIX_CHARS]
    categories = json.dumps(list(CATEGORIES), separators=(",", ":"))
    return f'/api/skipSegments/{prefix}?service=YouTube&categories={categories}&actionTypes=["skip"]'


def read_segments(answer: Any, video_id: str, duration_s: float | None) -> tuple[VideoSegment, ...]:
    """Return a video's segments in the service's answer, by their start; those of another length of video are left out."""
    videos = answer if isinstance(answer, list) else []
    own = next((video for video in videos if isinstance(video, Mapping) and video.get("videoID") == video_id), {})
    listed = own.get("segments")
    found = (
        [_segment(entry, duration_s) for entry in listed[:MAX_SEGMENTS] if isinstance(entry, Mapping)]
        if isinstance(listed, list)
        else []
    )
    return tuple(sorted({one for one in found if one is not None}, key=lambda one: (one.start_s, one.end_s)))


def _segment(value: Mapping[str, Any], duration_s: float | None) -> VideoSegment | None:
    span, category = value.get("segment"), value.get("category")
    if not (isinstance(span, list) and len(span) == 2 and all(map(_is_time, span)) and category in CATEGORIES):
        return None
    start_s, end_s = float(span[0]), float(span[1])
    start_s = 0.0 if start_s <= SNAP_S else start_s
    marked_s = value.get("videoDuration")
    if duration_s is not None and _is_time(marked_s) and marked_s:
        apart_s = abs(duration_s - float(marked_s))
        if apart_s >= _LENGTH_SLACK_S and not (apart_s < _MOST_SLACK_S and apart_s < _LENGTH_SHARE * (end_s - start_s)):
            return None
    return VideoSegment(round(start_s, 3), round(end_s, 3), str(category)) if start_s < end_s else None


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e7


def segments_to_text(segments: Sequence[VideoSegment]) -> str:
    """Return segments as the text of a mark."""
    return json.dumps(
        [[segment.start_s, segment.end_s, segment.category] for segment in segments], separators=(",", ":")
    )


def segments_from_text(text: str) -> tuple[VideoSegment, ...]:
    """Return the segments of such a text; () for any other."""
    try:
        listed = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    found = [
        VideoSegment(float(one[0]), float(one[1]), str(one[2]))
        for one in (listed[:MAX_SEGMENTS] if isinstance(listed, list) else ())
        if isinstance(one, list) and len(one) == 3 and _is_time(one[0]) and _is_time(one[1]) and one[2] in CATEGORIES
    ]
    return tuple(one for one in found if one.start_s < one.end_s)
