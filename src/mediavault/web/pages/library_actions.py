"""Actions on the selected posts of the library: retry, delete, zip, export. All work as plain forms."""

from __future__ import annotations

from functools import partial
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Query, Request, Response

from mediavault.api.dependencies import JobsDep, Services, errors
from mediavault.core.failures import BadInput
from mediavault.features.jobs.library_filter import address, page_of
from mediavault.server.authentication import current_user
from mediavault.server.long_responses import StreamResponse
from mediavault.server.services import ApiServices
from mediavault.store.noting import read_noted
from mediavault.store.trash import new_batch
from mediavault.web.listing import MEDIA_TYPES, ListFormat, listed
from mediavault.web.pages.frame import read_fields, see_other
from mediavault.web.selection import (
    MAX_FIELDS,
    Fields,
    Selection,
    SelectionResult,
    ids_of,
    pages_of,
    read_selection,
    remove_each,
    retry_selected,
)
from mediavault.web.zipping import Extras, zipped

router = APIRouter(tags=["library"])


@router.post("/library/retry", include_in_schema=False)
async def retry_form(request: Request, services: Services, jobs: JobsDep) -> Response:
    selection = read_selection(await selection_fields(request))
    done = await retry_selected(jobs, await ids_of(services.store.catalogue, selection))
    return _back(selection, "retried", done)


@router.post("/library/remove", include_in_schema=False)
async def remove_form(request: Request, services: Services, jobs: JobsDep) -> Response:
    """Move the selected posts to the trash at once. The answer offers to undo that."""
    fields = await selection_fields(request)
    selection, batch = read_selection(fields), new_batch()
    done = await remove_each(jobs, await ids_of(services.store.catalogue, selection), batch=batch)
    page = page_of({name: values[0] for name, values in fields.items() if values})
    return see_other(address(selection.filter, **page, told=f"removed-{done.count}-{done.left}", batch=batch))


@router.get("/library/zip", response_class=Response, responses=errors(401, 503))
async def zip_of_filter(
    request: Request, services: Services, _id: Annotated[list[str] | None, Query(alias="id")] = None
) -> Response:
    """Return saved videos as a zip: those of the jobs named by ``id``, or of all that match the library's filter.

    The filter has the parameters of the library page's address. ``pictures=on`` and ``sidecars=on`` add thumbnails and
    sidecars. At most 1,000 posts.
    """
    return await _zip(services, _fields_of_url(request))


@router.post("/library/zip", include_in_schema=False)
async def zip_of_selection(request: Request, services: Services) -> Response:
    return await _zip(services, await selection_fields(request))


@router.get("/library/export", response_class=Response, responses=errors(401, 503))
async def export_of_filter(
    request: Request, services: Services, _id: Annotated[list[str] | None, Query(alias="id")] = None
) -> Response:
    """Export the jobs named by ``id``, or all that match the library's filter, as ``format=csv`` or ``jsonl``."""
    return _export(services, _fields_of_url(request))


@router.post("/library/export", include_in_schema=False)
async def export_of_selection(request: Request, services: Services) -> Response:
    return _export(services, await selection_fields(request))


async def _zip(services: ApiServices, fields: Fields) -> Response:
    chosen = await ids_of(services.store.catalogue, read_selection(fields))
    extras = Extras(pictures="pictures" in fields, sidecars="sidecars" in fields)
    pieces = zipped(services.store.catalogue, services.library, chosen, extras)
    return StreamResponse(pieces, _download(services, "zip", "application/zip"))


def _export(services: ApiServices, fields: Fields) -> Response:
    selection = read_selection(fields)
    form = _format(fields)
    noted = partial(read_noted, services.store, current_user())
    pieces = listed(pages_of(services.store.catalogue, selection), form, noted)
    return StreamResponse(pieces, _download(services, form.value, MEDIA_TYPES[form]))


def _back(selection: Selection, what: str, done: SelectionResult) -> Response:
    return see_other(address(selection.filter, told=f"{what}-{done.count}-{done.left}"))


async def selection_fields(request: Request) -> Fields:
    """Return the fields of the form, and the filter in the address that it was sent to."""
    return {**parse_qs(request.url.query), **await read_fields(request, most=MAX_FIELDS)}


def _fields_of_url(request: Request) -> Fields:
    fields = {name: request.query_params.getlist(name) for name in request.query_params}
    return fields if "id" in fields else {**fields, "everything": ["on"]}


def _format(fields: Fields) -> ListFormat:
    name = next(iter(fields.get("format", ())), ListFormat.JSON_LINES.value)
    try:
        return ListFormat(name)
    except ValueError:
        raise BadInput("Unknown list format.", help="It is csv or jsonl.") from None


def _download(services: ApiServices, suffix: str, kind: str) -> dict[str, str]:
    name = f"mediavault {services.clock.now():%Y-%m-%d %H.%M}.{suffix}"
    return {
        "Content-Type": kind,
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
    }
