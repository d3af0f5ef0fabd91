"""Which failure a JSON answer reports, by the codes and reasons that the platform's facts name.
Pure.

The platform's own reader comes first and knows better; this judges answers of forms that it does
not know, and only where no video of the post was found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from mediavault.core.failures import (
    AgeRestricted,
    Challenge,
    Deleted,
    Failure,
    LoginRequired,
    Private,
    RegionLocked,
)
from mediavault.core.media import Post
from mediavault.core.messages import Message
from mediavault.core.platform import Platform
from mediavault.extraction.page_data.values import MAX_NODES, Node
from mediavault.extraction.walls import site_name

# Objects that an answer about a single thing wraps its refusal in.
_ENVELOPE = re.compile(
    r"data|errors?|error_?details|extensions|response|resource_response|result|results|meta|body|payload|status"
    r"|playability_?status|error_?screen|reason|detail|view",
    re.IGNORECASE,
)
_SAYING = re.compile(
    r"(?:code|status|reason|error|type|typename|message|msg|name|val|ret)$", re.IGNORECASE
)
_NAMES_A_POST = frozenset(
    {
        "id",
        "id_str",
        "rest_id",
        "pk",
        "aweme_id",
        "itemId",
        "item_id",
        "video_id",
        "videoId",
        "bvid",
        "shortcode",
    }
    | {"post_id", "tweet_id", "media_id", "cid", "entryId"}
)
_OTHER_POSTS = re.compile(
    r"quot|retweet|repost|reblog|attached|crosspost|comment|repl(?:y|ies)|relate|recommend|suggest|parent|trend|^ads?$",
    re.IGNORECASE,
)
_COMPONENT = "__dr"  # Meta's pages name the component that they show; posts have none
_MAX_BELOW = 4  # objects between a post's id and what is said about it


def reported_refusal(post: Post, platform: Platform, documents: Sequence[object]) -> Failure | None:
    """Return the failure that the markers of ``platform`` report; None where no document has one
    about the post.

    A marker counts as the value of a code, reason, status or the like, and as the name of a field
    that is true or holds an object. It must be where the answer as a whole is refused, or close
    below an object that carries the post's own id; what is below another post's id never counts.
    """
    wanted = _markers(platform)
    if not any(markers for markers, *_ in wanted):
        return None
    marks = {
        mark
        for document in documents
        for node in _about(document, post.post_id)
        for mark in _marks(node)
    }
    for markers, kind, sentence in wanted:
        if match := next((marker for marker in markers if marker in marks), None):
            return kind(
                Message(
                    "%(what)s (%(reason)s).",
                    what=Message(sentence, site=site_name(platform)),
                    reason=match,
                )
            )
    return None


def _markers(platform: Platform) -> Sequence[tuple[tuple[str, ...], type[Failure], str]]:
    """Return the markers and their failures, in this order:
    what may be seen after a sign-in is not gone.
    """
    return (
        (platform.walls.challenge_json, Challenge, Message("%(site)s shows a CAPTCHA")),
        (
            platform.walls.age_json,
            AgeRestricted,
            Message("%(site)s requires age verification for this post"),
        ),
        (
            platform.walls.private_json,
            Private,
            Message("%(site)s shows this post only to approved followers"),
        ),
        (
            platform.walls.region_json,
            RegionLocked,
            Message("%(site)s does not show this post in this country"),
        ),
        (
            platform.walls.login_json,
            LoginRequired,
            Message("%(site)s shows this post only to signed-in visitors"),
        ),
        (platform.walls.gone_json, Deleted, Message("%(site)s says that the post is gone")),
    )


def _marks(node: Node) -> Iterator[str]:
    for name, value in node.items():
        if value is True or (isinstance(value, dict) and value):
            yield name
        elif isinstance(value, str | int) and not isinstance(value, bool) and _is_saying(name):
            yield str(value)


def _is_saying(name: str) -> bool:
    return name == _COMPONENT or _SAYING.search(name) is not None


def _about(document: object, post_id: str | None) -> Iterator[Node]:
    """Yield the objects of ``document`` that are about the post, or about the answer as a whole."""
    # value, how many more levels of objects count, whether it is below the post's own id
    waiting: list[tuple[object, int, bool]] = [(document, _MAX_BELOW, False)]
    seen = 0
    while waiting and seen < MAX_NODES:
        value, room, own = waiting.pop()
        seen += 1
        if isinstance(value, list):
            # several things side by side are a list of posts
            left = room if own or len(value) == 1 else 0
            waiting.extend(
                (child, left, own) for child in reversed(value) if isinstance(child, dict | list)
            )
            continue
        if not isinstance(value, dict):
            continue
        if (named := _names(value, post_id)) is not None:
            room, own = (_MAX_BELOW, True) if named else (0, False)
        if room or _COMPONENT in value:
            yield value
        for name, child in reversed(value.items()):
            if isinstance(child, dict | list):
                goes_on = (
                    room and not _OTHER_POSTS.search(name) and (own or _ENVELOPE.fullmatch(name))
                )
                waiting.append((child, room - 1 if goes_on else 0, own and bool(goes_on)))


def _names(node: Node, post_id: str | None) -> bool | None:
    """Whether an object is the post's (True) or another's (False); None where it names neither."""
    if post_id is not None and any(
        value == post_id for value in node.values() if isinstance(value, str)
    ):
        return True
    ids = {
        str(node[name])
        for name in _NAMES_A_POST & node.keys()
        if isinstance(node[name], str | int) and node[name]
    }
    return post_id in ids if ids else None
