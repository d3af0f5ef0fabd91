"""Reads a post of X from a GraphQL answer (TweetResultByRestId, TweetDetail, timelines) or an
embed's answer.

Only media below the node with the post's own id belong to the post. A quoted post is a node with
another id: its media become items with that role. Adverts and replies are ignored. Checked
2026-11-24 against recorded answers of 2022 to 2026.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from mediavault.core.failures import (
    AccountWarning,
    AgeRestricted,
    AgeRestrictedSignedOut,
    Deleted,
    Failure,
    LoginRequired,
    Private,
    RateLimited,
    RegionLocked,
)
from mediavault.core.media import (
    Candidate,
    Expected,
    FoundIn,
    Item,
    ItemRole,
    ItemType,
    LiveNow,
    Ownership,
    Post,
)
from mediavault.core.messages import Message
from mediavault.core.platform import PageData, Platform
from mediavault.extraction.page_data import build, values
from mediavault.extraction.page_data.values import Node, walk
from mediavault.platforms.x.media import VIDEO_TYPES, media_of


def read(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """What the documents say about ``post``; None when they say nothing.

    Raises Deleted, Private, AgeRestricted, RegionLocked or LiveNow when X itself says so of this
    post.
    """
    node = _own_node(post.post_id, documents)
    if node is None:
        if failure := refusal(post.post_id, documents):
            raise failure
        return None
    return _page_data(post, platform, node)


# --- the post's own node --------------------------------------------------------------------------


def _original(node: Node) -> Node:
    """Return the post that a repost shows; the node itself where it is not a repost."""
    for holder in (values.obj(node, "legacy"), node):
        result = values.obj(holder, "retweeted_status_result", "result")
        inner = values.obj(result, "tweet") or result  # TweetWithVisibilityResults
        if _is_post(inner):
            return inner
    return node


def _own_node(post_id: str | None, documents: Sequence[object]) -> Node | None:
    """Return the post's node. An answer can hold it twice, once without its media:
    the one that shows more is taken.
    """
    own = [node for document in documents for node in walk(document) if _is_own(node, post_id)]
    return max(own, key=lambda node: (len(_media(node)), bool(_user(node))), default=None)


def _is_own(node: Node, post_id: str | None) -> bool:
    return bool(post_id) and post_id in ids_of(node)


def ids_of(node: Node) -> set[str]:
    """The ids of a post's node; none for any other node."""
    if not _is_post(node):
        return set()
    # GraphQL's is another, opaque id
    number = node.get("id") if isinstance(node.get("id"), int) else None
    named = (
        node.get("rest_id"),
        values.obj(node, "legacy").get("id_str"),
        node.get("id_str") or number,
    )
    return {str(post_id) for post_id in named if post_id}


def address_of(node: Node) -> str | None:
    """The URL of the post that a node is; None for any other node."""
    if node.get("rest_id") and "full_text" in values.obj(node, "legacy"):
        return f"https://x.com/i/status/{node['rest_id']}"
    if node.get("id_str") and "user" in node and ("full_text" in node or "mediaDetails" in node):
        return f"https://x.com/i/status/{node['id_str']}"
    return None


def _is_post(node: Node) -> bool:
    """Whether a node is a post. Accounts and cards have a rest_id too."""
    legacy = values.obj(node, "legacy")
    is_short = (
        "text" in node
        and ("id_str" in node or "created_at" in node)
        and ("user" in node or "user_id_str" in node)
    )
    return "full_text" in legacy or "extended_entities" in legacy or "full_text" in node or is_short


def _media(node: Node) -> Sequence[Node]:
    return media_of(_original(node))


# --- what it says ---------------------------------------------------------------------------------


def _page_data(post: Post, platform: Platform, node: Node) -> PageData:
    repost, node = node, _original(node)
    legacy = values.obj(node, "legacy") or node
    media = _media(node)
    if any(medium.get("live") is True for medium in media):
        raise LiveNow("X is broadcasting this live now.")
    if failure := withheld(media):
        raise failure
    quoted = _quoted(node)
    user = _user(node)
    return PageData(
        items=(*(_item(medium, platform) for medium in media), *_quoted_items(quoted, platform)),
        selected=_selected(media, post.url),
        handle=values.text(user.get("screen_name")),
        display_name=values.text(user.get("name")),
        text=_text(node, legacy),
        published_at=values.moment(legacy.get("created_at")),
        thumbnail_url=_thumbnail(media, post.url),
        image_urls=tuple(
            filter(None, (_picture(medium) for medium in media if medium.get("type") == "photo"))
        ),
        found=True,
        metadata=_metadata(repost, node),
    )


_INDEX = re.compile(r"/(?:video|photo)/(\d{1,2})(?=[/?#]|$)")


def _selected(media: Sequence[Node], url: str) -> int | None:
    """Return the index of the video that the URL names (``…/video/2``: 1);
    None where it names none, or an image.
    """
    named = _INDEX.search(url)
    index = int(named[1]) - 1 if named else -1
    return index if 0 <= index < len(media) and media[index].get("type") in VIDEO_TYPES else None


