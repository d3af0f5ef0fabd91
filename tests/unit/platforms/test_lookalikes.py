"""Hosts that imitate a platform's, and names that no public site can have."""

from __future__ import annotations

import pytest

from mediavault.core.urls import parse_http_url
from mediavault.platforms.lookalikes import imitates, is_public_name

NAMES = frozenset({"x.com", "tiktok.com", "instagram.com", "facebook.com", "youtube.com"})
BRANDS = frozenset({"facebook", "instagram", "linkedin", "tiktok", "youtube"})


@pytest.mark.parametrize(
    "host",
    [
        "nottiktok.com",
        "evilinstagram.com",
        "www.my-facebook.com",
        "tiktok.com.evil.example",
        "x.com.evil.example",
        "www.youtube.com-login.example",
        parse_http_url("https://tikt\u043ek.com/").host,  # Cyrillic o
        parse_http_url("https://\u0445.com/").host,  # Cyrillic kha
        parse_http_url("https://www.tikt\u00f3k.com/").host,  # an accent
        # Cyrillic a, in another label
        parse_http_url("https://login.f\u0430cebook.com.example/").host,
        "youtube.co",
        "www.instagram.com.br",
        "linkedin.example",
        "you-tube.com",
        "www.face-book.example",
    ],
)
def test_an_imitation_is_caught(host: str) -> None:
    assert imitates(host, NAMES, BRANDS)


@pytest.mark.parametrize(
    "host",
    [
        "x.com",
        "www.tiktok.com",
        "netflix.com",
        "fedex.com",
        "example.org",
        "m\u00fcnchen.example",
        "xn--mnchen-3ya.example",
    ],
)
def test_a_platforms_own_host_and_a_name_that_only_ends_alike_are_not_imitations(host: str) -> None:
    assert not imitates(host, NAMES, BRANDS)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("https://example.org/", True),
        ("https://r3---sn-abc.example.org/", True),
        ("http://8.8.8.8/", True),
        ("http://[2606:4700::1111]/", True),
        ("http://localhost/", False),
        ("http://printer/", False),
        ("http://nas.home.arpa/", False),
        ("http://192.168.1.2/", False),
        ("http://100.64.0.1/", False),
        ("http://[fd00::1]/", False),
        ("http://239.1.1.1/", False),
        ("http://-bad.example.org/", False),
        ("http://bad-.example.org/", False),
        ("http://127.0.0.1.nip.io/", False),
        ("http://app.10-0-0-1.sslip.io/", False),
        ("http://8.8.8.8.nip.io/", True),
        ("http://999.1.1.1.nip.io/", True),
        ("http://my.lvh.me/", False),
        ("http://[64:ff9b::a00:1]/", False),
        ("http://[64:ff9b::808:808]/", True),
        ("http://[2002:a00:1::]/", False),
    ],
)
def test_only_full_names_and_public_addresses_are_public_sites(address: str, public: bool) -> None:
    assert is_public_name(parse_http_url(address)) is public
