"""Which lists yt-dlp can read, and at which address."""

from __future__ import annotations

import pytest

from mediavault.core.listings import EntryKind
from mediavault.core.post_urls import find_list
from mediavault.core.urls import parse_http_url
from mediavault.platforms.registry import all_platforms, platform_at

UC = "UCabcdefghijklmnopqrstuv"
YOUTUBE = "https://www.youtube.com"


def addresses(url: str, key: str = "") -> list[str] | None:
    parsed = parse_http_url(url)
    match = find_list(platform_at(parsed), parsed, key=key)
    return list(match.addresses.values()) if match else None


@pytest.mark.parametrize(
    ("url", "address"),
    [
        (f"https://m.youtube.com/channel/{UC}/shorts", f"{YOUTUBE}/channel/{UC}/shorts"),
        ("https://youtube.com/jane/videos", f"{YOUTUBE}/jane/videos"),
        (
            f"{YOUTUBE}/playlist?list=PLabcdefghijklm&si=x",
            f"{YOUTUBE}/playlist?list=PLabcdefghijklm",
        ),
        (f"{YOUTUBE}/watch?list=PLabcdefghijklm", f"{YOUTUBE}/playlist?list=PLabcdefghijklm"),
        ("https://www.tiktok.com/@jane.d?lang=en", "https://www.tiktok.com/@jane.d"),
        ("https://space.bilibili.com/123", "https://space.bilibili.com/123/video"),
        ("https://m.bilibili.com/space/123", "https://space.bilibili.com/123/video"),
        (
            "https://space.bilibili.com/1/lists/2?type=season",
            "https://space.bilibili.com/1/lists/2?type=season",
        ),
        ("https://vimeo.com/jane", "https://vimeo.com/jane/videos"),
        ("https://vimeo.com/channels/staffpicks/videos", "https://vimeo.com/channels/staffpicks"),
        ("https://vimeo.com/showcase/123", "https://vimeo.com/showcase/123"),
        ("https://www.dailymotion.com/user/jane", "https://www.dailymotion.com/jane"),
        (
            "https://www.dailymotion.com/playlist/x1b2c",
            "https://www.dailymotion.com/playlist/x1b2c",
        ),
        ("https://m.twitch.tv/jane", "https://www.twitch.tv/jane/videos?filter=all&sort=time"),
        ("https://www.twitch.tv/collections/o9zZ", "https://www.twitch.tv/collections/o9zZ"),
        ("https://framatube.org/c/blender", "https://framatube.org/c/blender/videos"),
        ("https://framatube.org/a/jane/videos", "https://framatube.org/a/jane/videos"),
        ("https://framatube.org/w/p/aB1", "https://framatube.org/w/p/aB1"),
    ],
)
def test_a_list_is_read_at_one_address(url: str, address: str) -> None:
    assert addresses(url) == [address]


@pytest.mark.parametrize("url", [f"{YOUTUBE}/@jane", f"{YOUTUBE}/@jane/featured"])
def test_a_youtube_channel_is_read_by_its_tabs(url: str) -> None:
    parsed = parse_http_url(url)
    match = find_list(platform_at(parsed), parsed)

    assert match is not None
    assert match.addresses == {
        EntryKind.VIDEO: f"{YOUTUBE}/@jane/videos",
        EntryKind.SHORT: f"{YOUTUBE}/@jane/shorts",
        EntryKind.LIVE: f"{YOUTUBE}/@jane/streams",
    }


@pytest.mark.parametrize(
    ("url", "key", "address"),
    [
        (f"{YOUTUBE}/@jane/videos", UC, f"{YOUTUBE}/channel/{UC}/videos"),
        ("https://www.tiktok.com/@jane", "MS4wLjABAAAAx", "tiktokuser:MS4wLjABAAAAx"),
        (f"{YOUTUBE}/@jane/videos", "../x?", f"{YOUTUBE}/@jane/videos"),
        ("https://vimeo.com/jane", "123", "https://vimeo.com/jane/videos"),
    ],
)
def test_a_known_key_replaces_a_name_that_may_have_changed(
    url: str, key: str, address: str
) -> None:
    assert addresses(url, key) == [address]


@pytest.mark.parametrize(
    "url",
    [
        f"{YOUTUBE}/watch?v=abcdefghijk&list=PLabcdefghijklm",
        f"{YOUTUBE}/playlist?list=RDabcdefghijk",
        f"{YOUTUBE}/@jane/playlists",
        "https://www.tiktok.com/@jane/liked",
        "https://vimeo.com/12345",
        "https://www.twitch.tv/jane/clips",
        "https://www.reddit.com/user/jane",
        "https://x.com/jane",
        "https://framatube.org/w/aB1",
    ],
)
def test_posts_and_other_pages_are_not_lists(url: str) -> None:
    assert addresses(url) is None


def test_a_list_may_end_at_known_posts_only_where_new_ones_are_first() -> None:
    def newest_first(url: str) -> bool:
        parsed = parse_http_url(url)
        match = find_list(platform_at(parsed), parsed)
        assert match is not None
        return match.rules.newest_first

    assert newest_first(f"{YOUTUBE}/playlist?list=UULFabcdefghijklmnopqrstuv")
    assert not newest_first(f"{YOUTUBE}/playlist?list=PLabcdefghijklm")


def test_the_installed_ytdlp_has_the_extractors_that_are_named() -> None:
    names = {
        name for known in all_platforms() for rules in known.lists for name in rules.extractors
    }
    yt_dlp = pytest.importorskip("yt_dlp")
    unknown = [
        name
        for name in names
        if not yt_dlp.YoutubeDL({"allowed_extractors": [name], "quiet": True})._ies
    ]

    assert unknown == []
