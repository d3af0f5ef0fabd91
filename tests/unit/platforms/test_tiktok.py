"""TikTok's data: quality levels without watermark, the watermarked copy, photo posts,
and error answers.
"""

from __future__ import annotations

from typing import Any

import pytest

from mediavault.core.failures import AgeRestricted, Deleted, Failure, IpBlocked, Private
from mediavault.core.media import Candidate, ItemType, Watermark
from mediavault.core.platform import PageData
from mediavault.extraction.page_data.document import documents
from mediavault.extraction.page_data.html_scan import scan
from mediavault.platforms import tiktok
from mediavault.platforms.tiktok import TIKTOK
from tests.unit.extraction.page_data.reading import best
from tests.unit.extraction.samples import (
    TIKTOK_ID,
    tiktok_item,
    tiktok_level,
    tiktok_page,
    tiktok_post,
)


def read(*answers: object) -> PageData:
    data = tiktok.read(tiktok_post(), TIKTOK, answers)
    assert data is not None
    return data


def levels(data: PageData) -> tuple[Candidate, ...]:
    return tuple(candidate for item in data.items for candidate in item.candidates)


def from_page(detail: dict[str, object]) -> list[object]:
    return documents(scan(tiktok_page(detail)))


def test_the_levels_have_no_watermark_and_the_download_address_has_one() -> None:
    data = read(*from_page({"statusCode": 0, "itemInfo": {"itemStruct": tiktok_item()}}))

    marks = {("marked" in c.url): c.watermark for c in levels(data)}
    assert marks == {False: Watermark.NO, True: Watermark.YES}
    assert all(c.expires_at is not None and c.signed for c in levels(data))


def test_author_text_day_and_length_are_read() -> None:
    data = read(tiktok_item())

    assert (data.handle, data.display_name, data.text) == ("jane", "Jane", "A kite #wind")
    assert data.items[0].expected.duration_s == 12
    assert data.published_at is not None
    assert data.published_at.year == 2022


def test_recommended_videos_in_the_same_data_are_ignored() -> None:
    other = tiktok_item(tiktok_level("other", "h264", 9_000_000), post_id="7999999999999999999")
    data = read({"ItemList": [other], "itemInfo": {"itemStruct": tiktok_item()}})

    assert not any("other" in c.url for c in levels(data))


def test_a_photo_post_has_pictures_and_no_video() -> None:
    images = [{"imageURL": {"urlList": [f"https://p16.tiktokcdn.com/{n}.jpeg"]}} for n in range(3)]
    data = read(tiktok_item(imagePost={"images": images}))

    assert (data.found, levels(data), len(data.image_urls)) == (True, (), 3)
    assert [item.type for item in data.items] == [ItemType.IMAGE] * 3


def test_an_undecodable_codec_is_noted() -> None:
    data = read(tiktok_item(tiktok_level("new", "bytevc2", 900_000)))

    assert "undecodable" in next(c for c in levels(data) if "new" in c.url).note


@pytest.mark.parametrize(
    ("code", "kind"),
    [(10204, IpBlocked), (10216, Private), (10222, Private), (10215, Deleted), (10221, Deleted)],
)
def test_an_error_answer_raises_the_matching_failure(code: int, kind: type[Failure]) -> None:
    with pytest.raises(kind):
        tiktok.read(tiktok_post(), TIKTOK, from_page({"statusCode": code, "statusMsg": "x"}))


def test_a_classified_post_without_media_is_age_restricted() -> None:
    item = {**tiktok_item(), "video": {"id": TIKTOK_ID}, "isContentClassified": True}

    with pytest.raises(AgeRestricted):
        tiktok.read(tiktok_post(), TIKTOK, [item])


def test_a_page_without_data_gives_no_data() -> None:
    assert tiktok.read(tiktok_post(), TIKTOK, []) is None


# --- other forms ----------------------------------------------------------------------------------


def play_address(name: str, width: int = 576, **facts: Any) -> dict[str, Any]:
    urls = [
        f"https://v16m.tiktokcdn.com/{name}/video/tos/a/",
        f"https://v19.tiktokcdn.com/{name}/video/tos/a/",
    ]
    return {
        "uri": "v0f00000000000000000000000000001",
        "url_list": urls,
        "width": width,
        "height": 1024,
        **facts,
    }


