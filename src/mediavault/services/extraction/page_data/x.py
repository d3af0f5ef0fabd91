"""X: the post's own node in a GraphQL answer (TweetResultByRestId, TweetDetail), an embed's answer or a bare node.

Only media below the node whose own id is the post's are the post's own. A quoted post is a node with an id of its own:
its media are items with that role. Adverts and answers are never looked at.
Checked 2026-11-24 against recorded answers of 2022 to 2026.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace

from mediavault.core.errors import (
    AccountWarning,
    AgeRestricted,
    Deleted,
    Failure,
    LoginRequired,
    Private,
    RateLimited,
    RegionLocked,
)
from mediavault.core.media import Candidate, Expected, FoundIn, Item, ItemRole, ItemType, Ownership, Post
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
    quoted = _quoted(node)
    user = _user(node)
    return PageData(
        items=(*(_item(one, platform) for one in media), *_quoted_items(quoted, platform)),
        selected=_selected(media, post.url),
        handle=values.text(user.get("screen_name")),
        display_name=values.text(user.get("name")),
        text=_text(node, legacy),
        published_at=values.moment(legacy.get("created_at")),
        thumbnail_url=_thumbnail(media, post.url),
        image_urls=tuple(filter(None, (_picture(one) for one in media if one.get("type") == "photo"))),
        found=True,
        metadata=_metadata(repost, node),
    )


_PLACE = re.compile(r"/(?:video|photo)/(\d{1,2})(?=[/?#]|$)")


def _selected(media: Sequence[Node], url: str) -> int | None:
    """``…/video/2`` names the second of the post's media; None where it names none, or no video."""
    named = _PLACE.search(url)
    place = int(named[1]) - 1 if named else -1
    return place if 0 <= place < len(media) and media[place].get("type") in _VIDEO_TYPES else None


def _thumbnail(media: Sequence[Node], url: str) -> str | None:
    """The picture of the video that the address names, of the first video, else of the first photo."""
    named = _selected(media, url)
    videos = [one for one in media if one.get("type") in _VIDEO_TYPES]
    first = media[named : named + 1] if named is not None else videos
    return next(filter(None, map(_picture, [*first, *media])), None)


_TYPES = {"video": ItemType.VIDEO, "animated_gif": ItemType.GIF, "photo": ItemType.IMAGE}


def _item(one: Node, platform: Platform, *, role: ItemRole = ItemRole.MAIN, of: str | None = None) -> Item:
    candidates = _candidates(one, platform)
    return Item(
        candidates=candidates,
        role=role,
        type=_TYPES.get(str(one.get("type")), ItemType.IMAGE),
        media_id=next((c.media_key for c in candidates if c.media_key), None) or values.text(one.get("id_str")),
        thumbnail_url=_picture(one),
        expected=_expected(one),
        label=of,
    )


def _quoted_items(quoted: Node, platform: Platform) -> list[Item]:
    other = values.text(quoted.get("rest_id"))
    return [_item(one, platform, role=ItemRole.QUOTED, of=other) for one in _media(quoted)] if quoted else []


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


def _quoted(node: Node) -> Node:
    result = values.obj(node, "quoted_status_result", "result")
    return values.obj(result, "tweet") or result  # TweetWithVisibilityResults


def _metadata(repost: Node, node: Node) -> dict[str, object]:
    found: dict[str, object] = {}
    if repost is not node:
        found["reposted_from"] = values.text(node.get("rest_id"))
    other = values.text(_quoted(node).get("rest_id"))
    if other := other or values.text(values.obj(node, "legacy").get("quoted_status_id_str")):
        found["quoted_post_id"] = other
    return found


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
    64: (AccountWarning, "X has suspended the account that is signed in"),
    326: (AccountWarning, "X has locked the account that is signed in"),
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
