"""What a page or answer turned out to be, in one word, and the evidence for it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from mediavault.core.failures import MediavaultError
from mediavault.core.media import Candidate, Extraction, ItemRole, Post
from mediavault.core.platform import PageData, Platform
from mediavault.extraction.assembly import PageSource
from mediavault.extraction.evidence import AGAINST
from mediavault.extraction.page_data.html_page import HtmlPage
from mediavault.extraction.page_data.metadata import (
    announces_video,
    links_to_other_videos,
    shows_adverts,
)
from mediavault.extraction.page_data.other_posts import names_other_videos, read_timeline
from mediavault.extraction.page_data.page_identity import (
    articles_linking,
    is_another_post,
    is_not_a_post,
)


class PageOutcome(StrEnum):
    VIDEO = "video"
    NO_VIDEO = "no_video"  # the post is here and has none
    # there are videos, but of quoted, recommended or advertised posts
    NO_OWN_VIDEO = "no_own_video"
    # author, title, picture, or not even these; the media are not in this document
    METADATA_ONLY = "metadata_only"
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
    UNREADABLE = "unreadable"  # not a page at all


def outcome_of_error(error: MediavaultError) -> PageOutcome:
    """Return the outcome of a failure."""
    return PageOutcome(error.spec.page_outcome)


@dataclass(frozen=True, slots=True)
class ShownPage:
    """What a document shows in addition to the videos found in it."""

    own_data: bool = False  # the site's own record of the post
    a_video: bool = False  # it says that the post has a video, without naming a file
    words: bool = False  # enough of the post that a missing video is really absent
    posts: int = 0  # number that an answer lists
    others_only: bool = False  # what is not surely the post's is surely not the post's
    index: bool = False  # it is a list of posts, of a site without a reader
    # its data, or its players, name videos of other posts or of adverts
    others_videos: bool = False


def outcome_of(extraction: Extraction, shown: ShownPage) -> PageOutcome:
    """Return the outcome of what was read. This is the one place that decides it, for all sites.

    A post has no video only where its own data, or a page that shows it, have none. What is about
    other posts alone, or shows nothing, leaves it open.
    """
    own = [candidate for item in extraction.videos for candidate in item.candidates]
    if own:
        return PageOutcome.DRM if all(candidate.drm for candidate in own) else PageOutcome.VIDEO
    if shown.own_data:
        return _without_own(extraction)
    if shown.index:
        return PageOutcome.MANY_POSTS
    if extraction.others and not (shown.others_only and shown.a_video):
        is_sure = shown.others_only or _are_others(extraction.others)
        return PageOutcome.NO_OWN_VIDEO if is_sure else PageOutcome.AMBIGUOUS
    if shown.posts:
        return PageOutcome.MANY_POSTS if shown.posts > 1 else PageOutcome.NO_OWN_VIDEO
    if shown.a_video:
        return PageOutcome.METADATA_ONLY
    if shown.others_videos:
        return PageOutcome.NO_OWN_VIDEO
    return PageOutcome.NO_VIDEO if shown.words else PageOutcome.METADATA_ONLY


def _are_others(candidates: Sequence[Candidate]) -> bool:
    """Whether the page says of all videos that they are not its own,
    or nothing at all of its only one.
    """
    if not any(candidate.evidence for candidate in candidates):
        return len(candidates) == 1
    return all(AGAINST & set(candidate.evidence) for candidate in candidates)


def _without_own(extraction: Extraction) -> PageOutcome:
    if any(
        item.is_video and not item.candidates and item.role is ItemRole.MAIN
        for item in extraction.items
    ):
        return PageOutcome.METADATA_ONLY
    foreign = any(item.is_video and item.role is not ItemRole.MAIN for item in extraction.items)
    return PageOutcome.NO_OWN_VIDEO if foreign or extraction.others else PageOutcome.NO_VIDEO


# --- what a document shows ------------------------------------------------------------------------

_MIN_WORDS = 15  # of a page that has something to show; an app's empty shell has fewer


def shown_by(
    post: Post,
    platform: Platform,
    source: PageSource,
    data: PageData | None,
    *,
    html: str,
    words: str,
    names_foreign: bool = False,
) -> ShownPage:
    """Return what a document shows in addition to its videos.

    ``html`` is "" for a JSON answer; ``words`` are the visible ones of the page. ``names_foreign``:
    some of the videos that were found are surely another post's. ``data`` about the post without
    its media leave the outcome open.
    """
    page, linked = source.page, articles_linking(html, post.post_id)
    own_data = data is not None and data.found
    another = names_foreign or is_another_post(post, platform, page)
    return ShownPage(
        own_data=own_data,
        a_video=not another and (announces_video(page, linked) or data is not None),
        words=bool(html)
        and not another
        and not is_not_a_post(platform, page)
        and _shows_something(page, words),
        posts=0 if html else read_timeline(source.documents).posts,
        others_only=bool(linked) or another,
        index=source.is_index(platform),
        others_videos=not own_data
        and any(
            (
                shows_adverts(page),
                links_to_other_videos(page),
                names_other_videos(post, platform, source.documents),
            )
        ),
    )


def _shows_something(page: HtmlPage, words: str) -> bool:
    """Return whether the page shows enough that a missing video is really absent.

    A rendered page has words; a shell has none, but can say that the post is a picture. An answer
    in which the post's own data were not found says nothing about its media.
    """
    if "image" in (page.meta("medium") or "") or "photo" in (
        page.meta("og:type", "twitter:card") or ""
    ):
        return True
    # only words: not a shell
    fewest = _MIN_WORDS if page.meta("og:title", "og:type", "twitter:card") else 1
    return len(words.split()) >= fewest
