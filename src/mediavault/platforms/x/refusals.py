"""What X says instead of a post: tombstones, unavailable posts, errors of its APIs.

Checked 2026-11-24 against recorded answers of 2022 to 2026.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

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
from mediavault.core.messages import Message
from mediavault.extraction.page_data import values
from mediavault.extraction.page_data.values import Node, walk

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
