"""Snapchat's page data."""

from __future__ import annotations

from typing import Any

from tests.unit.extraction.page_data.reading import best, read, read_known

KEY = "W7_EDlXWTBiXAEEniNoMPwAAYaaaa"
URL = f"https://www.snapchat.com/spotlight/{KEY}"


def spotlight(key: str, name: str) -> dict[str, Any]:
    facts = {
        "name": "A kite",
        "contentUrl": f"https://cf-st.sc-cdn.net/d/{name}.27.IRZXSOY",
        "thumbnailUrl": f"https://cf-st.sc-cdn.net/d/{name}.256.IRZXSOY",
        "uploadDateMs": "1700000000000",
        "durationMs": "4500",
        "width": 540,
        "height": 960,
        "creator": {"personCreator": {"username": "jane", "name": "Jane D."}},
    }
    snap = {
        "snapMediaType": 1,
        "snapUrls": {"mediaUrl": f"https://cf-st.sc-cdn.net/d/{name}.1034.IRZXSOY"},
    }
    return {
        "story": {"storyId": {"value": key}, "snapList": [snap]},
        "metadata": {"videoMetadata": facts},
    }


def page(*stories: dict[str, Any]) -> dict[str, Any]:
    return {"props": {"pageProps": {"spotlightFeed": {"spotlightStories": list(stories)}}}}


def test_the_unwatermarked_file_of_the_named_spotlight_is_taken() -> None:
    data = read_known(URL, page(spotlight("other", "other"), spotlight(KEY, "own")))

    assert best(data) == ["https://cf-st.sc-cdn.net/d/own.1034.IRZXSOY"]
    assert (data.handle, data.display_name, data.title) == ("jane", "Jane D.", "A kite")
    assert (data.items[0].expected.duration_s, data.thumbnail_url) == (
        4.5,
        "https://cf-st.sc-cdn.net/d/own.256.IRZXSOY",
    )


def test_other_spotlights_alone_are_ignored() -> None:
    assert read(URL, page(spotlight("other", "other"))) is None


def test_a_story_has_an_item_for_each_snap() -> None:
    snaps = [
        {"snapMediaType": 1, "snapUrls": {"mediaUrl": "https://bolt-gcdn.sc-cdn.net/1.mp4"}},
        {"snapMediaType": 0, "snapUrls": {"mediaUrl": "https://bolt-gcdn.sc-cdn.net/2.jpg"}},
    ]
    story = {"storyId": {"value": KEY}, "snapList": snaps}
    data = read_known(URL, {"props": {"pageProps": {"story": story}}})

    assert (best(data), [item.type for item in data.items]) == (
        ["https://bolt-gcdn.sc-cdn.net/1.mp4"],
        ["video", "image"],
    )
