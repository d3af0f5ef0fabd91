"""Bilibili's state and play data."""

from __future__ import annotations

from typing import Any

import pytest

from mediavault.core.failures import Challenge, Deleted, LoginRequired, Private, RegionLocked
from tests.unit.extraction.page_data.reading import best, read, read_known

URL = "https://www.bilibili.com/video/BV13x41117TL/"
CDN = "https://upos-sz-mirror.bilivideo.com/upgcxcode/1/2/3/3-1-"


def state(bvid: str = "BV13x41117TL", part: int = 1) -> dict[str, Any]:
    video = {
        "bvid": bvid,
        "aid": 8903802,
        "title": "A kite",
        "pic": "//i0.hdslb.com/a.jpg",
        "owner": {"mid": 65880958, "name": "Jane"},
        "pages": [{"cid": 3, "page": 1}],
        "pubdate": 1_488_353_834,
        "duration": 308,
    }
    return {"bvid": bvid, "p": part, "videoData": video}


def play() -> dict[str, Any]:
    videos = [
        {
            "id": level,
            "baseUrl": f"{CDN}{level}.m4s",
            "bandwidth": level * 10_000,
            "codecs": "avc1.640028",
            "width": height * 16 // 9,
            "height": height,
            "frameRate": "30",
            "mimeType": "video/mp4",
        }
        for level, height in ((30032, 480), (30080, 1080))
    ]
    sounds = [
        {"id": 30216, "baseUrl": f"{CDN}30216.m4s", "bandwidth": 64_000},
        {"id": 30280, "base_url": f"{CDN}30280.m4s", "bandwidth": 192_000},
    ]
    return {"code": 0, "data": {"timelength": 308_313, "dash": {"video": videos, "audio": sounds}}}


def test_the_largest_picture_comes_with_the_best_sound() -> None:
    data = read_known(URL, state(), play())
    chosen = data.items[0].candidates[1]

    assert (best(data), chosen.audio_url) == ([f"{CDN}30080.m4s"], f"{CDN}30280.m4s")
    assert (data.display_name, data.handle, data.thumbnail_url) == (
        "Jane",
        "65880958",
        "https://i0.hdslb.com/a.jpg",
    )
    assert data.items[0].expected.duration_s == 308.313


def test_a_file_with_both_tracks_needs_no_second_one() -> None:
    answer = {
        "code": 0,
        "data": {"quality": 64, "durl": [{"url": f"{CDN}64.mp4", "size": 9_000_000}]},
    }
    data = read_known(URL, state(), answer)

    assert (best(data), data.items[0].candidates[0].has_audio) == ([f"{CDN}64.mp4"], True)


def test_a_preview_of_a_paid_video_is_not_taken_for_the_video() -> None:
    paid = state()
    paid["videoData"] |= {
        "is_upower_exclusive": True,
        "is_upower_preview": True,
        "is_upower_play": False,
    }
    with pytest.raises(Private):
        read(URL, paid, play())
    paid["videoData"]["is_upower_play"] = True  # for a user who has paid

    assert best(read_known(URL, paid, play())) == [f"{CDN}30080.m4s"]


def test_play_data_of_another_video_or_part_is_ignored() -> None:
    assert read(URL, state("BV1xx411c7mD"), play()) is None
    assert read_known(f"{URL}?p=2", state(), play()).found is False


def test_the_state_alone_gives_only_metadata() -> None:
    data = read_known(URL, state())

    assert (data.found, data.items, data.title) == (False, (), "A kite")


@pytest.mark.parametrize(
    ("code", "condition"), [(-404, Deleted), (62002, Deleted), (-352, Challenge)]
)
def test_an_error_answer_raises_the_matching_failure(code: int, condition: type[Exception]) -> None:
    with pytest.raises(condition):
        read(URL, {"code": code, "message": "…"})


@pytest.mark.parametrize(
    ("message", "condition"),
    [("抱歉您所在地区不可观看!", RegionLocked), ("大会员专享限制", LoginRequired)],
)
def test_a_region_lock_and_members_only_content_share_a_code_and_differ_in_the_message(
    message: str, condition: type[Exception]
) -> None:
    with pytest.raises(condition):
        read("https://www.bilibili.com/bangumi/play/ep1", {"code": -10403, "message": message})
