"""A post as a tile of the library's grid, and as a clip of its feed. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from urllib.parse import urlencode, urlsplit

from mediavault.core.failures import FAILURES, ErrorCode, Remedy
from mediavault.core.job import Job, JobStatus, saved_files
from mediavault.core.marks import PostMarks
from mediavault.core.media import ItemType, SavedFile, key_of
from mediavault.core.post_urls import has_url
from mediavault.core.site_limits import MANY_SITES
from mediavault.features.jobs.library_filter import LibraryFilter, address, to_params
from mediavault.presentation.labels import format_duration, one_line
from mediavault.presentation.translation import gettext, ngettext
from mediavault.presentation.views import display, moving_files, published_at, title
from mediavault.store.port import AccountSummary
from mediavault.store.queries import date_of


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile of the library. ``at`` is the date by which the library is sorted, if it is by one,
    else when the post was published.

    ``state`` is "" for a saved post; ``account_link`` is None when the post's account is not known.
    ``letter`` is shown when there is no picture; ``preview`` is the video that plays in its place
    while the mouse rests there, None for a picture or sound. ``seen_pct`` is how much was watched
    of a video that the user stopped in the middle of; ``published`` is when its site published it.
    ``why`` is the cause of a failure, "" for any other post.
    """

    id: str
    link: str
    title: str
    picture: str | None
    preview: str | None
    length: str
    account: str
    account_link: str | None
    platform: str
    site: str
    letter: str
    at: datetime
    published: datetime | None
    status: JobStatus
    state: str
    tone: Tone
    icon: str
    favourite: bool
    watched: bool
    seen_pct: int | None
    is_portrait: bool
    why: str


def tile(
    job: Job, library_filter: LibraryFilter | None, post_marks: PostMarks, *, site: str
) -> Tile:
    """Return the tile of a job. ``site`` is the platform's display name, ``post_marks`` what the
    user noted about the post.

    The filter ``library_filter`` is added to the link, if there is one, so that the post's page
    knows the post's neighbours.
    """
    files = saved_files(job)
    first = next(iter(files.values()), None)
    account = job.account
    is_retried, is_failed = job.retry_at is not None, job.status is JobStatus.FAILED
    return Tile(
        id=job.id,
        link=f"/jobs/{job.id}"
        + (
            ""
            if library_filter is None
            else f"?{urlencode({'in': urlencode(to_params(library_filter))})}"
        ),
        title=title(job),
        picture=f"/files/{job.id}/thumbnail" if first and first.thumbnail_path else None,
        preview=f"/files/{job.id}/video"
        if first and not (first.is_picture or first.is_sound)
        else None,
        length=_length(job, files),
        account=one_line(
            (account.display_name or account.handle or account.slug) if account else ""
        ),
        account_link=address(LibraryFilter(account=key_of(account))) if account else None,
        platform=job.platform,
        site=site_name(job.platform, site, job.canonical_url),
        letter=letter(job.platform, site, job.canonical_url),
        at=date_of(job, (library_filter or LibraryFilter()).order),
        published=published_at(job),
        status=job.status,
        state="" if job.status is JobStatus.COMPLETED else display(job).state,
        tone=tone(job.status, job.error_code, is_retried=is_retried),
        icon=icon(job.status, job.error_code, is_retried=is_retried),
        favourite=post_marks.favourite,
        watched=post_marks.watched,
        seen_pct=round(post_marks.position.share * 100) if post_marks.position else None,
        is_portrait=bool(first and first.width and first.height and first.height > first.width),
        why=gettext(FAILURES[job.error_code].summary) if is_failed and job.error_code else "",
    )


def _length(job: Job, files: Mapping[int, SavedFile]) -> str:
    """Return how long the first file lasts; of a post that begins with a picture,
    how many pictures it has.
    """
    first = next(iter(files.values()), None)
    if first is not None and first.is_picture:
        pictures = sum(file.is_picture for file in files.values())
        return ngettext("%(num)d picture", "%(num)d pictures", pictures) % {"num": pictures}
    return format_duration(job.duration_s)


