"""The record of one post that Instagram and Threads share, from their API or GraphQL.

Each record is identified by its shortcode or number (``pk``). Checked 2026-11-24 against recorded
answers.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import SplitResult, unquote_plus

from mediavault.core.media import (
    Candidate,
    Expected,
    FoundIn,
    Item,
    ItemRole,
    ItemType,
    LengthSource,
    Ownership,
    SourceType,
    Watermark,
)
from mediavault.core.platform import Measures, Platform
from mediavault.extraction.manifests import read_manifest
from mediavault.extraction.media_kind import read_efg
from mediavault.extraction.page_data import build, values
from mediavault.extraction.page_data.build import codec, own_candidates
from mediavault.extraction.page_data.values import Node

MAX_MANIFEST_CHARS = 1_000_000  # Meta's have some 10,000 to 60,000
_NOWHERE = "https://unknown.invalid/"  # the base for relative URLs in it; Meta writes none


def inline_dash(document: object, *, media_key: str | None = None) -> list[Candidate]:
    """Return the manifest's best quality as one candidate; none for a live or audio-only manifest,
    or another document.

    Its bit rate is that of the video track alone and cannot be compared with a whole file's. It is
    left out, so that the whole file wins if the sizes are equal.
    """
    if not isinstance(document, str) or not 0 < len(document) <= MAX_MANIFEST_CHARS:
        return []
    # Facebook before 2021
    text = unquote_plus(document) if document.startswith("%3C") else document
    if "<MPD" not in text:
        return []
    body = text.strip().encode("utf-8", "ignore")
    manifest = read_manifest(body, _NOWHERE)
    if manifest is None or manifest.live or manifest.audio_only:
        return []
    candidate = Candidate(
        url=f"data:application/dash+xml;base64,{base64.b64encode(body).decode('ascii')}",
        source_type=SourceType.DASH,
        found_in=FoundIn.PAGE_DATA,
        ownership=Ownership.ID_MATCH,
        media_key=media_key,
        mime="application/dash+xml",
        has_video=True,
        has_audio=manifest.audio_groups > 0,
        watermark=Watermark.NO,  # as in the whole files: Meta adds no watermark to videos
        drm=manifest.drm,
    )
    return [
        replace(
            candidate,
            video_codec=codec(manifest.codecs),
            width=manifest.width,
            height=manifest.height,
            fps=manifest.fps,
            duration_s=manifest.duration_s,
        )
    ]


def with_sound_of(manifests: Sequence[Candidate], files: Sequence[Candidate]) -> list[Candidate]:
    """Return ``files`` of the same video: one that does not state whether it has sound has it if
    the manifest has.
    """
    known = next(
        (manifest.has_audio for manifest in manifests if manifest.has_audio is not None), None
    )
    return [replace(file, has_audio=known) if file.has_audio is None else file for file in files]


_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_MAX_CODE_CHARS = 20  # numbers have 64 bits: eleven
_PRIVATE_TAIL = 28  # characters after the number in a private post's shortcode
MAX_ITEMS = 100  # a post has 20 at most
MAX_RECORDS = 50  # of one post in one page; there are one to four


def number_of(shortcode: str) -> str | None:
    """Return the number (``pk``) that a shortcode encodes in base 64, or that it already is.
    None for anything else.
    """
    if shortcode.isascii() and shortcode.isdigit():
        return shortcode
    code = shortcode[:-_PRIVATE_TAIL] if len(shortcode) > _PRIVATE_TAIL else shortcode
    if len(code) > _MAX_CODE_CHARS:
        return None
    number = 0
    for letter in code:
        if (digit := _ALPHABET.find(letter)) < 0:
            return None
        number = number * 64 + digit
    return str(number) if code else None


def numbers_of(post_id: str) -> tuple[str, ...]:
    """Return the number of a post, as another form of its id; none where the id has no number."""
    number = number_of(post_id)
    return (number,) if number else ()


def is_media_of(node: Node, post_id: str) -> bool:
    """Whether ``node`` is a record of media whose own shortcode or number is ``post_id``."""
    if not _has_media_form(node) or not says_something(node):
        return False
    if post_id in (node.get("code"), node.get("shortcode")):
        return True
    if any(isinstance(node.get(name), str) and node[name] for name in ("code", "shortcode")):
        # a URL can have a private post's long shortcode or a story's number; the record has its own
        is_number = post_id.isdigit() or len(post_id) > _PRIVATE_TAIL
        return is_number and number_of(post_id) in _numbers(node)
    return number_of(post_id) in _numbers(node)


def ids_of(node: Node) -> set[str]:
    """Shortcode and number of a record of media; none for any other node,
    nor for the child of a carousel.
    """
    codes = {
        node[name]
        for name in ("code", "shortcode")
        if isinstance(node.get(name), str) and node[name]
    }
    return codes | _numbers(node) if codes and _has_media_form(node) else set()


def _numbers(node: Node) -> set[str]:
    """Return the record's numbers. ``id`` is the number, alone or followed by the owner's."""
    return {
        str(value).partition("_")[0]
        for value in (node.get("pk"), node.get("id"))
        if isinstance(value, str | int) and not isinstance(value, bool)
    }


_FORMS = (
    "video_versions",
    "image_versions2",
    "carousel_media",
    "video_url",
    "display_url",
    "edge_sidecar_to_children",
    "media_type",
    "is_video",
    "text_post_app_info",
)


def _has_media_form(node: Node) -> bool:
    return any(name in node for name in _FORMS)


# --- its media ------------------------------------------------------------------------------------


def items_of(
    node: Node, platform: Platform, *, role: ItemRole = ItemRole.MAIN, label: str | None = None
) -> tuple[Item, ...]:
    """Return the record's media in the post's order: those of its carousel, else its own;
    none for text alone.
    """
    items = (_item(part, platform, role, label) for part in parts_of(node))
    return tuple(item for item in items if item is not None)


def parts_of(node: Node) -> Sequence[Node]:
    """The records of a carousel's children, or the record itself."""
    edges = values.objects(values.obj(node, "edge_sidecar_to_children").get("edges"))
    children = values.objects(node.get("carousel_media")) or [
        values.obj(edge, "node") for edge in edges
    ]
    return children[:MAX_ITEMS] or [node]


