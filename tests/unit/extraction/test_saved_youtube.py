"""Saved answers and pages of YouTube other than the watch page: refusals, mobile pages,
the Data API.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.extraction.saved_reading import SavedFacts, read_saved

VIDEO = "abcdefghijk"
URL = f"https://www.youtube.com/watch?v={VIDEO}"
FILE = "https://r1---sn-a.googlevideo.com/videoplayback?id=o-ABCDEFGHIJK&itag=18&mime=video%2Fmp4&ratebypass=yes&sig=a"
PICTURE = f"https://i.ytimg.com/vi/{VIDEO}/maxresdefault.jpg"


def response(status: str = "OK", reason: str = "", **more: Any) -> dict[str, Any]:
    details = {
        "videoId": VIDEO,
        "author": "Jane",
        "thumbnail": {"thumbnails": [{"url": PICTURE, "width": 1280}]},
    }
    about = {"ownerProfileUrl": "http://www.youtube.com/@jane"}
    return {
        "playabilityStatus": {"status": status, "reason": reason},
        "videoDetails": details,
        "microformat": {"playerMicroformatRenderer": about},
        **more,
    }


FORMATS = {
    "formats": [{"itag": 18, "url": FILE, "mimeType": "video/mp4", "width": 640, "height": 360}]
}


def escaped(value: Any) -> str:
    """``value`` as the mobile site writes its data:
    text in which everything but letters is hexadecimal.
    """
    return "".join(char if char.isalnum() else f"\\x{ord(char):02x}" for char in json.dumps(value))


@pytest.mark.parametrize("script", ["var ytInitialPlayerResponse = '{}';", "x = JSON.parse('{}');"])
def test_a_response_in_the_text_of_a_script_is_read(script: str) -> None:
    page = (
        f"<html><body><script>{script.format(escaped(response(streamingData=FORMATS)))}</script>"
        "</body></html>"
    )

    assert read_saved(URL, page) == SavedFacts("video", FILE, "jane", "Jane", PICTURE)


@pytest.mark.parametrize(
    ("status", "reason", "outcome"),
    [
        ("LOGIN_REQUIRED", "Sign in to confirm your age", "age_restricted"),
        (
            "UNPLAYABLE",
            "This video contains content from A, who has blocked it on copyright grounds",
            "gone",
        ),
        (
            "UNPLAYABLE",
            "This video contains content from A, who has blocked it in your country",
            "region_locked",
        ),
        (
            "ERROR",
            "This video is not available on this app. Watch on the latest version of YouTube.",
            "unsupported",
        ),
        ("LIVE_STREAM_OFFLINE", "This live stream recording is not available.", "gone"),
        ("LIVE_STREAM_OFFLINE", "This live event will begin in 2 hours.", "live"),
    ],
)
def test_a_refusal_still_names_the_author(status: str, reason: str, outcome: str) -> None:
    assert read_saved(URL, response(status, reason)) == SavedFacts(
        outcome, None, "jane", "Jane", PICTURE
    )


def test_a_broadcast_is_live_by_the_microformat_alone() -> None:
    answer = response(
        streamingData={
            "hlsManifestUrl": "https://manifest.googlevideo.com/api/manifest/hls_variant/a.m3u8"
        }
    )
    answer["microformat"]["playerMicroformatRenderer"]["liveBroadcastDetails"] = {"isLiveNow": True}

    assert read_saved(URL, answer).outcome == "live"


def test_a_page_without_data_names_the_channel_in_its_microdata() -> None:
    page = (
        '<html><head><meta property="og:type" content="video.other"><meta property="og:image"'
        f' content="{PICTURE}">'
        '<link itemprop="url" href="http://www.youtube.com/@jane"><link itemprop="name"'
        ' content="Jane"></head></html>'
    )

    assert read_saved(URL, page) == SavedFacts("metadata_only", None, "jane", "Jane", PICTURE)


def test_the_page_that_asks_about_cookies_is_not_a_post() -> None:
    page = '<title>Before you continue</title><form action="https://consent.youtube.com/save"><button>No</button></form>'

    assert read_saved(URL, f"<html><body>{page}</body></html>").outcome == "challenge"
