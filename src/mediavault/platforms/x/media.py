"""The media of one post of X, in the form of API version 1.1 (``type``, ``media_url_https``,
``video_info``).

A post holds them in its entities, an embed's short form, an article, or a card.

Checked 2026-11-24 against recorded answers of 2016 to 2026.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import SplitResult

from mediavault.core.platform import Measures
from mediavault.extraction.page_data import values
from mediavault.extraction.page_data.values import Node

VIDEO_TYPES = ("video", "animated_gif")


def media_of(node: Node) -> Sequence[Node]:
    """Return all media in the post's order; that of a running broadcast has ``live``."""
    legacy = values.obj(node, "legacy") or node
    return (
        values.objects(values.obj(legacy, "extended_entities").get("media"))
        or values.objects(node.get("mediaDetails"))
        or _embedded(node)
        or _entities(node.get("media_entities"))
        or _article(node)
        or [
            _as_shown(medium)
            for medium in values.objects(values.obj(legacy, "entities").get("media"))
        ]
        or _card(node)
    )


def _as_shown(medium: Node) -> Node:
    """Correct the type. The shorter list calls everything a photo;
    the URL says what it is (``…/status/1/video/1``).
    """
    named = (
        str(medium.get("expanded_url")),
        str(medium.get("media_url_https") or medium.get("media_url")),
    )
    if "tweet_video_thumb/" in named[1]:
        return {**medium, "type": "animated_gif"}
    return (
        {**medium, "type": "video"}
        if "/video/" in named[0] or "video_thumb/" in named[1]
        else medium
    )


def _embedded(node: Node) -> Sequence[Node]:
    """Return the single video of an embed's short form:
    ``{"poster": …, "variants": [{"type": …, "src": …}]}``.
    """
    video = values.obj(node, "video")
    if not values.objects(video.get("variants")):
        return ()
    variants = [
        {"content_type": v.get("type"), "url": v.get("src")}
        for v in values.objects(video["variants"])
    ]
    is_gif = any("/tweet_video/" in str(variant["url"]) for variant in variants)
    return [
        _medium(
            "animated_gif" if is_gif else "video",
            video.get("poster"),
            variants,
            video.get("durationMs"),
        )
    ]


# --- articles -------------------------------------------------------------------------------------

_KINDS = {"ApiVideo": "video", "ApiGif": "animated_gif"}


def _article(node: Node) -> Sequence[Node]:
    """Return a long article's pictures and videos, without those of other posts that it shows."""
    article = values.obj(node, "article", "article_results", "result")
    return _entities([article.get("cover_media"), *values.items(article.get("media_entities"))])


def _entities(listed: object) -> Sequence[Node]:
    media = []
    for info in (values.obj(entity, "media_info") for entity in values.objects(listed)):
        picture = info.get("original_img_url") or values.obj(info, "preview_image").get(
            "original_img_url"
        )
        variants = [
            {**v, "bitrate": v.get("bit_rate")} for v in values.objects(info.get("variants"))
        ]
        kind = _KINDS.get(str(info.get("__typename")), "video" if variants else "photo")
        media += (
            [_medium(kind, picture, variants, info.get("duration_millis"))]
            if picture or variants
            else []
        )
    return media


# --- cards ----------------------------------------------------------------------------------------

_PICTURES = (
    "player_image_original", "player_image_large", "player_image",
    "broadcast_thumbnail_original", "broadcast_thumbnail_large", "broadcast_thumbnail",
    "event_thumbnail_original",
)  # fmt: skip


def _card(node: Node) -> Sequence[Node]:
    """Return the media of a post's card, which can hold its video."""
    card = values.obj(node, "card", "legacy") or values.obj(node, "card")
    bindings = card.get("binding_values")
    card_values: Mapping[str, Any] = {
        str(binding.get("key")): binding.get("value") for binding in values.objects(bindings)
    } or values.obj(bindings)
    return _unified(card_values) or _broadcast(card_values) or _player(card_values)


def _unified(card_values: Mapping[str, Any]) -> Sequence[Node]:
    """Return the media of a unified card, which is JSON inside JSON."""
    unified = values.parsed(_string(card_values, "unified_card") or "")
    return [
        entity
        for entity in values.obj(unified, "media_entities").values()
        if isinstance(entity, dict)
    ]


