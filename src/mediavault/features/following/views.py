"""Sources as the API, the pages and the command line show and accept them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from math import ceil
from typing import Annotated

from pydantic import BaseModel, Field

from mediavault.core.job import JobId
from mediavault.core.marks import PostMarks
from mediavault.core.redaction import redact_message, redact_page
from mediavault.features.following.filters import Reason
from mediavault.features.following.inbox import Inbox
from mediavault.features.following.model import (
    MOST_CHOSEN,
    EntryState,
    SeenEntry,
    SourceSettings,
)
from mediavault.features.following.records import Followed
from mediavault.presentation.preferences import current
from mediavault.presentation.record_models import STRICT, changes_of, view_of
from mediavault.presentation.schemas import JobView
from mediavault.presentation.translation import gettext, ngettext, translated
from mediavault.presentation.views import job_view, shown_media, shown_page

_Moment = Annotated[datetime, Field(strict=False)]


class SourceChange(changes_of(SourceSettings)):  # type: ignore[misc]
    """What to change about a source; omitted fields stay as they are. ``interval_minutes`` 0 adapts
    to how often it posts, ``per_day`` 0 sets no limit; an empty ``profile`` or ``collection``
    removes it. Of ``filters``, what is left out has its default.
    """


class SourceRequest(SourceChange):
    """A source to follow. Without ``start`` only new posts are saved."""

    url: str


class InboxSeenRequest(BaseModel):
    """The time up to which the user has seen the inbox; without ``until`` it is now."""

    model_config = STRICT

    until: _Moment | None = None


class SourcesImportRequest(BaseModel):
    """A list of sources to follow: OPML, Google Takeout's subscriptions, exports of NewPipe,
    FreeTube and Invidious, or a text with one URL per line. ``file`` is its content as Base64. With
    ``dry_run`` nothing is followed. ``asked`` applies to each source and overrides the list;
    without a ``start`` in either, only new posts are saved.
    """

    model_config = STRICT

    file: str
    dry_run: bool = False
    asked: SourceChange = SourceChange()


class SourceCheckView(BaseModel):
    """A check of a source: how many new posts it found, or why it failed."""

    at: datetime
    new: int
    error: str | None


class SourceView(view_of(SourceSettings)):  # type: ignore[misc]
    """A source. ``seen``, ``waiting``, ``skipped`` and ``unlisted`` count entries of its list.
    ``error`` and ``help`` are set once checks have failed for a day, or at once if none has
    succeeded yet. ``checked_at`` is the last one that did. ``picture_url`` is the site's picture,
    ``picture`` the vault's copy. ``history`` has the last checks, the latest first.
    """

    id: str
    url: str
    platform: str
    name: str
    handle: str | None
    picture_url: str | None
    picture: str | None
    followed_at: datetime
    checked_at: datetime | None
    next_check_at: datetime | None
    method: str
    error: str | None
    help: str | None
    seen: int
    waiting: int
    skipped: int
    unlisted: int
    new_at_last_check: int
    history: list[SourceCheckView]


class SourcesView(BaseModel):
    sources: list[SourceView]


class ListedSourceView(BaseModel):
    """An entry of a list: a new source, with its ``id`` and the name of its site, or one that is
    already followed.

    ``is_private``: it is on a private host that MEDIAVAULT_ALLOW_PRIVATE allows.
    """

    url: str
    title: str | None
    platform: str | None = None
    id: str | None = None
    is_private: bool = False


class RefusedSourceView(BaseModel):
    """An entry of a list that can't be followed. ``line`` is its line in the file, from 1,
    or its number.
    """

    line: int
    text: str
    error: str
    help: str


class SourcesImportView(BaseModel):
    """What an import has followed, or would follow in a dry run."""

    is_dry_run: bool
    new: list[ListedSourceView]
    known: list[ListedSourceView]
    refused: list[RefusedSourceView]


class EntryView(BaseModel):
    """An entry of a source's list: saved (it has a job), waiting for its turn, or skipped (for a
    ``reason``). ``key`` identifies its post. ``unlisted_at``: the time since which it has been
    missing from a list that was read whole.
    """

    key: str
    url: str
    title: str | None
    published_at: datetime | None
    seen_at: datetime | None
    state: EntryState
    reason: Reason | None
    job_id: str | None
    unlisted_at: datetime | None


class ChosenPosts(BaseModel):
    """Posts of a source's list to save, whatever its settings say: the entries with these keys.
    Those that no check has seen yet are those of a ``preview``.
    """

    model_config = STRICT

    posts: list[str] = Field(max_length=MOST_CHOSEN)
    preview: str | None = None


class ChosenPostsView(BaseModel):
    """How many posts were chosen, which are now in the vault or wait for a worker."""

    count: int


class EntriesView(BaseModel):
    entries: list[EntryView]


class ArrivalSourceView(BaseModel):
    """A source that brought a post."""

    id: str
    name: str


class ArrivalView(BaseModel):
    """A post that sources have brought, and when. ``is_new_post``: it was not there before the
    source was followed; ``is_new``: it is news that the user has not seen.
    """

    job: JobView
    came_at: datetime
    sources: list[ArrivalSourceView]
    is_new_post: bool
    is_new: bool


class InboxView(BaseModel):
    """A page of the inbox. ``news`` is how many posts are new to the user;
    100 means 100 or more.
    """

    arrivals: list[ArrivalView]
    news: int
    next_cursor: str | None


class InboxSeenView(BaseModel):
    """How many posts are still new to the user; 100 means 100 or more."""

    news: int


def source_view(followed: Followed, now: datetime) -> SourceView:
    """Return a source's view."""
    followed = shown_source(followed)
    source, state = followed.source, followed.state
    is_failing = state.is_failing(now)
    return SourceView(
        id=source.id,
        url=source.url,
        platform=source.platform,
        name=followed.name,
        handle=state.handle,
        picture_url=state.picture_url,
        picture=f"/api/sources/{source.id}/picture" if state.has_picture else None,
        followed_at=source.followed_at,
        **source.settings(),
        checked_at=state.checked_at,
        next_check_at=state.next_check_at,
        method=state.method,
        error=translated(state.error) if is_failing and state.error else None,
        help=translated(state.help) if is_failing and state.help else None,
        seen=state.seen,
        waiting=state.waiting,
        skipped=state.skipped,
        unlisted=state.unlisted,
        new_at_last_check=state.new_at_last_check,
        history=[
            SourceCheckView(
                at=check.at,
                new=check.new,
                error=translated(check.error) if check.error else None,
            )
            for check in state.history
        ],
    )


