"""Export of jobs for other programs: JSON lines, or CSV in which a spreadsheet executes no formula."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Mapping, Sequence
from enum import StrEnum

from mediavault.core.job import Job, JobId
from mediavault.core.marks import Noted
from mediavault.presentation.labels import one_line
from mediavault.presentation.shown import shown_job
from mediavault.presentation.views import title

COLUMNS = (
    "id", "status", "title", "text", "account", "account_name", "platform", "post_url", "published_at", "created_at", "completed_at", "duration_s",
    "width", "height", "bytes", "sha256", "output_path", "error_code", "error", "favourite", "watched", "tags", "collections", "note",
)  # fmt: skip
# Some spreadsheets take a cell that begins like this for a formula (OWASP, CSV injection).
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

Cell = str | int | float | None


class ListFormat(StrEnum):
    CSV = "csv"
    JSON_LINES = "jsonl"


MEDIA_TYPES = {ListFormat.CSV: "text/csv; charset=utf-8", ListFormat.JSON_LINES: "application/jsonl; charset=utf-8"}


ReadNoted = Callable[[Sequence[JobId]], Awaitable[Mapping[JobId, Noted]]]


async def listed(
    pages: AsyncIterable[Sequence[Job]], form: ListFormat, read_noted: ReadNoted
) -> AsyncGenerator[bytes, None]:
    """Yield the encoded list, a page at a time. ``read_noted`` returns what the user noted about posts."""
    if form is ListFormat.CSV:
        yield b"\xef\xbb\xbf" + csv_lines([COLUMNS])  # Excel reads UTF-8 only with a byte order mark
    async for page in pages:
        noted = await read_noted([job.id for job in page])
        rows = [row(shown_job(job), noted.get(job.id, Noted())) for job in page]
        yield csv_lines([row.values() for row in rows]) if form is ListFormat.CSV else json_lines(rows)


def row(job: Job, noted: Noted) -> dict[str, Cell]:
    """Return a job's cells by ``COLUMNS``. Times are ISO 8601 in UTC, sizes bytes, durations seconds; tags and
    collections have commas between them, favourite and watched are 1 or 0."""
    account = job.account
    facts = job.metadata
    cells: tuple[Cell, ...] = (
        job.id, job.status.value, title(job), _text(facts.get("text")), account.handle if account else None, account.display_name if account else None,
        job.platform, job.post_url, _text(facts.get("published_at")), job.created_at.isoformat(), job.completed_at.isoformat() if job.completed_at else None,
        job.duration_s, job.width, job.height, job.bytes, job.sha256, job.output_path, job.error_code.value if job.error_code else None, job.error,
        int(noted.favourite), int(noted.watched), ", ".join(noted.tags), ", ".join(noted.collections), noted.note,
    )  # fmt: skip
    return dict(zip(COLUMNS, cells, strict=True))


def json_lines(rows: Sequence[dict[str, Cell]]) -> bytes:
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return lines.encode("utf-8", "backslashreplace")


def csv_lines(rows: Sequence[object]) -> bytes:
    """Return the rows as CSV (RFC 4180), with an apostrophe before a cell that a spreadsheet would execute."""
    out = io.StringIO()
    writer = csv.writer(out)
    for cells in rows:
        writer.writerow([safe_cell(cell) for cell in cells])  # type: ignore[attr-defined]
    return out.getvalue().encode("utf-8", "replace")


def safe_cell(cell: Cell) -> Cell:
    """Return text as one line that no spreadsheet takes for a formula; other values are returned unchanged."""
    if not isinstance(cell, str):
        return cell
    line = one_line(cell)
    return f"'{line}" if line.startswith(_FORMULA_STARTS) or cell.startswith(_FORMULA_STARTS) else line


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
