"""``/api/trash``: what was deleted, restoring it, and emptying the trash."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter

from mediavault.api.dependencies import JobIdPath, JobsDep, Services, errors
from mediavault.presentation.schemas import JobView, MarkedView, TrashedView, TrashView
from mediavault.presentation.views import job_view
from mediavault.server.services import ApiServices
from mediavault.store.trash import remove_for_good, trashed_post, trashed_posts

router = APIRouter(prefix="/api/trash", tags=["jobs"])


@router.get("", response_model=TrashView, responses=errors(401, 503))
async def index(services: Services) -> TrashView:
    """List the trash, latest first, with the size of its files."""
    return await trash_view(services)


@router.post("/{job_id}/restore", response_model=JobView, responses=errors(401, 403, 404, 415, 503, 507))
async def restore(job_id: JobIdPath, services: Services, jobs: JobsDep) -> JobView:
    """Restore a post with its files, history and marks.

    If the post was saved again in the meantime, it becomes another version.
    """
    return job_view(await jobs.restore(await trashed_post(services.store, job_id)))


@router.delete("/{job_id}", response_model=TrashView, responses=errors(401, 403, 404, 415, 503, 507))
async def remove(job_id: JobIdPath, services: Services) -> TrashView:
    """Remove a post in the trash and its files for good, and return the remaining trash."""
    await remove_for_good(services.store, services.library, await trashed_post(services.store, job_id))
    return await trash_view(services)


@router.delete("", response_model=MarkedView, responses=errors(401, 403, 415, 503, 507))
async def empty(jobs: JobsDep) -> MarkedView:
    """Empty the trash: remove all of its posts and their files for good."""
    return MarkedView(jobs=await jobs.empty_trash())


async def trash_view(services: ApiServices) -> TrashView:
    days = timedelta(days=(await services.live.current()).trash_days)
    posts = await trashed_posts(services.store, {})
    views = [
        TrashedView(
            job=job_view(post.job),
            deleted_at=post.deleted_at,
            until=post.deleted_at + days,
            bytes=post.bytes,
            batch=post.batch,
        )
        for post in posts
    ]
    return TrashView(posts=views, bytes=sum(post.bytes for post in posts))
