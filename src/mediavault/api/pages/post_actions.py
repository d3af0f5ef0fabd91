"""What a person does on the page of a post. The forms work without JavaScript, and lead back to it."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from mediavault.api.actions import cancel_job, remove_job, retry_job, save_again
from mediavault.api.dependencies import EventFeed, JobIdPath, Services
from mediavault.api.file_facts import begin_check
from mediavault.api.forms import read_form, see_other
from mediavault.api.services import ApiServices
from mediavault.core.failures import BadInput
from mediavault.core.job import JobId

router = APIRouter(include_in_schema=False)


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


@router.post("/jobs/{job_id}/again")
async def again_form(job_id: JobIdPath, services: Services, feed: EventFeed) -> Response:
    """Save the post again; leads to the new version's page."""
    return see_other(f"/jobs/{(await save_again(services, feed, job_id)).id}")


@router.post("/jobs/{job_id}/verify")
async def verify_form(job_id: JobIdPath, services: Services) -> Response:
    await begin_check(services, job_id)
    return see_other(f"/jobs/{job_id}#file")
