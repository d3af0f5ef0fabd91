"""Twitch: the clip with the post's slug, in GraphQL's answers.

The files can be fetched only with the signed token of the same answer; without one their bare URLs are returned.
A clip that is gone is null in an answer about it.
Checked 2026-11-24 against recorded answers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

from mediavault.core.failures import Deleted
from mediavault.core.media import Candidate, Expected, Item, Post
from mediavault.core.platform import PageData, Platform
from mediavault.extraction.page_data import build, values
from mediavault.extraction.page_data.build import own_candidates
from mediavault.extraction.page_data.values import Node, walk


def read(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """What the documents say about ``post``; None when they say nothing. Raises Deleted where Twitch says so."""
    own = [node for document in documents for node in walk(document) if _is_own(node, post.post_id)]
    own = own or _lone_clip(documents)
    if not own:
        if any(_is_gone(answer) for document in documents for answer in (document, *values.items(document))):
            raise Deleted("Twitch says that this clip does not exist.")
        return None
    clip: dict[str, object] = {}
    for node in own:  # one answer has the files, another the facts
        clip |= {name: value for name, value in node.items() if value not in (None, [], {}) or name not in clip}
    return _page_data(platform, clip)


def _is_own(node: Node, post_id: str | None) -> bool:
    return bool(post_id) and post_id in ids_of(node)


def _lone_clip(documents: Sequence[object]) -> list[Node]:
    """Return the only clip of the answers. The answer that unlocks a clip's files does not always repeat its slug."""
    nodes = [node for document in documents for node in walk(document)]
    clips = [node for node in nodes if "playbackAccessToken" in node and "videoQualities" in node]
    return clips if len(clips) == 1 and "slug" not in clips[0] and all(map(str.isdigit, ids_of(clips[0]))) else []


def ids_of(node: Node) -> set[str]:
    """Return slug and id of a clip's node; none for any other node."""
    known = {
        "videoQualities",
        "broadcaster",
        "playbackAccessToken",
        "assets",
        "durationSeconds",
    }
    # the answer that only unlocks the files has the slug inside the token's text
    match = re.search(
        r'"clip_slug"\s*:\s*"([\w-]{4,100})"', str(values.obj(node.get("playbackAccessToken")).get("value"))
    )
    named = (node.get("slug"), node.get("id"), match and match[1])
    return {str(clip_id) for clip_id in named if clip_id} if known & node.keys() else set()


def _is_gone(answer: object) -> bool:
    data = values.obj(answer).get("data")
    return isinstance(data, dict) and "clip" in data and data["clip"] is None


def _page_data(platform: Platform, clip: Node) -> PageData:
    candidates = _candidates(platform, clip)
    broadcaster = values.obj(clip.get("broadcaster"))
    seconds = values.duration(clip.get("durationSeconds"))
    picture = next(filter(None, map(values.url, _pictures(clip))), None)
    return PageData(
        items=(Item(candidates, thumbnail_url=picture, expected=Expected(duration_s=seconds)),) if candidates else (),
        handle=values.text(broadcaster.get("login")),
        display_name=values.text(broadcaster.get("displayName")),
        title=values.text(clip.get("title")),
        published_at=values.moment(clip.get("createdAt")),
        thumbnail_url=picture,
        found=bool(candidates),
    )


def _pictures(clip: Node) -> list[object]:
    """Return the pictures: an asset's is as large as the video, the clip's own a preview of 480 pixels."""
    return [*(asset.get("thumbnailURL") for asset in _assets(clip)), clip.get("thumbnailURL")]


def _candidates(platform: Platform, clip: Node) -> tuple[Candidate, ...]:
    """Return the files of the landscape video, which is preferred to the portrait one that phones show."""
    token = _query(values.obj(clip.get("playbackAccessToken")))
    candidates = [c for quality in values.objects(clip.get("videoQualities")) for c in _file(platform, quality, token)]
    if not candidates:
        qualities = [quality for asset in _assets(clip)[:1] for quality in values.objects(asset.get("videoQualities"))]
        candidates = [c for quality in qualities for c in _file(platform, quality, token)]
    return build.merged(candidates)


def _assets(clip: Node) -> list[Node]:
    """Return the clip's assets, landscape first."""
    return sorted(
        values.objects(clip.get("assets")), key=lambda asset: (values.number(asset.get("aspectRatio")) or 1) < 1
    )


def _file(platform: Platform, quality: Node, token: str) -> list[Candidate]:
    address = quality.get("sourceURL")
    signed = f"{address}?{token}" if token and isinstance(address, str) and "?" not in address else address
    return own_candidates(
        signed,
        platform,
        mime="video/mp4",
        height=values.integer(quality.get("quality")),
        fps=values.number(quality.get("frameRate")),
        has_audio=True,
    )


def _query(token: Node) -> str:
    signature, value = values.text(token.get("signature")), values.text(token.get("value"))
    return f"sig={quote(signature, safe='')}&token={quote(value, safe='')}" if signature and value else ""
