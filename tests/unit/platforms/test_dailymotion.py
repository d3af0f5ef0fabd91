"""Dailymotion's player metadata and API records."""

from __future__ import annotations

from typing import Any

import pytest

from mediavault.core.failures import Deleted, Private, RegionLocked
from mediavault.core.media import LiveNow
from tests.unit.extraction.page_data.reading import best, read, read_known

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


def test_the_players_stream_is_the_posts_video() -> None:
    data = read_known(URL, player())

    assert (best(data), data.items[0].expected.duration_s) == ([STREAM], 187)
    assert (data.handle, data.display_name, data.thumbnail_url) == (
        "jane",
        "Jane D.",
        "https://s1.dmcdn.net/v/A/x1080",
    )


def test_older_answers_have_files_by_their_height() -> None:
    qualities = {
        str(height): [{"type": "video/mp4", "url": f"https://proxy.dmcdn.net/{height}.mp4"}]
        for height in (240, 720, 480)
    }

    assert best(read_known(URL, player(qualities=qualities))) == ["https://proxy.dmcdn.net/720.mp4"]


def test_a_quality_can_name_its_frame_rate_and_a_view_counter_is_not_a_video() -> None:
    file, fast = (
        {"type": "video/mp4", "url": f"https://proxy.dmcdn.net/{name}.mp4"}
        for name in ("720", "720@60")
    )
    counted = {
        "type": "application/vnd.lumberjack.manifest",
        "url": "https://proxy.dmcdn.net/count",
    }
    data = read_known(URL, player(qualities={"auto": [counted], "720": [file], "720@60": [fast]}))

    assert best(data) == ["https://proxy.dmcdn.net/720@60.mp4"]
    assert [(candidate.height, candidate.fps) for candidate in data.items[0].candidates] == [
        (720, None),
        (720, 60),
    ]


def test_the_next_videos_metadata_is_ignored() -> None:
    assert read(URL, player("x7other")) is None


@pytest.mark.parametrize(
    ("code", "condition"),
    [("DM007", RegionLocked), ("DM002", Deleted), ("DM010", Private), ("DM016", LiveNow)],
)
def test_an_error_answer_raises_the_matching_failure(code: str, condition: type[Exception]) -> None:
    with pytest.raises(condition):
        read(URL, {"id": "x5kesuj", "error": {"code": code, "title": "Not here"}})


def test_a_live_broadcast_is_reported_as_live() -> None:
    with pytest.raises(LiveNow):
        read(URL, player(stream_type="live"))


def test_graphql_names_the_stream_next_to_the_metadata() -> None:
    video = {
        "id": "VmlkZW86",
        "xid": "x5kesuj",
        "title": "a kite",
        "hlsURL": STREAM,
        "creator": {"name": "jane"},
    }
    data = read_known(URL, {"data": {"video": video}})

    assert (best(data), data.handle) == ([STREAM], "jane")
