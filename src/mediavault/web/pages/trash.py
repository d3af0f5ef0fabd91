"""The trash: what was deleted, restored with one click until the trash is emptied."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from mediavault.api.dependencies import JobsDep, Services, to_job_id
from mediavault.api.trash import trash_view
from mediavault.store.trash import remove_for_good, trashed_post, trashed_posts
from mediavault.web.library_filter import address, page_of, read_filter
from mediavault.web.pages.frame import frame, read_form, see_other
from mediavault.web.render import render

SHOWN = 200  # posts on the page; emptying and restoring go further

router = APIRouter(include_in_schema=False)


@router.get("/trash")
async def trash(services: Services) -> Response:
    """Show what is in the trash, the latest first."""
    view = await trash_view(services)
    return render(
        "trash.html",
        posts=view.posts[:SHOWN],
        count=len(view.posts),
        bytes=view.bytes,
        title_of=services.title_of,
        days=(await services.live.current()).trash_days,
        **await frame(services),
    )


@router.post("/trash/restore")
async def restore_form(request: Request, services: Services, jobs: JobsDep) -> Response:
    """Restore one post (``id``), or all that were deleted together (``batch``).

    Then show what the reader saw before: the ``post`` whose page it was deleted on, else the library with the form's filter.
    """
    form = await read_form(request)
    if "id" in form:
        job = await jobs.restore(await trashed_post(services.store, to_job_id(form["id"])))
        return see_other(f"/jobs/{job.id}")
    posts = await trashed_posts(services.store, {"batch": form.get("batch")})
    restored = [(await jobs.restore(post)).id for post in posts]
    if form.get("post") in restored:
        return see_other(f"/jobs/{form['post']}")
    return see_other(address(read_filter(form), **page_of(form), told=f"restored-{len(restored)}-0"))


@router.post("/trash/empty")
async def empty_form(request: Request, services: Services, jobs: JobsDep) -> Response:
    """Remove one post (``id``), or all, for good."""
    form = await read_form(request)
    if "id" in form:
        await remove_for_good(
            services.store, services.library, await trashed_post(services.store, to_job_id(form["id"]))
        )
    else:
        await jobs.empty_trash()
    return see_other("/trash")
