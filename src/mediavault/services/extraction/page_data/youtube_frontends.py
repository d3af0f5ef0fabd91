"""What front ends of YouTube answer about a video (Invidious, Piped), in the words of its player responses.

Sources: https://docs.invidious.io/api/, "GET /api/v1/videos/:id", and https://docs.piped.video/docs/api-documentation/,
"/streams/:videoId"; checked 2026-11-26.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from mediavault.services.extraction.page_data import values
from mediavault.services.extraction.page_data.json_walk import Node


def response_of(node: Node) -> Iterator[dict[str, Any]]:
    """A player response, where ``node`` is such an answer; nothing of any other node."""
    if isinstance(node.get("videoId"), str) and "formatStreams" in node:
        yield _invidious(node)
    elif isinstance(node.get("videoStreams"), list) and "audioStreams" in node and (video_id := _pictured(node)):
        yield _piped(node, video_id)


def _invidious(node: Node) -> dict[str, Any]:
    details = {
        "videoId": node["videoId"],
        "author": node.get("author"),
        "lengthSeconds": node.get("lengthSeconds"),
        "isLive": node.get("liveNow"),
        "thumbnail": {"thumbnails": values.objects(node.get("videoThumbnails"))},
    }
    streams = {
        "formats": values.objects(node["formatStreams"]),
        "adaptiveFormats": values.objects(node.get("adaptiveFormats")),
        "hlsManifestUrl": node.get("hlsUrl"),
    }
    return _response(node, details, streams, node.get("authorUrl"), node.get("published"))


def _piped(node: Node, video_id: str) -> dict[str, Any]:
    """It names the video in its picture's address alone."""
    details = {
        "videoId": video_id,
        "author": node.get("uploader"),
        "lengthSeconds": node.get("duration"),
        "isLive": node.get("livestream"),
        "thumbnail": {"thumbnails": [{"url": node.get("thumbnailUrl")}]},
    }
    shown = [_format(one) for one in values.objects(node["videoStreams"])]
    streams = {
        "formats": [one for one in shown if not one.get("videoOnly")],
        "adaptiveFormats": [*(one for one in shown if one.get("videoOnly")), *map(_format, _sounds(node))],
        "hlsManifestUrl": node.get("hls"),
    }
    return _response(node, details, streams, node.get("uploaderUrl"), node.get("uploadDate"))


def _sounds(node: Node) -> list[Node]:
    return list(values.objects(node.get("audioStreams")))


def _format(one: Node) -> dict[str, Any]:
    codec = values.text(one.get("codec"))
    return {**one, "mimeType": f'{one.get("mimeType")}; codecs="{codec}"' if codec else one.get("mimeType")}


def _pictured(node: Node) -> str | None:
    match = re.search(r"/vi(?:_webp)?/([\w-]{11})/", str(node.get("thumbnailUrl")))
    return match[1] if match else None


def _response(
    node: Node, details: dict[str, Any], streams: dict[str, Any], account: object, published: object
) -> dict[str, Any]:
    return {
        "playabilityStatus": {"status": "OK"},
        "videoDetails": {**details, "title": node.get("title"), "shortDescription": node.get("description")},
        "streamingData": streams,
        "microformat": {"playerMicroformatRenderer": {"ownerProfileUrl": account, "publishDate": published}},
    }
