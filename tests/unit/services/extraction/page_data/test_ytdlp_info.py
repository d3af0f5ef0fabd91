"""yt-dlp's info JSON."""

from __future__ import annotations

from typing import Any

import pytest

from mediavault.core.errors import Drm, LiveNow
from tests.unit.services.extraction.page_data.reading import best, read, told

URL = "https://vimeo.com/123456"


def form(
    name: str,
    *,
    height: int | None = None,
    vcodec: str | None = "avc1.64001f",
    acodec: str | None = "mp4a.40.2",
    **facts: Any,
) -> dict[str, Any]:
    return {
        "format_id": name,
        "url": f"https://cdn.example/{name}.mp4",
        "ext": "mp4",
        "protocol": "https",
        "height": height,
        "vcodec": vcodec,
        "acodec": acodec,
        **facts,
    }


def info(*formats: dict[str, Any], **facts: Any) -> dict[str, Any]:
    return {
        "id": "123456",
        "extractor": "vimeo",
        "extractor_key": "Vimeo",
        "formats": list(formats),
        "title": "A kite",
        **facts,
    }


def test_a_form_with_both_tracks_comes_before_larger_silent_parts() -> None:
    data = told(
        URL, info(form("sound", vcodec="none"), form("full", height=720), form("silent", height=2160, acodec="none"))
    )

    assert best(data) == ["https://cdn.example/full.mp4"]
    assert all("sound" not in candidate.url for candidate in data.items[0].candidates)


def test_silent_parts_get_the_best_sound_where_nothing_else_is_left() -> None:
    sounds = [form("low", vcodec="none", abr=64), form("high", vcodec="none", abr=128)]
    item = told(URL, info(*sounds, form("silent", height=1080, acodec="none"))).items[0]

    assert item.candidates[0].audio_url == "https://cdn.example/high.mp4"


def test_a_manifest_that_lists_sound_and_pictures_needs_no_second_address() -> None:
    manifest: dict[str, Any] = {"url": "https://cdn.example/master.mpd", "protocol": "http_dash_segments"}
    tracks = [form("sound", vcodec="none", **manifest), form("silent", height=720, acodec="none", **manifest)]
    candidate = told(URL, info(*tracks)).items[0].candidates[0]

    assert (candidate.has_audio, candidate.audio_url) == (True, None)


def test_formats_of_one_manifest_count_as_the_largest_of_them() -> None:
    manifest: dict[str, Any] = {"url": "https://cdn.example/master.mpd", "protocol": "http_dash_segments"}
    item = told(
        URL, info(form("a", height=360, tbr=500, **manifest), form("b", height=1080, tbr=5_000, **manifest))
    ).items[0]

    assert [(c.height, c.bitrate, c.source_type) for c in item.candidates] == [(1080, 5_000_000, "dash")]


def test_an_unstated_picture_rate_does_not_lose_against_a_stated_one_of_the_same_rung() -> None:
    data = told(URL, info(form("slim", height=1080, fps=24, tbr=4_000), form("fat", height=1080, tbr=6_000)))

    assert best(data) == ["https://cdn.example/fat.mp4"]


def test_the_entry_of_the_post_is_taken_out_of_a_playlist() -> None:
    other = {"id": "9", "formats": [form("other")]}
    own = {"id": "123456", "formats": [form("own")]}
    playlist = {"_type": "playlist", "extractor": "vimeo", "entries": [other, own]}

    assert best(told(URL, playlist)) == ["https://cdn.example/own.mp4"]
    assert read("https://vimeo.com/777777", playlist) is None


@pytest.mark.parametrize(
    ("facts", "who"),
    [
        ({"uploader_id": "jane", "uploader": "Jane D."}, ("jane", "Jane D.")),
        ({"uploader_id": "@jane", "channel": "Jane D."}, ("jane", "Jane D.")),
        (
            {"uploader_id": "12345", "uploader": "Jane", "uploader_url": "https://site.example/@jane_d"},
            ("jane_d", "Jane"),
        ),
        ({"uploader_id": "12345", "channel": "jane.d", "uploader": "Jane D."}, ("jane.d", "Jane D.")),
    ],
)
def test_numbers_are_no_handles(facts: dict[str, str], who: tuple[str, str]) -> None:
    data = told(URL, info(form("a"), **facts))

    assert (data.handle, data.display_name) == who


def test_broadcasts_and_protected_videos_are_told() -> None:
    with pytest.raises(LiveNow):
        read(URL, info(form("a"), is_live=True))
    with pytest.raises(Drm):
        read(URL, info(form("a", has_drm=True), _has_drm=True))


def test_a_file_of_unknown_codecs_is_as_good_as_the_stream_of_the_same_rung_that_has_both_tracks() -> None:
    stream = form("stream", height=720, tbr=1_280, protocol="m3u8_native")
    file = form("file", height=720, tbr=1_280, vcodec=None, acodec=None)

    assert best(told(URL, info(stream, file))) == ["https://cdn.example/file.mp4"]


def test_a_sound_of_unknown_codecs_is_no_video() -> None:
    sound = {"url": "https://cdn.example/talk.mpga?id=1", "ext": "mpga", "protocol": "https", "format_id": "0"}
    data = told(URL, info(sound))

    assert (best(data), data.items, data.found) == ([], (), True)


def test_the_info_of_another_post_is_not_taken_for_the_posts() -> None:
    assert read("https://vimeo.com/777777", info(form("a"))) is None
    named = info(form("a"), id="media-7", webpage_url="https://vimeo.com/777777")
    assert best(told("https://vimeo.com/777777", named)) == ["https://cdn.example/a.mp4"]


def test_on_an_unknown_site_the_address_tells_whose_info_it_is() -> None:
    own = info(form("a"), webpage_url="http://www.site.example/watch/1/?from=feed")

    assert best(told("https://site.example/watch/1", own)) == ["https://cdn.example/a.mp4"]
    assert read("https://site.example/watch/2", own) is None