def embed(**facts: Any) -> dict[str, Any]:
    infos = {
        "id": TIKTOK_ID,
        "text": "A kite",
        "createTime": "1657677954",
        "covers": ["https://p16.tiktokcdn.com/cover.jpg"],
        "coversOrigin": ["https://p16.tiktokcdn.com/origin.jpg"],
        "video": {
            "urls": [play_address("play")["url_list"][0]],
            "videoMeta": {"width": 576, "height": 1024, "duration": 12},
        },
    }
    return {"itemInfos": infos, "authorInfos": {"uniqueId": "jane", "nickName": "Jane"}, **facts}


@pytest.mark.parametrize(
    "document",
    [
        {"source": {"data": {f"/embed/v2/{TIKTOK_ID}": {"code": 200, "videoData": embed()}}}},
        {"props": {"pageProps": {"statusCode": 0, "videoData": embed()}}},
    ],
    ids=["embed", "page of 2019"],
)
def test_an_embed_and_an_old_page_name_the_same_file(document: dict[str, Any]) -> None:
    data = read(document)

    assert best(data) == ["https://v16m.tiktokcdn.com/play/video/tos/a/"]
    assert (data.handle, data.display_name, data.items[0].expected.duration_s) == (
        "jane",
        "Jane",
        12,
    )
    assert data.thumbnail_url == "https://p16.tiktokcdn.com/origin.jpg"


def test_an_embed_of_a_slideshow_has_pictures_and_no_video() -> None:
    pictures = {"images": [{"displayImage": {"urlList": ["https://p16.tiktokcdn.com/1.jpeg"]}}]}
    slideshow = embed(imagePostInfo=pictures)
    del slideshow["itemInfos"]["video"]

    assert [item.type for item in read({"videoData": slideshow}).items] == [ItemType.IMAGE]


def test_the_embedded_players_answer_is_read() -> None:
    item = {
        "id_str": TIKTOK_ID,
        "desc": "A kite",
        "author_info": {"unique_id": "jane", "nickname": "Jane"},
        "video_info": {
            "url_list": play_address("play")["url_list"],
            "meta": {"width": 576, "height": 1024, "duration": 12},
        },
    }

    assert best(read({"items": [item]})) == ["https://v16m.tiktokcdn.com/play/video/tos/a/"]


def test_an_item_of_the_app_is_read_without_the_marked_file_for_downloading() -> None:
    def file(name: str, **facts: Any) -> dict[str, Any]:
        return {**play_address(name), "uri": "v0f0001", **facts}

    item = {
        "aweme_id": TIKTOK_ID,
        "desc": "A kite",
        "create_time": 1_657_677_954,
        "author": {"unique_id": "jane", "nickname": "Jane"},
        "video": {
            "duration": 12_300,
            "play_addr": file("play"),
            "download_addr": file("marked", data_size=9_000_000),
            "bit_rate": [
                {
                    "bit_rate": 500_000,
                    "is_h265": 0,
                    "play_addr": file("low", width=360, height=640),
                },
                {
                    "bit_rate": 900_000,
                    "is_h265": 0,
                    "play_addr": file("high", width=1080, height=1920),
                },
            ],
        },
    }
    data = read({"aweme_detail": item})

    assert best(data) == ["https://v16m.tiktokcdn.com/high/video/tos/a/"]
    assert (data.handle, data.text, data.items[0].expected.duration_s) == ("jane", "A kite", 12.3)


def test_a_page_of_2020_names_the_item_in_next_data() -> None:
    data = read(
        {"props": {"pageProps": {"statusCode": 0, "itemInfo": {"itemStruct": tiktok_item()}}}}
    )

    assert "good" in best(data)[0]


def test_of_equal_levels_the_sites_first_address_is_taken() -> None:
    level = tiktok_level("good", "h264", 1_000_000)

    assert best(read(tiktok_item(level))) == [level["PlayAddr"]["UrlList"][0]]
