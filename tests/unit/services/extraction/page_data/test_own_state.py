"""Files in the data of an unknown site."""

from __future__ import annotations

from typing import Any

import pytest

from mediavault.services.extraction.page_data.own_state import setups_in_state

URL = "https://clips.example/c/aB3dE5g"
FILE = "https://cdn.example/v/aB3dE5g_720.mp4"


def files(*documents: Any, url: str = URL) -> list[str]:
    return [source.address for setup in setups_in_state(url, documents) for source in setup.sources]


def test_the_rungs_below_the_posts_own_id_are_one_video() -> None:
    small = "https://cdn.example/v/aB3dE5g_360.mp4"

    assert files({"post": {"id": "aB3dE5g", "video": {"url": FILE, "small": {"url": small}}}}) == [FILE, small]


def test_a_record_may_be_told_by_the_words_of_the_address() -> None:
    assert files({"slug": "a-kite", "file": FILE}, url="https://clips.example/2026/a-kite") == [FILE]


@pytest.mark.parametrize(
    "document",
    [
        {"id": "other77", "video": {"url": FILE}},
        {"id": "aB3dE5g", "related": [{"id": "q", "video": {"url": FILE}}]},
        {"id": "aB3dE5g", "author": {"intro": FILE}},
        {"id": "aB3dE5g", "previewUrl": FILE},
        {"id": "aB3dE5g", "one": {"url": FILE}, "two": {"url": "https://cdn.example/w/kite.mp4"}},
        {"id": "aB3dE5g", "picture": "https://cdn.example/p.jpg", "video": 7},
    ],
)
def test_what_is_not_surely_the_posts_only_video_is_passed_over(document: Any) -> None:
    assert files(document) == []
