"""Routes for sealed copies: made in the background, then downloaded."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter, Response

from mediavault.api.dependencies import JobIdPath, Services, errors
from mediavault.core.failures import ErrorCode
from mediavault.core.job import Job, JobId, saved_files
from mediavault.core.messages import Message
from mediavault.core.seals import SealState
from mediavault.presentation.schemas import SealView
from mediavault.presentation.shown import shown_page
from mediavault.server.errors import HttpRefusal
from mediavault.server.long_responses import StreamResponse
from mediavault.server.services import ApiServices

router = APIRouter(tags=["files"])

_ACCEPTED = 202


@router.post("/api/jobs/{job_id}/seal", status_code=_ACCEPTED, responses=errors(401, 403, 404, 415, 503))
async def seal(job_id: JobIdPath, services: Services) -> SealView:
    """Start making a sealed copy of the post, for which its page is visited. Poll for the result.

    Of a post whose address has a secret, only an admin can make and download one: the copy has the whole address.
    """
    await begin_seal(services, job_id)
    return _view(job_id, services.seals.state(job_id))


@router.get("/api/jobs/{job_id}/seal", responses=errors(401, 404, 503))
async def sealed(job_id: JobIdPath, services: Services) -> SealView:
    """Return the progress of the sealed copy."""
    await services.store.catalogue.get(job_id)
    return _view(job_id, services.seals.state(job_id))


@router.get("/files/{job_id}/sealed-copy", response_class=Response, responses=errors(401, 404, 503))
async def sealed_copy(job_id: JobIdPath, services: Services) -> Response:
    """Return the latest sealed copy as a zip. It can be downloaded for an hour."""
    _require_address(await services.store.catalogue.get(job_id))
    opened = services.seals.open(job_id)
    if opened is None:
        raise HttpRefusal(
            404, ErrorCode.NOT_FOUND, "There is no sealed copy, or it has expired.", help="Make one on the post's page."
        )
    name, pieces = opened
    headers = {
        "Content-Type": "application/zip",
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return StreamResponse(pieces, headers)


async def begin_seal(services: ApiServices, job_id: JobId) -> None:
    """Start making a sealed copy. Raises JobNotFound, HttpRefusal for a job without files, BadInput (TOO_MANY)."""
    job = await services.store.catalogue.get(job_id)
    _require_address(job)
    if not saved_files(job):
        raise HttpRefusal(
            404, ErrorCode.NOT_FOUND, "The job has no file in the library.", help="Only saved posts can be sealed."
        )
    services.seals.begin(job)


def _require_address(job: Job) -> None:
    """Raise HttpRefusal unless the caller may see the post's whole address, which its copy has."""
    if shown_page(job.post_url) != job.post_url:
        raise HttpRefusal(
            403,
            ErrorCode.FORBIDDEN,
            Message("The post's link has a secret, and its sealed copy has the whole link."),
            help="Ask an admin to make the copy.",
        )


def _view(job_id: JobId, state: SealState | None) -> SealView:
    shown = state or SealState()
    href = f"/files/{job_id}/sealed-copy" if shown.sealed_at is not None else None
    return SealView.model_validate({**asdict(shown), "href": href})
