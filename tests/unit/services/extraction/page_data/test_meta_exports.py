"""Posts of Meta's sites as archivers write them down."""

from __future__ import annotations

from typing import Any

import pytest

from mediavault.core.media import ItemType
from tests.unit.services.extraction.page_data.reading import best, read, told

CODE = "CPQjO5RIIO9"
URL = f"https://www.instagram.com/p/{CODE}/"
CDN = "https://scontent.cdninstagram.com/v/t50/"


def exported(code: str = CODE, **more: Any) -> dict[str, Any]:
    return {
        "id": "2580717541674484669",
        "type": "Video",
        "shortCode": code,
        "url": f"https://www.instagram.com/p/{code}/",
        "displayUrl": f"{CDN}{code}.jpg",
        "videoUrl": f"{CDN}{code}.mp4",
        "ownerUsername": "jane",
        "ownerFullName": "Jane D.",
        "childPosts": [],
        **more,
    }


def test_an_exported_post_of_instagram_names_its_file() -> None:
    data = told(URL, [exported("CPother1234"), exported()])

    assert best(data) == [f"{CDN}{CODE}.mp4"]
    assert (data.handle, data.display_name, data.thumbnail_url) == ("jane", "Jane D.", f"{CDN}{CODE}.jpg")


def test_an_exported_carousel_keeps_its_order() -> None:
    children = [
        {"id": "1", "type": "Image", "displayUrl": f"{CDN}1.jpg"},
        {"id": "2", "type": "Video", "displayUrl": f"{CDN}2.jpg", "videoUrl": f"{CDN}2.mp4"},
    ]
    data = told(URL, [exported(type="Sidecar", videoUrl=None, childPosts=children)])

    assert [item.type for item in data.items] == [ItemType.IMAGE, ItemType.VIDEO]
    assert best(data) == [f"{CDN}2.mp4"]


FACEBOOK = "https://www.facebook.com/jane/posts/2257188721032235"


def facebook(**more: Any) -> dict[str, Any]:
    return {
        "post_id": "2257188721032235",
        "text": "a kite",
        "video": "https://video.xx.fbcdn.net/v/kite.mp4",
        "video_thumbnail": "https://scontent.xx.fbcdn.net/kite.jpg",
        "video_id": "387081299304444",
        "username": "Jane D.",
        "user_url": "https://facebook.com/jane",
        **more,
    }


@pytest.mark.parametrize("url", [FACEBOOK, "https://www.facebook.com/watch/?v=387081299304444"])
def test_an_exported_post_of_facebook_is_told_by_its_own_id_and_by_its_videos(url: str) -> None:
    data = told(url, [facebook()])

    assert best(data) == ["https://video.xx.fbcdn.net/v/kite.mp4"]
    assert (data.display_name, data.thumbnail_url) == ("Jane D.", "https://scontent.xx.fbcdn.net/kite.jpg")


def test_what_an_exported_post_only_passes_on_is_not_its_own() -> None:
    assert read(FACEBOOK, [facebook(shared_post_id="9")]) is None


def test_the_first_api_of_instagram_names_files_by_their_size() -> None:
    sizes = ("low_resolution", 480), ("standard_resolution", 640)
    record = {
        "type": "video",
        "id": "123_456",
        "link": f"https://www.instagram.com/p/{CODE}/",
        "user": {"username": "jane", "full_name": "Jane"},
        "videos": {name: {"url": f"{CDN}{width}.mp4", "width": width, "height": width} for name, width in sizes},
        "images": {name: {"url": f"{CDN}{width}.jpg", "width": width, "height": width} for name, width in sizes},
    }
    data = told(URL, {"data": record})

    assert (best(data), data.thumbnail_url, data.handle) == ([f"{CDN}640.mp4"], f"{CDN}640.jpg", "jane")
    assert best(told(URL, {"data": {**record, "type": "image", "videos": {}}})) == []
