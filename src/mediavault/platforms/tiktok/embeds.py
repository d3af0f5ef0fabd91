"""Converts the items of TikTok's embeds and of its app to the form of its pages.

Checked 2026-11-24 against recorded answers, and against the fields that yt-dlp 2026.10.26 reads; those of the app only
against published clients.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mediavault.extraction.page_data import values
from mediavault.extraction.page_data.values import Node, walk


def as_items(post_id: str, documents: Sequence[object]) -> Iterator[Node]:
    """Yield the items with this id that the documents hold in another form, converted to that of the pages."""
    for document in documents:
        for node in walk(document):
            infos = values.obj(node, "itemInfos")
            if str(infos.get("id")) == post_id and ("video" in infos or node.get("imagePostInfo")):
                yield _of_embed(node)
            if str(node.get("id_str")) == post_id and "author_info" in node:
                yield _of_player(node)
            if str(node.get("aweme_id")) == post_id and "video" in node:
                yield _of_app(node)


def _first(picture: object) -> object:
    return next(iter(values.items(values.obj(picture).get("url_list"))), None)


def _of_embed(embed: Node) -> dict[str, Any]:
    """Convert one file under several URLs, without a codec; the pictures of a slideshow are in ``imagePostInfo``."""
    infos, author = values.obj(embed, "itemInfos"), values.obj(embed, "authorInfos")
    video, shape = values.obj(infos, "video"), values.obj(infos, "video", "videoMeta")
    covers = [*values.items(infos.get("coversOrigin")), *values.items(infos.get("covers"))]
    return {
        "id": str(infos["id"]),
        "desc": infos.get("text"),
        "createTime": infos.get("createTime"),
        "author": {"uniqueId": author.get("uniqueId"), "nickname": author.get("nickName")},
        "video": _one_file(video.get("urls"), shape, next(iter(covers), None)),
        **_slides(values.obj(embed, "imagePostInfo"), "displayImage", "urlList"),
    }


def _of_player(item: Node) -> dict[str, Any]:
    """Convert an item of ``player/api/v1/items``, which TikTok's own embedded player requests."""
    author, video = values.obj(item, "author_info"), values.obj(item, "video_info")
    return {
        "id": str(item["id_str"]),
        "desc": item.get("desc"),
        "author": {"uniqueId": author.get("unique_id"), "nickname": author.get("nickname")},
        "video": _one_file(video.get("url_list"), values.obj(video, "meta"), _first(values.obj(video, "cover"))),
        **_slides(values.obj(item, "image_post_info"), "display_image", "url_list"),
    }


def _of_app(item: Node) -> dict[str, Any]:
    """Convert an item of the app (``aweme_detail``): a ladder under ``bit_rate``; its file for downloading is marked."""
    author, video = values.obj(item, "author"), values.obj(item, "video")
    seconds = values.milliseconds(video.get("duration"))
    levels = [
        {
            "CodecType": "h265" if level.get("is_h265") or level.get("is_bytevc1") else "h264",
            "Bitrate": level.get("bit_rate"),
            "BitrateFPS": level.get("FPS"),
            "PlayAddr": _address(level.get("play_addr")),
        }
        for level in values.objects(video.get("bit_rate"))
    ]
    return {
        "id": str(item["aweme_id"]),
        "desc": item.get("desc"),
        "createTime": item.get("create_time"),
        "author": {"uniqueId": author.get("unique_id"), "nickname": author.get("nickname")},
        "video": {
            "duration": seconds,
            "bitrateInfo": levels,
            "PlayAddrStruct": _address(video.get("play_addr")),
            "downloadAddr": _first(video.get("download_addr")),
            "originCover": _first(video.get("origin_cover")) or _first(video.get("cover")),
        },
        **_slides(values.obj(item, "image_post_info"), "display_image", "url_list"),
    }


def _address(written: object) -> dict[str, Any]:
    named = values.obj(written)
    return {
        "Uri": named.get("uri"),
        "UrlList": values.items(named.get("url_list")),
        "Width": named.get("width"),
        "Height": named.get("height"),
        "DataSize": named.get("data_size"),
    }


def _one_file(urls: object, shape: Node, cover: object) -> dict[str, Any]:
    address = {"UrlList": values.items(urls), "Width": shape.get("width"), "Height": shape.get("height")}
    ladder = [{"PlayAddr": address}] if address["UrlList"] else []
    return {"duration": shape.get("duration"), "bitrateInfo": ladder, "originCover": cover}


def _slides(post: Node, name: str, addresses: str) -> dict[str, Any]:
    pictures = [values.obj(image, name).get(addresses) for image in values.objects(post.get("images"))]
    images = [{"imageURL": {"urlList": values.items(urls)}} for urls in pictures]
    return {"imagePost": {"images": images}} if images else {}
