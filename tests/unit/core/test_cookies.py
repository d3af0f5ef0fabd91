"""Which cookies a request carries."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediavault.core.cookies import Cookie, cookie_header, cookies_for
from mediavault.core.urls import parse_http_url
from tests.fakes import START


def is_sent(url: str, **facts: object) -> bool:
    cookie = Cookie("id", "secret", **{"domain": "a.test", **facts})  # type: ignore[arg-type]
    return cookies_for(url, [cookie], now=START) == (cookie,)


@pytest.mark.parametrize("url", ["https://a.test/", "http://a.test:8080/x", "https://A.TEST./"])
def test_a_host_gets_its_own_cookie(url: str) -> None:
    assert is_sent(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://b.test/",
        "https://sub.a.test/",
        "https://xa.test/",
        "https://a.test.evil.test/",
        "https://test/",
    ],
)
def test_a_host_only_cookie_goes_to_no_other_host(url: str) -> None:
    assert not is_sent(url)


def test_a_domain_cookie_goes_to_sub_domains_and_not_to_look_alikes() -> None:
    assert is_sent("https://a.test/", host_only=False)
    assert is_sent("https://deep.sub.a.test/", host_only=False)
    assert not is_sent("https://xa.test/", host_only=False)
    assert not is_sent("https://test/", host_only=False)


def test_a_cookie_for_a_whole_top_level_domain_is_not_sent_to_its_sub_domains() -> None:
    assert not is_sent("https://a.test/", domain="test", host_only=False)


def test_a_literal_address_has_no_sub_domains() -> None:
    assert is_sent("http://127.0.0.1/", domain="127.0.0.1", host_only=False)
    assert not is_sent("http://127.0.0.1/", domain="0.0.1", host_only=False)


def test_a_secure_cookie_is_never_sent_over_plain_http() -> None:
    assert is_sent("https://a.test/", secure=True)
    assert not is_sent("http://a.test/", secure=True)


@pytest.mark.parametrize(
    ("path", "url_path", "sent"),
    [
        ("/", "/any/where", True),
        ("/video", "/video", True),
        ("/video", "/video/1", True),
        ("/video/", "/video/1", True),
        ("/video", "/videos", False),
        ("/video/", "/video", False),
        ("/video", "/a/../video/1", True),
        ("/video", "/video/../admin", False),
    ],
)
def test_a_cookies_path_matches_whole_segments(path: str, url_path: str, sent: bool) -> None:
    assert is_sent(f"https://a.test{url_path}", path=path) is sent


def test_an_expired_cookie_is_not_sent() -> None:
    assert is_sent("https://a.test/", expires_at=START + timedelta(seconds=1))
    assert not is_sent("https://a.test/", expires_at=START)


@pytest.mark.parametrize(
    "url",
    [
        "http://evil.test\\@a.test/",
        "http://x@a.test/",
        "//a.test/",
        "ftp://a.test/",
        "http://a.test\n/",
        "",
    ],
)
def test_an_address_that_parsers_disagree_about_gets_no_cookie(url: str) -> None:
    assert not is_sent(url)


def test_the_header_names_the_longest_path_first() -> None:
    cookies = [Cookie("short", "1", "a.test"), Cookie("long", "2", "a.test", path="/video")]

    fitting = cookies_for(parse_http_url("https://a.test/video/1"), cookies, now=START)

    assert cookie_header(fitting) == "long=2; short=1"


def test_there_is_no_header_without_cookies() -> None:
    assert cookie_header([]) is None


@given(st.text(), st.text())
def test_a_cookie_never_breaks_out_of_its_place_in_the_header(name: str, value: str) -> None:
    header = cookie_header([Cookie("first", "1", "a.test"), Cookie(name, value, "a.test")]) or ""

    assert header.count(";") <= 1
    assert not any(char in header for char in "\r\n\x00")


def test_a_cookies_value_does_not_show_in_its_description() -> None:
    assert "secret" not in repr(Cookie("id", "secret", "a.test"))
