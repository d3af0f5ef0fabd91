"""``/api/trash``: what was deleted, restoring it, and emptying the trash."""

from __future__ import annotations

from fastapi import APIRouter

from mediavault.api.dependencies import JobIdPath, Services, TrashDep, errors
from mediavault.features.trash.service import TrashView
from mediavault.presentation.schemas import JobView, MarkedView
from mediavault.presentation.views import job_view

router = APIRouter(prefix="/api/trash", tags=["jobs"])


@router.get("", response_model=TrashView, responses=errors(401, 503))
async def index(services: Services, trash: TrashDep) -> TrashView:
    """List the trash, latest first, with the size of its files."""
    return await trash.listed((await services.live.current()).trash_days)


@router.post(
    "/{job_id}/restore", response_model=JobView, responses=errors(401, 403, 404, 415, 503, 507)
)
async def restore(job_id: JobIdPath, trash: TrashDep) -> JobView:
    """Restore a post with its files, history and marks.

    If the post was saved again in the meantime, it becomes another version.
    """
    return job_view(await trash.restore(job_id))


@router.delete(
    "/{job_id}", response_model=TrashView, responses=errors(401, 403, 404, 415, 503, 507)
)
async def remove(job_id: JobIdPath, services: Services, trash: TrashDep) -> TrashView:
    """Remove a post in the trash and its files for good, and return the remaining trash."""
    await trash.remove(job_id)
    return await trash.listed((await services.live.current()).trash_days)


@router.delete("", response_model=MarkedView, responses=errors(401, 403, 415, 503, 507))
async def empty(trash: TrashDep) -> MarkedView:
    """Empty the trash: remove all of its posts and their files for good."""
    return MarkedView(jobs=await trash.empty())
