"""Threads: the post among its replies, carousels, quoted posts and linked media."""

from __future__ import annotations

from typing import Any

import pytest

from mediavault.core.failures import LoginRequired
from mediavault.core.media import ItemRole, ItemType, Post
from mediavault.core.platform import PageData
from mediavault.platforms import threads
from mediavault.platforms.threads import THREADS

CODE = "C8abcdefghi"
URL = f"https://www.threads.com/@jane/post/{CODE}"
CDN = "https://scontent.cdninstagram.com/"


def record(
    code: str = CODE, *, video: bool = True, share: Any = None, **more: Any
) -> dict[str, Any]:
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


def read(*documents: object) -> PageData | None:
    return threads.read(Post(URL, URL, "threads", CODE, "jane"), THREADS, documents)


def test_replies_in_the_same_data_are_ignored() -> None:
    thread = {
        "data": {
            "edges": [
                {"node": {"thread_items": [{"post": record("ANSWER00")}, {"post": record()}]}}
            ]
        }
    }
    data = read(thread)

    assert data is not None
    assert [c.url for item in data.items for c in item.candidates] == [f"{CDN}{CODE}.mp4"]
    assert (data.handle, data.text, data.thumbnail_url) == (
        "jane",
        f"Text of {CODE}",
        f"{CDN}{CODE}.jpg",
    )
    assert read(record("ANSWER00")) is None


def test_a_quoted_posts_video_is_an_item_with_that_role() -> None:
    quoting = record(
        video=False, image_versions2={"candidates": []}, share={"quoted_post": record("QUOTED00")}
    )
    data = read(quoting)

    assert data is not None
    assert [(item.role, item.label) for item in data.items] == [(ItemRole.QUOTED, "QUOTED00")]
    assert data.thumbnail_url is None
    assert data.metadata == {"quoted_post_id": "QUOTED00"}


def test_a_carousel_keeps_its_order() -> None:
    children = [
        {**record(name, video=name != "b"), "code": None, "pk": name} for name in ("a", "b", "c")
    ]
    data = read(record(carousel_media=children))

    assert data is not None
    assert [item.type for item in data.items] == [ItemType.VIDEO, ItemType.IMAGE, ItemType.VIDEO]


def test_a_text_post_is_found_without_media() -> None:
    data = read(record(video=False, image_versions2={"candidates": []}))

    assert data is not None
    assert (data.items, data.found) == ((), True)


def test_a_linked_instagram_video_is_the_posts_own() -> None:
    linked = {"code": "INSTAGRAM0", "video_versions": [{"url": f"{CDN}linked.mp4"}]}
    data = read(
        record(
            video=False, image_versions2=None, text_post_app_info={"linked_inline_media": linked}
        )
    )

    assert data is not None
    assert [(item.role, item.candidates[0].url) for item in data.items] == [
        (ItemRole.MAIN, f"{CDN}linked.mp4")
    ]


def test_a_withheld_post_requires_a_sign_in() -> None:
    with pytest.raises(LoginRequired):
        read({"rootView": {"resource": {"__dr": "BarcelonaGeoBlockedErrorRoot.react"}}})