def _thumbnail(media: Sequence[Node], url: str) -> str | None:
    """Return the picture of the video that the URL names, of the first video,
    else of the first photo.
    """
    named = _selected(media, url)
    videos = [medium for medium in media if medium.get("type") in VIDEO_TYPES]
    first = media[named : named + 1] if named is not None else videos
    return next(filter(None, map(_picture, [*first, *media])), None)


_TYPES = {"video": ItemType.VIDEO, "animated_gif": ItemType.GIF, "photo": ItemType.IMAGE}


def _item(
    medium: Node, platform: Platform, *, role: ItemRole = ItemRole.MAIN, label: str | None = None
) -> Item:
    candidates = _candidates(medium, platform)
    kind = _TYPES.get(str(medium.get("type")), ItemType.IMAGE)
    if kind is ItemType.IMAGE and (picture := _picture(medium)):
        candidates = build.pictures(_full_size(picture), picture)
    return Item(
        candidates=candidates,
        role=role,
        type=kind,
        media_id=next((c.media_key for c in candidates if c.media_key), None)
        or values.text(medium.get("id_str")),
        thumbnail_url=_picture(medium),
        expected=_expected(medium),
        label=label,
    )


def _quoted_items(quoted: Node, platform: Platform) -> list[Item]:
    other = values.text(quoted.get("rest_id") or quoted.get("id_str"))
    return (
        [_item(medium, platform, role=ItemRole.QUOTED, label=other) for medium in _media(quoted)]
        if quoted
        else []
    )


def _candidates(medium: Node, platform: Platform) -> tuple[Candidate, ...]:
    variants = values.objects(values.obj(medium, "video_info").get("variants"))
    return build.merged(
        [candidate for variant in variants if (candidate := _candidate(medium, variant, platform))]
    )


def _candidate(medium: Node, variant: Node, platform: Platform) -> Candidate | None:
    url = values.url(variant.get("url"))
    if url is None:
        return None
    mime = values.text(variant.get("content_type"))
    candidate = build.candidate(
        url, platform, FoundIn.PAGE_DATA, ownership=Ownership.ID_MATCH, mime=mime
    )
    is_file = mime == "video/mp4"
    is_gif = medium.get("type") == "animated_gif"
    original = values.obj(medium, "original_info") if is_gif else {}
    return replace(
        candidate,
        container="mp4" if is_file else None,
        video_codec=_codec(url) if is_file else None,
        has_video=True,
        has_audio=False if is_gif else None,  # X does not say whether a video has sound
        width=candidate.width or values.integer(original.get("width")),
        height=candidate.height or values.integer(original.get("height")),
        bitrate=values.integer(variant.get("bitrate")),
        duration_s=_duration(medium),
    )


def _codec(url: str) -> str | None:
    match = re.search(r"/(avc1|hvc1|hevc|av01)/", url)
    return (
        {"avc1": "h264", "hvc1": "hevc", "hevc": "hevc", "av01": "av1"}[match[1]] if match else None
    )


def _duration(medium: Node) -> float | None:
    return values.milliseconds(values.obj(medium, "video_info").get("duration_millis"))


def _expected(medium: Node) -> Expected:
    return Expected(
        duration_s=_duration(medium), audio=False if medium.get("type") == "animated_gif" else None
    )


def _picture(medium: Node) -> str | None:
    return values.url(medium.get("media_url_https") or medium.get("media_url"))


_NAMED = re.compile(r"(https://pbs\.twimg\.com/media/[\w-]+)\.(jpg|png|webp)(?:[?:].*)?", re.ASCII)


def _full_size(url: str) -> str:
    """Return the URL of the picture as it was uploaded, instead of one that is scaled down."""
    named = _NAMED.fullmatch(url)
    return f"{named[1]}?format={named[2]}&name=orig" if named else url


def _user(node: Node) -> Node:
    """Return name and handle. They moved from ``legacy`` to ``core`` in 2025;
    embeds have them in ``user``.
    """
    result = values.obj(node, "core", "user_results", "result") or values.obj(
        node, "core", "user_result", "result"
    )
    parts = (values.obj(node, "user"), values.obj(result, "legacy"), values.obj(result, "core"))
    return {
        name: part[name]
        for part in parts
        for name in ("screen_name", "name")
        if isinstance(part.get(name), str)
    }


def _text(node: Node, legacy: Node) -> str | None:
    long = values.obj(node, "note_tweet", "note_tweet_results", "result").get("text")
    whole = (long, legacy.get("full_text"), legacy.get("text"))
    return next(filter(None, map(values.text, whole)), None)


def _quoted(node: Node) -> Node:
    """Return the quoted post of a GraphQL answer or an embed's."""
    result = values.obj(node, "quoted_status_result", "result")
    result = values.obj(result, "tweet") or result  # TweetWithVisibilityResults
    return result or values.obj(node, "quoted_tweet")


