"""Reading a document twice as large takes at most about twice as long,
in the readers of forms that sites' data have.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.growth import growth_of
from tests.unit.extraction.saved_reading import read_saved

FACEBOOK = "https://m.facebook.com/story.php?story_fbid=282903073197272&id=100044327441571"
BLOG = "https://kites.example.org/post/701234567890123456"
TALK = "https://media.ccc.de/v/a_kite_over_the_harbour"


def listed(entry: dict[str, Any], **more: Any) -> Callable[[int], str]:
    return lambda count: json.dumps({"data": [entry] * count} | more)


def mobile_stories(count: int) -> str:
    story = """<article data-ft='{"top_level_post_id":"282903073197272"}'><i data-store='{"videoID":"1","src":"https://a.test/a.mp4"}'>"""
    return f"<html>{story * count}"


def basic_links(count: int) -> str:
    link = f"""<a href="/video_redirect/?src=https%3A%2F%2Fa.test&id=1&_ft_={"a.b%3A" * 20}top_level_post_id.2829">"""  # noqa: E501
    return f"<html>{link * count}"


def recordings(count: int) -> str:
    forms = [
        {"recording_url": f"https://cdn.media.ccc.de/{number}.mp4", "mime_type": "video/mp4"}
        for number in range(count)
    ]
    return json.dumps({"frontend_link": TALK, "recordings": forms})


def nested_texts(count: int) -> str:
    held = json.dumps({"files": {"mp4": "https://cdn.media.ccc.de/a.mp4"}})
    return json.dumps({"frontend_link": TALK} | {f"part{number}": held for number in range(count)})


@pytest.mark.parametrize(
    ("url", "document"),
    [
        (FACEBOOK, mobile_stories),
        (FACEBOOK, basic_links),
        (FACEBOOK, listed({"id": "1", "source": "https://a.test/a.mp4", "permalink_url": "/a/"})),
        ("https://www.instagram.com/p/CPQjO5RIIO9/", listed({"permalink": (
            "https://www.instagram.com/p/CPQjO5RIIO9/"
        ), "media_type": "VIDEO", "media_url": "https://a.test/a.mp4"})),
        (BLOG, listed({"id": 1, "blog_name": "a", "post_url": BLOG, "video_url": "https://a.test/a.mp4"})),
        (TALK, recordings),
        (TALK, nested_texts),
        ("https://rumble.com/embed/v1/", listed({"duration": 1, "ua": {"mp4": {"360": {"url": "https://a.test/a.mp4"}}}})),
    ],
)  # fmt: skip
def test_a_larger_document_takes_no_more_than_its_share(
    url: str, document: Callable[[int], str]
) -> None:
    assert not growth_of(lambda text: read_saved(url, text), document).is_above_linear
