"""The form of a post's page that makes a sealed copy."""

from __future__ import annotations

from fastapi import APIRouter, Response

from mediavault.api.dependencies import JobIdPath, SealedCopiesDep
from mediavault.web.pages.frame import see_other

router = APIRouter(include_in_schema=False)


@router.post("/jobs/{job_id}/seal")
async def seal_form(job_id: JobIdPath, copies: SealedCopiesDep) -> Response:
    """Start making a sealed copy; the page shows how far it is, and then offers it."""
    await copies.begin(job_id)
    return see_other(f"/jobs/{job_id}#sealed")
