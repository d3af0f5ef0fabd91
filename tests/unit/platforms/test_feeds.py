"""Which feeds and API answers each site's sources have."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from mediavault.core.listings import EntryKind, ListCheck
from mediavault.core.platform import FeedRules
from mediavault.core.post_urls import find_feed
from mediavault.core.urls import parse_http_url
from mediavault.extraction.feed_lister import feed_urls
from mediavault.platforms.registry import all_platforms, platform, platform_at

CHANNEL = "UCabcdefghijklmnopqrstuv"
YOUTUBE = "https://www.youtube.com/feeds/videos.xml"
BLUESKY = "https://public.api.bsky.app/xrpc/app.bsky.feed.getAuthorFeed?actor="
ALL_RULES = [rules for known in all_platforms() for rules in known.feeds]


def ways(
    url: str, *, site: str | None = None, **facts: object
) -> list[dict[EntryKind | None, str]]:
    """Return the feeds of a source, without the fields that an API is asked for."""
    check = ListCheck(url, **facts)  # type: ignore[arg-type]
    at = parse_http_url(url)
    match = find_feed(platform(site) if site else platform_at(at), at, key=check.stable_id)
    assert match is not None
    return [dict(way) for way in feed_urls(match, check)]


def first(url: str, **facts: object) -> str:
    return str(ways(url, **facts)[0][None])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "feed"),
    [
        (f"https://www.youtube.com/channel/{CHANNEL}", f"{YOUTUBE}?channel_id={CHANNEL}"),
        (f"https://youtube.com/channel/{CHANNEL}/featured", f"{YOUTUBE}?channel_id={CHANNEL}"),
        (f"{YOUTUBE}?channel_id={CHANNEL}", f"{YOUTUBE}?channel_id={CHANNEL}"),
        (
            "https://www.youtube.com/playlist?list=PLabcdefghijk",
            f"{YOUTUBE}?playlist_id=PLabcdefghijk",
        ),
        (f"{YOUTUBE}?playlist_id=PLabcdefghijk", f"{YOUTUBE}?playlist_id=PLabcdefghijk"),
        (
            "https://bsky.app/profile/jane.example",
            f"{BLUESKY}jane.example&limit=50&filter=posts_with_video",
        ),
        (
            "https://bsky.app/profile/did:plc:abc",
            f"{BLUESKY}did:plc:abc&limit=50&filter=posts_with_video",
        ),
        (
            "https://jane.bsky.social/",
            f"{BLUESKY}jane.bsky.social&limit=50&filter=posts_with_video",
        ),
        (
            "https://www.reddit.com/user/jane",
            "https://www.reddit.com/user/jane/submitted.rss?limit=50",
        ),
        (
            "https://old.reddit.com/u/jane/submitted/",
            "https://www.reddit.com/user/jane/submitted.rss?limit=50",
        ),
        ("https://www.reddit.com/r/kites", "https://www.reddit.com/r/kites/new.rss?limit=50"),
        (
            "https://www.reddit.com/r/kites/new/.rss",
            "https://www.reddit.com/r/kites/new.rss?limit=50",
        ),
        ("https://vimeo.com/jane", "https://vimeo.com/jane/videos/rss"),
        ("https://vimeo.com/jane/videos/rss", "https://vimeo.com/jane/videos/rss"),
        ("https://vimeo.com/channels/kites", "https://vimeo.com/channels/kites/videos/rss"),
        ("https://jane.tumblr.com/", "https://jane.tumblr.com/rss"),
        ("https://www.tumblr.com/jane", "https://jane.tumblr.com/rss"),
        ("https://jane.tumblr.com/rss", "https://jane.tumblr.com/rss"),
    ],
)
def test_a_sources_url_names_its_feed(url: str, feed: str) -> None:
    assert first(url) == feed


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://www.dailymotion.com/user/jane", "/user/jane/videos"),
        ("https://www.dailymotion.com/jane", "/user/jane/videos"),
        ("https://www.dailymotion.com/rss/user/jane", "/user/jane/videos"),
        ("https://www.dailymotion.com/playlist/x6abcd", "/playlist/x6abcd/videos"),
        ("https://www.dailymotion.com/playlist/x6abcd_kites", "/playlist/x6abcd/videos"),
    ],
)
def test_dailymotions_lists_are_asked_of_its_api(url: str, path: str) -> None:
    parts = urlsplit(first(url))

    assert (parts.hostname, parts.path) == ("api.dailymotion.com", path)
    assert "created_time" in parse_qs(parts.query)["fields"][0].split(",")


@pytest.mark.parametrize(
    "url",
    [
        "https://www.youtube.com/@jane",
        "https://www.youtube.com/user/jane/videos",
        "https://www.youtube.com/jane",
    ],
)
def test_a_channels_handle_has_no_feed_until_its_id_is_known(url: str) -> None:
    assert ways(url) == []
    assert CHANNEL.removeprefix("UC") in str(ways(url, stable_id=CHANNEL)[0])


def test_a_channels_own_key_counts_more_than_its_url() -> None:
    other = CHANNEL.replace("a", "z")

    assert (
        first(f"https://www.youtube.com/channel/{CHANNEL}", stable_id=other)
        == f"{YOUTUBE}?channel_id={other}"
    )


def test_a_key_of_another_form_is_not_used() -> None:
    assert first("https://bsky.app/profile/jane.example", stable_id="../x").startswith(
        f"{BLUESKY}jane.example&"
    )


def test_some_kinds_of_a_channels_videos_have_a_feed_each() -> None:
    letters = CHANNEL.removeprefix("UC")
    wanted = (EntryKind.VIDEO, EntryKind.LIVE)

    assert ways(f"https://www.youtube.com/channel/{CHANNEL}", kinds=wanted) == [
        {
            EntryKind.VIDEO: f"{YOUTUBE}?playlist_id=UULF{letters}",
            EntryKind.LIVE: f"{YOUTUBE}?playlist_id=UULV{letters}",
        }
    ]


@pytest.mark.parametrize(
    ("tab", "kind", "prefix"),
    [
        ("videos", EntryKind.VIDEO, "UULF"),
        ("shorts", EntryKind.SHORT, "UUSH"),
        ("streams", EntryKind.LIVE, "UULV"),
    ],
)
def test_a_tab_of_a_channel_has_the_feed_of_its_kind(
    tab: str, kind: EntryKind, prefix: str
) -> None:
    found = ways(f"https://www.youtube.com/@jane/{tab}", stable_id=CHANNEL)

    assert found == [{kind: f"{YOUTUBE}?playlist_id={prefix}{CHANNEL.removeprefix('UC')}"}]


def test_reposts_are_only_in_the_feeds_without_a_filter() -> None:
    assert first("https://bsky.app/profile/jane.example", reposts=True).endswith(
        "filter=posts_with_replies"
    )
    mastodon = first("https://mastodon.social/@jane", stable_id="12@mastodon.social", reposts=True)
    assert "only_media" not in mastodon


def test_mastodons_api_needs_the_accounts_number_and_its_rss_does_not() -> None:
    url = "https://mastodon.social/@jane"

    assert ways(url) == [{None: "https://mastodon.social/@jane.rss"}]
    assert ways(url, stable_id="12@mastodon.social") == [
        {None: "https://mastodon.social/api/v1/accounts/12/statuses?limit=40&only_media=true"},
        {None: "https://mastodon.social/@jane.rss"},
    ]


def test_a_page_in_the_form_of_peertubes_may_have_its_feed() -> None:
    assert first("https://tube.example/c/kites/videos", site="generic") == (
        "https://tube.example/feeds/videos.xml?videoChannelName=kites"
    )
    assert first("http://tube.example:9000/a/jane@other.example", site="generic") == (
        "http://tube.example:9000/feeds/videos.xml?accountName=jane@other.example"
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://www.youtube.com/watch?v=2lAe1cqCOXo",
        "https://www.youtube.com/playlist?list=RDabcdefghijk",
        "https://www.youtube.com/results",
        "https://www.reddit.com/r/kites/comments/abc123/a_kite/",
        "https://vimeo.com/123456",
        "https://vimeo.com/watch",
        "https://mastodon.social/@jane/112233445566778899",
        "https://bsky.app/profile/jane.example/post/3kiteaaaaaaaa",
        "https://www.dailymotion.com/video/x8abcde",
        "https://jane.tumblr.com/post/123456789012",
        "https://x.com/jane",
    ],
)
def test_a_posts_url_and_a_site_without_feeds_have_none(url: str) -> None:
    at = parse_http_url(url)

    assert find_feed(platform_at(at), at) is None


@pytest.mark.parametrize("rules", ALL_RULES)
def test_patterns_of_sources_match_whole_paths(rules: FeedRules) -> None:
    assert all(pattern.path.pattern.startswith("^") for pattern in rules.pages)


@pytest.mark.parametrize("rules", ALL_RULES)
def test_what_is_asked_of_an_api_is_read_by_it(rules: FeedRules) -> None:
    assert not (rules.next_page or rules.lookup) or rules.read_answer is not None
