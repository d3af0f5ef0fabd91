"""The page of one post: its video, what was tried, and what a person can do with it."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from mediavault.api.actions import cancel_job, remove_job, retry_job
from mediavault.api.dependencies import EventFeed, JobIdPath, Services
from mediavault.api.forms import read_form, see_other
from mediavault.api.pages.frame import frame
from mediavault.api.render import render
from mediavault.api.services import ApiServices
from mediavault.api.views import history_view, job_view
from mediavault.api.waiting_jobs import waits_for_sign_in
from mediavault.core.errors import BadInput, ErrorCode
from mediavault.core.job import JobId, JobStatus

SIGN_IN_HELPS = frozenset({ErrorCode.LOGIN_REQUIRED, ErrorCode.SESSION_EXPIRED, ErrorCode.AGE_RESTRICTED})

router = APIRouter(include_in_schema=False)


@router.get("/jobs/{job_id}")
async def job(job_id: JobIdPath, services: Services) -> Response:
    found = await services.store.get(job_id)
    records = await services.store.history(job_id)
    return render(
        "post.html",
        moment=found.updated_at,
        job=job_view(found),
        history=[history_view(each) for each in records],
        waits_for_person=waits_for_sign_in(found),
        needs_sign_in=found.status is JobStatus.FAILED and found.error_code in SIGN_IN_HELPS,
        has_sign_in=_has_sign_in(services, found.platform),
        **frame(services),
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


@router.post("/jobs/{job_id}/cancel")
async def cancel_form(job_id: JobIdPath, services: Services, feed: EventFeed) -> Response:
    await cancel_job(services, feed, job_id)
    return see_other(f"/jobs/{job_id}")


@router.post("/jobs/{job_id}/remove")
async def remove_form(request: Request, job_id: JobIdPath, services: Services, feed: EventFeed) -> Response:
    await remove_job(services, feed, job_id, files=(await read_form(request)).get("files") == "on")
    return see_other("/")


def _has_sign_in(services: ApiServices, platform: str) -> bool:
    """Whether the page of the sign-ins has a place for the site: it has none for a page of no known platform."""
    try:
        services.sessions.platform(platform)
    except BadInput:
        return False
    return True
