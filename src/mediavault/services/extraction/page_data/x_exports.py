"""Posts of X as other programs write them down, in the words of version 1.1: the answers of front ends that mirror X
(FxEmbed, vxTwitter), and what archivers export (snscrape, twscrape, Apify's actors).

Checked 2026-11-26 against the fields that these programs document and write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from mediavault.services.extraction.page_data import values
from mediavault.services.extraction.page_data.json_walk import Node, walk

_MAX_POSTS = 500
_Status = dict[str, Any]


def as_statuses(documents: Sequence[object]) -> list[_Status]:
    """The posts in these forms among the documents, outer before inner; none of any other document."""
    return [status for document in documents for status in _statuses(document)][:_MAX_POSTS]


def _statuses(document: object) -> Iterator[_Status]:
    for node in walk(document):
        if status := _status(node):
            yield status


def _status(node: Node) -> _Status | None:
    """A node in one of the forms; None for any other node."""
    for fits, read in _FORMS:
        if fits(node):
            return read(node)
    return None


def _of(other: object, name: str) -> _Status:
    status = _status(values.obj(other))
    return {name: status} if status else {}


def _record(post_id: object, text: object, user: Mapping[str, Any], media: Sequence[Node], date: object) -> _Status:
    return {
        "id_str": str(post_id),
        "full_text": text or "",
        "created_at": date,
        "user": user,
        "extended_entities": {"media": list(media)},
    }


def _medium(kind: object, picture: object, variants: Sequence[Node], seconds: object, size: Node) -> _Status:
    length = values.number(seconds)
    return {
        "type": {"gif": "animated_gif", "image": "photo"}.get(str(kind), kind),
        "media_url_https": picture,
        "original_info": {"width": size.get("width"), "height": size.get("height")},
        "video_info": {"variants": list(variants), "duration_millis": length * 1_000 if length else None},
    }


# --- FxEmbed: {"tweet": {"id": …, "author": {"screen_name": …}, "media": {"all": […]}, "quote": …}} -----------------


def _is_fx(node: Node) -> bool:
    return "screen_name" in values.obj(node, "author") and "text" in node and isinstance(node.get("id"), str)


def _fx(node: Node) -> _Status:
    media = values.obj(node, "media")
    listed = values.objects(media.get("all"))
    listed = listed or [*values.objects(media.get("photos")), *values.objects(media.get("videos"))]
    author = values.obj(node, "author")
    return {
        **_record(node["id"], node["text"], author, [_fx_medium(one) for one in listed], node.get("created_timestamp")),
        **_of(node.get("quote"), "quoted_status"),
    }


def _fx_medium(one: Node) -> _Status:
    told = values.objects(one.get("variants")) or values.objects(one.get("formats"))
    variants = [{**each, "content_type": each.get("content_type") or _mime(each)} for each in told]
    if one.get("url") not in {each.get("url") for each in variants}:
        variants.append({"content_type": _mime(one), "url": one.get("url")})
    is_photo = one.get("type") == "photo"
    picture = one.get("url") if is_photo else one.get("thumbnail_url")
    return _medium(one.get("type"), picture, [] if is_photo else variants, one.get("duration"), one)


def _mime(one: Node) -> str:
    return "application/x-mpegURL" if ".m3u8" in str(one.get("url")) else "video/mp4"


# --- vxTwitter: {"tweetID": …, "user_screen_name": …, "media_extended": […], "qrt": …} ------------------------------


def _is_vx(node: Node) -> bool:
    return "tweetID" in node and "user_screen_name" in node


def _vx(node: Node) -> _Status:
    user = {"screen_name": node["user_screen_name"], "name": node.get("user_name")}
    media = [_vx_medium(one) for one in values.objects(node.get("media_extended"))]
    return {
        **_record(node["tweetID"], node.get("text"), user, media, node.get("date_epoch")),
        **_of(node.get("qrt"), "quoted_status"),
    }


def _vx_medium(one: Node) -> _Status:
    is_photo = one.get("type") == "image"
    variants = [] if is_photo else [{"content_type": _mime(one), "url": one.get("url")}]
    picture = one.get("url") if is_photo else one.get("thumbnail_url")
    millis = values.number(one.get("duration_millis"))
    return _medium(one.get("type"), picture, variants, millis / 1_000 if millis else None, values.obj(one, "size"))


# --- snscrape, twscrape: {"rawContent": …, "user": {"username": …, "displayname": …}, "media": …} -------------------


def _is_scraped(node: Node) -> bool:
    return ("rawContent" in node or "renderedContent" in node) and "username" in values.obj(node, "user")


def _scraped(node: Node) -> _Status:
    user = {"screen_name": node["user"]["username"], "name": node["user"].get("displayname")}
    media = node.get("media")  # snscrape has a list, twscrape one list a kind
    kinds = ("photos", "videos", "animated")
    listed = values.objects(media) or [one for kind in kinds for one in values.objects(values.obj(media).get(kind))]
    post_id = node.get("id_str") or node.get("id")
    found = [_scraped_medium(one) for one in listed]
    return {
        **_record(post_id, node.get("rawContent") or node.get("content"), user, found, node.get("date")),
        **_of(node.get("quotedTweet"), "quoted_status"),
        **_of(node.get("retweetedTweet"), "retweeted_status"),
    }


def _scraped_medium(one: Node) -> _Status:
    variants = [
        {"content_type": each.get("contentType"), "bitrate": each.get("bitrate"), "url": each.get("url")}
        for each in values.objects(one.get("variants"))
    ]
    if "videoUrl" in one:
        variants.append({"content_type": "video/mp4", "url": one["videoUrl"]})
    is_gif = "videoUrl" in one or str(one.get("_type")).endswith(".Gif")
    kind = ("animated_gif" if is_gif else "video") if variants else "photo"
    picture = one.get("thumbnailUrl") or one.get("fullUrl") or one.get("url")
    length = values.number(one.get("duration"))  # snscrape's in seconds, twscrape's in milliseconds
    return _medium(kind, picture, variants, length / 1_000 if length and length > 600 else length, {})


# --- Apify's actors: version 1.1 in camel case ----------------------------------------------------------------------


def _is_camel(node: Node) -> bool:
    return "userName" in values.obj(node, "author") and ("extendedEntities" in node or "text" in node) and "id" in node


def _camel(node: Node) -> _Status:
    user = {"screen_name": node["author"]["userName"], "name": node["author"].get("name")}
    media = values.objects(values.obj(node, "extendedEntities").get("media"))
    text = node.get("fullText") or node.get("text")
    return {
        **_record(node["id"], text, user, media, node.get("createdAt")),
        **_of(node.get("quote"), "quoted_status"),
        **_of(node.get("retweet"), "retweeted_status"),
    }


_FORMS: Sequence[tuple[Callable[[Node], bool], Callable[[Node], _Status]]] = (
    (_is_vx, _vx),
    (_is_scraped, _scraped),
    (_is_camel, _camel),
    (_is_fx, _fx),
)
