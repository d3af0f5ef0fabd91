"""When two addresses are the same file, and whose hosts they are on."""

from __future__ import annotations

import pytest

from mediavault.core.platform import MediaRules, Platform
from mediavault.extraction.media_urls import identity, is_advert, on_media_host

SITE = Platform(name="site", title="Site", media=MediaRules(hosts=(".cdn.example", "v.example")))


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example/v.mp4?oh=00_A%2Cb&bytestart=0&byteend=821&oe=67EB657E",
        "https://a.example/v.mp4?oh=00_A%2Cb&oe=67EB657E&ByteStart=822#t=1",
        "https://a.example/v.mp4?oh=00_A%2Cb&oe=67EB657E",
    ],
)
def test_parts_of_one_file_are_that_file_letter_by_letter(url: str) -> None:
    """The signature covers the letters: ``%2C`` must not become a comma on one side only."""
    assert identity(url) == "https://a.example/v.mp4?oh=00_A%2Cb&oe=67EB657E"


@pytest.mark.parametrize("url", ["http://[broken", "", "https://a.example/v.mp4?bytestartx=1"])
def test_an_address_without_a_range_stays_as_it_is(url: str) -> None:
    assert identity(url) == url


@pytest.mark.parametrize(
    ("url", "on"),
    [
        ("https://cdn.example/v", True),
        ("https://a.CDN.example./v", True),
        ("https://v.example:8443/v", True),
        ("https://evilcdn.example/v", False),
        ("https://cdn.example.evil/v", False),
        ("https://cdn.example@evil/v", False),
        ("http://[broken/v", False),
        ("data:,cdn.example", False),
    ],
)
def test_a_media_host_is_matched_at_its_dots(url: str, *, on: bool) -> None:
    assert on_media_host(url, SITE) is on


def test_where_no_media_hosts_are_known_every_host_matches() -> None:
    assert on_media_host("https://anywhere.example/v", Platform(name="site", title="Site"))


def test_adverts_are_recognised_by_network_and_folder() -> None:
    assert is_advert("https://ad.doubleclick.net/v.mp4")
    assert is_advert("https://a.example/ads/v.mp4")
    assert not is_advert("https://a.example/uploads/v.mp4")
