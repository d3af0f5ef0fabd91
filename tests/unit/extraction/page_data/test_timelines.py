"""How many posts a document lists, and which account they are by."""

from __future__ import annotations

from typing import Any

import pytest

from mediavault.extraction.page_data.other_posts import TimelineListing, read_timeline


def node(key: str, author: str, kind: str) -> dict[str, Any]:
    nodes: dict[str, dict[str, Any]] = {
        "instagram": {"shortcode": key, "display_url": "…", "owner": {"username": author}},
        "x": {
            "rest_id": key,
            "legacy": {"full_text": ""},
            "core": {"user_results": {"result": {"legacy": {"screen_name": author}}}},
        },
        "tiktok": {"id": key, "desc": "", "video": {}, "author": {"uniqueId": author}},
        "bluesky": {
            "uri": f"at://did:plc:a/app.bsky.feed.post/{key}",
            "record": {},
            "author": {"handle": author},
        },
        "mastodon": {"id": key, "media_attachments": [], "account": {"acct": author}},
        "linkedin": {
            "updateMetadata": {"urn": f"urn:li:activity:{key}"},
            "actor": {},
            "user": {"username": author},
        },
    }
    return nodes[kind]


@pytest.mark.parametrize("kind", ["instagram", "x", "tiktok", "bluesky", "mastodon", "linkedin"])
def test_posts_are_counted_once_each_and_one_account_is_named(kind: str) -> None:
    posts = [node("1", "jane", kind), node("2", "jane", kind), node("2", "jane", kind)]

    assert read_timeline(
        [{"data": {"edges": [{"node": post} for post in posts]}}]
    ) == TimelineListing(2, "jane", None)
    assert read_timeline([[*posts, node("3", "bob", kind)]]) == TimelineListing(3)


def test_entries_of_collections_and_feeds_count() -> None:
    notes = [{"type": "Note", "@context": "…", "id": f"https://a.test/{n}"} for n in range(3)]
    entries = [{"type": ["h-entry"], "properties": {"name": [str(n)]}} for n in range(2)]

    assert read_timeline([{"type": "OrderedCollection", "orderedItems": notes}]).posts == 3
    assert read_timeline([{"items": entries}]).posts == 2


def test_a_document_without_a_list_of_posts_counts_none() -> None:
    assert read_timeline([{"id": "1", "video": {}}, [], "text"]) == TimelineListing()
