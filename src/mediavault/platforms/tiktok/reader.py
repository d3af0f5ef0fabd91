"""Reads a TikTok post: the item with the post's id in a page's data, an item/detail answer or an embed.

``bitrateInfo`` and ``playAddr`` have no watermark; ``downloadAddr`` has one, whatever its bit rate. The same documents
list recommended videos, which are ignored: only the id counts.
Checked 2026-11-24 against recorded pages.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from mediavault.core.failures import AgeRestricted
from mediavault.core.media import Candidate, Expected, FoundIn, Item, ItemType, Ownership, Post, Watermark
from mediavault.core.messages import Message
from mediavault.core.platform import PageData, Platform
from mediavault.extraction.page_data import build, values
from mediavault.extraction.page_data.values import Node, walk
from mediavault.platforms.tiktok.embeds import as_items
from mediavault.platforms.tiktok.refusals import refusal


def read(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """What the documents say about ``post``; None when they say nothing.

    Raises Private, Deleted, IpBlocked, AgeRestricted and the like when TikTok itself says so. An oEmbed answer gives metadata
    only: ``found`` is False then.
    """
    item = _own_item(post.post_id, documents)
    if item is not None:
        return _page_data(platform, item)
    if failure := refusal(post.post_id, documents):
        raise failure
    return _oembed(post.post_id, documents)


def _own_item(post_id: str | None, documents: Sequence[object]) -> Node | None:
    """Return the fullest item with the post's id. A video's own record has that id too, but no video inside."""
    nodes = (node for document in documents for node in walk(document))
    own = [node for node in nodes if post_id and post_id in ids_of(node)]
    own += as_items(post_id, documents) if post_id else ()
    return max(own, key=lambda node: len(values.obj(node, "video")) + len(values.obj(node, "imagePost")), default=None)


def ids_of(node: Node) -> set[str]:
    """The id of an item's node; none for any other node."""
    name = node.get("id")
    return {str(name)} if name and ("video" in node or "imagePost" in node) else set()


def address_of(node: Node) -> str | None:
    """The URL of the post that a node is; None for any other node."""
    author = values.obj(node, "author")
    if author.get("uniqueId") and ("video" in node or "imagePost" in node):
        return f"https://www.tiktok.com/@{author['uniqueId']}/video/{node.get('id')}"
    return None


def _page_data(platform: Platform, item: Node) -> PageData:
    images = _images(item)
    candidates = () if images else _candidates(platform, item)
    if not candidates and not images and item.get("isContentClassified") is True:
        raise AgeRestricted("TikTok shows this post only to signed-in adults")
    author = values.obj(item, "author")
    handle = values.text(author.get("uniqueId"))
    name = values.text(author.get("nickname"))
    return PageData(
        items=_items(item, candidates),
        handle=handle,
        display_name=name,
        text=values.text(item.get("desc")),
        published_at=values.moment(item.get("createTime")),
        thumbnail_url=_cover(item) or next(iter(images), None),
        image_urls=images,
        found=True,
        metadata={"advert": True} if item.get("isAd") is True else {},
    )


def _items(item: Node, candidates: tuple[Candidate, ...]) -> tuple[Item, ...]:
    """Return the video, or the pictures of a slideshow."""
    if pictures := values.objects(values.obj(item, "imagePost").get("images")):
        return tuple(Item(type=ItemType.IMAGE, thumbnail_url=_image(picture)) for picture in pictures)
    key = next((candidate.media_key for candidate in candidates if candidate.media_key), None)
    expected = Expected(duration_s=_duration(item), audio=True)
    # a video whose URLs are withheld is still a video
    shown = candidates or expected.duration_s or _cover(item)
    return (Item(candidates, media_id=key, thumbnail_url=_cover(item), expected=expected),) if shown else ()


def _duration(item: Node) -> float | None:
    return values.duration(values.obj(item, "video").get("duration"))


def _cover(item: Node) -> str | None:
    video = values.obj(item, "video")
    return next(filter(None, (values.url(video.get(name)) for name in ("originCover", "cover", "dynamicCover"))), None)


def _images(item: Node) -> tuple[str, ...]:
    images = values.objects(values.obj(item, "imagePost").get("images"))
    return tuple(filter(None, map(_image, images)))


def _image(picture: Node) -> str | None:
    urls = values.items(values.obj(picture, "imageURL").get("urlList"))
    return next(filter(None, map(values.url, urls)), None)


# --- candidates ------------------------------------------------------------------------------------------------