def _item(part: Node, platform: Platform, role: ItemRole, label: str | None) -> Item | None:
    candidates, picture = _candidates(part, platform), picture_of(part)
    if not (candidates or _is_video(part) or picture):
        return None
    sound = part.get("has_audio") if isinstance(part.get("has_audio"), bool) else None
    return Item(
        candidates=candidates,
        role=role,
        type=ItemType.VIDEO if candidates or _is_video(part) else ItemType.IMAGE,
        media_id=next(iter(sorted(_numbers(part))), None) or values.text(part.get("shortcode")),
        thumbnail_url=picture,
        expected=Expected(
            duration_s=_duration(part), audio=sound if candidates else None
        ).completed_by(listed_by(candidates)),
        label=label,
    )


def _is_video(part: Node) -> bool:
    return part.get("is_video") is True or part.get("media_type") == 2


def listed_by(candidates: Sequence[Candidate]) -> Expected:
    """Return the longest duration of the candidates: some pages state it only in the manifest."""
    longest = max(
        (candidate.duration_s for candidate in candidates if candidate.duration_s), default=None
    )
    return Expected(longest, length_source=LengthSource.LISTED)


def _duration(part: Node) -> float | None:
    return values.number(part.get("video_duration"))


def _candidates(part: Node, platform: Platform) -> tuple[Candidate, ...]:
    """Return whole files, the largest first, then the manifest, which can hold a larger one."""
    sound = part.get("has_audio") if isinstance(part.get("has_audio"), bool) else None
    size = values.obj(part, "dimensions")
    versions = [
        *values.objects(part.get("video_versions")),
        {"url": part.get("video_url"), "width": size.get("width"), "height": size.get("height")},
    ]
    files = [
        candidate
        for version in versions
        for candidate in own_candidates(
            version.get("url"),
            platform,
            mime="video/mp4",
            container="mp4",
            watermark=Watermark.NO,
            width=values.integer(version.get("width")),
            height=values.integer(version.get("height")),
            bitrate=values.integer(version.get("bandwidth")),
            has_audio=sound,
            duration_s=_duration(part),
        )
    ]
    manifest = part.get("video_dash_manifest") or values.obj(part, "dash_info").get(
        "video_dash_manifest"
    )
    key = next((candidate.media_key for candidate in files if candidate.media_key), None)
    streams = inline_dash(manifest, media_key=key)
    return build.merged([*with_sound_of(streams, files), *streams])


def picture_of(part: Node) -> str | None:
    """Return the largest picture of the record; for a video, its first frame."""
    listed = [
        *values.objects(values.obj(part, "image_versions2").get("candidates")),
        *values.objects(part.get("display_resources")),
    ]
    ranked = sorted(listed, key=_area, reverse=True)
    named = [
        part.get("display_url"),
        *map(_source, ranked),
        part.get("thumbnail_src"),
        part.get("thumbnail_url"),
    ]
    return next(filter(None, map(values.url, named)), None)


def _source(picture: Node) -> object:
    return picture.get("url") or picture.get("src")


def _area(picture: Node) -> int:
    width, height = (
        values.integer(picture.get(name) or picture.get(f"config_{name}"))
        for name in ("width", "height")
    )
    return (width or 0) * (height or 0)


# --- who and when ---------------------------------------------------------------------------------


def handle_of(node: Node) -> str | None:
    return values.text(_account(node).get("username"))


def display_name_of(node: Node) -> str | None:
    return values.text(_account(node).get("full_name"))


def says_something(node: Node) -> bool:
    """Whether a node is a record: ids of posts occur in many places,
    but a record says who posted, or shows something.
    """
    return (
        handle_of(node) is not None
        or picture_of(node) is not None
        or any(node.get(name) for name in _FORMS[:4])
    )


def is_private(node: Node) -> bool:
    return _account(node).get("is_private") is True


def _account(node: Node) -> Node:
    """The fuller of ``user`` and ``owner``."""
    return max(
        (values.obj(node, name) for name in ("user", "owner")),
        key=lambda account: ("username" in account, len(account)),
    )


def caption_of(node: Node) -> str | None:
    edges = values.objects(values.obj(node, "edge_media_to_caption").get("edges"))
    return values.text(values.obj(node, "caption").get("text")) or values.text(
        values.obj(edges[0] if edges else {}, "node").get("text")
    )


PUBLISHED = ("taken_at", "taken_at_timestamp")


_WIDTHS = frozenset({240, 320, 360, 480, 540, 576, 640, 720, 1080})


def measures(parts: SplitResult, _width: int | None, _height: int | None) -> Measures:
    """Return the width and rate that a media URL names: most videos are portrait,
    and the quality is the width.
    """
    efg = read_efg(parts.query)
    if efg.is_audio_track:
        return Measures(bitrate=efg.bitrate)
    return Measures(efg.level if efg.level in _WIDTHS else None, None, efg.bitrate)
