"""The library: everything that was saved, as pictures, with a search, filters and a selection."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from fastapi import APIRouter, Request, Response

from mediavault.api.dependencies import Services
from mediavault.api.feed import CLOCKS_DIFFER
from mediavault.api.services import ApiServices
from mediavault.core.failures import BadInput
from mediavault.core.job import JobStatus
from mediavault.presentation.preferences import current
from mediavault.presentation.translation import gettext, ngettext
from mediavault.store.port import AccountQuery, JobPage, LibraryTotals
from mediavault.web.cards import account_name, account_words, tile
from mediavault.web.library_filter import (
    LENGTH_WORDS,
    ORDER_WORDS,
    SHOWN_WORDS,
    STATUSES,
    LibraryFilter,
    LibraryView,
    address,
    chips,
    read_filter,
    to_params,
    to_query,
)
from mediavault.web.pages.frame import frame
from mediavault.web.render import render
from mediavault.web.selection import MAX_AT_ONCE

PAGE = 48  # fills rows of 2, 3, 4 and 6
ACCOUNTS = 200  # that the filter offers: those with the newest posts
_TOLD = re.compile(r"(retried|removed)-(\d{1,6})-(\d{1,6})", re.ASCII)

router = APIRouter(include_in_schema=False)


@router.get("/library")
async def library(request: Request, services: Services) -> Response:
    """The whole page; for htmx the part that it asks for: the next tiles, or all that a filter finds."""
    asked = read_filter(request.query_params)
    cursor = request.query_params.get("cursor") or None
    is_part = "hx-request" in request.headers and "hx-history-restore-request" not in request.headers
    moment = services.clock.now() - CLOCKS_DIFFER  # before the look at the jobs: later changes arrive live
    page = await services.store.catalogue.jobs(to_query(asked, current().zone, cursor=cursor, limit=PAGE))
    if is_part and cursor:
        return render("library_tiles.html", **tiles(services, asked, page))
    totals = await services.store.catalogue.library_totals()
    found = {
        "moment": moment,
        **tiles(services, asked, page),
        **_found(services, asked, page, totals, is_start=cursor is None),
    }
    if is_part:
        answer = render("library_results.html", **found)
        answer.headers.update(_history(request, asked))
        return answer
    return render(
        "library.html",
        **found,
        **await _choices(services, asked, totals),
        told=_told(request.query_params.get("told", "")),
        **frame(services),
    )


def tiles(services: ApiServices, asked: LibraryFilter, page: JobPage) -> dict[str, Any]:
    more = address(asked, cursor=page.next_cursor) if page.next_cursor else None
    return {
        "asked": asked,
        "tiles": [tile(job, asked, site=services.title_of(job.platform)) for job in page.jobs],
        "more": more,
    }


def _found(
    services: ApiServices, asked: LibraryFilter, page: JobPage, totals: LibraryTotals, *, is_start: bool
) -> dict[str, Any]:
    counts = _counts(asked, totals)
    return {
        "chips": list(
            chips(
                asked,
                account_name=account_name(asked.account, page.jobs) if asked.account else "",
                site=services.title_of(asked.platform) if asked.platform else "",
            )
        ),
        "states": states(asked, totals),
        "statuses": STATUSES[asked.state] or tuple(JobStatus),
        "count_words": _count_words(asked, page, counts, is_start=is_start),
        "is_start": is_start,
        "is_empty": not any(totals.counts.values()),
        "params": to_params(asked),
        "plain": address(LibraryFilter(order=asked.order)),
        "in_all_states": address(replace(asked, state=LibraryView.ALL)),
        "address": address,
        "max_at_once": MAX_AT_ONCE,
    }


def states(asked: LibraryFilter, totals: LibraryTotals) -> list[tuple[LibraryView, str, str, int | None]]:
    """Each with its words, its address, and how many there are, where the totals know it."""
    counts = _counts(asked, totals)
    return [
        (shown, SHOWN_WORDS[shown], address(replace(asked, state=shown)), counts[shown] if counts else None)
        for shown in LibraryView
    ]


def _counts(asked: LibraryFilter, totals: LibraryTotals) -> dict[LibraryView, int] | None:
    """How many stand in each state, where the totals know it."""
    if not asked.counts_by_totals:
        return None
    counts: Mapping[JobStatus, int] = totals.counts
    if asked.platform:
        counts = next((one.counts for one in totals.platforms if one.platform == asked.platform), {})
    return {shown: sum(counts.get(status, 0) for status in STATUSES[shown] or JobStatus) for shown in LibraryView}


def counted(asked: LibraryFilter, totals: LibraryTotals) -> str:
    """How many there are, where the totals know it; else ""."""
    counts = _counts(asked, totals)
    return _number_of(counts[asked.state], asked) if counts else ""


def _number_of(number: int, asked: LibraryFilter) -> str:
    """Name saved jobs videos; others have none."""
    if asked.state is LibraryView.KEPT:
        return ngettext("%(number)s video", "%(number)s videos", number) % {"number": number}
    return ngettext("%(number)s post", "%(number)s posts", number) % {"number": number}


def _count_words(
    asked: LibraryFilter, page: JobPage, counts: Mapping[LibraryView, int] | None, *, is_start: bool
) -> str:
    """How many were found. To count them all would cost more than to show the first."""
    here = len(page.jobs)
    if counts is None and (page.next_cursor or not is_start):
        return gettext("More than %(number)s") % {"number": here}
    return _number_of(here if counts is None else counts[asked.state], asked)


async def _choices(services: ApiServices, asked: LibraryFilter, totals: LibraryTotals) -> dict[str, Any]:
    """What the filter offers. What is asked for is among it, even where there is none of it."""
    found = await services.store.catalogue.accounts(AccountQuery(platform=asked.platform or None, limit=ACCOUNTS))
    status = STATUSES[asked.state]
    platforms = {
        one.platform: (services.title_of(one.platform), sum(one.counts[each] for each in status or JobStatus))
        for one in totals.platforms
        if status != STATUSES[LibraryView.KEPT] or one.kept or one.platform == asked.platform
    }
    accounts = {one.key: (account_words(one), services.title_of(one.platform)) for one in found.accounts}
    if asked.platform:
        platforms.setdefault(asked.platform, (services.title_of(asked.platform), 0))
    if asked.account:
        accounts.setdefault(asked.account, (asked.account, ""))
    return {"platforms": platforms, "accounts": accounts, "lengths": LENGTH_WORDS, "orders": ORDER_WORDS}


def _history(request: Request, asked: LibraryFilter) -> dict[str, str]:
    """The address bar follows the filter. Letters typed one after the other are one step back, not ten."""
    here = address(asked)
    try:
        before = read_filter(dict(parse_qsl(urlsplit(request.headers.get("hx-current-url", "")).query)))
    except (BadInput, ValueError):
        return {"HX-Push-Url": here}
    is_typing = bool(before.q and asked.q) and replace(before, q=asked.q) == asked
    return {"HX-Replace-Url" if is_typing or before == asked else "HX-Push-Url": here}


def _told(text: str) -> str:
    """What the last action did, as its redirect says it."""
    match = _TOLD.fullmatch(text)
    if match is None:
        return ""
    count, left = int(match[2]), int(match[3])
    if match[1] == "retried":
        words = ngettext("Retrying %(count)s post.", "Retrying %(count)s posts.", count)
    else:
        words = ngettext("%(count)s post was deleted.", "%(count)s posts were deleted.", count)
    rest = ngettext("%(left)s was left unchanged.", "%(left)s were left unchanged.", left) if left else ""
    return f"{words % {'count': count}} {rest % {'left': left} if left else ''}".strip()