def _broadcast(card_values: Mapping[str, Any]) -> Sequence[Node]:
    """Return a broadcast as a video without files: the card does not name its stream."""
    if not _string(card_values, "broadcast_id"):
        return ()
    return [
        {
            **_medium("video", _image(card_values), []),
            "live": _string(card_values, "broadcast_state") == "RUNNING",
        }
    ]


def _player(card_values: Mapping[str, Any]) -> Sequence[Node]:
    """Return a file, or a video whose files a VMAP document lists
    (``video.twimg.com/…/vmap/….vmap``).

    Nothing for a player that is a page of another site.
    """
    named = [
        _string(card_values, name)
        for name in ("player_stream_url", "amplify_url_vmap", "player_url")
    ]
    mime = (_string(card_values, "player_stream_content_type") or "").partition(";")[0]
    variants = (
        [{"content_type": "application/x-mpegURL", "url": hls}]
        if (hls := _string(card_values, "player_hls_url"))
        else []
    )
    if named[0] and mime.startswith("video/") and not _is_vmap(named[0]):
        variants.insert(0, {"content_type": mime, "url": named[0]})
    if variants:
        return [_medium("video", _image(card_values), variants)]
    return (
        [_medium("video", _image(card_values), [])]
        if any(url and _is_vmap(url) for url in named)
        else ()
    )


def _is_vmap(url: str) -> bool:
    return url.partition("?")[0].endswith(".vmap")


def _string(card_values: Mapping[str, Any], name: str) -> str | None:
    return values.text(values.obj(card_values.get(name)).get("string_value"))


def _image(card_values: Mapping[str, Any]) -> object:
    return next(
        filter(
            None,
            (values.obj(card_values.get(name), "image_value").get("url") for name in _PICTURES),
        ),
        None,
    )


def _medium(kind: str, picture: object, variants: Sequence[Node], millis: object = None) -> Node:
    return {
        "type": kind,
        "media_url_https": picture,
        "video_info": {"variants": variants, "duration_millis": millis},
    }


# --- the rate of a URL ----------------------------------------------------------------------------


def measures(parts: SplitResult, width: int | None, height: int | None) -> Measures:
    """Return what X encodes a video of this size to. Source: recorded answers;
    checked 2026-11-24.
    """
    return Measures(width, height, _rate(parts, width, height))


_AUDIO = re.compile(r"/mp4a/(?:\d+/\d+/)?(\d{4,7})/")
# (greatest height, rate) of landscape videos, (greatest width, rate) of portrait ones, (side, rate)
# of squares
_LANDSCAPE = (
    (270, 256_000),
    (360, 832_000),
    (720, 2_176_000),
    (1080, 10_368_000),
    (2160, 25_128_000),
)
_PORTRAIT = (
    (240, 320_000),
    (320, 632_000),
    (360, 832_000),
    (480, 950_000),
    (720, 2_176_000),
    (1080, 10_368_000),
)
_SQUARE = ((240, 320_000), (320, 432_000), (540, 832_000), (720, 1_280_000), (1080, 8_768_000))
_OLD_AMPLIFY = re.compile(r"(?:^|&)tag=1[34](?:&|$)")  # their lowest level had a little more
_OLD_AMPLIFY_RATE = 288_000


def _rate(parts: SplitResult, width: int | None, height: int | None) -> int | None:
    if match := _AUDIO.search(parts.path):
        return int(match[1])
    if "/tweet_video/" in parts.path:
        return 0  # what X states for its GIFs, whose rate it does not know
    if "/vid/" not in parts.path or width is None or height is None:
        return None
    rate = _nominal_rate(width, height)
    if (
        rate == _LANDSCAPE[0][1]
        and "/amplify_video/" in parts.path
        and _OLD_AMPLIFY.search(parts.query)
    ):
        return _OLD_AMPLIFY_RATE
    return rate


def _nominal_rate(width: int, height: int) -> int | None:
    """Return the rate for a size.

    Very wide and very tall videos are bounded on their long side: 1280 pixels there count as 720p.
    """
    if width == height:
        return _first_rate(_SQUARE, width)
    short, long = (height, width) if width > height else (width, height)
    least = 1080 if long >= 1920 else 720 if long >= 1280 else 0
    return _first_rate(_LANDSCAPE if width > height else _PORTRAIT, max(short, least))


def _first_rate(ladder: tuple[tuple[int, int], ...], pixels: int) -> int | None:
    return next((rate for limit, rate in ladder if pixels <= limit), None)
