"""Actions on the selected posts of the library: retry, delete, zip, export.
All work as plain forms.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from mediavault.api.dependencies import JobsDep, Services, errors
from mediavault.core.failures import BadInput, JobNotFound, StorageFailure
from mediavault.core.job import Job, JobId, saved_files
from mediavault.core.logs import get_logger
from mediavault.core.marks import PostMarks
from mediavault.features.jobs.library_filter import address, page_of
from mediavault.library.zip_stream import FIRST_YEAR, Names, ZipSink, write_file, zip_entry
from mediavault.presentation.labels import one_line
from mediavault.presentation.translation import gettext, translated
from mediavault.presentation.views import shown_job, sidecar_path, title
from mediavault.server.authentication import current_user
from mediavault.server.long_responses import StreamResponse
from mediavault.server.services import ApiServices, LibraryFiles
from mediavault.store.mark_changes import read_marks
from mediavault.store.port import JobCatalogue
from mediavault.store.trash import new_batch
from mediavault.web.pages.frame import read_fields, see_other
from mediavault.web.selection import (
    MAX_FIELDS,
    Action,
    Done,
    Fields,
    Undo,
    ids_of,
    pages_of,
    read_selection,
    remove_each,
    retry_selected,
    undo_removal,
)

router = APIRouter(tags=["library"])


@router.post("/library/retry", include_in_schema=False)
async def retry_form(request: Request, services: Services, jobs: JobsDep) -> Response:
    selection = read_selection(await selection_fields(request))
    ids = await ids_of(services.store.catalogue, selection)
    done = Done(Action.RETRIED, await retry_selected(jobs, ids))
    return answer(request, done, address(selection.filter, outcome=done.parameter), ids=ids)


@router.post("/library/remove", include_in_schema=False)
async def remove_form(request: Request, services: Services, jobs: JobsDep) -> Response:
    """Move the selected posts to the trash at once. The answer offers to undo that."""
    fields = await selection_fields(request)
    selection, batch = read_selection(fields), new_batch()
    ids = await ids_of(services.store.catalogue, selection)
    done = Done(Action.REMOVED, await remove_each(jobs, ids, batch=batch))
    page = page_of({name: values[0] for name, values in fields.items() if values})
    where = address(selection.filter, **page, outcome=done.parameter, batch=batch)
    return answer(request, done, where, ids=ids, undo=undo_removal(batch))


@router.get("/library/zip", response_class=Response, responses=errors(401, 503))
async def zip_of_filter(
    request: Request, services: Services, _id: Annotated[list[str] | None, Query(alias="id")] = None
) -> Response:
    """Return saved videos as a zip: those of the jobs named by ``id``, or of all that match the
    library's filter.

    The filter has the parameters of the library page's address. ``pictures=on`` and ``sidecars=on``
    add thumbnails and sidecars. At most 1,000 posts.
    """
    return await _zip(services, _fields_of_url(request))


@router.post("/library/zip", include_in_schema=False)
async def zip_of_selection(request: Request, services: Services) -> Response:
    return await _zip(services, await selection_fields(request))


@router.get("/library/export", response_class=Response, responses=errors(401, 503))
async def export_of_filter(
    request: Request, services: Services, _id: Annotated[list[str] | None, Query(alias="id")] = None
) -> Response:
    """Export the jobs named by ``id``, or all that match the library's filter,
    as ``format=csv`` or ``jsonl``.
    """
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
    post_marks = partial(read_marks, services.store, current_user())
    pieces = listed(pages_of(services.store.catalogue, selection), form, post_marks)
    return StreamResponse(pieces, _download(services, form.value, MEDIA_TYPES[form]))


def answer(
    request: Request, done: Done, where: str, *, ids: Sequence[JobId] = (), undo: Undo | None = None
) -> Response:
    """Redirect to the page that tells what was done; a script, which stays on its page, gets the
    message, the posts, and the form that undoes it, as JSON.
    """
    if request.headers.get("accept") != "application/json":
        return see_other(where)
    form = {"address": undo.address, "fields": {undo.field: undo.key}} if undo else None
    content = {"message": done.message, "ids": ids, "undo": form}
    return JSONResponse(content, headers={"Cache-Control": "no-store"})


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


COLUMNS = (
    "id", "status", "title", "text", "account", "account_name", "platform", "post_url",
    "published_at", "created_at", "completed_at", "duration_s", "width", "height", "bytes",
    "sha256", "output_path", "error_code", "error", "favourite", "watched", "tags", "collections",
    "note",
)  # fmt: skip
# Some spreadsheets take a cell that begins like this for a formula (OWASP, CSV injection).
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

Cell = str | int | float | None


class ListFormat(StrEnum):
    CSV = "csv"
    JSON_LINES = "jsonl"


MEDIA_TYPES = {
    ListFormat.CSV: "text/csv; charset=utf-8",
    ListFormat.JSON_LINES: "application/jsonl; charset=utf-8",
}


ReadMarks = Callable[[Sequence[JobId]], Awaitable[Mapping[JobId, PostMarks]]]


async def listed(
    pages: AsyncIterable[Sequence[Job]], form: ListFormat, read_marks: ReadMarks
) -> AsyncGenerator[bytes, None]:
    """Yield the encoded list, a page at a time. ``read_marks`` returns what the user noted about
    posts.
    """
    if form is ListFormat.CSV:
        # Excel reads UTF-8 only with a byte order mark
        yield b"\xef\xbb\xbf" + csv_lines([COLUMNS])
    async for page in pages:
        post_marks = await read_marks([job.id for job in page])
        rows = [row(shown_job(job), post_marks.get(job.id, PostMarks())) for job in page]
        yield (
            csv_lines([row.values() for row in rows])
            if form is ListFormat.CSV
            else json_lines(rows)
        )


def row(job: Job, post_marks: PostMarks) -> dict[str, Cell]:
    """Return a job's cells by ``COLUMNS``. Times are ISO 8601 in UTC, sizes bytes, durations
    seconds; tags and collections have commas between them, favourite and watched are 1 or 0.
    """
    account = job.account
    facts = job.metadata
    cells: tuple[Cell, ...] = (
        job.id, job.status.value, title(job), _text(facts.get("text")),
        account.handle if account else None, account.display_name if account else None,
        job.platform, job.post_url, _text(facts.get("published_at")), job.created_at.isoformat(),
        job.completed_at.isoformat() if job.completed_at else None, job.duration_s, job.width,
        job.height, job.bytes, job.sha256, job.output_path,
        job.error_code.value if job.error_code else None, job.error, int(post_marks.favourite),
        int(post_marks.watched), ", ".join(post_marks.tags), ", ".join(post_marks.collections),
        post_marks.note,
    )  # fmt: skip
    return dict(zip(COLUMNS, cells, strict=True))


def json_lines(rows: Sequence[dict[str, Cell]]) -> bytes:
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return lines.encode("utf-8", "backslashreplace")


def csv_lines(rows: Sequence[object]) -> bytes:
    """Return the rows as CSV (RFC 4180), with an apostrophe before a cell that a spreadsheet would
    execute.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    for cells in rows:
        writer.writerow([safe_cell(cell) for cell in cells])  # type: ignore[attr-defined]
    return out.getvalue().encode("utf-8", "replace")


