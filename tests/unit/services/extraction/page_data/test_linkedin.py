"""LinkedIn's guest page and voyager's records."""

from __future__ import annotations

import json
from typing import Any

from tests.unit.services.extraction.page_data.reading import best, read, told

NUMBER = "7151241570371948544"
URL = f"https://www.linkedin.com/posts/jane_kite-activity-{NUMBER}-4Gu7"
FILE = "https://dms.licdn.com/playlist/vid/v2/D4E/"


def player(name: str) -> dict[str, Any]:
    sources = [
        {"src": f"{FILE}{name}/mp4-360p-30fp/x", "type": "video/mp4", "data-bitrate": 400_000},
        {"src": f"{FILE}{name}/mp4-720p-30fp/x", "type": "video/mp4", "data-bitrate": 1_600_000},
    ]
    attributes = {"data-sources": json.dumps(sources), "data-poster-url": "https://media.licdn.com/p.jpg"}
    return {"element": "video", "attributes": attributes}


def test_the_first_player_of_a_guest_page_is_the_posts() -> None:
    data = told(URL, player("own"), player("related"))

    assert best(data) == [f"{FILE}own/mp4-720p-30fp/x"]
    assert data.thumbnail_url == "https://media.licdn.com/p.jpg"


def metadata(name: str) -> dict[str, Any]:
    streams = [
        {
            "width": 1280,
            "height": 720,
            "bitRate": 1_600_000,
            "mediaType": "video/mp4",
            "streamingLocations": [{"url": f"{FILE}{name}/720"}],
        },
        {
            "width": 640,
            "height": 360,
            "bitRate": 400_000,
            "mediaType": "video/mp4",
            "streamingLocations": [{"url": f"{FILE}{name}/360"}],
        },
    ]
    return {"media": f"urn:li:digitalmediaAsset:{name}", "progressiveStreams": streams, "duration": 4_500}


def test_the_signed_in_pages_records_tie_the_video_to_the_update() -> None:
    update = {
        "entityUrn": f"urn:li:fsd_update:(urn:li:activity:{NUMBER},FEED)",
        "content": {"*video": "urn:li:digitalmediaAsset:own"},
    }
    data = told(URL, {"included": [metadata("other"), update, metadata("own")]})

    assert (best(data), data.items[0].expected.duration_s) == ([f"{FILE}own/720"], 4.5)


def test_videos_of_other_updates_are_nobodys() -> None:
    update = {"entityUrn": "urn:li:activity:1", "content": {"*video": "urn:li:digitalmediaAsset:other"}}

    assert read(URL, {"included": [update, metadata("other")]}) is None
