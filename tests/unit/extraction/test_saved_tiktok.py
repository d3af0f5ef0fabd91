"""Saved answers and pages of TikTok in the formats of 2019 to 2026."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.extraction.samples import TIKTOK_ID
from tests.unit.extraction.saved_reading import SavedFacts, read_saved, script_page

URL = f"https://www.tiktok.com/@jane/video/{TIKTOK_ID}"
KEY = "v09044g40000c1234567890abcdefgh"
UNIVERSAL, SIGI = "__UNIVERSAL_DATA_FOR_REHYDRATION__", "SIGI_STATE"


def file(name: str) -> str:
    return f"https://v16-webapp.tiktok.com/video/tos/x/{name}/?a=1988&mime_type=video_mp4&expire=1767267384&signature=a"


PLAYED, MARKED = file("played"), file("marked")
COVER = "https://p16-sign.tiktokcdn-us.com/obj/cover?x-expires=1&x-signature=a"
OWN_VIDEO = SavedFacts("video", PLAYED, "jane", "Jane", COVER)


def item(**video: Any) -> dict[str, Any]:
    facts = {
        "id": TIKTOK_ID,
        "width": 576,
        "height": 1024,
        "duration": 15,
        "originCover": COVER,
        **video,
    }
    return {
        "id": TIKTOK_ID,
        "desc": "hi",
        "author": {"uniqueId": "jane", "nickname": "Jane"},
        "video": facts,
    }


def page(**scopes: Any) -> str:
    return script_page({"__DEFAULT_SCOPE__": scopes}, UNIVERSAL)


def detail(item_struct: dict[str, Any]) -> str:
    return page(
        **{"webapp.video-detail": {"statusCode": 0, "itemInfo": {"itemStruct": item_struct}}}
    )


def aweme(post_id: str = TIKTOK_ID, name: str = "played") -> dict[str, Any]:
    """An answer as the apps get it: with many more fields than are read."""
    addresses = {
        "uri": KEY,
        "url_list": [file(name)],
        "width": 576,
        "height": 1024,
        "data_size": 9,
        "url_key": f"{KEY}_h264",
    }
    video = {
        "play_addr": addresses, "play_addr_h264": addresses,
        "download_addr": {"url_list": [MARKED]},
        "bit_rate": [{"gear_name": "normal", "bit_rate": 9, "is_bytevc1": 0,
                      "play_addr": addresses}],
        "origin_cover": {"url_list": [COVER]}, "cover": {"url_list": [COVER]}, "duration": 15_000,
        "ratio": "720p", "has_watermark": True, "height": 1024, "width": 576, "is_h265": 0,
        "cdn_url_expired": 1, "big_thumbs": [],
    }  # fmt: skip
    author = {"unique_id": "jane", "nickname": "Jane"}
    return {"aweme_id": post_id, "desc": "hi", "create_time": 1, "author": author, "video": video}


@pytest.mark.parametrize(
    "document",
    [
        detail(item(playAddr=PLAYED, downloadAddr=MARKED)),
        detail(item(playAddr=[{"src": PLAYED}], downloadAddr=MARKED)),
        detail(item(PlayAddrStruct={"Uri": KEY, "UrlList": [PLAYED]}, downloadAddr=MARKED)),
    ],
)
def test_every_form_of_a_post_gives_the_file_without_a_mark(document: Any) -> None:
    assert read_saved(URL, document) == OWN_VIDEO


def test_a_video_whose_addresses_are_withheld_is_announced() -> None:
    assert read_saved(URL, detail(item(playAddr="", downloadAddr=""))) == SavedFacts(
        "metadata_only", None, "jane", "Jane", COVER
    )


def test_an_app_list_of_other_posts_is_a_list() -> None:
    others = {"aweme_list": [aweme("7123456789012345998"), aweme("7123456789012345999")]}

    assert read_saved(URL, others).outcome == "many_posts"


@pytest.mark.parametrize(
    ("code", "message", "outcome"),
    [
        (10204, "item doesn't exist", "gone"),
        (10204, "", "challenge"),
        (10213, "", "age_restricted"),
        (10216, "", "private"),
        (10220, "", "gone"),
        (10222, "", "private"),
        (10231, "", "region_locked"),
        (10231, "cross_border_violation", "region_locked"),
        (10235, "status_reviewing", "gone"),
        (10113, "", "challenge"),
    ],
)
def test_the_message_of_a_status_code_counts_before_the_code(
    code: int, message: str, outcome: str
) -> None:
    answer = {"statusCode": code, "statusMsg": message}

    assert read_saved(URL, page(**{"webapp.video-detail": answer})).outcome == outcome
    assert read_saved(URL, page(**{"webapp.reflow.video.detail": answer})).outcome == outcome
    assert read_saved(URL, page(**{"webapp.photo-detail": answer})).outcome == outcome
    assert read_saved(URL, answer).outcome == outcome


@pytest.mark.parametrize(
    ("document", "outcome"),
    [
        (
            {
                "aweme_detail": None,
                "filter_detail": {"aweme_id": "1", "filter_reason": "status_deleted"},
            },
            "metadata_only",
        ),
        ({"status_code": 2053, "status_msg": ""}, "gone"),
        (
            script_page(
                {"source": {"data": {f"/embed/v2/{TIKTOK_ID}": {"is404": True}}}}, UNIVERSAL
            ),
            "gone",
        ),
    ],
)
def test_refusals_of_apps_and_embeds_have_their_outcome(document: Any, outcome: str) -> None:
    assert read_saved(URL, document).outcome == outcome
