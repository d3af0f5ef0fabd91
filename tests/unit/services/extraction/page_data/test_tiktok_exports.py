"""TikTok's items as other programs write them down."""

from __future__ import annotations

from typing import Any

from mediavault.core.media import ItemType, Watermark
from tests.unit.services.extraction.page_data.reading import best, told

ID = "7000000000000000001"
URL = f"https://www.tiktok.com/@jane/video/{ID}"
CDN = "https://v16m.tiktokcdn.com/a/video/tos/"
COVER = "https://p16-sign.tiktokcdn.com/obj/c.jpeg"


def tikwm(**more: Any) -> dict[str, Any]:
    data = {
        "id": ID,
        "title": "a kite",
        "origin_cover": COVER,
        "duration": 15,
        "play": f"{CDN}sd/?mime_type=video_mp4",
        "wmplay": f"{CDN}marked/?mime_type=video_mp4",
        "hdplay": f"{CDN}hd/?mime_type=video_mp4",
        "size": 100_000,
        "hd_size": 300_000,
        "author": {"unique_id": "jane", "nickname": "Jane"},
        **more,
    }
    return {"code": 0, "msg": "success", "data": data}


def scraper(post_id: str = ID, **more: Any) -> dict[str, Any]:
    return {
        "id": post_id,
        "text": "a kite",
        "createTime": 1_600_000_000,
        "authorMeta": {"name": "jane", "nickName": "Jane"},
        "covers": {"origin": COVER},
        "videoUrl": f"{CDN}{post_id}/?mime_type=video_mp4",
        "videoMeta": {"width": 576, "height": 1024, "duration": 15},
        **more,
    }


def test_a_downloaders_largest_file_without_a_mark_is_taken() -> None:
    data = told(URL, tikwm())

    assert best(data) == [f"{CDN}hd/?mime_type=video_mp4"]
    assert [one.url for one in data.items[0].candidates if one.watermark is Watermark.YES] == [
        f"{CDN}marked/?mime_type=video_mp4"
    ]
    assert (data.handle, data.display_name, data.thumbnail_url) == ("jane", "Jane", COVER)


def test_a_downloaders_slideshow_names_its_music_where_a_video_would_stand() -> None:
    pictures = ["https://p16.tiktokcdn.com/1.jpeg", "https://p16.tiktokcdn.com/2.jpeg"]
    data = told(URL, tikwm(images=pictures, hdplay=None))

    assert [item.type for item in data.items] == [ItemType.IMAGE, ItemType.IMAGE]
    assert best(data) == []


def test_the_posts_own_record_is_taken_out_of_an_export() -> None:
    data = told(URL, {"collector": [scraper("7000000000000000002"), scraper()]})

    assert best(data) == [f"{CDN}{ID}/?mime_type=video_mp4"]
    assert (data.handle, data.display_name, data.thumbnail_url) == ("jane", "Jane", COVER)


def test_a_copy_on_a_programs_own_server_is_not_the_posts_file() -> None:
    """There is a video, but this document does not tell where."""
    copy = "https://store.example/records/video-1.mp4"
    data = told(URL, [scraper(videoUrl=None, mediaUrls=[copy])])

    assert (best(data), [item.is_video for item in data.items]) == ([], [True])
