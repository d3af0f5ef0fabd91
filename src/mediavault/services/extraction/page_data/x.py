"""X: the post's own node in a GraphQL answer (TweetResultByRestId, TweetDetail), an embed's answer or a bare node.

Only media below the node whose own id is the post's are taken. Quoted and reposted posts are nodes of their own with
ids of their own, so their media are never the post's; adverts and answers neither.
Checked 2026-11-24 against recorded answers of 2022 to 2026.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace

from mediavault.core.errors import (
    AgeRestricted,
    Challenge,
    Deleted,
    Failure,
    LoginRequired,
    Private,
    RateLimited,
    RegionLocked,
)
from mediavault.core.media import Candidate, Expected, FoundIn, Ownership, Post
from mediavault.core.platform import Platform
from mediavault.services.extraction.page_data import build, values
from mediavault.services.extraction.page_data.json_walk import Node, walk
from mediavault.services.extraction.page_data.record import PageData

_VIDEO_TYPES = frozenset({"video", "animated_gif"})


def read(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """What the documents say about ``post``; None when they say nothing.

    Raises Deleted, Private, AgeRestricted or RegionLocked when X itself says so of this post.
    """
    node = _own_node(post.post_id, documents)
    if node is None:
        if failure := _tombstone(post.post_id, documents):
            raise failure
        return None
    return _page_data(post, platform, node)


# --- the post's own node ---------------------------------------------------------------------------------------


def _original(node: Node) -> Node:
    """A repost has no content of its own: what it shows is the other post's."""
    for place in (values.obj(node, "legacy"), node):
        result = values.obj(place, "retweeted_status_result", "result")
        inner = values.obj(result, "tweet") or result  # TweetWithVisibilityResults
        if _is_post(inner):
            return inner
    return node


def _own_node(post_id: str | None, documents: Sequence[object]) -> Node | None:
    """An answer can hold the node twice, once without its media: the one that shows more is taken."""
    own = [node for document in documents for node in walk(document) if _is_own(node, post_id)]
    return max(own, key=lambda node: (len(_media(node)), bool(_user(node))), default=None)


def _is_own(node: Node, post_id: str | None) -> bool:
    if not post_id or not _is_post(node):
        return False
    return post_id in {node.get("rest_id"), values.obj(node, "legacy").get("id_str"), node.get("id_str")}


def _is_post(node: Node) -> bool:
    """Accounts and cards have a rest_id too."""
    legacy = values.obj(node, "legacy")
    return "full_text" in legacy or "extended_entities" in legacy or "full_text" in node or "mediaDetails" in node


def _media(node: Node) -> Sequence[Node]:
    """All media in the order of the post."""
    node = _original(node)
    legacy = values.obj(node, "legacy") or node
    return (
        values.objects(values.obj(legacy, "extended_entities").get("media"))
        or values.objects(node.get("mediaDetails"))
        or values.objects(values.obj(legacy, "entities").get("media"))
        or _card_media(node)
    )


def _card_media(node: Node) -> Sequence[Node]:
    """A post with a link card can carry its video there, as JSON inside JSON."""
    card = values.obj(node, "card", "legacy") or values.obj(node, "card")
    for binding in values.objects(card.get("binding_values")):
        if binding.get("key") == "unified_card":
            try:
                unified = json.loads(str(values.obj(binding, "value").get("string_value")))
            except (ValueError, RecursionError):
                return ()
            return [one for one in values.obj(unified, "media_entities").values() if isinstance(one, dict)]
    return ()


# --- what it says ----------------------------------------------------------------------------------------------


