"""``/api/jobs…``: submit, list, show, retry, move in the queue, stop, cancel, remove;
``/api/accounts`` and ``/api/totals``.

``/api/queue…``: what is next, and pausing and resuming the queue or one site in it.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Collection
from dataclasses import Field, fields
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response

from mediavault.api.dependencies import CallerDep, JobIdPath, JobsDep, Services, UserName, errors
from mediavault.api.idempotency import IdempotencyKey, KeyedRequest, StoredAnswer, answer_once
from mediavault.core.failures import BadInput
from mediavault.core.fields import read_value
from mediavault.core.job import JobStatus
from mediavault.core.marks import PostMarks
from mediavault.core.messages import Message
from mediavault.features.jobs.model import JobFilter
from mediavault.features.sites.service import one_site
from mediavault.presentation.schemas import (
    DEFAULT_PAGE,
    MAX_PAGE,
    AccountListRequest,
    AccountPageView,
    HistoryView,
    JobList,
    JobPageView,
    JobView,
    PriorityRequest,
    QueueView,
    RetryRequest,
    SubmitRequest,
    TotalsView,
)
from mediavault.presentation.views import (
    account_page_view,
    history_view,
    hold_view,
    job_list,
    job_view,
    page_view,
    totals_view,
)
from mediavault.server.services import ApiServices
from mediavault.store import holds
from mediavault.store.mark_changes import read_marks
from mediavault.store.port import AccountQuery

R = TypeVar("R")


def query_of(record: type[R], *, also: Collection[str] = ()) -> Callable[..., R]:
    """Return a dependency of FastAPI that reads the record. An empty value, as forms send it,
    counts as absent.

    ``also`` are the route's other parameters; any further one is refused, since a typing mistake
    would list everything. Raises BadInput, and what the record raises for a bad value.
    """
    hints = typing.get_type_hints(record)
    own = {field.name: field for field in fields(record)}  # type: ignore[arg-type]

    def read(request: Request, **values: Any) -> R:
        if unknown := sorted(request.query_params.keys() - own.keys() - set(also)):
            raise BadInput(Message("Unknown parameter: %(name)s.", name=unknown[0][:80]))
        given = {name: _without_empty(value) for name, value in values.items()}
        return record(
            **{
                name: read_value(own[name], value)
                for name, value in given.items()
                if value is not None
            }
        )

    def parameter(name: str) -> inspect.Parameter:
        kind = _accepted(own[name], hints[name])
        accepted = Annotated[kind, Query(description=own[name].metadata["help"])]  # type: ignore[valid-type]
        default = [] if typing.get_origin(hints[name]) is tuple else own[name].default
        return inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=accepted
        )

    request = inspect.Parameter(
        "request", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Request
    )
    read.__signature__ = inspect.Signature([request, *map(parameter, own)])  # type: ignore[attr-defined]
    return read


def _accepted(field: Field[Any], hint: Any) -> Any:
    """Return the type that FastAPI checks for a field."""
    if field.metadata["read"]:
        return str | None
    if typing.get_origin(hint) is tuple:
        inner = typing.get_args(hint)[0]
        return list[inner] if inner is str else list[inner | Literal[""]]  # type: ignore[valid-type]
    kinds = typing.get_args(hint) or (hint,)
    return typing.Union[(*kinds, *(() if str in kinds else (Literal[""],)))]


def _without_empty(value: Any) -> Any:
    if isinstance(value, list):
        return [part for part in value if part != ""] or None
    return None if value == "" else value


router = APIRouter(prefix="/api/jobs", tags=["jobs"])
library_router = APIRouter(prefix="/api", tags=["library"])

_OK, _CREATED = 200, 201


@router.post(
    "",
    response_model=JobView | JobList,
    responses=errors(401, 403, 409, 415, 503) | {201: {"model": JobView | JobList}},
)
async def create(
    body: SubmitRequest,
    services: Services,
    jobs: JobsDep,
    caller: CallerDep,
    key: IdempotencyKey = None,
    *,
    force: bool = False,
) -> Response:
    """Store one post or several: 201 when a job was created, 200 when all of them already existed.

    All or nothing: one invalid address refuses them all with 422. ``?force=true`` saves a post
    again, as a new version. ``priority`` is ``now``, ``normal`` or ``later``. ``profile`` is a name
    of ``/api/profiles``; without it the token's, the site's or the vault's is used. With
    ``Idempotency-Key``, a request that is sent again within a day gets the same answer, and stores
    nothing: 409 while the first is being answered, 422 if the key was used for another request.
    """
    texts = [body.post_url] if body.post_url is not None else body.post_urls or []

    async def answer(request: KeyedRequest | None) -> StoredAnswer:
        stored = await jobs.submit(
            texts,
            caller,
            profile=body.profile,
            priority=body.priority,
            force=force,
            request=request,
        )
        new = [result.job for result in stored]
        view = job_view(new[0]) if body.post_url is not None else job_list(new)
        return StoredAnswer(
            _CREATED if any(result.created for result in stored) else _OK,
            view.model_dump(mode="json"),
        )

    given = await answer_once(
        services.store.records, services.clock, key, [body.model_dump(mode="json"), force], answer
    )
    return JSONResponse(given.body, status_code=given.status)


Cursor = Annotated[
    str | None, Query(max_length=500, description="What the previous page named as `next_cursor`.")
]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="At most this many jobs.")]
FilterDep = Annotated[JobFilter, Depends(query_of(JobFilter, also=("cursor", "limit")))]


@router.get("", response_model=JobPageView, responses=errors(401, 503))
async def index(
    job_filter: FilterDep,
    services: Services,
    user: UserName,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_PAGE,
) -> JobPageView:
    """List jobs in the requested order, newest first by default. ``status`` and ``tag`` may be
    repeated.

    Every word of ``q`` must begin a word in the title, text, account or address. ``since`` and
    ``until`` refer to ``created_at``. ``account`` is a ``key`` of ``/api/accounts``.
    """
    page = await services.store.catalogue.jobs(
        job_filter.query(user, cursor=cursor or None, limit=limit)
    )
    post_marks = await read_marks(services.store, user, [job.id for job in page.jobs])
    return page_view(page, post_marks, holds=await services.holds())


@router.get("/{job_id}", response_model=JobView, responses=errors(401, 404, 503))
async def show(job_id: JobIdPath, services: Services, user: UserName) -> JobView:
    """Return one job."""
    job = await services.store.catalogue.get(job_id)
    post_marks = (await read_marks(services.store, user, [job_id])).get(job_id, PostMarks())
    return job_view(job, post_marks, holds=await services.holds())


@router.get("/{job_id}/history", response_model=list[HistoryView], responses=errors(401, 404, 503))
async def history(job_id: JobIdPath, services: Services) -> list[HistoryView]:
    """Return the steps of all attempts, in order."""
    return [history_view(record) for record in await services.store.catalogue.history(job_id)]


@router.post(
    "/{job_id}/retry", response_model=JobView, responses=errors(401, 403, 404, 409, 415, 503)
)
async def retry(job_id: JobIdPath, jobs: JobsDep, body: RetryRequest | None = None) -> JobView:
    """Queue a failed or cancelled job again; a queued or running job is returned unchanged.

    ``chosen`` selects the candidates that are the post's videos, where nothing else determines
    them: each by its index in ``candidates`` or by its whole ``url``, which only admins see. They
    are saved as the post's items. ``chosen_url`` selects one. ``profile`` saves the post in another
    form, an empty one in its site's or the vault's usual form. ``as_it_is`` saves files that failed
    with ``NOT_AS_ANNOUNCED`` or ``DAMAGED`` although they are not what the post announced, or
    damaged.
    """
    asked = body or RetryRequest()
    job = await jobs.retry(
        job_id, chosen=asked.all_chosen, profile=asked.profile, as_it_is=asked.as_it_is
    )
    return job_view(job)


@router.post(
    "/{job_id}/cancel", response_model=JobView, responses=errors(401, 403, 404, 409, 415, 503)
)
async def cancel(job_id: JobIdPath, jobs: JobsDep) -> JobView:
    """Stop a job for good; a restart does not bring it back."""
    return job_view(await jobs.cancel(job_id))


@router.post(
    "/{job_id}/priority", response_model=JobView, responses=errors(401, 403, 404, 409, 415, 503)
)
async def prioritize(job_id: JobIdPath, body: PriorityRequest, jobs: JobsDep) -> JobView:
    """Move a job in the queue: all of ``now`` are claimed before ``normal``, and these before
    ``later``; the oldest of each first. A completed job is refused (409).
    """
    return job_view(await jobs.prioritize(job_id, body.priority))


@router.delete("/{job_id}", response_model=JobView, responses=errors(401, 403, 404, 415, 503, 507))
async def remove(job_id: JobIdPath, jobs: JobsDep, *, files: bool = False) -> JobView:
    """Move a job to the trash, and return it as it was.
    Its files stay in the library unless ``?files=true``.
    """
    return job_view(await jobs.remove(job_id, files=files))


@library_router.get("/accounts", response_model=AccountPageView, responses=errors(401, 503))
async def accounts(
    query: Annotated[AccountListRequest, Query()], services: Services
) -> AccountPageView:
    """List the accounts of all jobs, those with the newest job first.
    ``q`` is searched in handle and display name.
    """
    account_query = AccountQuery(
        query.platform or None, query.q or None, query.cursor or None, query.limit
    )
    return account_page_view(await services.store.catalogue.accounts(account_query))


@library_router.get("/totals", response_model=TotalsView, responses=errors(401, 503))
async def totals(services: Services) -> TotalsView:
    """Return the number of jobs in each state and the saved videos' totals,
    for each platform and overall.
    """
    return totals_view(await services.store.catalogue.library_totals())


queue_router = APIRouter(prefix="/api/queue", tags=["queue"])

MOST_LISTED = 100

SiteQuery = Annotated[
    str | None,
    Query(
        max_length=64, description="A site's name, as jobs carry it; without it, the whole queue."
    ),
]
ListedQuery = Annotated[int, Query(ge=0, le=MOST_LISTED, description="At most this many jobs.")]


@queue_router.get("", response_model=QueueView, responses=errors(401, 503))
async def queue_state(services: Services, limit: ListedQuery = 20) -> QueueView:
    """Return what holds queued jobs back, how many are queued, and which are next."""
    store, in_force = services.store, await services.holds()
    return QueueView(
        holds=[hold_view(hold) for hold in in_force],
        queued=(await store.catalogue.report()).counts.get(JobStatus.QUEUED, 0),
        next=[
            job_view(job, holds=in_force) for job in await store.catalogue.next_queued(limit=limit)
        ],
    )


@queue_router.post("/pause", response_model=QueueView, responses=errors(401, 403, 404, 415, 503))
async def pause(services: Services, site: SiteQuery = None) -> QueueView:
    """Start no more jobs, of one site or of any, until the queue is resumed.
    Running jobs continue.
    """
    await pause_queue(services, site)
    return await queue_state(services)


@queue_router.post("/resume", response_model=QueueView, responses=errors(401, 403, 404, 415, 503))
async def resume(services: Services, site: SiteQuery = None) -> QueueView:
    """End the pause of one site, or of the whole queue:
    sites that were paused by name stay paused then.
    """
    await resume_queue(services, site)
    return await queue_state(services)


async def pause_queue(services: ApiServices, site: str | None = None) -> None:
    """Pause the queue, or one site in it. Raises NotFound for an unknown site."""
    if site is not None:
        await one_site(site, services)
    await holds.pause(services.store.records, site)


async def resume_queue(services: ApiServices, site: str | None = None) -> None:
    """End the pause of the queue, or of one site. Raises NotFound for an unknown site."""
    if site is not None:
        await one_site(site, services)
    await holds.resume(services.store.records, site)
