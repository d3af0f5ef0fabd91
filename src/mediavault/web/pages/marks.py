"""Forms for favourites, pins, tags, collections, notes and saved searches, and the pages of the collections."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request, Response

from mediavault.api.dependencies import JobIdPath, Services, UserName, to_job_id
from mediavault.api.marks import allowed, collection_page, no_such_name
from mediavault.core import marks
from mediavault.core.failures import BadInput
from mediavault.core.marks import MarkKind, Noted
from mediavault.server.services import ApiServices
from mediavault.store import noting, saved_searches
from mediavault.store.noting import MarkChange
from mediavault.web.cards import tile
from mediavault.web.library_filter import LibraryFilter, LibraryView, address, read_filter, to_params
from mediavault.web.pages.frame import frame, own_path, read_form, see_other
from mediavault.web.pages.library_actions import selection_fields
from mediavault.web.render import render
from mediavault.web.selection import MAX_FIELDS, ids_of, read_selection

PAGE = 100  # videos of a collection on one page

router = APIRouter(include_in_schema=False)


@router.post("/jobs/{job_id}/mark")
async def mark_form(request: Request, job_id: JobIdPath, services: Services, user: UserName) -> Response:
    """Change what is noted about a post, and return to it, or to the page ``back``. Commas separate tags and titles."""
    form = await read_form(request)
    await services.store.catalogue.get(job_id)
    await noting.change_marks(services.store, services.clock, user, [job_id], allowed(_change(form)))
    if "back" in form:
        return see_other(own_path(form["back"]))
    within = request.query_params.get("in")
    return see_other(f"/jobs/{job_id}{'?' + urlencode({'in': within}) if within else ''}#marks")


@router.post("/library/mark")
async def mark_selection(request: Request, services: Services, user: UserName) -> Response:
    """Change what is noted about the selected posts; ``mark`` says what, with the text in ``tags`` or ``titles``."""
    fields = await selection_fields(request)
    form = {name: values[0] for name, values in fields.items()}
    selection = read_selection(fields)
    ids = await ids_of(services.store.catalogue, selection)
    change = allowed(_change_of_selection(form))
    count = await noting.change_marks(services.store, services.clock, user, ids, change)
    return see_other(address(selection.filter, told=f"changed-{count}-{len(ids) - count}"))


def _change(form: Mapping[str, str]) -> MarkChange:
    return MarkChange(
        favourite=_flag(form.get("favourite")),
        watched=_flag(form.get("watched")),
        pinned=_flag(form.get("pinned")),
        note=form.get("note"),
        add_tags=_split(form.get("add_tags")),
        remove_tags=_split(form.get("remove_tags")),
        add_to=_split(form.get("add_to")),
        remove_from=_split(form.get("remove_from")),
    )


def _change_of_selection(form: Mapping[str, str]) -> MarkChange:
    tags, titles = form.get("tags"), form.get("titles")
    changes = {
        "favourite": lambda: MarkChange(favourite=True),
        "unfavourite": lambda: MarkChange(favourite=False),
        "watched": lambda: MarkChange(watched=True),
        "unwatched": lambda: MarkChange(watched=False),
        "pin": lambda: MarkChange(pinned=True),
        "unpin": lambda: MarkChange(pinned=False),
        "tag": lambda: MarkChange(add_tags=_split(tags, required=True)),
        "untag": lambda: MarkChange(remove_tags=_split(tags, required=True)),
        "collect": lambda: MarkChange(add_to=_split(titles, required=True)),
        "uncollect": lambda: MarkChange(remove_from=_split(titles, required=True)),
    }
    make = changes.get(form.get("mark", ""))
    if make is None:
        raise BadInput("Unknown change.", help="Load the page again.")
    return make()


def _flag(value: str | None) -> bool | None:
    return {"on": True, "off": False}.get(value) if value else None


def _split(text: str | None, *, required: bool = False) -> list[str]:
    parts = [part for part in (text or "").split(",") if part.strip()]
    return parts or ([text or ""] if required else [])  # an empty one is refused with its rule


# --- saved searches ----------------------------------------------------------------------------------------------


@router.post("/library/searches")
async def search_form(request: Request, services: Services, user: UserName) -> Response:
    """Save the filter in the address under ``search_name``, or remove the search ``remove``.

    The form is that of the selection, whose other fields do not count.
    """
    form, asked = await read_form(request, max_fields=MAX_FIELDS), read_filter(request.query_params)
    if removed := form.get("remove"):
        await saved_searches.remove_search(services.store.records, user, removed)
    else:
        filter_ = urlencode(to_params(asked))
        await saved_searches.save_search(services.store.records, user, form.get("search_name", ""), filter_)
    return see_other(address(asked))


# --- collections -------------------------------------------------------------------------------------------------


@router.get("/collections")
async def collections(services: Services) -> Response:
    """Show the collections and the tags, each with the number of its posts."""
    found = {kind: await services.store.marks.names(f"{kind}/") for kind in (MarkKind.COLLECTION, MarkKind.TAG)}
    everything = LibraryView.ALL
    return render(
        "collections.html",
        collections=[(count, f"/collections/{_in_path(count.text)}") for count in found[MarkKind.COLLECTION]],
        tags=[(count, address(LibraryFilter(tag=count.text, state=everything))) for count in found[MarkKind.TAG]],
        **await frame(services),
    )


@router.post("/collections")
async def name_form(request: Request, services: Services) -> Response:
    """Rename a tag or a collection, or remove it from all posts."""
    form = await read_form(request)
    kind, name, new = form.get("kind"), form.get("name", ""), form.get("new", "")
    make, text_of = (marks.tag, marks.tag_text) if kind == MarkKind.TAG else (marks.collection, marks.collection_title)
    if "remove" in form:
        count = await noting.remove_name(services.store, services.clock, make(name))
    else:
        count = await noting.rename(services.store, services.clock, make(name), make(new), text_of(new))
    if not count:
        raise no_such_name()
    return see_other("/collections")


@router.get("/collections/{title:path}")
async def collection(request: Request, title: str, services: Services, user: UserName) -> Response:
    """Show the videos of a collection in its order."""
    name, cursor = marks.collection(title), request.query_params.get("cursor") or None
    page = await collection_page(services.store, name, cursor, PAGE)
    shown = await _title(services, name)
    noted = await noting.read_noted(services.store, user, [job.id for job in page.jobs])
    within = LibraryFilter(collection=shown, state=LibraryView.ALL)
    here = f"/collections/{_in_path(shown)}"
    return render(
        "collection.html",
        title=shown,
        tiles=[
            tile(job, within, noted.get(job.id, Noted()), site=services.title_of(job.platform)) for job in page.jobs
        ],
        here=here,
        more=f"{here}?{urlencode({'cursor': page.next_cursor})}" if page.next_cursor else None,
        is_start=cursor is None,
        in_library=address(within),
        rss_feed=address(LibraryFilter(collection=shown), path="/access/feeds"),
        **await frame(services),
    )


@router.post("/collections/{title:path}")
async def order_form(request: Request, title: str, services: Services, user: UserName) -> Response:
    """Move the video ``id`` of a collection ``first``, ``up`` or ``down``, or take it ``out``."""
    form, name = await read_form(request), marks.collection(title)
    job_id = to_job_id(form.get("id", ""))
    if form.get("move") == "out":
        change = MarkChange(remove_from=[title])
        await noting.change_marks(services.store, services.clock, user, [job_id], change)
    else:
        await noting.move_in_order(services.store, services.clock, name, job_id, form.get("move", ""))
    left = await services.store.marks.marked(name, limit=1)
    return see_other(f"/collections/{_in_path(title)}#job-{job_id}" if left else "/collections")


async def _title(services: ApiServices, name: str) -> str:
    [mark] = await services.store.marks.marked(name, limit=1)
    return mark.text


def _in_path(title: str) -> str:
    return quote(title, safe="")