def safe_cell(cell: Cell) -> Cell:
    """Return text as one line that no spreadsheet takes for a formula;
    other values are returned unchanged.
    """
    if not isinstance(cell, str):
        return cell
    line = one_line(cell)
    return (
        f"'{line}" if line.startswith(_FORMULA_STARTS) or cell.startswith(_FORMULA_STARTS) else line
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


# --- zipping --------------------------------------------------------------------------------------
# Saved files as one zip that is streamed: it is never on disk, nor complete in memory.
#
# Stored, not deflated, since videos don't shrink; ZIP64 where a file or the archive needs it.

log = get_logger(__name__)

MISSING = "MISSING.txt"  # what is not in the archive, and why


@dataclass(frozen=True, slots=True)
class Extras:
    """What the archive holds in addition to each video."""

    pictures: bool = False
    sidecars: bool = False


async def zipped(
    catalogue: JobCatalogue, library: LibraryFiles, job_ids: Iterable[JobId], extras: Extras
) -> AsyncGenerator[bytes, None]:
    """Yield the archive piece by piece. Files that can't be read are listed in ``MISSING.txt`` and
    don't stop it.

    Raises StoreError when the store is not available.
    """
    sink, names, missing = ZipSink(), Names(), list[str]()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for job_id in job_ids:
            try:
                job = await catalogue.get(job_id)
            except JobNotFound:
                missing.append(f"{job_id}: " + gettext("This post no longer exists."))
                continue
            paths = list(paths_of(job, extras))
            if not paths:
                missing.append(f"{title(job)} ({job_id}): " + gettext("It has no saved files."))
            for path in paths:
                async with aclosing(
                    _add(archive, sink, library, path, names.free(path), job, missing)
                ) as pieces:
                    async for piece in pieces:
                        yield piece
        if missing:
            note = "".join(f"{line}\r\n" for line in missing).encode()
            archive.writestr(
                zip_entry(names.free(MISSING), len(note), datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)),
                note,
            )
    yield sink.taken()


def paths_of(job: Job, extras: Extras) -> Iterator[str]:
    """Yield the paths in the library of a job's files that belong in the archive."""
    for saved in saved_files(job).values():
        yield saved.output_path
        if extras.pictures and saved.thumbnail_path:
            yield saved.thumbnail_path
        if extras.sidecars:
            yield sidecar_path(saved)


async def _add(
    archive: zipfile.ZipFile,
    sink: ZipSink,
    library: LibraryFiles,
    path: str,
    name: str,
    job: Job,
    missing: list[str],
) -> AsyncGenerator[bytes, None]:
    try:
        file = await library.open(path)
    except StorageFailure as exc:
        missing.append(f"{name}: {translated(exc.message)}")
        return
    if file is None:
        missing.append(f"{name}: " + gettext("The file is not in the library."))
        return
    try:
        async with aclosing(
            write_file(
                archive, sink, zip_entry(name, file.size, job.completed_at or job.created_at), file
            )
        ) as pieces:
            async for piece in pieces:
                yield piece
    except StorageFailure as exc:
        missing.append(
            f"{name}: "
            + gettext("The file could not be read completely.")
            + f" {translated(exc.message)}"
        )
    except EOFError:
        missing.append(f"{name}: " + gettext("The file was truncated while it was being read."))
    finally:
        await file.close()
