"""The cookies of a format: where they belong, and what is left out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from typing import Any

import pytest

from mediavault.core.cookies import Cookie
from mediavault.core.media import Post
from mediavault.core.platform import Platform, YtdlpRules
from mediavault.extraction.ytdlp_extractor import without
from mediavault.extraction.ytdlp_formats import MAX_CHARS, cookies_of, read_cookies
from mediavault.extraction.ytdlp_reading import read_answer
from tests.fakes import START

URL = "https://v16-webapp.clips.example/video/1.mp4"
LATER = START + timedelta(hours=1)


def of_format(text: object, **facts: Any) -> tuple[Cookie, ...]:
    return cookies_of([{"formats": [{"url": URL, "cookies": text, **facts}]}], now=START)


def test_a_cookie_has_the_scope_that_follows_it() -> None:
    line = (
        "chain=canary; Domain=.clips.example; Path=/video; Secure;"
        f" Expires={int(LATER.timestamp())}; Version=0"
    )

    assert of_format(line) == (
        Cookie(
            "chain",
            "canary",
            "clips.example",
            "/video",
            secure=True,
            host_only=False,
            expires_at=LATER,
        ),
    )


def test_several_cookies_in_one_line_are_read() -> None:
    line = (
        "a=1; Domain=.clips.example; Path=/; b=2; Domain=v16-webapp.clips.example; Path=/; Secure"
    )
    first, second = of_format(line)

    assert (first.name, first.host_only, first.secure) == ("a", False, False)
    assert (second.name, second.host_only, second.secure) == ("b", True, True)


@pytest.mark.parametrize(
    "value",
    ["plain", "", "a b", 'q"q', "semi; colon=1; Domain=evil.example", "back\\slash", "ü", "a=b=="],
)
def test_values_are_those_that_the_site_set(value: str) -> None:
    encoded = SimpleCookie().value_encode(value)[1]

    assert [
        cookie.value for cookie in read_cookies(f"n={encoded}; Domain=clips.example; Path=/")
    ] == [value]


@pytest.mark.parametrize(
    "line",
    [
        "n=canary",
        "n=canary; Path=/",
        "n=canary; Domain=; Path=/",
        "n=canary; Domain=.other.example; Path=/",
        "n=canary; Domain=evilclips.example; Path=/",
        "n=canary; Domain=example; Path=/",
        "n=canary; Domain=.clips.example/x; Path=/",
        "n=canary; Domain=.clips.example; Path=/elsewhere",
        "n=canary; Domain=.clips.example; Path=/; Expires=1",
        "Domain=.clips.example; Path=/",
        "=canary; Domain=.clips.example; Path=/",
        "",
        "; ; ;",
        f"n={'x' * MAX_CHARS}; Domain=.clips.example; Path=/",
        None,
        5,
        {"n": "canary"},
    ],
)
def test_what_does_not_surely_belong_to_the_formats_own_address_is_left_out(line: object) -> None:
    assert of_format(line) == ()


def test_a_cookie_for_the_manifest_of_a_format_is_the_formats() -> None:
    manifest = "https://m.clips.example/list.m3u8"
    line = "n=canary; Domain=m.clips.example; Path=/"

    assert of_format(line) == ()
    assert [cookie.name for cookie in of_format(line, manifest_url=manifest)] == ["n"]


def test_the_cookies_of_all_formats_are_listed_once_each() -> None:
    line = "n=1; Domain=.clips.example; Path=/"
    formats = [{"url": URL, "cookies": line}, {"url": URL, "cookies": line}, {"url": URL}]

    assert len(cookies_of([{"formats": formats}, {"formats": formats}], now=START)) == 1


def test_an_expiry_beyond_the_calendar_is_its_last_day() -> None:
    (cookie,) = of_format(f"n=1; Domain=.clips.example; Path=/; Expires={10**17}")

    assert cookie.expires_at == datetime(9999, 1, 1, tzinfo=UTC)


def test_the_users_own_cookies_stay_with_the_browser() -> None:
    own = Cookie("sid", "old", "clips.example", host_only=False)
    newer = Cookie("sid", "new", "clips.example", "/video", host_only=False)
    met = Cookie("chain", "1", "clips.example", host_only=False)

    assert without((newer, met), (own,)) == (met,)


def test_an_extraction_carries_the_cookies_and_shows_no_value() -> None:
    site = YtdlpRules(("default",), handle="")
    format_ = {
        "url": URL,
        "protocol": "https",
        "ext": "mp4",
        "cookies": "n=canary; Domain=.clips.example; Path=/",
    }
    post, platform = Post(URL, URL, "generic"), Platform("generic", "a page")
    read = read_answer({"info": {"id": "1", "formats": [format_]}}, post, platform, site, now=START)

    assert [cookie.value for cookie in read.cookies] == ["canary"]
    assert "canary" not in repr(read)
