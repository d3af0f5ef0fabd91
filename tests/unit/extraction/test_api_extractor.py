"""A site's open API, asked instead of its page."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from mediavault.core.failures import (
    Deleted,
    ExtractorBroken,
    Failure,
    HttpError,
    RateLimited,
    SeemsDeleted,
    Unsupported,
)
from mediavault.core.urls import parse_http_url
from mediavault.extraction.api_extractor import ApiExtractor, api_url
from mediavault.extraction.ranking import choose_candidate
from mediavault.platforms.registry import identify
from mediavault.platforms.x import X
from tests.stubs import ReaderHere, StubClient

POST, MASTODON = identify(parse_http_url("https://social.example/@jane/112233445566778899"))
STATUS: dict[str, Any] = {
    "id": "112233445566778899",
    "url": "https://social.example/@jane/112233445566778899",
    "uri": "https://social.example/users/jane/statuses/112233445566778899",
    "created_at": "2026-11-24T12:00:00.000Z",
    "content": "<p>A kite</p>",
    "account": {
        "username": "jane",
        "acct": "jane",
        "display_name": "Jane",
        "url": "https://social.example/@jane",
    },
    "media_attachments": [
        {
            "id": "9",
            "type": "video",
            "url": "https://files.social.example/9/original/kite.mp4",
            "preview_url": "https://files.social.example/9/small/kite.png",
            "meta": {"original": {"width": 640, "height": 360, "duration": 4.0}},
        }
    ],
}


async def ask(status: int = 200, body: bytes = b"") -> Any:
    return await ApiExtractor(StubClient(status, body), ReaderHere()).extract(
        POST, MASTODON, within_s=60
    )


async def test_the_posts_video_comes_out_of_the_answer() -> None:
    extraction = await ask(body=json.dumps(STATUS).encode())

    assert (
        choose_candidate(extraction.videos[0]).url
        == "https://files.social.example/9/original/kite.mp4"
    )
    assert (extraction.account.display_name, extraction.extractor) == ("Jane", "api")


async def test_an_answer_about_another_post_is_not_used() -> None:
    with pytest.raises(ExtractorBroken):
        await ask(
            body=json.dumps(
                {**STATUS, "id": "1", "url": "https://social.example/@jane/1", "uri": "x"}
            ).encode()
        )


@pytest.mark.parametrize("body", [b"", b"<html>", b"{", b"[]"])
async def test_an_unreadable_answer_leaves_the_post_to_the_browser(body: bytes) -> None:
    with pytest.raises(ExtractorBroken):
        await ask(body=body)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (404, SeemsDeleted),
        (410, SeemsDeleted),
        (401, HttpError),
        (403, HttpError),
        (451, HttpError),
        (500, HttpError),
    ],
)
async def test_an_http_status_has_its_failure(status: int, kind: type[Failure]) -> None:
    with pytest.raises(kind) as caught:
        await ask(status)
    assert caught.value.http_status == status


@pytest.mark.parametrize("body", [{"error": "Record not found"}, {"error": "something new"}])
async def test_a_404_in_the_apis_own_words_is_believed(body: dict[str, str]) -> None:
    with pytest.raises(Deleted):
        await ask(404, json.dumps(body).encode())


async def test_what_the_api_says_counts_before_its_status() -> None:
    post, bluesky = identify(
        parse_http_url("https://bsky.app/profile/jane.example/post/3kabcdefghi2x")
    )
    client = StubClient(
        400, json.dumps({"error": "NotFound", "message": "Post not found"}).encode()
    )

    with pytest.raises(Deleted):
        await ApiExtractor(client, ReaderHere()).extract(post, bluesky, within_s=60)


@pytest.mark.parametrize(("header", "wait"), [("90", timedelta(seconds=90)), ("soon", None)])
async def test_a_429_says_when_to_retry(header: str, wait: timedelta | None) -> None:
    client = StubClient(429, headers={"retry-after": header})
    with pytest.raises(RateLimited) as caught:
        await ApiExtractor(client, ReaderHere()).extract(POST, MASTODON, within_s=60)
    assert caught.value.retry_after == wait


def test_the_api_address_is_filled_in_from_the_post() -> None:
    assert api_url(POST, MASTODON) == "https://social.example/api/v1/statuses/112233445566778899"


def test_a_platform_without_an_api_is_not_asked() -> None:
    with pytest.raises(Unsupported):
        api_url(POST, X)
