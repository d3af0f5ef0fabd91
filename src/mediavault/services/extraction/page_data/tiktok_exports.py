"""TikTok's items as other programs write them down, in the words of its pages: downloaders' answers (TikWM) and what
archivers export (tiktok-scraper, Apify's actors).

Checked 2026-11-26 against the fields that these programs document and write.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mediavault.services.extraction.page_data import values
from mediavault.services.extraction.page_data.json_walk import Node


def items_of(node: Node, post_id: str) -> Iterator[dict[str, Any]]:
    """The item with this id, where ``node`` is one in such a form; nothing of any other node."""
    if str(node.get("id")) != post_id:
        return
    if "unique_id" in values.obj(node, "author") and ("play" in node or "images" in node):
        yield _of_tikwm(node)
    elif "name" in values.obj(node, "authorMeta") and ("videoMeta" in node or "videoUrl" in node):
        yield _of_scraper(node)


def _of_tikwm(node: Node) -> dict[str, Any]:
    """``wmplay`` carries the mark. A slideshow has ``images`` and names its music under ``play``."""
    author, images = node["author"], values.items(node.get("images"))
    files = [] if images else [(node.get("hdplay"), node.get("hd_size")), (node.get("play"), node.get("size"))]
    slides = [{"imageURL": {"urlList": [url]}} for url in images]
    return {
        "id": str(node["id"]),
        "desc": node.get("title"),
        "createTime": node.get("create_time"),
        "author": {"uniqueId": author.get("unique_id"), "nickname": author.get("nickname")},
        "video": {
            "duration": node.get("duration"),
            "bitrateInfo": [{"PlayAddr": {"UrlList": [url], "DataSize": size}} for url, size in files if url],
            "downloadAddr": None if images else node.get("wmplay"),
            "originCover": node.get("origin_cover"),
            "cover": node.get("cover"),
        },
        **({"imagePost": {"images": slides}} if images else {}),
    }


def _of_scraper(node: Node) -> dict[str, Any]:
    """Copies that a program keeps on a server of its own (``mediaUrls``) are not the post's addresses."""
    author, shape = node["authorMeta"], values.obj(node, "videoMeta")
    covers = values.obj(node, "covers")
    return {
        "id": str(node["id"]),
        "desc": node.get("text"),
        "createTime": node.get("createTime"),
        "author": {"uniqueId": author.get("name"), "nickname": author.get("nickName")},
        "video": {
            "duration": shape.get("duration"),
            "width": shape.get("width"),
            "height": shape.get("height"),
            "playAddr": node.get("videoUrlNoWaterMark") or node.get("videoUrl"),
            "originCover": covers.get("origin") or shape.get("originalCoverUrl"),
            "cover": covers.get("default") or shape.get("coverUrl"),
        },
    }
