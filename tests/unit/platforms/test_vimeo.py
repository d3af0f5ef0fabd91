"""Vimeo's player config, page data and API."""

from __future__ import annotations

from typing import Any

import pytest

from mediavault.core.failures import Deleted, LoginRequired, Private
from mediavault.core.media import LiveNow
from tests.unit.extraction.page_data.reading import best, read, read_known

URL = "https://vimeo.com/123456789"
FILE = "https://vod-progressive.akamaized.net/exp=1700000000~hmac=ab/vimeo/"


def config(number: int = 123456789, **files: Any) -> dict[str, Any]:
    progressive = [
        {
            "url": f"{FILE}{height}.mp4",
            "mime": "video/mp4",
            "width": height * 16 // 9,
            "height": height,
            "fps": 24,
        }
        for height in (360, 1080, 720)
    ]
    hls = {
        "default_cdn": "b",
        "cdns": {"a": {"url": f"{FILE}a.m3u8"}, "b": {"avc_url": f"{FILE}b.m3u8"}},
    }
    return {
        "request": {
            "files": files
            or {
                "progressive": progressive,
                "hls": hls,
                "dash": {"cdns": {"a": {"url": f"{FILE}master.json"}}},
            }
        },
        "video": {
            "id": number,
            "title": "A kite",
            "duration": 64,
            "width": 1920,
            "height": 1080,
            "owner": {"name": "Jane D.", "url": "https://vimeo.com/jane"},
            "thumbs": {
                "640": "https://i.vimeocdn.com/video/1_640",
                "1280": "https://i.vimeocdn.com/video/1_1280",
            },
        },
    }


def test_the_largest_progressive_file_is_taken() -> None:
    data = read_known(URL, config())

    assert best(data) == [f"{FILE}1080.mp4"]
    assert (data.handle, data.display_name, data.title) == ("jane", "Jane D.", "A kite")
    assert (data.thumbnail_url, data.items[0].expected.duration_s) == (
        "https://i.vimeocdn.com/video/1_1280",
        64,
    )


def test_without_files_the_default_cdns_playlist_is_taken_and_not_vimeos_own_manifest() -> None:
    data = read_known(
        URL,
        config(
            hls=config()["request"]["files"]["hls"],
            dash={"cdns": {"a": {"url": f"{FILE}master.json"}}},
        ),
    )

    assert best(data) == [f"{FILE}b.m3u8"]
    assert not any(".json" in candidate.url for candidate in data.items[0].candidates)


def test_the_config_of_a_recommended_video_is_ignored() -> None:
    assert read(URL, config(987654321)) is None


def test_a_clip_pages_data_alone_gives_only_metadata() -> None:
    page = {
        "clip": {"id": 123456789, "title": "A kite"},
        "owner": {"display_name": "Jane D.", "url": "/jane"},
        "thumbnail": {"src_2x": "https://i.vimeocdn.com/1"},
    }
    data = read_known(URL, page)

    assert (data.found, data.items) == (False, ())
    assert (data.handle, data.display_name, data.thumbnail_url) == (
        "jane",
        "Jane D.",
        "https://i.vimeocdn.com/1",
    )


def test_the_apis_record_names_renditions_and_the_source() -> None:
    files = [
        {
            "quality": "hd",
            "type": "video/mp4",
            "width": 1280,
            "height": 720,
            "link": "https://player.vimeo.com/a?s=1",
        },
        {"quality": "hls", "type": "video/mp4", "link": "https://player.vimeo.com/b.m3u8"},
    ]
    record = {
        "uri": "/videos/123456789",
        "name": "A kite",
        "user": {"name": "Jane", "link": "https://vimeo.com/jane"},
        "files": files,
    }

    assert best(read_known(URL, record)) == ["https://player.vimeo.com/a?s=1"]
    assert read_known(URL, record).handle == "jane"


@pytest.mark.parametrize(
    ("answer", "condition"),
    [
        (
            {"message": "Because of its privacy settings, this video cannot be played here."},
            Private,
        ),
        ({"error": "Please log in", "error_code": 5460}, LoginRequired),
        ({"error": "The requested video couldn't be found.", "error_code": 5000}, Deleted),
        (
            {
                "request": {"files": {"hls": {}}},
                "video": {"id": 123456789, "live_event": {"status": "started"}},
            },
            LiveNow,
        ),
    ],
)
def test_an_error_answer_raises_the_matching_failure(
    answer: object, condition: type[Exception]
) -> None:
    with pytest.raises(condition):
        read(URL, answer)


def test_a_video_behind_a_password_is_private() -> None:
    with pytest.raises(Private):
        read(
            "https://vimeo.com/12345678",
            {"error": "The password provided is wrong.", "error_code": 2222},
        )
