"""The video in the record of the page's own article, in the state of any framework."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mediavault.extraction.assembly import read_source
from mediavault.extraction.page_data.own_records import own_videos

URL = "https://news.test/2026/12/kite-over-the-harbour-7491823"
CDN = "https://media.news.test"
FILE = f"{CDN}/kite/720.mp4"
OTHER = "https://news.test/2026/12/bread-for-beginners-7491999"


def found(state: object, *, head: str = "", url: str = URL) -> list[list[str]]:
    html = (
        f"<html><head>{head}</head><body><h1>A kite over the harbour</h1><script"
        f" type='application/json'>{json.dumps(state)}</script>"
    )
    source = read_source(url, html)
    return [
        [file.address for file in setup.sources]
        for setup in own_videos(source.documents, source.page)
    ]


def article(**facts: Any) -> dict[str, Any]:
    return {
        "props": {
            "pageProps": {"article": {"url": URL, **facts}, "settings": {"logo": "/logo.svg"}}
        }
    }


@pytest.mark.parametrize(
    "identity",
    [
        {"url": URL},
        {"canonicalUrl": "/2026/12/kite-over-the-harbour-7491823"},
        {"id": 7491823},
        {"headline": "A Kite over the Harbour"},
    ],
)
@pytest.mark.parametrize(
    "video",
    [
        {"leadMedia": {"type": "video", "src": FILE, "poster": "/p.jpg"}},
        {"body": [{"type": "text", "text": "A kite."}, {"type": "video", "playbackURL": FILE}]},
        {"video": {"streams": [{"url": FILE, "height": 720},
                               {"url": f"{CDN}/kite/360.mp4", "height": 360}]}},
        {"media": {"formats": {"hls": {"url": f"{CDN}/kite/all.m3u8"}, "mp4": {"url": FILE}}}},
    ],
)  # fmt: skip
def test_the_only_video_of_the_pages_own_record_is_found(
    identity: dict[str, Any], video: dict[str, Any]
) -> None:
    [files] = found({"data": {"page": {**identity, **video}}})

    assert FILE in files


@pytest.mark.parametrize(
    "state",
    [
        {"data": {"article": {"url": OTHER, "video": {"src": FILE}}}},
        article(related=[{"title": "Bread", "video": {"src": FILE}}]),
        article(blocks=[{"url": OTHER, "title": "Bread", "video": {"src": FILE}}]),
        article(recommendedVideos=[{"src": FILE}]),
        article(preview={"src": FILE}),
        article(image={"url": f"{CDN}/kite.jpg"}, text=f"See {FILE} for more"),
        {"videos": [{"src": FILE}]},
        {"data": {"section": {"title": "News", "video": {"src": FILE}}}},
    ],
)
def test_videos_of_others_and_of_no_record_are_left_out(state: object) -> None:
    assert found(state) == []


def test_two_videos_of_one_record_are_two() -> None:
    entries = [
        {"title": "A kite", "src": FILE},
        {"title": "The harbour", "src": f"{CDN}/harbour.mp4"},
    ]

    assert found(article(body=entries)) == [[FILE], [f"{CDN}/harbour.mp4"]]


def test_an_item_of_douyins_page_is_found_by_its_id() -> None:
    item = {
        "aweme_id": "7491823749182374918",
        "video": {"play_addr": {"url_list": ["https://aweme.test/aweme/v1/playwm/?video_id=v0"]}},
    }
    state = {"loaderData": {"video_(id)/page": {"videoInfoRes": {"item_list": [item]}}}}

    assert found(state, url="https://www.iesdouyin.test/share/video/7491823749182374918/") == [
        ["https://aweme.test/aweme/v1/playwm/?video_id=v0"]
    ]
