"""``/api/jobs/{job_id}/stop``: ends a recording."""

from __future__ import annotations

from fastapi import APIRouter

from mediavault.api.dependencies import JobIdPath, Services, errors
from mediavault.features.recording.service import stop_recording
from mediavault.presentation.schemas import JobView
from mediavault.presentation.views import job_view

router = APIRouter(prefix="/api/jobs", tags=["jobs"])


@router.post(
    "/{job_id}/stop", response_model=JobView, responses=errors(401, 403, 404, 409, 415, 503)
)
async def stop(job_id: JobIdPath, services: Services) -> JobView:
    """End the recording of a running stream and save what it has; the job is completed some seconds
    later.

    A post that is not being recorded is refused (409).
    """
    return job_view(await stop_recording(services.store, job_id, services.clock))
