"""Texts that leave the vault hold no secret. The canaries have every form that sites use."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mediavault.core.messages import Message
from mediavault.core.redaction import (
    redact_address,
    redact_distinctly,
    redact_message,
    redact_page,
    redact_text,
)
from tests.growth import growth_of

CANARY = "CANARY7f3a"


@pytest.mark.parametrize(
    "text",
    [
        f"Cookie: sessionid={CANARY}; csrftoken=x{CANARY}",
        f"set-cookie: a={CANARY}; Path=/",
        f'{{"cookie": "sid={CANARY}"}}',
        f"Authorization: Bearer {CANARY}.abc",
        f"it said bearer {CANARY}",
        f"X-Csrf-Token: {CANARY}",
        f"403 for https://cdn.example/v.mp4?sig={CANARY}&expires=1",
        f"https://user:{CANARY}@cdn.example/v.mp4",
        f"https://cdn.example/exp=1~acl=/*~hmac={CANARY}/v.m3u8",
        f"access_token={CANARY} was refused",
        f"X-Amz-Signature={CANARY}",
        f"data:application/dash+xml;base64,{CANARY}",
        f"wss://live.example/s?token={CANARY}",
        f"eyJhbGciOiJI.{CANARY}.x",
        f"password='{CANARY}'",
        f"note: Cookie: sid={CANARY}",
        f"Cookie:\n {CANARY}",
        f"a=b:token={CANARY}",
        f"old-eyJhbGciOiJI.{CANARY}",
        f".eyJhbGciOiJI.{CANARY}",
        f"www.eyJhbGciOiJI.{CANARY}.x",
        f"ſecret={CANARY}",
    ],
)
def test_secrets_are_removed(text: str) -> None:
    assert CANARY not in redact_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "The site shows this post only to people who are signed in.",
        "it lasts 4.0 s, the post announced 12.0 s",
        "1280 x 720, H.264 and AAC, below the post's own id",
        "HTTP 403 of 5 tries",
        "size: 12, the x-ray: clear",
        "monkeyJarKeeper1.txt of www.example.com",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert redact_text(text) == text


def test_a_redacted_url_keeps_its_host_and_path() -> None:
    assert (
        redact_address(f"https://cdn.example:8443/a/v.mp4?x={CANARY}#f")
        == "https://cdn.example:8443/a/v.mp4?…"
    )


def test_a_posts_url_keeps_the_parameter_that_identifies_the_post() -> None:
    assert (
        redact_page(f"https://v.example/watch?v=abc&token={CANARY}")
        == "https://v.example/watch?v=abc&token=…"
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://v.example/watch?v=abc&list=x#/part/2",
        "https://v.example/a%20b?q=%C3%BC&empty=&flag&&x#",
        "https://v.example/watch?v=1&t=90",
        "file:0123",
    ],
)
def test_a_posts_url_without_a_secret_stays_as_it_is(url: str) -> None:
    assert redact_page(url) == url


@pytest.mark.parametrize(
    ("url", "redacted"),
    [
        (f"https://v.example/w?%74oken={CANARY}", "https://v.example/w?%74oken=…"),
        (
            f"https://v.example/w?v=1&to=https%3A%2F%2Fa.example%2F%3Ftoken%3D{CANARY}",
            "https://v.example/w?v=1&to=…",
        ),
        (
            f"https://v.example/w#access_token={CANARY}&state=1",
            "https://v.example/w#access_token=…&state=1",
        ),
        (
            f"https://v.example/feed/eyJhbGciOiJI.{CANARY}.x/rss?v=1",
            "https://v.example/feed/…/rss?v=1",
        ),
        (f"https://v.example/w?t=eyJhbGciOiJI.{CANARY}.x", "https://v.example/w?t=…"),
        (f"https://user:{CANARY}@v.example/w?v=1", "https://v.example/w?v=1"),
    ],
)
def test_a_posts_url_has_no_secret_anywhere(url: str, redacted: str) -> None:
    assert redact_page(url) == redacted


def test_the_urls_of_two_posts_that_differ_in_a_secret_stay_two() -> None:
    one, other = (redact_distinctly(f"https://v.example/w?v=1&token={CANARY}{n}") for n in "12")

    assert one != other
    assert CANARY not in one + other
    assert redact_distinctly(one) == redact_page(one) == one
    assert redact_distinctly("https://v.example/w?v=1") == "https://v.example/w?v=1"


def test_a_message_stays_translatable_without_its_secrets() -> None:
    message = redact_message(
        Message("It leads to %(url)s, %(count)d times.", url=f"https://a.test/?x={CANARY}", count=2)
    )

    assert message == "It leads to https://a.test/?…, 2 times."
    assert message.template == "It leads to %(url)s, %(count)d times."


def test_an_unparsable_url_is_removed() -> None:
    assert redact_address(f"https://[{CANARY}/") == "…"
    assert redact_page(f"https://[{CANARY}/") == "…"


@pytest.mark.parametrize(
    "function", [redact_text, redact_page, lambda text: redact_address(f"https://a.test/{text}")]
)
@pytest.mark.parametrize(
    "pump", ["x-", "token", "x-token", "eyJ-", "eyJaaaaaaaa-", "cookie ", "token=", "data:a/"]
)
def test_redacting_a_long_text_takes_linear_time(function: Callable[[str], str], pump: str) -> None:
    growth = growth_of(function, lambda size: pump * size)

    assert not growth.is_above_linear, growth
