"""Which post a document is about according to its own data."""

from __future__ import annotations

from typing import Any

import pytest

from mediavault.extraction.page_data.page_identity import addresses_in, id_in
from mediavault.platforms.registry import all_platforms


@pytest.mark.parametrize(
    ("document", "address"),
    [
        (
            {"type": "Note", "@context": "…", "url": "https://a.test/@jane/1"},
            "https://a.test/@jane/1",
        ),
        ({"type": ["h-entry"], "properties": {"url": ["https://a.test/1"]}}, "https://a.test/1"),
        (
            {"media_attachments": [], "account": {}, "url": "https://a.test/@jane/1"},
            "https://a.test/@jane/1",
        ),
        (
            {"uri": "at://did:plc:a/app.bsky.feed.post/3k", "author": {"handle": "jane.test"}},
            "https://bsky.app/profile/jane.test/post/3k",
        ),
        ({"data": {"rest_id": "7", "legacy": {"full_text": ""}}}, "https://x.com/i/status/7"),
        (
            {"itemStruct": {"id": "7", "video": {}, "author": {"uniqueId": "jane"}}},
            "https://www.tiktok.com/@jane/video/7",
        ),
        ({"shortcode": "AbC", "owner": {}}, "https://www.instagram.com/p/AbC/"),
        (
            {"kind": "t3", "data": {"permalink": "/r/a/comments/1/x/", "subreddit": "a"}},
            "https://www.reddit.com/r/a/comments/1/x/",
        ),
    ],
)
def test_the_address_is_stated_or_follows_from_the_data(
    document: dict[str, Any], address: str
) -> None:
    assert next(addresses_in(document, all_platforms())) == address


def test_a_list_is_not_about_one_of_its_posts_and_other_data_are_about_none() -> None:
    notes = [
        {"type": "Note", "@context": "…", "url": f"https://a.test/@jane/{n}"} for n in range(2)
    ]

    assert list(addresses_in({"orderedItems": notes}, all_platforms())) == []
    assert list(addresses_in({"id": "1"}, all_platforms())) == []


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.test/gifs/the-office-12XMGIWtrHBl5e", "12XMGIWtrHBl5e"),
        ("https://a.test/gag/ajgp66G/", "ajgp66G"),
        ("https://a.test/jxBXAMC.gifv", "jxBXAMC"),
        (
            "https://a.test/v/0ab1c2d3-0000-4000-8000-0123456789ab",
            "0ab1c2d3-0000-4000-8000-0123456789ab",
        ),
        ("https://a.test/news/a-kite-in-the-wind", None),
        ("https://a.test/", None),
    ],
)
def test_an_id_is_read_from_the_end_of_an_address_that_has_one(
    url: str, expected: str | None
) -> None:
    assert id_in(url) == expected
