"""Rules that every platform's record must follow."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest

from mediavault.core.media import SourceType
from mediavault.core.platform import AddressPattern, Platform
from mediavault.core.post_urls import exact_hosts
from mediavault.core.urls import EgressScope
from mediavault.download.port import MediaRequest
from mediavault.platforms.registry import all_platforms

KNOWN = [known for known in all_platforms() if known.name != "generic"]
SIGNED = [
    "tiktok",
    "instagram",
    "facebook",
    "threads",
    "reddit",
    "youtube",
    "vimeo",
    "linkedin",
    "bilibili",
    "weibo",
]
WITHOUT_SESSION = {"snapchat", "bluesky", "mastodon", "dailymotion"}
every_platform = pytest.mark.parametrize("known", all_platforms(), ids=lambda known: known.name)
every_known_platform = pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.name)


def patterns_of(known: Platform) -> list[AddressPattern]:
    groups = (
        known.matching.share_links,
        known.matching.posts,
        known.matching.stories,
        known.matching.lives,
        known.matching.playlists,
        known.matching.profiles,
    )
    return [
        pattern
        for group in (*groups, known.matching.other_pages, known.matching.posts_on_any_host)
        for pattern in group
    ]


def test_there_are_eighteen_platforms_and_the_generic_one_comes_last() -> None:
    assert len(KNOWN) == 18
    assert all_platforms()[-1].name == "generic"


@every_platform
def test_a_platform_says_when_it_was_checked_and_how_it_is_read(known: Platform) -> None:
    assert re.fullmatch(r"20\d\d-[01]\d-[0-3]\d", known.checked)
    assert known.extractors
    assert len(set(known.extractors)) == len(known.extractors)


@every_known_platform
def test_a_platform_has_posts_and_accounts_and_media(known: Platform) -> None:
    assert known.matching.posts
    assert known.matching.profiles
    assert known.media.hosts
    assert "{post_id}" in known.matching.canonical


@every_platform
def test_hosts_are_lower_case_names_without_port_and_suffixes_begin_with_a_dot(
    known: Platform,
) -> None:
    assert all(re.fullmatch(r"[a-z0-9.-]+\.[a-z0-9-]+", host) for host in exact_hosts(known))
    assert all(suffix.startswith(".") for suffix in known.matching.host_suffixes)


def test_no_host_belongs_to_two_platforms() -> None:
    hosts = [host for known in all_platforms() for host in exact_hosts(known)]

    assert sorted(hosts) == sorted(set(hosts))


@every_known_platform
def test_patterns_begin_at_the_root_of_the_path(known: Platform) -> None:
    """``re.match`` anchors them anyway; a missing caret indicates a mistake."""
    assert all(pattern.path.pattern.startswith("^") for pattern in patterns_of(known))


@every_known_platform
def test_a_post_pattern_reads_an_id_and_what_its_key_needs(known: Platform) -> None:
    for pattern in known.matching.posts:
        read = [
            pattern.path,
            *pattern.query.values(),
            *filter(None, (pattern.host, pattern.fragment)),
        ]
        groups = {name for expression in read for name in expression.groupindex} | {"host"}
        wanted = set(re.findall(r"\{(\w+)\}", pattern.canonical or known.matching.canonical))
        assert wanted <= groups
        assert "post_id" in groups


@every_known_platform
def test_the_texts_that_mark_walls_challenges_and_ends_are_never_empty(known: Platform) -> None:
    """An empty text would be found on every page."""
    texts = [
        text
        for field in fields(Platform)
        if field.name.endswith(("_text", "_json"))
        for text in getattr(known, field.name)
    ]

    assert all(text.strip() for text in texts)


@every_known_platform
def test_a_platform_with_a_session_says_where_to_sign_in(known: Platform) -> None:
    assert bool(known.sign_in.session_cookies) != (known.name in WITHOUT_SESSION)
    assert not known.sign_in.session_cookies or (known.sign_in.url or "").startswith("https://")


@every_platform
def test_the_pace_is_a_rising_interval(known: Platform) -> None:
    for interval in filter(None, (known.pace.interval_s, known.pace.account_interval_s)):
        assert 0 < interval[0] < interval[1]
    assert known.pace.cooldown_s >= 60


@pytest.mark.parametrize("name", SIGNED)
def test_sites_that_sign_their_media_say_so(name: str) -> None:
    assert next(known for known in KNOWN if known.name == name).media.signs_urls


@every_platform
def test_the_media_rules_of_a_platform_make_a_valid_request(known: Platform) -> None:
    """MediaRequest refuses ranges and numbers of connections with which nothing could be
    fetched.
    """
    MediaRequest(
        "https://cdn.example/v.mp4",
        SourceType.DIRECT,
        EgressScope("https://post.example/"),
        max_range_bytes=known.media.max_range_bytes,
        max_connections=known.media.max_connections,
    )


@pytest.mark.parametrize(
    ("query", "has_mark", "has_none"),
    [
        ("?a=1&lr=tiktok&mime_type=video_mp4", True, False),
        ("?a=1&lr=tiktok_m", True, False),
        ("?lr=all&cs=0&ds=3", True, False),
        ("?lr=unwatermarked&ds=6", False, True),
        ("?lr=tiktok_x", False, False),
        ("?a=1&mime_type=video_mp4", False, False),
    ],
)
def test_tiktok_names_its_watermark_in_the_address(
    query: str, has_mark: bool, has_none: bool
) -> None:
    url = f"https://v16.tiktokcdn.com/0a1b/video/tos/xx/tos-xx-ve-1/0a/{query}"
    tiktok = next(known for known in KNOWN if known.name == "tiktok")

    assert tiktok.media.watermark_yes
    assert tiktok.media.watermark_no
    assert bool(tiktok.media.watermark_yes.search(url)) is has_mark
    assert bool(tiktok.media.watermark_no.search(url)) is has_none
