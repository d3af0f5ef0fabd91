"""Which URLs can be followed, and how a post is known for ever."""

from __future__ import annotations

import pytest

from mediavault.core.failures import BadUrl, Unsupported
from mediavault.core.urls import parse_http_url
from mediavault.platforms.registry import seen_as, source_at


@pytest.mark.parametrize(
    ("url", "platform"),
    [
        ("https://www.youtube.com/@jane", "youtube"),
        ("https://www.youtube.com/channel/UCaaaaaaaaaaaaaaaaaaaaaa/shorts", "youtube"),
        ("https://www.youtube.com/playlist?list=PLaaaaaaaaaaaaaaaa", "youtube"),
        ("https://www.tiktok.com/@jane", "tiktok"),
        ("https://mastodon.social/@jane", "mastodon"),
        ("https://bsky.app/profile/jane.example", "bluesky"),
        ("https://www.reddit.com/r/trains/", "reddit"),
        ("https://www.reddit.com/user/jane/", "reddit"),
        ("https://vimeo.com/channels/staffpicks", "vimeo"),
        ("https://blog.example/feed.xml", "generic"),
        ("https://blog.example/", "generic"),
    ],
)
def test_accounts_lists_and_any_page_of_an_unknown_site_can_be_followed(
    url: str, platform: str
) -> None:
    address = source_at(parse_http_url(url))

    assert address.platform == platform
    assert source_at(parse_http_url(address.url)) == address


@pytest.mark.parametrize(
    "url",
    [
        "https://www.youtube.com/watch?v=aaaaaaaaaaa",
        "https://x.com/jane/status/12",
        "https://vm.tiktok.com/ZMaaaaaaa/",
    ],
)
def test_a_single_post_is_to_be_saved_instead(url: str) -> None:
    with pytest.raises(BadUrl, match="leads to a single post"):
        source_at(parse_http_url(url))


@pytest.mark.parametrize("url", ["https://x.com/settings", "https://www.youtube.com/about"])
def test_other_pages_of_known_sites_cannot_be_followed(url: str) -> None:
    with pytest.raises(Unsupported):
        source_at(parse_http_url(url))


def test_a_post_is_known_by_its_site_and_number_whatever_its_author_is_called() -> None:
    assert (
        seen_as("https://mastodon.social/@jane/112233445566778899")
        == "mastodon:mastodon.social:112233445566778899"
    )
    assert (
        seen_as("https://mastodon.social/@janet/112233445566778899")
        == "mastodon:mastodon.social:112233445566778899"
    )
    assert (
        seen_as("https://chaos.social/@jane/112233445566778899")
        == "mastodon:chaos.social:112233445566778899"
    )
    assert seen_as("https://x.com/i/status/12") == "x::12"
    assert seen_as("https://blog.example/2026/post") == "https://blog.example/2026/post"
    assert seen_as("javascript:alert(1)") == "javascript:alert(1)"
