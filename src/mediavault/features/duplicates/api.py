"""The other saved posts with a post's video."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from mediavault.api.dependencies import JobIdPath, Services, errors
from mediavault.presentation.schemas import JobView
from mediavault.presentation.views import job_view
from mediavault.store.duplicates import read_duplicates

router = APIRouter(prefix="/api/jobs", tags=["jobs"])


class DuplicateView(BaseModel):
    """Another saved post with the same video. ``percent`` of the frames look the same,
    all of an ``identical`` file.
    """

    model_config = ConfigDict(extra="forbid")

    job: JobView
    identical: bool
    percent: int


@router.get("/{job_id}/same", response_model=list[DuplicateView], responses=errors(401, 404, 503))
async def same(job_id: JobIdPath, services: Services) -> list[DuplicateView]:
    """Return the other saved posts with the same video: identical files first, then those that look
    the most alike.

    They are found some time after the video was saved. Versions of the same post are not among
    them.
    """
    await services.store.catalogue.get(job_id)
    return [
        DuplicateView(
            job=job_view(duplicate.job),
            identical=duplicate.likeness.identical,
            percent=duplicate.likeness.percent,
        )
        for duplicate in await read_duplicates(services.store, job_id)
    ]
