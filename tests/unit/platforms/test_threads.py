"""Threads: the post among its answers, carousels, quoted and passed-on posts."""

from __future__ import annotations

from typing import Any

import pytest

from mediavault.core.failures import LoginRequired
from mediavault.core.media import ItemRole, ItemType, Post
from mediavault.core.platform import PageData
from mediavault.platforms.threads import THREADS
from mediavault.platforms.threads import reader as threads

CODE = "C8abcdefghi"
URL = f"https://www.threads.com/@jane/post/{CODE}"
CDN = "https://scontent.cdninstagram.com/"


def record(code: str = CODE, *, video: bool = True, share: Any = None, **more: Any) -> dict[str, Any]:
    return {
        "pk": "33" + code,
        "code": code,
        "user": {"username": "jane" if code == CODE else "other"},
        "caption": {"text": f"Text of {code}"},
        "taken_at": 1_720_000_000,
        "image_versions2": {"candidates": [{"url": f"{CDN}{code}.jpg", "width": 9, "height": 9}]},
        "video_versions": [{"type": 101, "url": f"{CDN}{code}.mp4"}] if video else None,
        "text_post_app_info": {"share_info": share or {}},
        **more,
    }


def read(*found: object) -> PageData | None:
    return threads.read(Post(URL, URL, "threads", CODE, "jane"), THREADS, found)


def test_answers_in_the_same_data_are_never_the_posts() -> None:
    thread = {"data": {"edges": [{"node": {"thread_items": [{"post": record("ANSWER00")}, {"post": record()}]}}]}}
    found = read(thread)

    assert found is not None
    assert [c.url for item in found.items for c in item.candidates] == [f"{CDN}{CODE}.mp4"]
    assert (found.handle, found.text, found.thumbnail_url) == ("jane", f"Text of {CODE}", f"{CDN}{CODE}.jpg")
    assert read(record("ANSWER00")) is None


def test_a_quoted_posts_video_is_an_item_of_that_role() -> None:
    quoting = record(video=False, image_versions2={"candidates": []}, share={"quoted_post": record("QUOTED00")})
    found = read(quoting)

    assert found is not None
    assert [(item.role, item.label) for item in found.items] == [(ItemRole.QUOTED, "QUOTED00")]
    assert found.thumbnail_url is None
    assert found.metadata == {"quoted_post_id": "QUOTED00"}


def test_a_carousel_keeps_its_order() -> None:
    children = [{**record(name, video=name != "b"), "code": None, "pk": name} for name in ("a", "b", "c")]
    found = read(record(carousel_media=children))

    assert found is not None
    assert [item.type for item in found.items] == [ItemType.VIDEO, ItemType.IMAGE, ItemType.VIDEO]


def test_a_post_of_words_alone_is_found_without_media() -> None:
    found = read(record(video=False, image_versions2={"candidates": []}))

    assert found is not None
    assert (found.items, found.found) == ((), True)


def test_what_it_shows_from_instagram_is_its_own() -> None:
    linked = {"code": "INSTAGRAM0", "video_versions": [{"url": f"{CDN}linked.mp4"}]}
    found = read(record(video=False, image_versions2=None, text_post_app_info={"linked_inline_media": linked}))

    assert found is not None
    assert [(item.role, item.candidates[0].url) for item in found.items] == [(ItemRole.MAIN, f"{CDN}linked.mp4")]


def test_a_post_that_is_withheld_asks_for_a_sign_in() -> None:
    with pytest.raises(LoginRequired):
        read({"rootView": {"resource": {"__dr": "BarcelonaGeoBlockedErrorRoot.react"}}})
