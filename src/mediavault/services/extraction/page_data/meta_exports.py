"""Posts of Meta's sites as archivers write them down, in the words of its sites: Apify's actors for Instagram, and
facebook-scraper.

Checked 2026-11-26 against the fields that these programs document and write.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mediavault.services.extraction.page_data import values
from mediavault.services.extraction.page_data.json_walk import Node


def instagram_post(node: Node) -> Iterator[dict[str, Any]]:
    """A post in the words of Instagram's apps; nothing of any other node."""
    if "shortCode" not in node or "ownerUsername" not in node:
        return
    children = values.objects(node.get("childPosts"))
    yield {
        **_medium(node),
        "code": node["shortCode"],
        "user": {"username": node["ownerUsername"], "full_name": node.get("ownerFullName")},
        "caption": {"text": node.get("caption")},
        "taken_at": node.get("timestamp"),
        **({"carousel_media": [_medium(one) for one in children]} if children else {}),
    }


_KINDS = {"Image": 1, "Video": 2, "Sidecar": 8}


def _medium(node: Node) -> dict[str, Any]:
    address = node.get("videoUrl")
    size = {"width": node.get("dimensionsWidth"), "height": node.get("dimensionsHeight")}
    return {
        "pk": node.get("id"),
        "media_type": _KINDS.get(str(node.get("type"))),
        "image_versions2": {"candidates": [{"url": node.get("displayUrl"), **size}]},
        "video_versions": [{"url": address, **size}] if address else [],
    }


def facebook_post(node: Node) -> Iterator[dict[str, Any]]:
    """The video of a post; nothing of any other node, or of a post that only passes another one on."""
    if not (isinstance(node.get("video"), str) and "post_id" in node and "video_id" in node):
        return
    if values.text(node.get("shared_post_id")) or values.text(node.get("shared_user_id")):
        return
    yield {
        "__typename": "Video",
        "id": str(node["video_id"]),
        "legacy_fbid": str(node["post_id"]),
        "playable_url": node["video"],
        "preferred_thumbnail": {"image": {"uri": node.get("video_thumbnail")}},
        "owner": {"name": node.get("username"), "url": node.get("user_url"), "id": node.get("user_id")},
        "message": {"text": node.get("post_text") or node.get("text")},
        "creation_time": node.get("timestamp"),
        "length_in_second": node.get("video_duration_seconds"),
    }
