"""The inbox: the posts that sources have brought, latest arrivals first,
and which are new to the user.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response

from mediavault.api.dependencies import Services, UserName
from mediavault.api.feed import CLOCKS_DIFFER
from mediavault.core.clock import moment_or_none
from mediavault.core.failures import BadInput
from mediavault.core.marks import PostMarks
from mediavault.features.following.inbox import MOST_COUNTED, Arrival, mark_seen, read_inbox
from mediavault.features.jobs.library_filter import LibraryFilter
from mediavault.presentation.labels import one_line
from mediavault.presentation.schemas import JobView
from mediavault.presentation.views import job_view
from mediavault.server.services import ApiServices
from mediavault.store.mark_changes import read_marks
from mediavault.web.overview import ResultView, result_view
from mediavault.web.pages.frame import frame, read_form, see_other
from mediavault.web.render import render
from mediavault.web.up_next import Arrivals, Origin

PAGE = "/sources/inbox"
ON_A_PAGE = 24

router = APIRouter(include_in_schema=False)

CursorText = Annotated[str, Query(max_length=500)]


@dataclass(frozen=True, slots=True)
class InboxRow:
    """A post in the inbox. ``sources`` are names by id; ``result`` says how it ended,
    and is None until then.
    """

    arrival: Arrival
    job: JobView
    result: ResultView | None
    sources: list[tuple[str, str]]


@router.get(PAGE)
async def inbox(
    services: Services, user: UserName, cursor: CursorText = "", news: str = ""
) -> Response:
    """Show a page of the inbox. With ``news``, posts from before their source was followed are left
    out.
    """
    # before the jobs are read: later changes arrive live
    moment = services.clock.now() - CLOCKS_DIFFER
    only_news = bool(news)
    found = await read_inbox(
        services.store, user, cursor=cursor or None, limit=ON_A_PAGE, only_news=only_news
    )
    post_marks = await read_marks(
        services.store, user, [arrival.job.id for arrival in found.arrivals]
    )
    first = f"{PAGE}?{urlencode({'news': 'on'})}" if only_news else PAGE
    more = {**({"news": "on"} if only_news else {}), "cursor": found.next_cursor or ""}
    here = f"{PAGE}?{urlencode({**more, 'cursor': cursor})}" if cursor else first
    return render(
        "inbox.html",
        moment=moment,
        rows=[
            _row(services, arrival, post_marks.get(arrival.job.id, PostMarks()))
            for arrival in found.arrivals
        ],
        count=found.news,
        most=MOST_COUNTED,
        only_news=only_news,
        until=found.arrivals[0].came_at if found.arrivals and not cursor else None,
        here=here,
        keep=Origin(LibraryFilter(), Arrivals.NEWS if only_news else Arrivals.ALL).kept,
        newest=first if cursor else None,
        older=f"{PAGE}?{urlencode(more)}" if found.next_cursor else None,
        title_of=services.title_of,
        **await frame(services),
    )


@router.post(f"{PAGE}/seen")
async def seen_form(request: Request, services: Services, user: UserName) -> Response:
    """Mark as seen what arrived up to the time ``until``,
    which is that of the page's first post.
    """
    form = await read_form(request)
    until, now = moment_or_none(form.get("until", "")), services.clock.now()
    if until is None:
        raise BadInput(
            "This is not a valid time.", help="Reload the page and press the button again."
        )
    await mark_seen(services.store, user, min(until, now + CLOCKS_DIFFER))
    return see_other(f"{PAGE}?news=on" if form.get("news") else PAGE)


def _row(services: ApiServices, arrival: Arrival, post_marks: PostMarks) -> InboxRow:
    job = arrival.job
    is_ended = job.completed_at is not None or job.failed_at is not None
    return InboxRow(
        arrival=arrival,
        job=job_view(job, post_marks),
        result=result_view(services, job) if is_ended else None,
        sources=[(source, one_line(name)) for source, name in arrival.sources.items()],
    )
