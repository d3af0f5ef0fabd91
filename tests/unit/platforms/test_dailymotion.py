"""Dailymotion's player metadata and API records."""

from __future__ import annotations

from typing import Any

import pytest

from mediavault.core.failures import Deleted, LiveNow, Private, RegionLocked
from tests.unit.services.extraction.page_data.reading import best, read, told

URL = "https://www.dailymotion.com/video/x5kesuj"
STREAM = "https://www.dailymotion.com/cdn/manifest/video/x5kesuj.m3u8?sec=abc"


def player(xid: str = "x5kesuj", **facts: Any) -> dict[str, Any]:
    return {
        "id": xid,
        "title": "A kite",
        "duration": 187,
        "owner": {"id": "x1xm8ri", "username": "jane", "screenname": "Jane D."},
        "posters": {"60": "https://s1.dmcdn.net/v/A/x60", "1080": "https://s1.dmcdn.net/v/A/x1080"},
        "qualities": {"auto": [{"type": "application/x-mpegURL", "url": STREAM}]},
        **facts,
    }


def test_the_players_stream_is_the_posts() -> None:
    data = told(URL, player())

    assert (best(data), data.items[0].expected.duration_s) == ([STREAM], 187)
    assert (data.handle, data.display_name, data.thumbnail_url) == ("jane", "Jane D.", "https://s1.dmcdn.net/v/A/x1080")


def test_older_answers_have_files_by_their_height() -> None:
    qualities = {
        str(height): [{"type": "video/mp4", "url": f"https://proxy.dmcdn.net/{height}.mp4"}]
        for height in (240, 720, 480)
    }

    assert best(told(URL, player(qualities=qualities))) == ["https://proxy.dmcdn.net/720.mp4"]


def test_a_quality_can_name_its_picture_rate_and_what_only_counts_views_is_no_video() -> None:
    file, fast = ({"type": "video/mp4", "url": f"https://proxy.dmcdn.net/{name}.mp4"} for name in ("720", "720@60"))
    counted = {"type": "application/vnd.lumberjack.manifest", "url": "https://proxy.dmcdn.net/count"}
    data = told(URL, player(qualities={"auto": [counted], "720": [file], "720@60": [fast]}))

    assert best(data) == ["https://proxy.dmcdn.net/720@60.mp4"]
    assert [(one.height, one.fps) for one in data.items[0].candidates] == [(720, None), (720, 60)]


def test_the_next_videos_metadata_are_not_the_posts() -> None:
    assert read(URL, player("x7other")) is None


@pytest.mark.parametrize(
    ("code", "condition"), [("DM007", RegionLocked), ("DM002", Deleted), ("DM010", Private), ("DM016", LiveNow)]
)
def test_the_players_error_is_believed(code: str, condition: type[Exception]) -> None:
    with pytest.raises(condition):
        read(URL, {"id": "x5kesuj", "error": {"code": code, "title": "Not here"}})


def test_a_broadcast_is_told() -> None:
    with pytest.raises(LiveNow):
        read(URL, player(stream_type="live"))


def test_graphql_names_the_stream_beside_the_facts() -> None:
    video = {"id": "VmlkZW86", "xid": "x5kesuj", "title": "a kite", "hlsURL": STREAM, "creator": {"name": "jane"}}
    data = told(URL, {"data": {"video": video}})

    assert (best(data), data.handle) == ([STREAM], "jane")
