"""SponsorBlock's segments: how they are asked for, read, and kept."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediavault.core.marks import (
    CATEGORIES,
    MarkKind,
    VideoSegment,
    is_written_so,
    path_of_request,
    read_segments,
    segments_from_text,
    segments_to_text,
)

VIDEO = "jNQXAC9IVRw"
SEGMENTS = st.builds(
    lambda start, length, category: VideoSegment(float(start), float(start + length), category),
    st.integers(0, 10_000),
    st.integers(1, 500),
    st.sampled_from(CATEGORIES),
)


def answer(*segments: Any) -> list[Any]:
    return [
        {"videoID": "another", "segments": [marked(0, 5)]},
        {"videoID": VIDEO, "segments": list(segments)},
    ]


def marked(
    start: Any, end: Any, *, category: str = "sponsor", length: float = 600.0
) -> dict[str, Any]:
    return {
        "segment": [start, end],
        "category": category,
        "actionType": "skip",
        "videoDuration": length,
        "UUID": "x",
    }


def test_the_request_names_only_the_beginning_of_the_hash() -> None:
    parts = urlsplit(path_of_request(VIDEO))

    assert parts.path == f"/api/skipSegments/{hashlib.sha256(VIDEO.encode()).hexdigest()[:4]}"
    assert VIDEO not in path_of_request(VIDEO)
    assert json.loads(parse_qs(parts.query)["categories"][0]) == list(CATEGORIES)


def test_the_videos_own_segments_are_read_by_their_start() -> None:
    read = read_segments(answer(marked(90, 120, category="outro"), marked(0.4, 30.5)), VIDEO, 600.2)

    assert read == (VideoSegment(0.0, 30.5, "sponsor"), VideoSegment(90.0, 120.0, "outro"))


@pytest.mark.parametrize(
    ("segment", "length", "taken"),
    [
        (marked(10, 20, length=600.9), 600.0, True),
        (marked(10, 20, length=603.0), 600.0, False),
        # under five seconds, and five per cent of its own length
        (marked(10, 110, length=604.0), 600.0, True),
        (marked(10, 510, length=606.0), 600.0, False),
        (marked(10, 20, length=0), 600.0, True),
        (marked(10, 20, length=900.0), None, True),
    ],
)
def test_segments_of_a_video_of_another_length_are_left_out(
    segment: Any, length: float | None, taken: bool
) -> None:
    assert bool(read_segments(answer(segment), VIDEO, length)) is taken


@pytest.mark.parametrize(
    "value",
    [
        None, 7, {}, [7], [{"videoID": VIDEO}], [{"videoID": VIDEO, "segments": 7}], answer(7),
        answer({}), answer({"segment": [1], "category": "sponsor"}), answer(marked("1", 2)),
        answer(marked(2, 1)), answer(marked(-1, 1)), answer(marked(float("nan"), 1)),
        answer(marked(1, 2, category="<script>")),
        answer(marked(0, 1e9)),
    ],
)  # fmt: skip
def test_rubbish_has_no_segments(value: Any) -> None:
    assert read_segments(value, VIDEO, 600.0) == ()


@given(st.lists(SEGMENTS, max_size=20))
def test_segments_come_back_from_their_mark_as_they_were(segments: list[VideoSegment]) -> None:
    text = segments_to_text(segments)

    assert list(segments_from_text(text)) == segments
    assert is_written_so(MarkKind.SEGMENTS, text)


@given(st.text(max_size=100))
def test_no_text_of_a_sidecar_breaks_the_reader(text: str) -> None:
    for attempt in (text, f"[{text}]", f'[[1,2,"{text}"]]'):
        assert all(one.category in CATEGORIES for one in segments_from_text(attempt))