def entry_view(key: str, entry: SeenEntry) -> EntryView:
    entry = shown_entry(entry)
    return EntryView(
        key=key,
        url=entry.url,
        title=entry.title,
        published_at=entry.published_at,
        seen_at=entry.seen_at,
        state=entry.state,
        reason=entry.reason,
        job_id=entry.job_id,
        unlisted_at=entry.unlisted_at,
    )


def inbox_view(inbox: Inbox, post_marks: Mapping[JobId, PostMarks]) -> InboxView:
    """Return a page of the inbox with the user's marks on its posts."""
    return InboxView(
        arrivals=[
            ArrivalView(
                job=job_view(arrival.job, post_marks.get(arrival.job.id, PostMarks())),
                came_at=arrival.came_at,
                sources=[
                    ArrivalSourceView(id=source, name=name)
                    for source, name in arrival.sources.items()
                ],
                is_new_post=arrival.is_new_post,
                is_new=arrival.is_new,
            )
            for arrival in inbox.arrivals
        ],
        news=inbox.news,
        next_cursor=inbox.next_cursor,
    )


def fill_words(waiting: int, takes: timedelta) -> str:
    """Return how many posts wait and for roughly how long, as in "1,240 posts, about 9 days"."""
    posts = ngettext("%(count)s post", "%(count)s posts", waiting) % {"count": f"{waiting:,}"}
    return gettext("%(posts)s, about %(time)s") % {"posts": posts, "time": _about(takes)}


def _about(span: timedelta) -> str:
    """Return a span in one unit, rounded up."""
    minutes = ceil(span / timedelta(minutes=1))
    if minutes < 60:
        return ngettext("%(num)d minute", "%(num)d minutes", minutes) % {"num": minutes}
    hours = ceil(minutes / 60)
    if hours < 48:
        return ngettext("%(num)d hour", "%(num)d hours", hours) % {"num": hours}
    days = ceil(hours / 24)
    return ngettext("%(num)d day", "%(num)d days", days) % {"num": days}


def shown_source(followed: Followed) -> Followed:
    """Return a source to be shown. Without its secret,
    its list can't be read from what remains of the address.
    """
    if current().with_secrets:
        return followed
    state = followed.state
    return Followed(
        replace(followed.source, url=redact_page(followed.source.url)),
        replace(
            state,
            picture_url=shown_media(state.picture_url),
            validators=replace(state.validators, url=redact_page(state.validators.url)),
            error=redact_message(state.error) if state.error else None,
            history=tuple(
                replace(check, error=redact_message(check.error)) if check.error else check
                for check in state.history
            ),
        ),
    )


def shown_entry(entry: SeenEntry) -> SeenEntry:
    return replace(entry, url=shown_page(entry.url))
