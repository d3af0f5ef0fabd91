"""Posts of X as other programs write them down."""

from __future__ import annotations

from typing import Any

import pytest

from mediavault.core.errors import Deleted, Failure, Private
from mediavault.core.media import ItemRole
from tests.unit.services.extraction.page_data.reading import best, told

ID = "1700000000000000001"
URL = f"https://x.com/jane/status/{ID}"
FILES = "https://video.twimg.com/ext_tw_video/1/pu/vid/"
SMALL, LARGE = f"{FILES}640x360/s.mp4", f"{FILES}1280x720/l.mp4"
PICTURE = "https://pbs.twimg.com/ext_tw_video_thumb/1/pu/img/p.jpg"
VARIANTS: list[dict[str, Any]] = [
    {"content_type": "application/x-mpegURL", "url": "https://video.twimg.com/ext_tw_video/1/pu/pl/m.m3u8"},
    {"content_type": "video/mp4", "bitrate": 832_000, "url": SMALL},
    {"content_type": "video/mp4", "bitrate": 2_176_000, "url": LARGE},
]
CAMEL = [{"contentType": one["content_type"], "bitrate": one.get("bitrate"), "url": one["url"]} for one in VARIANTS]


def fx(post_id: str = ID, *, handle: str = "jane", media: bool = True, **more: Any) -> dict[str, Any]:
    video = {"type": "video", "url": SMALL, "thumbnail_url": PICTURE, "duration": 9.5, "variants": VARIANTS}
    return {
        "id": post_id,
        "text": "a kite",
        "author": {"screen_name": handle, "name": handle.title()},
        "created_timestamp": 1_700_000_000,
        **({"media": {"all": [video], "videos": [video]}} if media else {}),
        **more,
    }


def vx(post_id: str = ID, *, handle: str = "jane", media: bool = True, **more: Any) -> dict[str, Any]:
    video = {"type": "video", "url": LARGE, "thumbnail_url": PICTURE, "duration_millis": 9_500}
    return {
        "tweetID": post_id,
        "user_screen_name": handle,
        "user_name": handle.title(),
        "text": "a kite",
        "date_epoch": 1_700_000_000,
        "media_extended": [video] if media else [],
        **more,
    }


def scraped(post_id: str = ID, *, handle: str = "jane", media: object = None, **more: Any) -> dict[str, Any]:
    return {
        "id": int(post_id),
        "user": {"username": handle, "displayname": handle.title()},
        "rawContent": "a kite",
        "date": "2023-11-14T22:13:20+00:00",
        "media": media,
        **more,
    }


def camel(post_id: str = ID, *, handle: str = "jane", media: bool = True, **more: Any) -> dict[str, Any]:
    video = {
        "type": "video",
        "media_url_https": PICTURE,
        "video_info": {"variants": VARIANTS, "duration_millis": 9_500},
    }
    return {
        "id": post_id,
        "text": "a kite",
        "author": {"userName": handle, "name": handle.title()},
        "createdAt": "Tue Nov 14 22:13:20 +0000 2023",
        "extendedEntities": {"media": [video]} if media else {},
        **more,
    }


SNSCRAPE = [{"_type": "snscrape.modules.twitter.Video", "thumbnailUrl": PICTURE, "variants": CAMEL, "duration": 9.5}]
TWSCRAPE = {
    "photos": [],
    "videos": [{"thumbnailUrl": PICTURE, "variants": CAMEL[1:], "duration": 9_500}],
    "animated": [],
}


@pytest.mark.parametrize(
    "answer",
    [
        {"code": 200, "tweet": fx()},
        vx(),
        scraped(media=SNSCRAPE),
        scraped(media=TWSCRAPE),
        [camel("1600000000000000009", handle="bob"), camel()],
    ],
    ids=["fxembed", "vxtwitter", "snscrape", "twscrape", "apify"],
)
def test_every_form_tells_the_same(answer: object) -> None:
    data = told(URL, answer)

    assert best(data) == [LARGE]
    assert (data.handle, data.display_name, data.text) == ("jane", "Jane", "a kite")
    assert (data.thumbnail_url, data.items[0].expected.duration_s) == (PICTURE, 9.5)
    assert data.published_at is not None
    assert data.published_at.isoformat() == "2023-11-14T22:13:20+00:00"


@pytest.mark.parametrize(
    "answer",
    [
        {"tweet": fx(media=False, quote=fx("12", handle="bob"))},
        vx(media=False, qrt=vx("12", handle="bob")),
        scraped(quotedTweet=scraped("12", handle="bob", media=SNSCRAPE)),
        camel(media=False, quote=camel("12", handle="bob")),
    ],
    ids=["fxembed", "vxtwitter", "snscrape", "apify"],
)
def test_a_quoted_posts_video_is_never_the_posts(answer: object) -> None:
    data = told(URL, answer)

    assert [item.role for item in data.items] == [ItemRole.QUOTED]
    assert data.handle == "jane"


def test_an_exported_repost_shows_the_other_posts_video() -> None:
    repost = scraped(retweetedTweet=scraped("12", handle="bob", media=SNSCRAPE))

    assert best(told(URL, repost)) == [LARGE]


def test_an_exported_animation_is_a_silent_video_and_a_photo_none() -> None:
    media = {"photos": [], "videos": [], "animated": [{"thumbnailUrl": PICTURE, "videoUrl": f"{FILES}g.mp4"}]}
    data = told(URL, scraped(media=media))

    assert (best(data), data.items[0].expected.audio) == ([f"{FILES}g.mp4"], False)
    photo = told(URL, vx(media_extended=[{"type": "image", "url": "https://pbs.twimg.com/media/a.jpg"}]))
    assert (best(photo), photo.image_urls) == ([], ("https://pbs.twimg.com/media/a.jpg",))


@pytest.mark.parametrize(("said", "condition"), [("NOT_FOUND", Deleted), ("PRIVATE_TWEET", Private)])
def test_what_a_front_end_answers_in_place_of_a_post_is_believed(said: str, condition: type[Failure]) -> None:
    with pytest.raises(condition):
        told(URL, {"code": 404, "message": said, "tweet": None})
