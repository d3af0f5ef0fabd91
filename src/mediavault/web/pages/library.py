"""The library page: all saved videos as tiles, with a search, filters and a selection."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime

from mediavault.api.dependencies import Services, to_job_id
from mediavault.api.feed import CLOCKS_DIFFER
from mediavault.auth.authenticator import AuthMethod
from mediavault.core.failures import BadInput, JobNotFound
from mediavault.core.job import Job, JobId, JobStatus
from mediavault.core.marks import MarkKind, PostMarks
from mediavault.features.jobs.library_filter import (
    LENGTH_WORDS,
    MINE_WORDS,
    ORDER_WORDS,
    STATUSES,
    VIEW_LABELS,
    LibraryFilter,
    LibraryView,
    address,
    chips,
    read_filter,
    to_params,
    to_query,
)
from mediavault.features.jobs.spelling import corrected
from mediavault.features.transcripts.service import spoken_in
from mediavault.presentation.preferences import current
from mediavault.presentation.translation import ngettext
from mediavault.server.authentication import current_principal, current_user
from mediavault.server.services import ApiServices
from mediavault.store import saved_searches
from mediavault.store.mark_changes import read_marks
from mediavault.store.port import (
    AccountQuery,
    JobCatalogue,
    JobPage,
    JobQuery,
    LibraryTotals,
)
from mediavault.store.queries import REVERSE, date_of
from mediavault.store.search_words import parse_search
from mediavault.web.cards import account_name, account_words, tile
from mediavault.web.overview import failure_views
from mediavault.web.pages.frame import frame
from mediavault.web.render import render
from mediavault.web.selection import MAX_AT_ONCE, Undo, read_done, undo_marks, undo_removal
from mediavault.web.timeline import month_headings, month_of, months_between

PAGE = 48  # fills rows of 2, 3, 4 and 6
ACCOUNTS = 200  # offered by the filter: those with the newest posts

_UNDO_KEY = re.compile(r"[0-9a-f]{16}", re.ASCII)

router = APIRouter(include_in_schema=False)


@router.get("/library")
async def library(request: Request, services: Services) -> Response:
    """Show the page, or the part that htmx requests: the next tiles, or the results of a filter."""
    library_filter = read_filter(request.query_params)
    cursor = request.query_params.get("cursor") or None
    is_part = (
        "hx-request" in request.headers and "hx-history-restore-request" not in request.headers
    )
    # before the jobs are read: later changes arrive live
    moment = services.clock.now() - CLOCKS_DIFFER
    query = to_query(library_filter, current().zone, current_user(), cursor=cursor, limit=PAGE)
    page = await services.store.catalogue.jobs(query)
    if cursor and not page.jobs and not is_part:  # what was on it is gone
        cursor, query = None, replace(query, cursor=None)
        page = await services.store.catalogue.jobs(query)
    asked, spelt = library_filter, None
    if not page.jobs and not cursor and library_filter.q:
        spelt = await corrected(services.store.catalogue, query, library_filter.q)
    if spelt:
        library_filter = replace(library_filter, q=spelt)
        query = to_query(library_filter, current().zone, current_user(), limit=PAGE)
        page = await services.store.catalogue.jobs(query)
    if is_part and cursor:
        headings = month_headings(page.jobs, library_filter.order, current().zone, after=cursor)
        return render("library_tiles.html", **await tiles(services, library_filter, page, headings))
    totals, caller = await services.store.catalogue.library_totals(), current_principal()
    results = {
        "moment": moment,
        **await tiles(
            services,
            library_filter,
            page,
            month_headings(page.jobs, library_filter.order, current().zone),
        ),
        **await _results(services, library_filter, page, totals, cursor=cursor),
        "months": await _months(services, library_filter, query, page),
        "shown_month": month_of(date_of(page.jobs[0], library_filter.order), current().zone)
        if page.jobs
        else None,
    }
    is_all_failed = library_filter == LibraryFilter(state=LibraryView.FAILED) and not cursor
    results["causes"] = await failure_views(services) if is_all_failed else []
    results["title_of"] = services.title_of
    results |= {"typed": asked.q, "spelt": spelt}
    if is_part:
        answer = render("library_results.html", **results)
        answer.headers.update(_history_headers(request, asked))
        return answer
    return render(
        "library.html",
        **results,
        **await _choices(services, library_filter, totals),
        done=read_done(request.query_params.get("outcome", "")),
        undo=_undo(request.query_params),
        is_kept=caller is not None and caller.how in (AuthMethod.OPEN, AuthMethod.SESSION),
        deleted_post=request.query_params.get("post", ""),
        **await frame(services),
    )


async def tiles(
    services: ApiServices,
    library_filter: LibraryFilter,
    page: JobPage,
    headings: Mapping[JobId, str] | None = None,
) -> dict[str, Any]:
    post_marks = await read_marks(services.store, current_user(), [job.id for job in page.jobs])
    more = address(library_filter, cursor=page.next_cursor) if page.next_cursor else None
    text = to_query(library_filter, current().zone, current_user(), limit=1).text
    return {
        "spoken": await spoken_in(
            services, page.jobs, text, keep=urlencode(to_params(library_filter))
        ),
        "asked": library_filter,
        "terms": parse_search(text) or (),
        "tiles": [
            tile(
                job,
                library_filter,
                post_marks.get(job.id, PostMarks()),
                site=services.title_of(job.platform),
            )
            for job in page.jobs
        ],
        "headings": headings or {},
        "more": more,
    }


async def _months(
    services: ApiServices, library_filter: LibraryFilter, query: JobQuery, page: JobPage
) -> list[tuple[str, str]]:
    """Return the months, or years, of the query's jobs with the addresses of their first tiles, in
    the query's order.

    Only the first and the last job are read, so a month between them may have none: its link leads
    to the next one.
    """
    order = library_filter.order
    if order not in REVERSE:
        return []
    edge, catalogue = replace(query, cursor=None, limit=1), services.store.catalogue
    first = page if query.cursor is None else await catalogue.jobs(edge)
    last = await catalogue.jobs(replace(edge, order=REVERSE[order]))
    if not first.jobs or not last.jobs:
        return []
    begin, end = (date_of(found.jobs[0], order) for found in (first, last))
    places = months_between(begin, end, current().zone)
    return [
        (
            place.label,
            address(library_filter)
            if index == 0
            else address(library_filter, cursor=place.cursor(order)),
        )
        for index, place in enumerate(places)
    ]


async def _results(
    services: ApiServices,
    library_filter: LibraryFilter,
    page: JobPage,
    totals: LibraryTotals,
    *,
    cursor: str | None,
) -> dict[str, Any]:
    return {
        "chips": list(
            chips(
                library_filter,
                account_name=account_name(library_filter.account, page.jobs)
                if library_filter.account
                else "",
                site=services.title_of(library_filter.platform) if library_filter.platform else "",
            )
        ),
        "states": states(library_filter, totals),
        "statuses": STATUSES[library_filter.state] or tuple(JobStatus),
        "count_words": await count_words(services, library_filter, totals),
        "cursor": cursor,
        "is_empty": not any(totals.counts.values()),
        "params": to_params(library_filter),
        "here": urlencode(to_params(library_filter)),
        "searches": await saved_searches.saved_searches(services.store.records, current_user()),
        "plain": address(library_filter.whole),
        "in_all_states": address(replace(library_filter, state=LibraryView.ALL)),
        "address": address,
        "max_at_once": MAX_AT_ONCE,
    }


def states(
    library_filter: LibraryFilter, totals: LibraryTotals
) -> list[tuple[LibraryView, str, str, int | None]]:
    """Return each view that has posts of its own, and the shown one, with its label, its address,
    and its number of posts (None when the totals don't give it).
    """
    counts = _counts(library_filter, totals)
    own = counts and {
        **counts,
        LibraryView.ALL: counts[LibraryView.ALL] - counts[LibraryView.SAVED],
    }
    return [
        (
            view,
            VIEW_LABELS[view],
            address(replace(library_filter, state=view)),
            counts[view] if counts else None,
        )
        for view in LibraryView
        if own is None or own[view] or view is library_filter.state
    ]


def _counts(library_filter: LibraryFilter, totals: LibraryTotals) -> dict[LibraryView, int] | None:
    """Return the number of posts of each view; None when the totals don't give it."""
    if not library_filter.counts_by_totals:
        return None
    counts: Mapping[JobStatus, int] = totals.counts
    if library_filter.platform:
        counts = next(
            (site.counts for site in totals.platforms if site.platform == library_filter.platform),
            {},
        )
    return {
        view: sum(counts.get(status, 0) for status in STATUSES[view] or JobStatus)
        for view in LibraryView
    }


async def count_words(
    services: ApiServices, library_filter: LibraryFilter, totals: LibraryTotals
) -> str:
    """Return the number of posts that match the filter, with its noun:
    saved posts are videos, others have none yet.
    """
    if counts := _counts(library_filter, totals):
        number = counts[library_filter.state]
    else:
        query = to_query(library_filter, current().zone, current_user(), limit=PAGE)
        number = await services.store.catalogue.count(query)
    if library_filter.state is LibraryView.SAVED:
        return ngettext("%(number)s video", "%(number)s videos", number) % {"number": number}
    return ngettext("%(number)s post", "%(number)s posts", number) % {"number": number}


async def _choices(
    services: ApiServices, library_filter: LibraryFilter, totals: LibraryTotals
) -> dict[str, Any]:
    """Return the options of the filter. The selected ones are always among them,
    even without any posts.
    """
    page = await services.store.catalogue.accounts(
        AccountQuery(platform=library_filter.platform or None, limit=ACCOUNTS)
    )
    statuses = STATUSES[library_filter.state]
    platforms = {
        site.platform: (
            services.title_of(site.platform),
            sum(site.counts[status] for status in statuses or JobStatus),
        )
        for site in totals.platforms
        if statuses != STATUSES[LibraryView.SAVED]
        or site.saved
        or site.platform == library_filter.platform
    }
    accounts = {
        account.key: (account_words(account), services.title_of(account.platform))
        for account in page.accounts
    }
    if library_filter.platform:
        platforms.setdefault(
            library_filter.platform, (services.title_of(library_filter.platform), 0)
        )
    if library_filter.account:
        accounts.setdefault(library_filter.account, (library_filter.account, ""))
    names = {
        kind: await services.store.marks.names(f"{kind}/")
        for kind in (MarkKind.TAG, MarkKind.COLLECTION)
    }
    return {
        "platforms": platforms,
        "accounts": accounts,
        "lengths": LENGTH_WORDS,
        "orders": ORDER_WORDS,
        "mine": MINE_WORDS,
        "tags": {count.text: count.jobs for count in names[MarkKind.TAG]},
        "collections": {count.text: count.jobs for count in names[MarkKind.COLLECTION]},
    }


def _history_headers(request: Request, library_filter: LibraryFilter) -> dict[str, str]:
    """Return the header by which htmx sets the page's address.
    Typing a search adds one history entry, not ten.
    """
    url = address(library_filter)
    try:
        before = read_filter(
            dict(parse_qsl(urlsplit(request.headers.get("hx-current-url", "")).query))
        )
    except (BadInput, ValueError):
        return {"HX-Push-Url": url}
    is_typing = (
        bool(before.q and library_filter.q)
        and replace(before, q=library_filter.q) == library_filter
    )
    return {"HX-Replace-Url" if is_typing or before == library_filter else "HX-Push-Url": url}


def _undo(params: Mapping[str, str]) -> Undo | None:
    for name, form in (("batch", undo_removal), ("undo", undo_marks)):
        if _UNDO_KEY.fullmatch(params.get(name, "")):
            return form(params[name])
    return None


AT_ONCE = 60  # tiles in one request
_INSTANT = timedelta(microseconds=1)
_MAX_AT_ONE_INSTANT = 500  # posts created by one submission


@router.get("/library/changes")
async def changes(
    request: Request,
    services: Services,
    moment: Annotated[AwareDatetime, Query(description="When the page was made.")],
    ids: Annotated[list[str] | None, Query(alias="id", max_length=AT_ONCE)] = None,
) -> Response:
    """Return the tiles of ``id`` without the removed ones, and the current number of posts in each
    state.

    Tiles that match the page's filter now, but did not when the page was made, are marked as fresh.
    """
    library_filter = read_filter(request.query_params)
    jobs = await _existing(services.store.catalogue, ids or ())
    totals = await services.store.catalogue.library_totals()
    late = [job for job in jobs if came_at(job, library_filter.state) >= moment]
    return render(
        "library_changes.html",
        **await tiles(services, library_filter, JobPage(tuple(jobs), None)),
        fresh=await _matching(services.store.catalogue, late, library_filter),
        states=states(library_filter, totals),
        count_words=await count_words(services, library_filter, totals),
    )


def came_at(job: Job, shown: LibraryView) -> datetime:
    """Return when the job entered the state that is shown;
    a job that waits for a retry counts from its last change.
    """
    is_again = job.status is JobStatus.QUEUED and job.attempt_count > 0
    if shown is LibraryView.ALL or (shown is LibraryView.WAITING and not is_again):
        return job.created_at
    entered = {JobStatus.COMPLETED: job.completed_at, JobStatus.FAILED: job.failed_at}.get(
        job.status
    )
    return entered or job.updated_at


async def _existing(catalogue: JobCatalogue, ids: Sequence[str]) -> list[Job]:
    jobs = []
    for job_id in dict.fromkeys(ids):
        try:
            jobs.append(await catalogue.get(to_job_id(job_id)))
        except JobNotFound:
            continue
    return jobs


async def _matching(
    catalogue: JobCatalogue, jobs: Sequence[Job], library_filter: LibraryFilter
) -> set[JobId]:
    """Return the ids of the jobs that match the filter.

    The catalogue is queried for the instants at which they were created, since only it can search.
    """
    query = to_query(library_filter, current().zone, current_user(), limit=_MAX_AT_ONE_INSTANT)
    statuses = STATUSES[library_filter.state] or tuple(JobStatus)
    instants: dict[datetime, set[JobId]] = defaultdict(set)
    for job in jobs:
        at = job.created_at
        if (
            job.status in statuses
            and (not query.since or at >= query.since)
            and (not query.until or at < query.until)
        ):
            instants[at].add(job.id)
    matching: set[JobId] = set()
    for at, wanted in instants.items():
        page = await catalogue.jobs(replace(query, since=at, until=at + _INSTANT))
        matching |= wanted & {job.id for job in page.jobs}
    return matching