@dataclass(frozen=True, slots=True)
class FeedClip:
    """A clip of the feed: the first of a post's ``videos`` saved videos.

    ``item`` is its index in the post, ``source`` its address, and ``at`` where the user stopped
    watching it, in seconds. ``loops`` is True for an animation, which is silent and has no
    position, and ``is_sound`` for sound without pictures.
    """

    tile: Tile
    item: int
    videos: int
    source: str
    at: float
    loops: bool
    is_sound: bool


def feed_clip(
    job: Job, library_filter: LibraryFilter, post_marks: PostMarks, *, site: str
) -> FeedClip:
    """Return the clip of a job with ``moving_files``; the parameters are those of :func:`tile`."""
    files = moving_files(job)
    (item, file), position = next(iter(files.items())), post_marks.position
    return FeedClip(
        tile=tile(job, library_filter, post_marks, site=site),
        item=item,
        videos=len(files),
        source=f"/files/{job.id}/items/{item}/video",
        at=position.at if position and position.item == item else 0.0,
        loops=item < len(job.items) and job.items[item].item.type is ItemType.GIF,
        is_sound=file.is_sound,
    )


def account_words(account: AccountSummary) -> str:
    """Return an account's label, such as ``Slow Trains (@SlowTrains)``;
    the site's name is shown separately.
    """
    name = one_line(account.display_name or "")
    handle = f"@{one_line(account.handle)}" if account.handle else ""
    return f"{name} ({handle})" if name and handle else name or handle or one_line(account.slug)


def account_name(key: str, jobs: Sequence[Job]) -> str:
    """Return the account's name from the first of ``jobs`` that is of it; "" when none is."""
    for job in jobs:
        if job.account is not None and key_of(job.account) == key:
            return one_line(job.account.display_name or job.account.handle or job.account.slug)
    return ""


Tone = Literal["good", "bad", "busy", "quiet"]

GENERIC = "generic"
MAX_HOST_CHARS = 253  # of a name in the DNS

_ICONS = {
    JobStatus.QUEUED: "clock",
    JobStatus.RUNNING: "download",
    JobStatus.COMPLETED: "play",
    JobStatus.CANCELLED: "skip",
}
_TONES: dict[JobStatus, Tone] = {JobStatus.RUNNING: "busy", JobStatus.COMPLETED: "good"}


def site_name(platform: str, title: str, address: str) -> str:
    """Return the name of a post's site: the post's host if the platform is every other site, else
    ``title``.

    A host stays in its ASCII form, in which no name can look like another. A post without a URL is
    an imported file.
    """
    if not has_url(address):
        return gettext("Imported file")
    return (platform == GENERIC and one_line(_host(address))[:MAX_HOST_CHARS]) or title


def letter(platform: str, title: str, address: str) -> str:
    """Return the first letter or digit of the site's name,
    or of the host where one platform covers many sites.
    """
    name = (platform in MANY_SITES and _host(address)) or site_name(platform, title, address)
    return next((char for char in name.upper() if char.isalnum()), "?")


def _host(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def tone(status: JobStatus, code: ErrorCode | None, *, is_retried: bool) -> Tone:
    """Return the tone of a job's state. A failure that the user or a retry can still fix is
    ``busy``, not ``bad``.
    """
    if status is JobStatus.FAILED:
        return "busy" if is_retried or _needs_person(code) else "bad"
    return _TONES.get(status, "quiet")


def icon(status: JobStatus, code: ErrorCode | None, *, is_retried: bool) -> str:
    if status is not JobStatus.FAILED:
        return _ICONS[status]
    if is_retried:
        return "clock"
    if code is not None and FAILURES[code].remedy is Remedy.SIGN_IN:
        return "key"
    return "hand" if _needs_person(code) else "alert"


def _needs_person(code: ErrorCode | None) -> bool:
    return code is not None and FAILURES[code].needs_person
