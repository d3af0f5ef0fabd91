"""The trash: what was deleted, restored with one click until the trash is emptied."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from mediavault.api.dependencies import Services, TrashDep, to_job_id
from mediavault.features.jobs.library_filter import address, page_of, read_filter
from mediavault.web.pages.frame import frame, read_form, see_other
from mediavault.web.pages.library_actions import answer
from mediavault.web.render import render
from mediavault.web.selection import Action, Done, SelectionResult

SHOWN = 200  # posts on the page; emptying and restoring go further

router = APIRouter(include_in_schema=False)


@router.get("/trash")
async def index(services: Services, trash: TrashDep) -> Response:
    """Show what is in the trash, the latest first."""
    days = (await services.live.current()).trash_days
    view = await trash.listed(days, limit=SHOWN)
    return render(
        "trash.html",
        posts=view.posts,
        count=await trash.count(),
        bytes=view.bytes,
        title_of=services.title_of,
        days=days,
        **await frame(services),
    )


@router.post("/trash/restore")
async def restore_form(request: Request, trash: TrashDep) -> Response:
    """Restore one post (``id``), or all that were deleted together (``batch``).

    Then show what the reader saw before: the ``post`` whose page it was deleted on, else the
    library with the form's filter.
    """
    form = await read_form(request)
    if "id" in form:
        job = await trash.restore(to_job_id(form["id"]))
        return see_other(f"/jobs/{job.id}")
    restored = await trash.restore_batch(form.get("batch", ""))
    if form.get("post") in restored:
        return see_other(f"/jobs/{form['post']}")
    done = Done(Action.RESTORED, SelectionResult(len(restored)))
    where = address(read_filter(form), **page_of(form), outcome=done.parameter)
    return answer(request, done, where, ids=restored)


@router.post("/trash/empty")
async def empty_form(request: Request, trash: TrashDep) -> Response:
    """Remove one post (``id``), or all, for good."""
    form = await read_form(request)
    if "id" in form:
        await trash.remove(to_job_id(form["id"]))
    else:
        await trash.empty()
    return see_other("/trash")
