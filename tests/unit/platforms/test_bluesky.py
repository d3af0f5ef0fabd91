"""Bluesky's views and records."""

from __future__ import annotations

from typing import Any

import pytest

from mediavault.core.failures import Deleted, LoginRequired
from tests.unit.extraction.page_data.reading import best, read, read_known

DID = "did:plc:jane"
URL = "https://bsky.app/profile/jane.example/post/3kiteaaaaaaaa"
PLAYLIST = "https://video.bsky.app/watch/did%3Aplc%3Ajane/bafkite/playlist.m3u8"


def video(cid: str = "bafkite") -> dict[str, Any]:
    return {
        "$type": "app.bsky.embed.video#view",
        "cid": cid,
        "playlist": f"https://video.bsky.app/watch/did%3Aplc%3Ajane/{cid}/playlist.m3u8",
        "thumbnail": f"https://video.bsky.app/watch/did%3Aplc%3Ajane/{cid}/thumbnail.jpg",
        "aspectRatio": {"width": 720, "height": 1280},
    }


def view(
    embed: dict[str, Any] | None = None, *, key: str = "3kiteaaaaaaaa", handle: str = "jane.example"
) -> dict[str, Any]:
    return {
        "uri": f"at://{DID}/app.bsky.feed.post/{key}",
        "author": {"did": DID, "handle": handle, "displayName": "Jane"},
        "record": {
            "$type": "app.bsky.feed.post",
            "text": "A kite",
            "createdAt": "2026-01-02T03:04:05.000Z",
        },
        **({"embed": embed} if embed else {}),
    }


def thread(post: dict[str, Any], *replies: dict[str, Any]) -> dict[str, Any]:
    return {"thread": {"post": post, "replies": [{"post": reply} for reply in replies]}}


def thread_without_the_post(kind: str) -> dict[str, Any]:
    """Return an answer of getPostThreadV2, whose thread is a list."""
    above = {"uri": view(key="3kother")["uri"], "depth": -1, "value": {"post": view(key="3kother")}}
    return {
        "thread": [
            above,
            {
                **view(),
                "depth": 0,
                "record": None,
                "value": {"$type": f"app.bsky.unspecced.defs#{kind}"},
            },
        ]
    }


def quoting(quoted: dict[str, Any], media: dict[str, Any] | None = None) -> dict[str, Any]:
    record = {"$type": "app.bsky.embed.record#view", "record": quoted}
    return (
        record
        if media is None
        else {"$type": "app.bsky.embed.recordWithMedia#view", "media": media, "record": record}
    )


def quoted_view() -> dict[str, Any]:
    return {
        "$type": "app.bsky.embed.record#viewRecord",
        "uri": "at://did:plc:bob/app.bsky.feed.post/3otheraaaaaaa",
        "author": {"did": "did:plc:bob"},
        "value": {"text": "Mine"},
        "embeds": [video("bafother")],
    }


def test_the_playlist_of_the_posts_own_video_is_found_among_replies_with_others() -> None:
    data = read_known(URL, thread(view(video()), view(video("bafreply"), key="3replyaaaaaaa")))

    assert best(data) == [PLAYLIST]
    assert (data.handle, data.display_name, data.text) == ("jane.example", "Jane", "A kite")
    assert data.thumbnail_url
    assert data.thumbnail_url.endswith("/bafkite/thumbnail.jpg")
    assert (data.items[0].media_id, data.items[0].candidates[0].height) == ("bafkite", 1280)


def test_a_quoted_video_is_an_item_with_that_role_and_not_the_posts_own() -> None:
    data = read_known(URL, thread(view(quoting(quoted_view()))))

    assert (best(data), [(item.role, item.label) for item in data.items]) == (
        [],
        [("quoted", "3otheraaaaaaa")],
    )


def test_a_post_with_a_video_that_quotes_another_has_both() -> None:
    data = read_known(URL, thread(view(quoting(quoted_view(), video()))))

    assert (best(data), [item.role for item in data.items]) == ([PLAYLIST], ["main", "quoted"])


def test_pictures_are_items_without_candidates() -> None:
    images = {
        "$type": "app.bsky.embed.images#view",
        "images": [{"fullsize": "https://cdn.bsky.app/a@jpeg"}],
    }
    data = read_known(URL, {"posts": [view(images)]})

    assert (best(data), data.image_urls, data.found) == ([], ("https://cdn.bsky.app/a@jpeg",), True)


def test_the_playlist_is_derived_from_the_blob_that_a_record_names() -> None:
    blob = {"$type": "blob", "ref": {"$link": "bafkite"}, "mimeType": "video/mp4"}
    record = {
        "uri": f"at://{DID}/app.bsky.feed.post/3kiteaaaaaaaa",
        "value": {"embed": {"$type": "app.bsky.embed.video", "video": blob}},
    }

    assert best(read_known(f"https://bsky.app/profile/{DID}/post/3kiteaaaaaaaa", record)) == [
        PLAYLIST
    ]


def test_another_authors_post_with_the_same_key_is_ignored() -> None:
    assert read(URL, thread(view(video(), handle="bob.example"))) is None


@pytest.mark.parametrize(
    ("answer", "condition"),
    [
        ({"error": "NotFound", "message": "Post not found"}, Deleted),
        ({"thread": {"$type": "app.bsky.feed.defs#notFoundPost", "notFound": True}}, Deleted),
        ({"thread": {"$type": "app.bsky.feed.defs#blockedPost", "blocked": True}}, LoginRequired),
        (thread_without_the_post("threadItemNotFound"), Deleted),
        (thread_without_the_post("threadItemBlocked"), LoginRequired),
        (thread_without_the_post("threadItemNoUnauthenticated"), LoginRequired),
        ({"error": "AccountTakedown"}, Deleted),
    ],
)
def test_an_error_answer_raises_the_matching_failure(
    answer: object, condition: type[Exception]
) -> None:
    with pytest.raises(condition):
        read(URL, answer)


def test_the_gif_of_a_reply_is_not_the_posts_in_any_form_of_the_answer() -> None:
    reply = view({**video(), "presentation": "gif"}, key="3kreplyaaaaaa", handle="john.example")
    items = [
        {"uri": shown["uri"], "depth": depth, "value": {"post": shown}}
        for depth, shown in enumerate((view(), reply))
    ]

    for answer in (thread(view(), reply), {"thread": items}, {"posts": [reply, view()]}):
        data = read_known(URL, answer)
        assert (data.items, data.text) == ((), "A kite")
    assert read(URL, thread(reply)) is None
