"""Which headers a request carries, and which are left after a redirect."""

from __future__ import annotations

import pytest

from mediavault.core.cookies import Cookie
from mediavault.core.failures import HttpError
from mediavault.core.urls import parse_http_url
from mediavault.egress.redirects import Hop, after_redirect, request_headers

COOKIE = Cookie("id", "secret", "a.test")
SECRETS = {
    "authorization": "Bearer x",
    "referer": "https://a.test/post?private=1",
    "range": "bytes=0-",
}


def hop(url: str = "https://a.test/media", **headers: str) -> Hop:
    return Hop(parse_http_url(url), headers or dict(SECRETS), (COOKIE,))


def moved(location: str, start: Hop | None = None, *, sent_cookies: bool = False) -> Hop:
    return after_redirect(start or hop(), location, status=302, sent_cookies=sent_cookies)


def test_the_same_origin_keeps_everything() -> None:
    after = moved("/other", sent_cookies=True)

    assert str(after.url) == "https://a.test/other"
    assert after.headers == SECRETS
    assert after.cookies == (COOKIE,)


@pytest.mark.parametrize(
    "location",
    [
        "https://b.test/x",
        "https://sub.a.test/x",
        "https://a.test:8443/x",
        "//b.test/x",
        "https://a.test.b.test/",
    ],
)
def test_another_origin_gets_no_authorization_and_only_the_referers_origin(location: str) -> None:
    after = moved(location)

    assert after.headers == {"range": "bytes=0-", "referer": "https://a.test/"}


def test_authorization_does_not_come_back_with_a_detour() -> None:
    after = moved("https://a.test/home", moved("https://b.test/x"))

    assert "authorization" not in after.headers


def test_another_port_gets_no_cookies_but_the_step_up_to_https_keeps_them() -> None:
    assert moved("https://a.test:8443/").cookies == ()
    assert moved("https://a.test/", hop("http://a.test/")).cookies == (COOKIE,)


def test_a_signed_in_request_never_steps_down_to_plain_http() -> None:
    with pytest.raises(HttpError, match="plain http"):
        moved("http://a.test/", sent_cookies=True)
    with pytest.raises(HttpError, match="plain http"):
        moved("http://a.test/", hop(authorization="Bearer x"))


def test_an_anonymous_request_may_step_down_and_leaves_its_referer_behind() -> None:
    after = moved("http://a.test/", hop(referer="https://a.test/post", range="bytes=0-"))

    assert after.headers == {"range": "bytes=0-"}


def test_a_referer_that_cannot_be_read_is_dropped() -> None:
    assert moved("/x", hop(referer="javascript:alert(1)")).headers == {}


@pytest.mark.parametrize(
    "location",
    [
        *(
            "file:///etc/passwd",
            "ftp://h/",
            "gopher://h/",
            "data:text/html,x",
            "\\\\host\\x",
            "http://u@b.test/",
        ),
        *("https:b.test", "//", "http://h:0/", "x\ny", "javascript:1"),
    ],
)
def test_a_redirect_to_an_odd_address_is_not_followed(location: str) -> None:
    with pytest.raises(HttpError, match="not accepted") as caught:
        moved(location)

    assert caught.value.http_status == 302


def test_headers_that_belong_to_a_connection_or_to_the_client_are_left_out() -> None:
    of_the_connection = [
        "Cookie",
        "Host",
        "Connection",
        "Accept-Encoding",
        "Transfer-Encoding",
        "Content-Length",
        "TE",
    ]
    headers = dict.fromkeys(
        [*of_the_connection, "Proxy-Authorization", "Expect", ":path", "Bad Name", "Bad\r\nName"],
        "x",
    )
    headers |= {"X-Bad": "a\r\nHost: evil.test", "X-Null": "\x00"}
    headers |= {"User-Agent": "UA", " Range ": "bytes=0-1 ", "Accept-Language": "de"}

    left = request_headers(headers, parse_http_url("https://b.test/"))

    assert left == {"user-agent": "UA", "range": "bytes=0-1", "accept-language": "de"}


@pytest.mark.parametrize(
    ("target", "referer"),
    [
        ("https://a.test/v.mp4", "https://a.test/post?private=1"),
        ("https://cdn.a.test/v.mp4", "https://a.test/"),
        ("https://b.test/v.mp4", "https://a.test/"),
        ("https://a.test:8443/v.mp4", "https://a.test/"),
        ("http://a.test/v.mp4", None),
        ("http://b.test/v.mp4", None),
    ],
)
def test_the_first_request_names_its_page_as_a_browser_does(
    target: str, referer: str | None
) -> None:
    headers = {"Referer": "https://a.test/post?private=1#here", "Range": "bytes=0-"}
    left = request_headers(headers, parse_http_url(target))

    assert left.pop("referer", None) == referer
    assert left == {"range": "bytes=0-"}


def test_a_sites_own_referer_goes_to_its_media_hosts_unchanged() -> None:
    left = request_headers(
        {"Referer": "https://www.a.test/"}, parse_http_url("https://cdn.test/v.mp4")
    )

    assert left == {"referer": "https://www.a.test/"}
