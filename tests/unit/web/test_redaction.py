"""Texts that leave the house hold no secret: canaries of every form that sites use."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mediavault.web.redaction import redact_address, redact_page, redact_text
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
def test_no_secret_stays(text: str) -> None:
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
def test_words_for_people_stay(text: str) -> None:
    assert redact_text(text) == text


def test_of_an_address_the_host_and_the_path_are_told() -> None:
    assert redact_address(f"https://cdn.example:8443/a/v.mp4?x={CANARY}#f") == "https://cdn.example:8443/a/v.mp4?…"


def test_a_posts_address_keeps_what_says_which_post_it_is() -> None:
    assert redact_page(f"https://v.example/watch?v=abc&token={CANARY}") == "https://v.example/watch?v=abc&token=…"


def test_what_cannot_be_read_as_an_address_goes() -> None:
    assert redact_address(f"https://[{CANARY}/") == "…"
    assert redact_page(f"https://[{CANARY}/") == "…"


@pytest.mark.parametrize("function", [redact_text, redact_page, lambda text: redact_address(f"https://a.test/{text}")])
@pytest.mark.parametrize("pump", ["x-", "token", "x-token", "eyJ-", "eyJaaaaaaaa-", "cookie ", "token=", "data:a/"])
def test_a_long_text_takes_no_longer_than_its_length(function: Callable[[str], str], pump: str) -> None:
    growth = growth_of(function, lambda size: pump * size)

    assert not growth.is_above_linear, growth
