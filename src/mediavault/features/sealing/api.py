"""Routes for sealed copies: made in the background, then downloaded."""

from __future__ import annotations

from fastapi import APIRouter, Response

from mediavault.api.dependencies import JobIdPath, SealedCopiesDep, Services, errors
from mediavault.features.sealing.model import SealState
from mediavault.server.long_responses import StreamResponse

router = APIRouter(tags=["files"])


@router.post("/api/jobs/{job_id}/seal", status_code=202, responses=errors(401, 403, 404, 415, 503))
async def seal(job_id: JobIdPath, copies: SealedCopiesDep) -> SealState:
    """Start making a sealed copy of the post, for which its page is visited. Poll for the result.

    Of a post whose address has a secret, only an admin can make and download one: the copy has the
    whole address.
    """
    await copies.begin(job_id)
    return copies.state(job_id) or SealState()


@router.get("/api/jobs/{job_id}/seal", responses=errors(401, 404, 503))
async def sealed(job_id: JobIdPath, services: Services, copies: SealedCopiesDep) -> SealState:
    """Return the progress of the sealed copy."""
    await services.store.catalogue.get(job_id)
    return copies.state(job_id) or SealState()


@router.get("/files/{job_id}/sealed-copy", response_class=Response, responses=errors(401, 404, 503))
async def sealed_copy(job_id: JobIdPath, copies: SealedCopiesDep) -> Response:
    """Return the latest sealed copy as a zip. It can be downloaded for an hour."""
    name, pieces = await copies.open(job_id)
    headers = {
        "Content-Type": "application/zip",
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return StreamResponse(pieces, headers)
