"""Tumblr's posts, new and old."""

from __future__ import annotations

from typing import Any

import pytest

from mediavault.core.failures import Deleted, LoginRequired
from tests.unit.services.extraction.page_data.reading import best, read, read_known

URL = "https://www.tumblr.com/jane/701234567890123456/a-kite"
FILE = "https://va.media.tumblr.com/tumblr_abc123.mp4"


def block(url: str = FILE, **facts: Any) -> dict[str, Any]:
    media = {"url": url, "type": "video/mp4", "width": 1280, "height": 720}
    return {
        "type": "video",
        "provider": "tumblr",
        "media": media,
        "poster": [{"url": "https://64.media.tumblr.com/p.jpg"}],
        **facts,
    }


def post(*blocks: dict[str, Any], number: str = "701234567890123456", **facts: Any) -> dict[str, Any]:
    return {"idString": number, "blogName": "jane", "blog": {"title": "Jane's kites"}, "content": list(blocks), **facts}


def test_a_video_block_of_the_post_is_its_video() -> None:
    page = {
        "PeeprRoute": {
            "initialTimeline": {
                "objects": [
                    post(block("https://va.media.tumblr.com/x.mp4"), number="7"),
                    post({"type": "text", "text": "A kite"}, block()),
                ]
            }
        }
    }
    data = read_known(URL, page)

    assert best(data) == [FILE]
    assert (data.handle, data.display_name, data.text) == ("jane", "Jane's kites", "A kite")
    assert data.thumbnail_url == "https://64.media.tumblr.com/p.jpg"


def test_a_reblog_shows_the_video_of_its_trail() -> None:
    assert best(read_known(URL, post(trail=[{"content": [block()]}]))) == [FILE]


def test_another_providers_block_only_embeds_a_player() -> None:
    data = read_known(URL, post({"type": "video", "provider": "youtube", "url": "https://www.youtube.com/watch?v=abc"}))

    assert (best(data), data.found) == ([], True)


@pytest.mark.parametrize(
    ("answer", "condition"),
    [
        ({"meta": {"status": 404, "msg": "Not Found"}}, Deleted),
        ({"errors": [{"code": 4012}], "meta": {"status": 404}}, Deleted),
        ({"meta": {"status": 401}}, LoginRequired),
    ],
)
def test_an_error_answer_raises_the_matching_failure(answer: object, condition: type[Exception]) -> None:
    with pytest.raises(condition):
        read(URL, answer)
