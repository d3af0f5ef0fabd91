"""The plain pages: paste, watch, look at one job, sign in. They work without JavaScript; with it they are live."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response

from mediavault.api.actions import cancel_job, remove_job, retry_job, submit
from mediavault.api.dependencies import EventFeed, JobIdPath, Services
from mediavault.api.forms import read_form, see_other
from mediavault.api.gates import all_gates, open_gate
from mediavault.api.render import render
from mediavault.api.schemas import ErrorView
from mediavault.api.security import SESSION_COOKIE, SESSION_LIFE, issue_session, token_matches, token_of
from mediavault.api.services import ApiServices
from mediavault.api.submission import MAX_BATCH
from mediavault.api.views import fleet_view, history_view, job_view, page_view
from mediavault.api.waiting_jobs import waits_for_sign_in
from mediavault.api.words import help_for
from mediavault.core.errors import BadInput, BadUrl, ErrorCode, Failure
from mediavault.core.fleet import ALIVE_WITHIN
from mediavault.core.job import JobId, JobStatus
from mediavault.store.port import JobQuery

router = APIRouter(include_in_schema=False)

StatusFilter = Annotated[JobStatus | Literal[""], Query()]
TextFilter = Annotated[str, Query(max_length=200)]
CursorFilter = Annotated[str, Query(max_length=500)]


@router.get("/")
async def home(
    services: Services, status: StatusFilter = "", q: TextFilter = "", cursor: CursorFilter = ""
) -> Response:
    query = JobQuery(statuses=(status,) if status else (), text=q or None, cursor=cursor or None)
    return await _home(services, query)


@router.post("/submit")
async def submit_form(request: Request, services: Services, feed: EventFeed) -> Response:
    """The paste box without JavaScript: one or many addresses, parted by any white space."""
    pasted = (await read_form(request)).get("post_urls", "")
    try:
        await submit(services, feed, _addresses(pasted))
    except (BadInput, Failure) as exc:  # what the guard and the registry refuse are Failures
        return await _home(services, JobQuery(), pasted=pasted, error=_view(exc))
    return see_other("/")


@router.get("/jobs/{job_id}")
async def job(job_id: JobIdPath, services: Services) -> Response:
    found = await services.store.get(job_id)
    records = await services.store.history(job_id)
    return render(
        "job.html",
        moment=found.updated_at,
        job=job_view(found),
        history=[history_view(each) for each in records],
        waits_for_person=waits_for_sign_in(found),
        has_sign_in=_has_sign_in(services, found.platform),
        **_frame(services),
    )


@router.post("/jobs/{job_id}/retry")
async def retry_form(request: Request, job_id: JobIdPath, services: Services, feed: EventFeed) -> Response:
    """``chosen`` is the number of the candidate that a person chose."""
    chosen = (await read_form(request)).get("chosen", "")
    await retry_job(services, feed, job_id, chosen_url=await _chosen_url(services, job_id, chosen))
    return see_other(f"/jobs/{job_id}")


async def _chosen_url(services: ApiServices, job_id: JobId, number: str) -> str | None:
    if not number:
        return None
    candidates = (await services.store.get(job_id)).candidates
    if not number.isascii() or not number.isdigit() or int(number) >= len(candidates):
        raise BadInput("There is no such video to choose.", help="Load the page again: the post was looked at anew.")
    return candidates[int(number)].url


@router.post("/gates/{platform}/open")
async def open_gate_form(platform: str, services: Services) -> Response:
    await open_gate(platform, services)
    return see_other("/")


@router.post("/jobs/{job_id}/cancel")
async def cancel_form(job_id: JobIdPath, services: Services, feed: EventFeed) -> Response:
    await cancel_job(services, feed, job_id)
    return see_other(f"/jobs/{job_id}")


@router.post("/jobs/{job_id}/remove")
async def remove_form(request: Request, job_id: JobIdPath, services: Services, feed: EventFeed) -> Response:
    await remove_job(services, feed, job_id, files=(await read_form(request)).get("files") == "on")
    return see_other("/")


@router.get("/login")
async def login(services: Services) -> Response:
    return render("login.html", error=None) if token_of(services.settings) else see_other("/")


@router.post("/login")
async def login_form(request: Request, services: Services) -> Response:
    """Trade the token for a session cookie. It always leads to the first page: no address to be led astray by."""
    token = token_of(services.settings)
    if token is None:
        return see_other("/")
    if not token_matches((await read_form(request)).get("token", ""), token):
        error = ErrorView(
            code=ErrorCode.UNAUTHORIZED, message="This is not the token.", help="It is the value of MEDIAVAULT_TOKEN."
        )
        return render("login.html", status=401, error=error)
    response = see_other("/")
    response.set_cookie(
        SESSION_COOKIE,
        issue_session(token, services.clock.now()),
        max_age=int(SESSION_LIFE.total_seconds()),
        secure=request.headers.get("origin", "").startswith("https://"),  # as the browser sees it, proxies or not
        httponly=True,
        samesite="strict",
    )
    return response


@router.post("/logout")
async def logout_form() -> Response:
    response = see_other("/login")
    response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="strict")
    return response


async def _home(
    services: ApiServices, query: JobQuery, *, pasted: str = "", error: ErrorView | None = None
) -> Response:
    report = await services.store.report()
    page = page_view(await services.store.jobs(query))
    workers = await services.store.workers(seen_within=ALIVE_WITHIN)
    return render(
        "home.html",
        status=422 if error else 200,
        moment=report.at,  # before the look at the jobs, by their clock: the event stream goes on from there
        page=page,
        query=query,
        status_filter=next(iter(query.statuses), ""),
        counts=report.counts,
        has_worker=bool(workers),
        fleet=fleet_view(report, workers),
        sites=await all_gates(services),
        pasted=pasted,
        error=error,
        **_frame(services),
    )


def _has_sign_in(services: ApiServices, platform: str) -> bool:
    """Whether the page of the sign-ins has a place for the site: it has none for a page of no known platform."""
    try:
        services.sessions.platform(platform)
    except BadInput:
        return False
    return True


def _frame(services: ApiServices) -> dict[str, Any]:
    """What every signed-in page shows."""
    return {"browser": services.browser_status(), "can_sign_out": token_of(services.settings) is not None}


def _addresses(pasted: str) -> list[str]:
    addresses = pasted.split()
    if not addresses:
        raise BadUrl("There is no address.")
    if len(addresses) > MAX_BATCH:
        raise BadInput(f"{len(addresses)} addresses at once; at most {MAX_BATCH} are taken.")
    return addresses


def _view(exc: BadInput | Failure) -> ErrorView:
    return ErrorView(code=exc.code, message=exc.message, help=exc.help or help_for(exc.code))