def _metadata(repost: Node, node: Node) -> dict[str, object]:
    metadata: dict[str, object] = {}
    if repost is not node:
        metadata["reposted_from"] = values.text(node.get("rest_id") or node.get("id_str"))
    other = values.text(_quoted(node).get("rest_id") or _quoted(node).get("id_str"))
    if other := other or values.text(
        (values.obj(node, "legacy") or node).get("quoted_status_id_str")
    ):
        metadata["quoted_post_id"] = other
    return metadata


# --- refusals -------------------------------------------------------------------------------------
# What X says instead of a post: tombstones, unavailable posts, errors of its APIs.
#
# Checked 2026-11-24 against recorded answers of 2022 to 2026.

_AGE = Message("X requires age verification for this post")
_REASONS: dict[str, type[Failure]] = {
    "nsfwloggedout": AgeRestrictedSignedOut,
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
    (
        re.compile(r"deleted|suspended|no longer exists|unavailable|violated", re.IGNORECASE),
        Deleted,
    ),
)


def refusal(post_id: str | None, documents: Sequence[object]) -> Failure | None:
    """Return the failure that the documents report; None where they report none.

    A tombstone has no id: it counts only where the answer, or its entry, is about this post alone.
    """
    for document in documents:
        if failure := _error(document):
            return failure
        for result in _results_about(post_id, document):
            if failure := _failure(result):
                return failure
    return None


_ERRORS: dict[int, tuple[type[Failure], str]] = {
    34: (Deleted, Message("X says that this post does not exist")),
    63: (Deleted, Message("X has suspended the account")),
    144: (Deleted, Message("X says that this post does not exist")),
    421: (Deleted, Message("X says that the post is gone")),
    422: (Deleted, Message("X says that the post was taken down")),
    179: (Private, Message("X shows this post only to approved followers")),
    88: (RateLimited, Message("X asked us to slow down")),
    64: (AccountWarning, Message("X has suspended the account that is signed in")),
    326: (AccountWarning, Message("X has locked the account that is signed in")),
    32: (LoginRequired, Message("X wants a sign-in for this post")),
}


def _error(document: object) -> Failure | None:
    """Return the failure of GraphQL's errors. An empty answer about a single post,
    without errors, means it is gone.
    """
    answer = values.obj(document)
    for error in values.objects(answer.get("errors")):
        if known := _ERRORS.get(values.integer(error.get("code")) or 0):
            condition, message = known
            return condition(message)
    data = values.obj(answer, "data")
    if data.get("tweetResult") == {}:
        return Deleted("X says that this post does not exist")
    return None


def _results_about(post_id: str | None, document: object) -> list[Node]:
    results = (
        [values.obj(document)] if values.obj(document).get("__typename") == "TweetTombstone" else []
    )
    results.append(values.obj(document, "data", "tweetResult", "result"))
    contents = [
        _content(node)
        for node in walk(document)
        if post_id and _is_entry_of(post_id, node.get("entryId"))
    ]
    return [
        *results,
        *contents,
        *(values.obj(content, "tweet_results", "result") for content in contents),
    ]


def _is_entry_of(post_id: str, entry: object) -> bool:
    """Whether it is the post's entry of a timeline or of a conversation in it
    (``conversationthread-1-tweet-2``).
    """
    name = str(entry)
    return name == f"tweet-{post_id}" or (
        name.startswith("conversation") and name.endswith(f"-tweet-{post_id}")
    )


def _content(entry: Node) -> Node:
    return values.obj(entry, "content", "itemContent") or values.obj(entry, "item", "itemContent")


def withheld(media: Sequence[Node]) -> Failure | None:
    """Return why X withholds the files of all of a post's videos; None where one has files,
    or X does not say.
    """
    videos = [medium for medium in media if medium.get("type") in ("video", "animated_gif")]
    if not videos or any(
        values.objects(values.obj(video, "video_info").get("variants")) for video in videos
    ):
        return None
    record = values.obj(videos[0], "ext_media_availability")
    if str(record.get("status")).lower() != "unavailable":
        return None
    reason = values.text(record.get("reason")) or "unavailable"
    return _not_shown(RegionLocked if "geo" in reason.lower() else Deleted, reason)


def _failure(result: Node) -> Failure | None:
    kind = result.get("__typename")
    if kind == "TweetPreviewDisplay":
        return LoginRequired("X shows this post only to the author's subscribers")
    if result.get("tweet_results") == {}:
        return Deleted("X says that this post does not exist")
    if kind == "TweetUnavailable":
        reason = values.text(result.get("reason")) or ""
        return _not_shown(_REASONS.get(reason.lower(), Deleted), reason or "unavailable")
    if kind == "TweetTombstone" or "tombstoneInfo" in result:
        parts = (
            values.obj(result, "tombstone", "text"),
            values.obj(result, "tombstoneInfo", "richText"),
            result,
        )
        sentence = next(filter(None, (values.text(part.get("text")) for part in parts)), "")
        condition = next((known for form, known in _SENTENCES if form.search(sentence)), Deleted)
        return _not_shown(condition, sentence[:200] or "tombstone")
    return None


def _not_shown(condition: type[Failure], reason: str) -> Failure:
    return condition(
        _AGE
        if issubclass(condition, AgeRestricted)
        else Message("X does not show this post: %(said)s", said=reason)
    )
