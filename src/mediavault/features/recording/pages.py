"""The form of a post's page that ends a recording."""

from __future__ import annotations

from fastapi import APIRouter, Response

from mediavault.api.dependencies import JobIdPath, Services
from mediavault.features.recording.service import stop_recording
from mediavault.web.pages.frame import see_other

router = APIRouter(include_in_schema=False)


@router.post("/jobs/{job_id}/stop")
async def stop_form(job_id: JobIdPath, services: Services) -> Response:
    await stop_recording(services.store, job_id, services.clock)
    return see_other(f"/jobs/{job_id}")
