"""The first page: paste links, watch them being saved, see what needs a person.

Whatever is done on it leads back to it by an address that says what was done; the script asks for the same pages and
brings the parts that changed into the one that is open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response

from mediavault.api.actions import retry_failed, take
from mediavault.api.dependencies import EventFeed, Services
from mediavault.api.services import ApiServices
from mediavault.api.sites import closed_gates, open_gate
from mediavault.core.failures import CAUSES, BadInput, BadUrl, JobNotFound
from mediavault.core.fleet import ALIVE_WITHIN
from mediavault.core.job import Job, JobId
from mediavault.core.messages import Message
from mediavault.core.submission import MAX_BATCH, RefusedAddress
from mediavault.presentation.schemas import ErrorView
from mediavault.presentation.views import fleet_view, title
from mediavault.web.library_filter import LibraryFilter, LibraryView, address
from mediavault.web.overview import overview, retried_words, taken_words
from mediavault.web.pages.frame import complaint, frame, read_form, see_other
from mediavault.web.pasted import addresses_in
from mediavault.web.render import render

router = APIRouter(include_in_schema=False)

SHARED_CHARS = 8_000  # of what another program hands over
LINKED = 3  # posts that the sentence about a submission leads to
REFUSED_SHOWN = 50
ADDRESS_CHARS = 300

Count = Annotated[int, Query(ge=0, le=MAX_BATCH)]
Shared = Annotated[str, Query()]


@dataclass(frozen=True, slots=True)
class SubmitResult:
    """What was just done, in a sentence; ``posts`` are those that it leads to, by title."""

    words: str
    posts: Sequence[tuple[JobId, str]] = ()


@dataclass(frozen=True, slots=True)
class RefusedView:
    text: str
    reason: ErrorView


@router.get("/")
async def home(
    services: Services,
    url: Shared = "",
    text: Shared = "",
    taken: Count = 0,
    known: Count = 0,
    again: Count | None = None,
    post: Annotated[list[str] | None, Query(max_length=LINKED)] = None,
) -> Response:
    """``url`` and ``text`` fill the box and take nothing: a GET changes nothing. The others say what was just done."""
    done = None
    if again is not None:
        done = SubmitResult(retried_words(again))
    elif taken or known:
        done = SubmitResult(taken_words(taken, known), await _titles(services, post or ()))
    return await _home(services, pasted=_prefill(url, text), is_shared=bool(url or text), done=done)


@router.post("/submit")
async def submit_form(request: Request, services: Services, feed: EventFeed) -> Response:
    """Takes the links that can be taken. The others come back in the box, each with its reason."""
    pasted = (await read_form(request)).get("post_urls", "")
    try:
        taken = await take(services, feed, _addresses(pasted))
    except BadInput as exc:
        return await _home(services, pasted=pasted, error=complaint(exc))
    if not taken.refused:
        results = [("taken", len(taken.jobs)), ("known", len(taken.known))]
        return see_other(f"/?{urlencode(results + [('post', job.id) for job in taken.known[:LINKED]])}")
    some = taken.jobs or taken.known
    return await _home(
        services,
        pasted="\n".join(one.text for one in taken.refused) if some else pasted,
        refused=taken.refused,
        done=SubmitResult(taken_words(len(taken.jobs), len(taken.known)), _named(taken.known[:LINKED]))
        if some
        else None,
        status=200 if some else 422,
    )


@router.post("/failures/retry")
async def retry_form(request: Request, services: Services, feed: EventFeed) -> Response:
    """All failed jobs of one cause, of one site where the cause is one of a site; bounded, the rest stays in its group."""
    fields = await read_form(request)
    cause = CAUSES.get(fields.get("cause", ""))
    if cause is None:
        raise BadInput("Unknown cause of failures.", help="Load the first page again.")
    platform = fields.get("platform") or None
    is_waiting = fields.get("waiting") == "on"
    count = await retry_failed(services, feed, cause.codes, platform=platform, is_waiting=is_waiting)
    return see_other(f"/?again={count}")


@router.post("/gates/{platform}/open")
async def open_gate_form(platform: str, services: Services) -> Response:
    await open_gate(platform, services)
    return see_other("/")


async def _home(
    services: ApiServices,
    *,
    pasted: str = "",
    is_shared: bool = False,
    done: SubmitResult | None = None,
    refused: Sequence[RefusedAddress] = (),
    error: ErrorView | None = None,
    status: int | None = None,
) -> Response:
    report = (
        await services.store.catalogue.report()
    )  # before the look at the jobs: the event stream goes on from its moment
    workers = await services.store.workers.alive(seen_within=ALIVE_WITHIN)
    return render(
        "home.html",
        status=status or (422 if error else 200),
        moment=report.at,
        view=await overview(services, report.counts),
        library={shown.value: address(LibraryFilter(state=shown)) for shown in LibraryView},
        has_worker=bool(workers),
        title_of=services.title_of,
        unserved=fleet_view(report, workers).unserved,
        sites=await closed_gates(services, report.waiting),
        pasted=pasted,
        is_shared=is_shared,
        done=done,
        refused=[_refused_view(one) for one in refused[:REFUSED_SHOWN]],
        more_refused=max(0, len(refused) - REFUSED_SHOWN),
        error=error,
        **frame(services),
    )


def _addresses(pasted: str) -> list[str]:
    addresses = addresses_in(pasted)
    if not addresses:
        raise BadUrl("No link found.")
    if len(addresses) > MAX_BATCH:
        raise BadInput(
            Message(
                "%(addresses)s links at once; at most %(max_batch)s are allowed.",
                addresses=len(addresses),
                max_batch=MAX_BATCH,
            )
        )
    return addresses


def _prefill(url: str, text: str) -> str:
    """What another program handed over: its links, or its words where it has none."""
    return "\n".join(addresses_in(f"{url}\n{text}"[:SHARED_CHARS]))


def _refused_view(one: RefusedAddress) -> RefusedView:
    return RefusedView(one.text[:ADDRESS_CHARS], complaint(one.error))


async def _titles(services: ApiServices, ids: Sequence[str]) -> list[tuple[JobId, str]]:
    """Of those that there are."""
    found: list[Job] = []
    for one in ids:
        try:
            found.append(await services.store.catalogue.get(JobId(one)))
        except JobNotFound:
            continue
    return _named(found)


def _named(jobs: Sequence[Job]) -> list[tuple[JobId, str]]:
    return [(job.id, title(job)) for job in jobs]
