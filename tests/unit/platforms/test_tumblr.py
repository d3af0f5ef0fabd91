"""Tumblr's posts, new and old."""

from __future__ import annotations

from typing import Any

import pytest

from mediavault.core.failures import Deleted, LoginRequired
from tests.unit.extraction.page_data.reading import best, read, read_known
from tests.unit.extraction.saved_reading import read_saved

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


def post(
    *blocks: dict[str, Any], number: str = "701234567890123456", **facts: Any
) -> dict[str, Any]:
    return {
        "idString": number,
        "blogName": "jane",
        "blog": {"title": "Jane's kites"},
        "content": list(blocks),
        **facts,
    }


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
    data = read_known(
        URL,
        post(
            {"type": "video", "provider": "youtube", "url": "https://www.youtube.com/watch?v=abc"}
        ),
    )

    assert (best(data), data.found) == ([], True)


@pytest.mark.parametrize(
    ("answer", "condition"),
    [
        ({"meta": {"status": 404, "msg": "Not Found"}}, Deleted),
        ({"errors": [{"code": 4012}], "meta": {"status": 404}}, Deleted),
        ({"meta": {"status": 401}}, LoginRequired),
    ],
)
def test_an_error_answer_raises_the_matching_failure(
    answer: object, condition: type[Exception]
) -> None:
    with pytest.raises(condition):
        read(URL, answer)


# --- the API's answer about a blog's posts --------------------------------------------------------

NUMBER, OWN_DOMAIN = (
    "701234567890123456",
    "https://kites.example.org/post/701234567890123456/a-kite",
)


def listed(number: str = NUMBER, **facts: Any) -> dict[str, Any]:
    return {
        "id": int(number),
        "id_string": number,
        "blog_name": "jane",
        "blog": {"name": "jane", "title": "Jane's kites", "url": "https://kites.example.org/"},
        "post_url": f"https://kites.example.org/post/{number}/a-kite",
        "timestamp": 1_700_000_000,
        "summary": "A kite",
        **facts,
    }


def older(number: str = NUMBER, url: str = FILE) -> dict[str, Any]:
    code = (
        f"<video poster='https://64.media.tumblr.com/p.jpg'><source src='{url}'"
        " type='video/mp4'></video>"
    )
    player = [{"width": 250, "embed_code": code}, {"width": 500, "embed_code": code}]
    shown = {
        "thumbnail_url": "https://64.media.tumblr.com/p.jpg",
        "duration": 12,
        "html5_capable": True,
    }
    return listed(
        number, type="video", caption="<p>A kite</p>", video_url=url, player=player, **shown
    )


def answer(*posts: dict[str, Any]) -> dict[str, Any]:
    blog = {"name": "jane", "url": "https://kites.example.org/"}
    return {
        "meta": {"status": 200, "msg": "OK"},
        "response": {"blog": blog, "posts": list(posts), "total_posts": 99},
    }


@pytest.mark.parametrize("own", [listed(content=[block()]), older()])
@pytest.mark.parametrize(
    "url",
    [OWN_DOMAIN, OWN_DOMAIN.removesuffix("/a-kite"), "https://jane.tumblr.com/post/" + NUMBER],
)
def test_a_post_in_the_apis_answer_is_read_also_on_a_domain_of_the_blogs_own(
    url: str, own: dict[str, Any]
) -> None:
    other = older("701234567890120000", "https://va.media.tumblr.com/tumblr_other.mp4")
    data = read_known(url, answer(other, own))

    assert best(data) == [FILE]
    assert (data.handle, data.thumbnail_url) == ("jane", "https://64.media.tumblr.com/p.jpg")
    assert len(data.items) == 1


def test_the_duration_of_an_older_post_is_announced() -> None:
    assert read_known(URL, older()).items[0].expected.duration_s == 12


@pytest.mark.parametrize(
    "url",
    [OWN_DOMAIN.replace(NUMBER, "701234567890199999"), OWN_DOMAIN.replace("kites.", "other.")],
)
def test_posts_of_another_number_or_blog_are_not_the_posts(url: str) -> None:
    assert read(url, answer(older())) is None
    assert read_saved(url, answer(older(), older("701234567890120000"))).outcome == "many_posts"
