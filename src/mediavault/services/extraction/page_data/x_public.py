"""X's public interface, version 2, in the words of version 1.1.

There the post names its media by key, and the media stand beside it under ``includes``.
Source: https://docs.x.com/x-api/fundamentals/data-dictionary, "Tweet" and "Media"; checked 2026-11-24.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mediavault.services.extraction.page_data import values
from mediavault.services.extraction.page_data.json_walk import Node

_MAX_POSTS = 500  # a page of answers has 100
_REPOSTED, _QUOTED = "retweeted", "quoted"


def as_statuses(documents: Sequence[object]) -> list[Node]:
    """The posts of all answers of version 2 among the documents; none of any other document."""
    return [status for document in documents for status in _statuses(values.obj(document))]


def _statuses(answer: Node) -> Iterator[Node]:
    includes = values.obj(answer, "includes")
    data = answer.get("data")
    posts = [one for one in [data, *values.items(data)] if isinstance(one, dict) and "id" in one and "text" in one]
    if not posts:
        return
    media = {str(one.get("media_key")): one for one in values.objects(includes.get("media"))}
    users = {str(one.get("id")): one for one in values.objects(includes.get("users"))}
    others = {str(one.get("id")): one for one in values.objects(includes.get("tweets"))}
    for post in [*posts, *others.values()][:_MAX_POSTS]:
        yield {**_status(post, media, users), **_references(post, others, media, users)}


def _references(
    post: Node, others: Mapping[str, Node], media: Mapping[str, Node], users: Mapping[str, Node]
) -> dict[str, Any]:
    named = {
        str(one.get("type")): others.get(str(one.get("id"))) for one in values.objects(post.get("referenced_tweets"))
    }
    names = {_REPOSTED: "retweeted_status", _QUOTED: "quoted_status"}
    return {name: _status(other, media, users) for kind, name in names.items() if (other := named.get(kind))}


def _status(post: Node, media: Mapping[str, Node], users: Mapping[str, Node]) -> dict[str, Any]:
    keys = values.items(values.obj(post, "attachments").get("media_keys"))
    user = users.get(str(post.get("author_id")), {})
    long = values.text(values.obj(post, "note_tweet").get("text"))
    return {
        "id_str": str(post.get("id")),
        "full_text": long or post.get("text"),
        "created_at": post.get("created_at"),
        "user": {"screen_name": user.get("username"), "name": user.get("name")},
        "extended_entities": {"media": [_medium(media.get(key) or _unexpanded(key)) for key in map(str, keys)]},
    }


# What a media key begins with: an upload, a studio's upload, an animation
_KINDS = {"7": "video", "13": "video", "16": "animated_gif"}


def _unexpanded(key: str) -> Node:
    """An answer that was asked without ``expansions`` names the media by their keys alone."""
    return {"media_key": key, "type": _KINDS.get(key.partition("_")[0], "photo")}


def _medium(one: Node) -> dict[str, Any]:
    variants = [
        {"content_type": variant.get("content_type"), "bitrate": variant.get("bit_rate"), "url": variant.get("url")}
        for variant in values.objects(one.get("variants"))
    ]
    return {
        "type": one.get("type"),
        "id_str": str(one.get("media_key", "")).partition("_")[2] or None,
        "media_url_https": one.get("preview_image_url") or one.get("url"),
        "original_info": {"width": one.get("width"), "height": one.get("height")},
        "video_info": {"variants": variants, "duration_millis": one.get("duration_ms")},
    }
