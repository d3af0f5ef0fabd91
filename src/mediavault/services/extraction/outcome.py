"""What a saved page turned out to be, in one word for scripts. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from mediavault.core.errors import ErrorCode, MediavaultError
from mediavault.core.media import Extraction, ItemRole


class Outcome(StrEnum):
    VIDEO = "video"
    NO_VIDEO = "no_video"  # the post is here and has none
    NO_OWN_VIDEO = "no_own_video"  # there are videos, but of quoted, recommended or advertised posts
    METADATA_ONLY = "metadata_only"  # author, title, picture, or not even these; the media are not in this document
    MANY_POSTS = "many_posts"  # a list of posts, without the one that was asked for
    NOT_A_POST = "not_a_post"
    LOGIN_REQUIRED = "login_required"
    GONE = "gone"
    PRIVATE = "private"
    AGE_RESTRICTED = "age_restricted"
    REGION_LOCKED = "region_locked"
    LIVE = "live"
    DRM = "drm"
    CHALLENGE = "challenge"
    AMBIGUOUS = "ambiguous"
    UNSUPPORTED = "unsupported"
    UNREADABLE = "unreadable"  # no page at all


_OF_ERRORS: Mapping[ErrorCode, Outcome] = {
    ErrorCode.DELETED: Outcome.GONE,
    ErrorCode.STORY_EXPIRED: Outcome.GONE,
    ErrorCode.PRIVATE: Outcome.PRIVATE,
    ErrorCode.LOGIN_REQUIRED: Outcome.LOGIN_REQUIRED,
    ErrorCode.SESSION_EXPIRED: Outcome.LOGIN_REQUIRED,
    ErrorCode.AGE_RESTRICTED: Outcome.AGE_RESTRICTED,
    ErrorCode.REGION_LOCKED: Outcome.REGION_LOCKED,
    ErrorCode.LIVE_NOW: Outcome.LIVE,
    ErrorCode.UPCOMING: Outcome.LIVE,
    ErrorCode.DRM: Outcome.DRM,
    ErrorCode.CHALLENGE: Outcome.CHALLENGE,
    ErrorCode.IP_BLOCKED: Outcome.CHALLENGE,
    ErrorCode.RATE_LIMITED: Outcome.CHALLENGE,
    ErrorCode.ACCOUNT_WARNING: Outcome.CHALLENGE,
    ErrorCode.AMBIGUOUS: Outcome.AMBIGUOUS,
    ErrorCode.NO_VIDEO: Outcome.NO_VIDEO,
    ErrorCode.NOT_A_POST: Outcome.NOT_A_POST,
    ErrorCode.UNSUPPORTED: Outcome.UNSUPPORTED,
    ErrorCode.BAD_URL: Outcome.UNSUPPORTED,
}


def outcome_of_error(error: MediavaultError) -> Outcome:
    """The word for a failure; what only a saved page can be is unreadable."""
    return _OF_ERRORS.get(error.code, Outcome.UNREADABLE)


def outcome_of(
    extraction: Extraction,
    *,
    found: bool,
    announces_video: bool,
    says_anything: bool,
    posts: int,
    of_other_posts: bool = False,
) -> Outcome:
    """The word for what was read.

    ``found``: the post's own data stood there. ``announces_video``: the page says that it has a video without naming
    a file. ``says_anything``: the page has words of its own, so that a missing video means that there is none.
    ``posts``: how many other posts an answer holds. ``of_other_posts``: what is not surely the post's is surely not.
    """
    own = [candidate for item in extraction.videos for candidate in item.candidates]
    if own:
        return Outcome.DRM if all(candidate.drm for candidate in own) else Outcome.VIDEO
    if found:
        return _without_own(extraction)
    if extraction.others and not (of_other_posts and announces_video):
        return Outcome.NO_OWN_VIDEO if of_other_posts or len(extraction.others) == 1 else Outcome.AMBIGUOUS
    if posts:
        return Outcome.MANY_POSTS if posts > 1 else Outcome.NO_OWN_VIDEO
    return Outcome.METADATA_ONLY if announces_video or not says_anything else Outcome.NO_VIDEO


def _without_own(extraction: Extraction) -> Outcome:
    if any(item.is_video and not item.candidates and item.role is ItemRole.MAIN for item in extraction.items):
        return Outcome.METADATA_ONLY
    foreign = any(item.is_video and item.role is not ItemRole.MAIN for item in extraction.items)
    return Outcome.NO_OWN_VIDEO if foreign or extraction.others else Outcome.NO_VIDEO
