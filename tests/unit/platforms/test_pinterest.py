"""Pinterest's pins."""

from __future__ import annotations

from typing import Any

import pytest

from mediavault.core.failures import Deleted
from tests.unit.extraction.page_data.reading import best, read, read_known

URL = "https://www.pinterest.com/pin/1234567890/"


def levels(name: str = "ab") -> dict[str, Any]:
    return {
        "V_HLSV4": {
            "url": f"https://v1.pinimg.com/videos/mc/hls/{name}.m3u8",
            "width": 720,
            "height": 1280,
            "duration": 4_500,
        },
        "V_720P": {
            "url": f"https://v1.pinimg.com/videos/mc/720p/{name}.mp4",
            "width": 720,
            "height": 1280,
            "duration": 4_500,
            "thumbnail": "https://i.pinimg.com/t.jpg",
        },
    }


def pin(number: str = "1234567890", **facts: Any) -> dict[str, Any]:
    return {
        "id": number,
        "grid_title": "A kite",
        "pinner": {"username": "jane", "full_name": "Jane D."},
        "images": {"orig": {"url": "https://i.pinimg.com/originals/a.jpg"}},
        **facts,
    }


def test_relay_keeps_the_levels_of_an_idea_pin_in_lists_by_size() -> None:
    own, small = levels()["V_720P"], levels()["V_HLSV4"]
    lists = {"videoList720P": {"v720P": own}, "videoListMobile": {"vHLSV3MOBILE": small}}
    page = {"blocks": [{"__typename": "StoryPinVideoBlock", "videoDataV2": lists}]}
    data = read_known(URL, pin(storyPinData={"pages": [page]}))

    assert best(data) == [own["url"]]
    assert data.items[0].thumbnail_url == own["thumbnail"]


def test_the_pins_own_file_is_found_among_related_pins() -> None:
    state = {
        "pins": {
            "1": pin("1", videos={"video_list": levels("other")}),
            "2": pin(videos={"video_list": levels()}),
        }
    }
    data = read_known(URL, state)

    assert best(data) == ["https://v1.pinimg.com/videos/mc/720p/ab.mp4"]
    assert (data.handle, data.display_name, data.title) == ("jane", "Jane D.", "A kite")
    assert (data.items[0].expected.duration_s, data.thumbnail_url) == (
        4.5,
        "https://i.pinimg.com/originals/a.jpg",
    )


def test_an_experimental_encoding_counts_only_where_there_is_no_other() -> None:
    experiment = {**levels("exp")["V_720P"], "width": 1080, "height": 1920}

    assert best(read_known(URL, pin(videos={"video_list": {"V_EXP7": experiment, **levels()}})))[
        0
    ].endswith("ab.mp4")
    assert best(read_known(URL, pin(videos={"video_list": {"V_EXP7": experiment}})))[0].endswith(
        "exp.mp4"
    )


def test_an_idea_pin_has_an_item_for_each_page() -> None:
    pages = [
        {"blocks": [{"block_type": 3, "video": {"video_list": levels(name)}}]}
        for name in ("one", "two")
    ]

    assert [url[-7:] for url in best(read_known(URL, pin(story_pin_data={"pages": pages})))] == [
        "one.mp4",
        "two.mp4",
    ]


def test_relay_data_in_camel_case_is_merged_from_several_answers() -> None:
    facts = {
        "entityId": "1234567890",
        "pinner": {"username": "jane", "fullName": "Jane D."},
        "gridTitle": "A kite",
    }
    media = {"entityId": "1234567890", "videos": {"videoList": {"v720P": levels()["V_720P"]}}}
    data = read_known(
        URL, {"response": {"data": {"a": facts}}}, {"response": {"data": {"a": media}}}
    )

    assert (best(data), data.display_name) == (
        ["https://v1.pinimg.com/videos/mc/720p/ab.mp4"],
        "Jane D.",
    )


def test_a_picture_pin_next_to_a_video_pin_has_no_video() -> None:
    data = read_known(URL, [pin(), pin("1", videos={"video_list": levels("other")})])

    assert (best(data), data.found, data.image_urls) == (
        [],
        True,
        ("https://i.pinimg.com/originals/a.jpg",),
    )


def test_a_missing_pin_counts_as_deleted() -> None:
    with pytest.raises(Deleted):
        read(URL, {"resource_response": {"error": {"message": "PinNotFound", "http_status": 404}}})


def test_an_answer_without_a_pin_means_that_it_is_deleted() -> None:
    answer = {"status": "failure", "http_status": 404, "message": "Pin not found.", "data": None}

    with pytest.raises(Deleted):
        read("https://www.pinterest.com/pin/123456789012345678/", {"resource_response": answer})


def test_an_answer_for_widgets_names_the_account_by_its_address() -> None:
    shown = {"full_name": "Jane", "profile_url": "https://www.pinterest.com/jane/"}

    assert read_known(URL, {"data": [pin(pinner=shown)]}).handle == "jane"


def documented(**media: Any) -> dict[str, Any]:
    return {
        "id": "1234567890",
        "title": "a kite",
        "board_owner": {"username": "jane"},
        "media": {"media_type": "video", "cover_image_url": "https://i.pinimg.com/c.jpg", **media},
    }


def test_the_documented_api_gives_the_file_only_to_the_pins_owner() -> None:
    address = "https://v1.pinimg.com/videos/mc/expMp4/a.mp4"
    own, others = (
        read_known(URL, documented(video_url=address, duration=9.0)),
        read_known(URL, documented(video_url=None)),
    )

    assert (best(own), own.handle, own.thumbnail_url) == (
        [address],
        "jane",
        "https://i.pinimg.com/c.jpg",
    )
    assert [(item.is_video, item.candidates) for item in others.items] == [(True, ())]
