"""Forms for favourites, pins, tags, collections, notes and saved searches,
and the pages of the collections.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request, Response

from mediavault.api.dependencies import JobIdPath, MarksDep, Services, to_job_id
from mediavault.core.failures import BadInput
from mediavault.core.marks import MarkKind
from mediavault.features.jobs.library_filter import (
    LibraryFilter,
    LibraryView,
    address,
    page_of,
    read_filter,
    to_params,
)
from mediavault.features.marks.service import allowed
from mediavault.web.cards import tile
from mediavault.web.pages.frame import frame, own_path, read_form, see_other
from mediavault.web.pages.library_actions import answer, selection_fields
from mediavault.web.render import render
from mediavault.web.selection import (
    MAX_FIELDS,
    Action,
    Done,
    SelectionResult,
    ids_of,
    read_selection,
    undo_marks,
)

PAGE = 100  # videos of a collection on one page

router = APIRouter(include_in_schema=False)


@router.post("/jobs/{job_id}/mark")
async def mark_form(request: Request, job_id: JobIdPath, marks: MarksDep) -> Response:
    """Change what is noted about a post, and return to it, or to the page ``back``.
    Commas separate tags and titles.
    """
    form = await read_form(request)
    await marks.change_all([job_id], allowed(_change(form)))
    if "back" in form:
        return see_other(own_path(form["back"]))
    within = request.query_params.get("in")
    return see_other(f"/jobs/{job_id}{'?' + urlencode({'in': within}) if within else ''}#marks")


@router.post("/library/mark")
async def mark_selection(request: Request, services: Services, marks: MarksDep) -> Response:
    """Change what is noted about the selected posts; ``mark`` says what,
    with the text in ``tags`` or ``titles``.
    """
    fields = await selection_fields(request)
    form = {name: values[0] for name, values in fields.items()}
    selection = read_selection(fields)
    ids = await ids_of(services.store.catalogue, selection)
    change = _change_of_selection(form)
    count, key = await marks.change_with_undo(ids, allowed(change))
    done = Done(Action(form["mark"]), SelectionResult(count, len(ids) - count), _names_in(change))
    where = address(selection.filter, outcome=done.parameter, undo=key)
    return answer(request, done, where, ids=ids, undo=undo_marks(key))


@router.post("/library/undo")
async def undo_form(request: Request, marks: MarksDep) -> Response:
    """Undo a change of marks, and return to the filter in the form."""
    form = await read_form(request)
    done = Done(Action.UNDONE, SelectionResult(await marks.undo(form.get("undo", ""))))
    where = address(read_filter(form), **page_of(form), outcome=done.parameter)
    return answer(request, done, where)


def _change(form: Mapping[str, str]) -> dict[str, Any]:
    flags = {name: _flag(form.get(name)) for name in ("favourite", "watched", "pinned")}
    lists = {
        name: _split(form.get(name))
        for name in ("add_tags", "remove_tags", "add_to", "remove_from")
    }
    return {**flags, **lists, "note": form.get("note")}


def _change_of_selection(form: Mapping[str, str]) -> dict[str, Any]:
    what = form.get("mark", "")
    if what in _SWITCHES:
        return dict([_SWITCHES[what]])
    if what in _LISTS:
        name, texts = _LISTS[what]
        return {name: _split(form.get(texts), required=True)}
    raise BadInput("Unknown change.", help="Load the page again.")


_SWITCHES = {
    "favourite": ("favourite", True),
    "unfavourite": ("favourite", False),
    "watched": ("watched", True),
    "unwatched": ("watched", False),
    "leave": ("watched", False),
    "pin": ("pinned", True),
    "unpin": ("pinned", False),
}
_LISTS = {
    "tag": ("add_tags", "tags"),
    "untag": ("remove_tags", "tags"),
    "collect": ("add_to", "titles"),
    "uncollect": ("remove_from", "titles"),
}


def _names_in(change: Mapping[str, Any]) -> str:
    """Return the tags or collections that the change names, for a message."""
    (value,) = change.values()
    return ", ".join(text.strip() for text in value) if isinstance(value, tuple) else ""


def _flag(value: str | None) -> bool | None:
    return {"on": True, "off": False}.get(value) if value else None


def _split(text: str | None, *, required: bool = False) -> tuple[str, ...]:
    parts = tuple(part for part in (text or "").split(",") if part.strip())
    return parts or ((text or "",) if required else ())  # an empty one is refused with its rule


# --- saved searches -------------------------------------------------------------------------------


@router.post("/library/searches")
async def search_form(request: Request, marks: MarksDep) -> Response:
    """Save the filter in the address under ``search_name``, or remove the search ``remove``.

    The form is that of the selection, whose other fields do not count.
    """
    form, asked = await read_form(request, max_fields=MAX_FIELDS), read_filter(request.query_params)
    if removed := form.get("remove"):
        await marks.remove_search(removed)
    else:
        await marks.save_search(form.get("search_name", ""), urlencode(to_params(asked)))
    return see_other(address(asked))


# --- collections ----------------------------------------------------------------------------------


@router.get("/collections")
async def collections(services: Services, marks: MarksDep) -> Response:
    """Show the collections and the tags, each with the number of its posts."""
    found = {kind: await marks.names(kind) for kind in (MarkKind.COLLECTION, MarkKind.TAG)}
    everything = LibraryView.ALL
    return render(
        "collections.html",
        collections=[
            (count, f"/collections/{_in_path(count.text)}") for count in found[MarkKind.COLLECTION]
        ],
        tags=[
            (count, address(LibraryFilter(tag=count.text, state=everything)))
            for count in found[MarkKind.TAG]
        ],
        **await frame(services),
    )


@router.post("/collections")
async def name_form(request: Request, marks: MarksDep) -> Response:
    """Rename a tag or a collection, or remove it from all posts."""
    form = await read_form(request)
    kind = MarkKind.TAG if form.get("kind") == MarkKind.TAG else MarkKind.COLLECTION
    if "remove" in form:
        await marks.remove_name(kind, form.get("name", ""))
    else:
        await marks.rename(kind, form.get("name", ""), form.get("new", ""))
    return see_other("/collections")


@router.get("/collections/{title:path}")
async def collection(request: Request, title: str, services: Services, marks: MarksDep) -> Response:
    """Show the videos of a collection in its order."""
    cursor = request.query_params.get("cursor") or None
    page = await marks.collection(title, cursor, PAGE)
    shown = await marks.title(title) or title
    post_marks = await marks.of([job.id for job in page.jobs])
    within = LibraryFilter(collection=shown, state=LibraryView.ALL)
    here = f"/collections/{_in_path(shown)}"
    return render(
        "collection.html",
        title=shown,
        tiles=[
            tile(job, within, post_marks[job.id], site=services.title_of(job.platform))
            for job in page.jobs
        ],
        here=here,
        more=f"{here}?{urlencode({'cursor': page.next_cursor})}" if page.next_cursor else None,
        is_start=cursor is None,
        in_library=address(within),
        rss_feed=address(LibraryFilter(collection=shown), path="/access/feeds"),
        **await frame(services),
    )


@router.post("/collections/{title:path}")
async def order_form(request: Request, title: str, marks: MarksDep) -> Response:
    """Move the video ``id`` of a collection ``first``, ``up`` or ``down``, or take it ``out``."""
    form = await read_form(request)
    job_id = to_job_id(form.get("id", ""))
    await marks.move(title, job_id, form.get("move", ""))
    left = await marks.title(title)
    return see_other(
        "/collections" if left is None else f"/collections/{_in_path(title)}#job-{job_id}"
    )


def _in_path(title: str) -> str:
    return quote(title, safe="")
