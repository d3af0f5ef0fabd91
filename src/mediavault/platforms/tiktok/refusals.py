"""What TikTok says instead of a post: status codes of its pages, and embeds without a video.

Checked 2026-11-24 against recorded answers and the names that TikTok's own scripts give the codes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from mediavault.core.failures import (
    AgeRestricted,
    Challenge,
    Deleted,
    Failure,
    IpBlocked,
    LoginRequired,
    Private,
    RegionLocked,
)
from mediavault.core.messages import Message
from mediavault.extraction.page_data import values
from mediavault.extraction.page_data.values import Node

_CODES: Mapping[int, tuple[type[Failure], str]] = {
    10000: (Challenge, Message("TikTok shows a CAPTCHA")),
    10102: (LoginRequired, Message("TikTok wants a sign-in for this post")),
    10113: (Challenge, Message("TikTok shows a CAPTCHA")),
    10114: (Challenge, Message("TikTok shows a CAPTCHA")),
    10202: (Deleted, Message("TikTok says that the account does not exist")),
    10204: (IpBlocked, Message("TikTok blocks this computer's IP address")),
    10213: (AgeRestricted, Message("TikTok shows this post only to older people")),
    10214: (AgeRestricted, Message("TikTok shows this post only to older people")),
    10215: (Deleted, Message("TikTok says that the post does not exist")),
    10216: (Private, Message("TikTok says that the post is private")),
    10217: (Deleted, Message("TikTok says that the post was taken down")),
    10220: (Deleted, Message("TikTok says that the post was taken down for its music")),
    10221: (Deleted, Message("TikTok says that the account was banned")),
    10222: (Private, Message("TikTok says that the account is private")),
    10223: (Deleted, Message("TikTok says that the account was banned")),
    10231: (RegionLocked, Message("TikTok does not show this post in this country")),
    2053: (Deleted, Message("TikTok says that the post does not exist")),
}
# ``statusMsg`` of the pages
_REASONS: tuple[tuple[re.Pattern[str], type[Failure]], ...] = (
    (re.compile(r"self_see|friend_see|private|part_see"), Private),
    (re.compile(r"cross_border|geofence|region"), RegionLocked),
    (re.compile(r"content_classification|low_age|under_?age"), AgeRestricted),
    (
        re.compile(r"deleted|doesn't exist|not exist|not found|reviewing|unshelve|banned|author_status|unavailable"),
        Deleted,
    ),
)


def refusal(post_id: str | None, documents: Sequence[object]) -> Failure | None:
    """Return the failure that a document reports; None where none does."""
    refusals = (_by_code(document) or _embed(post_id, document) for document in documents)
    return next(filter(None, refusals), None)


def _by_code(document: object) -> Failure | None:
    scope = values.obj(document, "__DEFAULT_SCOPE__")
    parts = (
        values.obj(scope, "webapp.video-detail"),
        values.obj(scope, "webapp.photo-detail"),
        values.obj(scope, "webapp.reflow.video.detail"),
        values.obj(document, "VideoPage"),
        values.obj(document, "props", "pageProps"),
        values.obj(document),
    )
    for part in parts:
        code = values.integer(part.get("statusCode")) or values.integer(part.get("status_code"))
        if not code:
            continue
        reason = values.text(part.get("statusMsg")) or values.text(part.get("status_msg")) or ""
        if (condition := _condition(reason)) and (code in _CODES or code > min(_CODES)):
            return condition(
                Message("TikTok does not show this post: %(said)s (status %(code)s)", said=reason[:100], code=code)
            )
        if known := _CODES.get(code):
            return known[0](Message("%(known)s (status %(code)s)", known=known[1], code=code))
    return None


def _condition(reason: str) -> type[Failure] | None:
    return next((condition for form, condition in _REASONS if form.search(reason.lower())), None)


def _embed(post_id: str | None, document: object) -> Failure | None:
    """Recognise ``{"source": {"data": {"/embed/v2/1": {"is404": true}}}}``."""
    pages: Node = values.obj(document, "source", "data")
    lost = (path for path, page in pages.items() if values.obj(page).get("is404") is True)
    if post_id and any(post_id in path.split("/") for path in lost):
        return Deleted("TikTok says that the post does not exist")
    return None
