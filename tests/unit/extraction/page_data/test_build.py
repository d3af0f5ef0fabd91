"""Candidates from a post's own data."""

from __future__ import annotations

import pytest

from mediavault.core.media import Ownership
from mediavault.extraction.page_data.build import codec, own_candidates
from mediavault.platforms.generic import GENERIC

FILE = "https://cdn.site.test/1280x720/a.mp4"


def test_known_facts_of_the_page_win_over_the_address_and_unknown_ones_do_not() -> None:
    (candidate,) = own_candidates(FILE, GENERIC, height=1080, bitrate=None, fps=30)

    assert (candidate.height, candidate.bitrate, candidate.fps) == (1080, None, 30)
    assert (candidate.ownership, candidate.has_video) == (Ownership.ID_MATCH, True)


@pytest.mark.parametrize(
    "address",
    [
        None,
        7,
        "",
        "ftp://cdn.test/a.mp4",
        "https://cdn.site.test/a.jpg",
        "https://cdn.site.test/a.vtt",
    ],
)
def test_an_address_that_is_not_a_video_gives_no_candidate(address: object) -> None:
    assert own_candidates(address, GENERIC) == []


@pytest.mark.parametrize(
    ("written", "ours"),
    [
        ("avc1.640028", "h264"),
        ("H264", "h264"),
        ("hvc1.1", "hevc"),
        ("hev1", "hevc"),
        ("av01.0.08M", "av1"),
        ("vp09.00", "vp9"),
        ("none", None),
        (None, None),
    ],
)
def test_codecs_have_one_name_each(written: object, ours: str | None) -> None:
    assert codec(written) == ours
