"""Records of Meta's documented Graph APIs, in the words of its sites: for accounts that answer about their own posts.

Sources: https://developers.facebook.com/docs/instagram-platform/reference/instagram-media,
https://developers.facebook.com/docs/threads/threads-media, https://developers.facebook.com/docs/graph-api/reference/video;
checked 2026-11-24.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from mediavault.services.extraction.page_data import values
from mediavault.services.extraction.page_data.json_walk import Node

_CODE = re.compile(r"/(?:p|reel|tv|post|t)/([\w-]{5,40})")
_KINDS = {"IMAGE": 1, "VIDEO": 2, "REELS": 2, "CAROUSEL_ALBUM": 8}


def media_record(node: Node) -> Iterator[Node]:
    """A medium of Instagram or Threads as their apps would tell it; nothing of any other node."""
    yield from _first_record(node)
    code = _CODE.search(str(node.get("permalink")))
    if code is None or not isinstance(node.get("media_type"), str) or "media_url" not in node:
        return
    children = values.objects(values.obj(node, "children").get("data"))
    yield {
        **_medium(node),
        "code": code[1],
        "user": {"username": node.get("username")},
        "caption": {"text": node.get("caption") or node.get("text")},
        "taken_at": node.get("timestamp"),
        **({"carousel_media": [_medium(one) for one in children]} if children else {}),
    }


_FIRST_KINDS = {"image": 1, "video": 2, "carousel": 8}


def _first_record(node: Node) -> Iterator[Node]:
    """Instagram's first API (2011 to 2020): pictures and files by the names of their sizes, the post by its ``link``."""
    code = _CODE.search(str(node.get("link")))
    sizes = values.obj(node, "images") or values.obj(node, "videos")
    if code is None or "standard_resolution" not in sizes:
        return
    children = values.objects(node.get("carousel_media"))
    yield {
        **_first_medium(node),
        "pk": node.get("id"),
        "code": code[1],
        "user": node.get("user"),
        "caption": node.get("caption"),
        "taken_at": node.get("created_time"),
        **({"carousel_media": [_first_medium(one) for one in children]} if children else {}),
    }


def _first_medium(node: Node) -> dict[str, Any]:
    """Sizes from large to small."""
    pictures, files = (
        sorted(values.objects([*values.obj(node, name).values()]), key=_width, reverse=True)
        for name in ("images", "videos")
    )
    return {
        "media_type": _FIRST_KINDS.get(str(node.get("type", "image"))),
        "image_versions2": {"candidates": pictures},
        "video_versions": files,
    }


def _width(size: Node) -> int:
    return values.integer(size.get("width")) or 0


def _medium(node: Node) -> dict[str, Any]:
    kind = _KINDS.get(str(node.get("media_type")))
    picture = node.get("thumbnail_url") or (node.get("media_url") if kind != 2 else None)
    return {
        "pk": node.get("id"),
        "media_type": kind,
        "image_versions2": {"candidates": [{"url": picture}]},
        "video_versions": [{"url": node.get("media_url")}] if kind == 2 else [],
    }


def facebook_video(node: Node) -> Iterator[Node]:
    """A video of Facebook, or a post that holds one (its id follows the author's)."""
    told = values.obj(node, "from")
    if not (isinstance(node.get("source"), str) and told and isinstance(node.get("id"), str)):
        return
    link = str(node.get("permalink_url") or node.get("link") or "")
    yield {
        "__typename": "Video",
        "id": node["id"].rpartition("_")[2],
        "playable_url": node["source"],
        "preferred_thumbnail": {"image": {"uri": node.get("full_picture") or node.get("picture")}},
        "owner": {"name": told.get("name")},
        "message": {"text": node.get("message") or node.get("description")},
        "creation_time": node.get("created_time"),
        "length_in_second": node.get("length"),
        "url": f"https://www.facebook.com{link}" if link.startswith("/") else link,
    }