def _page_data(post: Post, platform: Platform, node: Node) -> PageData:
    repost, node = node, _original(node)
    legacy = values.obj(node, "legacy") or node
    media = _media(node)
    chosen = _chosen(media, post.url)
    user = _user(node)
    return PageData(
        candidates=_candidates(chosen, platform) if chosen else (),
        handle=values.text(user.get("screen_name")),
        display_name=values.text(user.get("name")),
        text=_text(node, legacy),
        published_at=values.moment(legacy.get("created_at")),
        thumbnail_url=_picture(chosen) if chosen else next(filter(None, map(_picture, media)), None),
        image_urls=tuple(filter(None, (_picture(one) for one in media if one.get("type") == "photo"))),
        expected=_expected(chosen) if chosen else Expected(),
        photos=sum(one.get("type") == "photo" for one in media),
        found=True,
        metadata=_metadata(media, repost, node, platform),
    )


_PLACE = re.compile(r"/(?:video|photo)/(\d{1,2})(?=[/?#]|$)")


def _chosen(media: Sequence[Node], url: str) -> Node | None:
    """``…/video/2`` names the second of the post's media; otherwise, and where that is no video, the first video."""
    named = _PLACE.search(url)
    if named and 1 <= int(named[1]) <= len(media) and _is_video(media[int(named[1]) - 1]):
        return media[int(named[1]) - 1]
    return next(filter(_is_video, media), None)


def _is_video(one: Node) -> bool:
    return one.get("type") in _VIDEO_TYPES


def _candidates(one: Node, platform: Platform) -> tuple[Candidate, ...]:
    variants = values.objects(values.obj(one, "video_info").get("variants"))
    return build.merged([found for variant in variants if (found := _candidate(one, variant, platform))])


def _candidate(one: Node, variant: Node, platform: Platform) -> Candidate | None:
    url = values.url(variant.get("url"))
    if url is None:
        return None
    mime = values.text(variant.get("content_type"))
    found = build.candidate(url, platform, FoundIn.PAGE_DATA, ownership=Ownership.ID_MATCH, mime=mime)
    is_file = mime == "video/mp4"
    is_gif = one.get("type") == "animated_gif"
    original = values.obj(one, "original_info") if is_gif else {}
    return replace(
        found,
        container="mp4" if is_file else None,
        video_codec=_codec(url) if is_file else None,
        has_video=True,
        has_audio=False if is_gif else None,  # X does not say whether a video has sound
        width=found.width or values.integer(original.get("width")),
        height=found.height or values.integer(original.get("height")),
        bitrate=values.integer(variant.get("bitrate")),
        duration_s=_duration(one),
    )


def _codec(url: str) -> str | None:
    match = re.search(r"/(avc1|hvc1|hevc|av01)/", url)
    return {"avc1": "h264", "hvc1": "hevc", "hevc": "hevc", "av01": "av1"}[match[1]] if match else None


def _duration(one: Node) -> float | None:
    millis = values.number(values.obj(one, "video_info").get("duration_millis"))
    return millis / 1_000 if millis else None


def _expected(one: Node) -> Expected:
    return Expected(duration_s=_duration(one), audio=False if one.get("type") == "animated_gif" else None)


def _picture(one: Node) -> str | None:
    return values.url(one.get("media_url_https") or one.get("media_url"))


def _user(node: Node) -> Node:
    """Name and handle moved from ``legacy`` to ``core`` in 2025; embeds have them in ``user``."""
    result = values.obj(node, "core", "user_results", "result") or values.obj(node, "core", "user_result", "result")
    parts = (values.obj(node, "user"), values.obj(result, "legacy"), values.obj(result, "core"))
    return {name: part[name] for part in parts for name in ("screen_name", "name") if isinstance(part.get(name), str)}


def _text(node: Node, legacy: Node) -> str | None:
    long = values.obj(node, "note_tweet", "note_tweet_results", "result").get("text")
    return values.text(long) or values.text(legacy.get("full_text")) or values.text(legacy.get("text"))


def _metadata(media: Sequence[Node], repost: Node, node: Node, platform: Platform) -> dict[str, object]:
    found: dict[str, object] = {"items": [_item(one, platform) for one in media]}
    if repost is not node:
        found["reposted_from"] = values.text(node.get("rest_id"))
    result = values.obj(node, "quoted_status_result", "result")
    quoted = values.obj(result, "tweet") or result  # TweetWithVisibilityResults
    other = values.text(quoted.get("rest_id")) or values.text(values.obj(node, "legacy").get("quoted_status_id_str"))
    if other:
        found["quoted"] = {"post_id": other, "videos": sum(map(_is_video, _media(quoted)))}
    return found


