"""What front ends of YouTube answer about a video."""

from __future__ import annotations

from typing import Any

import pytest

from mediavault.core.errors import LiveNow
from tests.unit.services.extraction.page_data.reading import best, read, told

ID = "2lAe1cqCOXo"
URL = f"https://www.youtube.com/watch?v={ID}"
AVC, AAC = 'video/mp4; codecs="avc1.640028"', 'audio/mp4; codecs="mp4a.40.2"'


def at(itag: int) -> str:
    return f"https://rr1---sn-a.googlevideo.com/videoplayback?expire=4000000000&itag={itag}&sig=x"


def invidious(**more: Any) -> dict[str, Any]:
    return {
        "videoId": ID,
        "title": "a kite",
        "author": "Jane",
        "authorUrl": "/channel/UC1",
        "lengthSeconds": 120,
        "liveNow": False,
        "videoThumbnails": [{"url": f"https://i.ytimg.com/vi/{ID}/maxres.jpg", "width": 1280}],
        "formatStreams": [{"itag": "18", "url": at(18), "type": 'video/mp4; codecs="avc1, mp4a"', "size": "640x360"}],
        "adaptiveFormats": [
            {"itag": "137", "url": at(137), "type": AVC, "size": "1920x1080", "bitrate": "4000000"},
            {"itag": "140", "url": at(140), "type": AAC, "bitrate": "128000"},
        ],
        "recommendedVideos": [{"videoId": "zzzzzzzzzzz", "title": "another"}],
        **more,
    }


def piped(**more: Any) -> dict[str, Any]:
    return {
        "title": "a kite",
        "uploader": "Jane",
        "uploaderUrl": "/channel/UC1",
        "thumbnailUrl": f"https://pipedproxy.example/vi/{ID}/maxresdefault.jpg?host=i.ytimg.com",
        "duration": 120,
        "livestream": False,
        "videoStreams": [
            {"url": at(18), "itag": 18, "mimeType": "video/mp4", "videoOnly": False},
            {"url": at(137), "itag": 137, "mimeType": "video/mp4", "codec": "avc1.640028", "videoOnly": True,
             "width": 1920, "height": 1080},
        ],
        "audioStreams": [{"url": at(140), "mimeType": "audio/mp4", "codec": "mp4a.40.2", "bitrate": 128_000}],
        **more,
    }  # fmt: skip


@pytest.mark.parametrize("answer", [invidious(), piped()], ids=["invidious", "piped"])
def test_the_largest_track_is_taken_with_its_sound(answer: dict[str, Any]) -> None:
    data = told(URL, answer)
    chosen = next(one for one in data.items[0].candidates if one.url == at(137))

    assert best(data) == [at(137)]
    assert (chosen.audio_url, chosen.width, data.display_name) == (at(140), 1920, "Jane")


@pytest.mark.parametrize("answer", [invidious(), piped()], ids=["invidious", "piped"])
def test_an_answer_about_another_video_is_not_the_posts(answer: dict[str, Any]) -> None:
    assert read("https://www.youtube.com/watch?v=zzzzzzzzzzz", answer) is None


@pytest.mark.parametrize("answer", [invidious(liveNow=True), piped(livestream=True)], ids=["invidious", "piped"])
def test_a_running_broadcast_is_told(answer: dict[str, Any]) -> None:
    with pytest.raises(LiveNow):
        told(URL, answer)