def _candidates(platform: Platform, item: Node) -> tuple[Candidate, ...]:
    video = values.obj(item, "video")
    levels = [c for level in values.objects(video.get("bitrateInfo")) for c in _level(platform, video, level)]
    key = next((candidate.media_key for candidate in levels if candidate.media_key), None)
    played = [video.get("playAddr"), *(source.get("src") for source in values.objects(video.get("playAddr")))]
    played += values.items(values.obj(video, "PlayAddrStruct").get("UrlList"))
    play = [c for url in played for c in _single(platform, video, url, key, watermark=Watermark.NO)]
    download = _single(platform, video, video.get("downloadAddr"), key, watermark=Watermark.YES)
    return build.merged([*levels, *play, *download])


_CODECS = {"h264": "h264", "h265_hvc1": "hevc", "h265": "hevc", "bytevc1": "hevc", "bytevc2": "bytevc2", "av1": "av1"}


def _level(platform: Platform, video: Node, level: Node) -> list[Candidate]:
    """Return one quality: the same file under several URLs, in TikTok's own order."""
    address = values.obj(level, "PlayAddr")
    codec = str(level.get("CodecType", "")).lower()
    candidates = []
    for url in filter(None, map(values.url, values.items(address.get("UrlList")))):
        candidate = _built(platform, video, url)
        candidates.append(
            replace(
                candidate,
                media_key=values.text(address.get("Uri")) or candidate.media_key,
                video_codec=_CODECS.get(codec, codec or None),
                has_audio=_has_audio(url, codec),
                watermark=Watermark.NO,
                width=values.integer(address.get("Width")) or candidate.width,
                height=values.integer(address.get("Height")) or candidate.height,
                fps=values.number(level.get("BitrateFPS")),
                bitrate=values.integer(level.get("Bitrate")),
                size=values.integer(address.get("DataSize")),
                note=_note(url, codec),
            )
        )
    return candidates


def _single(
    platform: Platform, video: Node, address: object, key: str | None, *, watermark: Watermark
) -> list[Candidate]:
    url = values.url(address)
    if url is None:
        return []
    candidate = _built(platform, video, url)
    codec = str(video.get("codecType", "")).lower() if watermark is Watermark.NO else "h264"
    return [
        replace(
            candidate,
            media_key=key or candidate.media_key,
            video_codec=_CODECS.get(codec, codec or None),
            has_audio=_has_audio(url, codec),
            watermark=watermark,
            width=candidate.width or values.integer(video.get("width")),
            height=candidate.height or values.integer(video.get("height")),
            # the video's own bit rate and size belong to playAddr; the watermarked copy is another file
            bitrate=values.integer(video.get("bitrate")) if watermark is Watermark.NO else None,
            note=_note(url, codec),
        )
    ]


def _built(platform: Platform, video: Node, url: str) -> Candidate:
    candidate = build.candidate(url, platform, FoundIn.PAGE_DATA, ownership=Ownership.ID_MATCH, mime="video/mp4")
    return replace(candidate, container="mp4", has_video=True, duration_s=values.duration(video.get("duration")))


def _has_audio(url: str, codec: str) -> bool | None:
    """Files under ``/media-video-hvc1/`` were reported to come without sound; bytevc2 cannot be examined."""
    return None if codec == "bytevc2" or "/media-video-" in url else True


def _note(url: str, codec: str) -> str:
    if codec == "bytevc2":
        return Message("bytevc2: undecodable")
    return "redirect" if re.search(r"/aweme/v1/play/", url) else ""


# --- oEmbed ----------------------------------------------------------------------------------------------------


def _oembed(post_id: str | None, documents: Sequence[object]) -> PageData | None:
    for document in documents:
        answer = values.obj(document)
        if post_id and answer.get("provider_name") == "TikTok" and _embedded_id(answer) == post_id:
            return PageData(
                handle=values.text(answer.get("author_unique_id")) or _handle_of(answer.get("author_url")),
                display_name=values.text(answer.get("author_name")),
                title=values.text(answer.get("title")),
                text=values.text(answer.get("title")),
                thumbnail_url=values.url(answer.get("thumbnail_url")),
            )
    return None


def _embedded_id(answer: Node) -> str | None:
    known = values.text(answer.get("embed_product_id"))
    match = None if known else re.search(r'data-video-id="(\d{15,21})"', str(answer.get("html", "")))
    return match[1] if match else known


def _handle_of(url: object) -> str | None:
    match = re.search(r"/@([\w.-]{1,24})/?$", url) if isinstance(url, str) else None
    return match[1] if match else None