def _item(one: Node, platform: Platform) -> dict[str, object]:
    keys = (candidate.media_key for candidate in _candidates(one, platform))
    return {
        "media_key": next((key for key in keys if key), None) or values.text(one.get("id_str")),
        "type": values.text(one.get("type")),
        "duration_s": _duration(one),
        "thumbnail_url": _picture(one),
    }


# --- what X says instead ---------------------------------------------------------------------------------------

_AGE = "X shows this post only to accounts whose age is known"
_REASONS: dict[str, type[Failure]] = {
    "nsfwloggedout": AgeRestricted,
    "nsfwviewerhasnostatedage": AgeRestricted,
    "nsfwviewerisunderage": AgeRestricted,
    "protected": Private,
    "suspended": Deleted,
    "deactivated": Deleted,
    "deleted": Deleted,
    "bouncedeleted": Deleted,
    "offboarded": Deleted,
}
_SENTENCES: tuple[tuple[re.Pattern[str], type[Failure]], ...] = (
    (re.compile(r"age-restricted|adult content|sensitive", re.IGNORECASE), AgeRestricted),
    (re.compile(r"limits who can view|protected|approved followers", re.IGNORECASE), Private),
    (re.compile(r"withheld", re.IGNORECASE), RegionLocked),
    (re.compile(r"deleted|suspended|no longer exists|unavailable|violated", re.IGNORECASE), Deleted),
)


def _tombstone(post_id: str | None, documents: Sequence[object]) -> Failure | None:
    """Tombstones carry no id: believed only where the answer, or its entry, is about nothing but this post."""
    for document in documents:
        if failure := _error(document):
            return failure
        for result in _results_about(post_id, document):
            if failure := _failure(result):
                return failure
    return None


_ERRORS: dict[int, tuple[type[Failure], str]] = {
    34: (Deleted, "X says that there is no such post"),
    144: (Deleted, "X says that there is no such post"),
    179: (Private, "X shows this post only to approved followers"),
    88: (RateLimited, "X asked us to slow down"),
    64: (Challenge, "X has suspended the account that is signed in"),
    326: (Challenge, "X has locked the account that is signed in"),
    32: (LoginRequired, "X wants a sign-in for this post"),
}


def _error(document: object) -> Failure | None:
    """GraphQL's list of errors; an answer about a single post that is empty without one means that it is gone."""
    answer = values.obj(document)
    for error in values.objects(answer.get("errors")):
        if known := _ERRORS.get(values.integer(error.get("code")) or 0):
            condition, said = known
            return condition(said)
    data = values.obj(answer, "data")
    if data.get("tweetResult") == {}:
        return Deleted("X says that there is no such post")
    return None


def _results_about(post_id: str | None, document: object) -> list[Node]:
    found = [values.obj(document)] if values.obj(document).get("__typename") == "TweetTombstone" else []
    found.append(values.obj(document, "data", "tweetResult", "result"))
    entries = (node for node in walk(document) if post_id and node.get("entryId") == f"tweet-{post_id}")
    found += [values.obj(entry, "content", "itemContent", "tweet_results", "result") for entry in entries]
    return found


def _failure(result: Node) -> Failure | None:
    kind = result.get("__typename")
    if kind == "TweetUnavailable":
        reason = values.text(result.get("reason")) or ""
        return _raised(_REASONS.get(reason.lower(), Deleted), reason or "unavailable")
    if kind == "TweetTombstone":
        said = values.text(values.obj(result, "tombstone", "text").get("text")) or ""
        condition = next((known for form, known in _SENTENCES if form.search(said)), Deleted)
        return _raised(condition, said[:200] or "tombstone")
    return None


def _raised(condition: type[Failure], said: str) -> Failure:
    return condition(_AGE if condition is AgeRestricted else f"X does not show this post: {said}")
