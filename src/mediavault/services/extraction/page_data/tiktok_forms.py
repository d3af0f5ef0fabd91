"""TikTok's items of other forms, in the words of its pages since 2020: the apps' answers, embeds and the pages of 2019.

Checked 2026-11-24 against recorded answers, and against the fields that yt-dlp 2026.10.26 reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mediavault.services.extraction.page_data import tiktok_exports, values
from mediavault.services.extraction.page_data.json_walk import Node, walk


def as_items(post_id: str, documents: Sequence[object]) -> Iterator[Node]:
    """The items with this id that stand in the documents in another form."""
    for document in documents:
        for node in walk(document):
            if str(node.get("aweme_id")) == post_id and ("video" in node or "image_post_info" in node):
                yield _of_app(node)
            infos = values.obj(node, "itemInfos")
            if str(infos.get("id")) == post_id and ("video" in infos or node.get("imagePostInfo")):
                yield _of_embed(node)
            if str(node.get("id_str")) == post_id and "author_info" in node:
                yield _of_player(node)
            yield from tiktok_exports.items_of(node, post_id)


# --- the apps' answers -----------------------------------------------------------------------------------------


def _of_app(aweme: Node) -> dict[str, Any]:
    """``aweme_detail`` and the entries of ``aweme_list``."""
    author = values.obj(aweme, "author")
    return {
        "id": str(aweme["aweme_id"]),
        "desc": aweme.get("desc"),
        "createTime": aweme.get("create_time"),
        "author": {"uniqueId": author.get("unique_id"), "nickname": author.get("nickname")},
        "isAd": aweme.get("is_ads"),
        "video": _app_video(values.obj(aweme, "video")),
        **_slides(values.obj(aweme, "image_post_info"), "display_image", "url_list"),
    }


_PLAYED = (("play_addr_h264", "h264"), ("play_addr", None), ("play_addr_bytevc1", "h265"), ("play_addr_265", "h265"))


def _app_video(video: Node) -> dict[str, Any]:
    """Its length is in milliseconds. What is downloaded carries the mark unless the answer denies it."""
    millis = values.number(video.get("duration"))
    ladder = [_rung(one, values.obj(one, "play_addr"), _codec(one)) for one in values.objects(video.get("bit_rate"))]
    known = {url for one in ladder for url in one["PlayAddr"]["UrlList"]}
    played = [_rung({}, values.obj(video, name), codec or _codec(video)) for name, codec in _PLAYED]
    download = next(iter(values.items(values.obj(video, "download_addr").get("url_list"))), None)
    unmarked = video.get("has_watermark") is False
    return {
        "duration": millis / 1_000 if millis else None,
        "width": video.get("width"),
        "height": video.get("height"),
        "bitrateInfo": [*(one for one in played if not known & set(one["PlayAddr"]["UrlList"])), *ladder],
        "playAddr": download if unmarked else None,
        "downloadAddr": None if unmarked else download,
        **{name: _first(values.obj(video, field)) for name, field in _COVERS},
    }


_COVERS = (("originCover", "origin_cover"), ("cover", "cover"), ("dynamicCover", "dynamic_cover"))


def _codec(one: Node) -> str:
    return "h265" if any(one.get(name) in (1, True) for name in ("is_bytevc1", "is_h265")) else "h264"


def _rung(one: Node, place: Node, codec: str) -> dict[str, Any]:
    address = {
        "Uri": place.get("uri"),
        "UrlList": [url for url in values.items(place.get("url_list")) if isinstance(url, str)],
        "Width": place.get("width"),
        "Height": place.get("height"),
        "DataSize": place.get("data_size"),
    }
    is_bytevc2 = "bytevc2" in str(place.get("url_key"))
    facts = {"Bitrate": one.get("bit_rate"), "BitrateFPS": one.get("FPS")}
    return {"PlayAddr": address, "CodecType": "bytevc2" if is_bytevc2 else codec, **facts}


def _first(picture: Node) -> object:
    return next(iter(values.items(picture.get("url_list"))), None)


# --- embeds, and the pages of 2019 -----------------------------------------------------------------------------


def _of_embed(told: Node) -> dict[str, Any]:
    """One file under several addresses, without a codec; the pictures of a slideshow stand in ``imagePostInfo``."""
    infos, author = values.obj(told, "itemInfos"), values.obj(told, "authorInfos")
    video, shape = values.obj(infos, "video"), values.obj(infos, "video", "videoMeta")
    covers = [*values.items(infos.get("coversOrigin")), *values.items(infos.get("covers"))]
    return {
        "id": str(infos["id"]),
        "desc": infos.get("text"),
        "createTime": infos.get("createTime"),
        "author": {"uniqueId": author.get("uniqueId"), "nickname": author.get("nickName")},
        "video": _one_file(video.get("urls"), shape, next(iter(covers), None)),
        **_slides(values.obj(told, "imagePostInfo"), "displayImage", "urlList"),
    }


def _of_player(item: Node) -> dict[str, Any]:
    """``player/api/v1/items``, which TikTok's own embedded player asks."""
    author, video = values.obj(item, "author_info"), values.obj(item, "video_info")
    return {
        "id": str(item["id_str"]),
        "desc": item.get("desc"),
        "author": {"uniqueId": author.get("unique_id"), "nickname": author.get("nickname")},
        "video": _one_file(video.get("url_list"), values.obj(video, "meta"), _first(values.obj(video, "cover"))),
        **_slides(values.obj(item, "image_post_info"), "display_image", "url_list"),
    }


def _one_file(urls: object, shape: Node, cover: object) -> dict[str, Any]:
    place = {"UrlList": values.items(urls), "Width": shape.get("width"), "Height": shape.get("height")}
    ladder = [{"PlayAddr": place}] if place["UrlList"] else []
    return {"duration": shape.get("duration"), "bitrateInfo": ladder, "originCover": cover}


def _slides(post: Node, name: str, addresses: str) -> dict[str, Any]:
    pictures = [values.obj(one, name).get(addresses) for one in values.objects(post.get("images"))]
    images = [{"imageURL": {"urlList": values.items(urls)}} for urls in pictures]
    return {"imagePost": {"images": images}} if images else {}
