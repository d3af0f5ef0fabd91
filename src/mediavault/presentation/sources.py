"""Sources, as the API, the pages and the command line show and accept them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any

from mediavault.core.following import SeenEntry, Source, SourceAddress
from mediavault.core.following_filters import Filters
from mediavault.core.job import JobId
from mediavault.core.marks import Noted, collection_title
from mediavault.core.profiles import language_tags
from mediavault.presentation.schemas import (
    ArrivalSourceView,
    ArrivalView,
    EntryView,
    FiltersRequest,
    FiltersView,
    InboxView,
    SourceChange,
    SourceView,
)
from mediavault.presentation.shown import shown_entry, shown_source
from mediavault.presentation.translation import gettext, ngettext, translated
from mediavault.presentation.views import job_view
from mediavault.store.following import Followed, new_source_id
from mediavault.store.inbox import Inbox


def source_view(one: Followed, now: datetime) -> SourceView:
    """Return a source's view."""
    one = shown_source(one)
    source, state = one.source, one.state
    is_failing = state.is_failing(now)
    return SourceView(
        id=source.id,
        url=source.url,
        platform=source.platform,
        name=one.name,
        handle=state.handle,
        picture_url=state.picture_url,
        picture=f"/api/sources/{source.id}/picture" if state.has_picture else None,
        followed_at=source.followed_at,
        profile=source.profile,
        collection=source.collection,
        interval_minutes=None if source.interval is None else round(source.interval.total_seconds() / 60),
        is_paused=source.is_paused,
        start=source.start,
        since=source.since,
        newest=source.newest,
        per_day=source.per_day,
        filters=FiltersView(**asdict(source.filters)),
        looked_at=state.looked_at,
        next_look_at=state.next_look_at,
        method=state.method,
        error=translated(state.error) if is_failing and state.error else None,
        help=translated(state.help) if is_failing and state.help else None,
        seen=state.seen,
        waiting=state.waiting,
        passed=state.passed,
        gone=state.gone,
        new_at_last_look=state.new_at_last_look,
    )


def entry_view(entry: SeenEntry) -> EntryView:
    entry = shown_entry(entry)
    return EntryView(
        url=entry.url,
        title=entry.title,
        published_at=entry.published_at,
        seen_at=entry.seen_at,
        state=entry.state,
        reason=entry.reason,
        job_id=entry.job_id,
        gone_at=entry.gone_at,
    )


def inbox_view(found: Inbox, noted: Mapping[JobId, Noted]) -> InboxView:
    """Return a page of the inbox with the user's marks on its posts."""
    return InboxView(
        arrivals=[
            ArrivalView(
                job=job_view(arrival.job, noted.get(arrival.job.id, Noted())),
                came_at=arrival.came_at,
                sources=[ArrivalSourceView(id=source, name=name) for source, name in arrival.sources.items()],
                is_news=arrival.is_news,
                is_new=arrival.is_new,
            )
            for arrival in found.arrivals
        ],
        news=found.news,
        next_cursor=found.next_cursor,
    )


def new_source(address: SourceAddress, asked: SourceChange, *, now: datetime, user: str | None) -> Source:
    """Return a source as a user asked for it. Raises BadInput for an invalid collection or language."""
    return changed(Source(new_source_id(), address.url, address.platform, now, added_by=user), asked)


def changed(source: Source, asked: SourceChange) -> Source:
    """Return a source with what a user changed. Raises BadInput for an invalid collection or language."""
    values: dict[str, Any] = {
        name: getattr(asked, name) for name in _AS_THEY_ARE if getattr(asked, name, None) is not None
    }
    if asked.profile is not None:
        values["profile"] = asked.profile or None
    if asked.collection is not None:
        values["collection"] = collection_title(asked.collection) if asked.collection.strip() else None
    if asked.interval_minutes is not None:
        values["interval"] = timedelta(minutes=asked.interval_minutes) or None
    if asked.per_day is not None:
        values["per_day"] = asked.per_day or None
    if asked.since is not None:
        values["since"] = asked.since if asked.since.tzinfo else asked.since.replace(tzinfo=UTC)
    if asked.filters is not None:
        values["filters"] = filters_of(asked.filters)
    return replace(source, **values)


def filters_of(asked: FiltersRequest) -> Filters:
    """Return the filters of a request. Raises BadInput for an invalid language."""
    lists = {name: tuple(value) for name, value in asked.model_dump().items() if isinstance(value, list)}
    return Filters(**{**asked.model_dump(), **lists, "languages": language_tags(" ".join(asked.languages))})


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


_AS_THEY_ARE = ("is_paused", "start", "newest")
