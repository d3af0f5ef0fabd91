"""Converts between documents of the MongoDB store and records: the same fields as the SQL stores' columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from mediavault.core.job import HistoryRecord, Job, WorkerHeartbeat
from mediavault.core.site_limits import SiteLimit
from mediavault.store import codec, rows
from mediavault.store.mongodb.engine import Document
from mediavault.store.mongodb.words import words_values
from mediavault.store.tables import Table, TableRow

# A document is limited to 16 MB. What a site says when it refuses is short; a whole page of it is cut here, so that a
# failure can always be stored: PAGE + SPILL_AT records of this length fit, even at 4 bytes a character.
LONGEST_DETAIL = 20_000  # characters
PAGE, SPILL_AT = 50, 100  # history records
KEY_PARTS = "\x1f"  # between the parts of a table's key: so the keys are sorted as their parts, none of which has it

_SITE_LIMIT = tuple(rows.LIMIT_COLUMNS.split(", "))
_DETAIL = 6
_HISTORY_COLUMNS = 10


def job_from(document: Document) -> Job:
    return rows.job_from({**document, "id": document["_id"]})


def document_of(job: Job, history: Sequence[HistoryRecord] = (), *, moved: int = 0) -> Document:
    """Return a job's document with ``history``; ``moved`` records before that have their own pages."""
    values = rows.stored_values(job)
    values["_id"] = values.pop("id")
    values["error"] = cut(values["error"])
    texts = [values[name] for name in ("post_url", "canonical_url", "account", "metadata")]
    return {
        **values,
        **words_values(*texts),
        "history": [record_row(record) for record in history],
        "history_from": moved,
        "history_count": moved + len(history),
    }


def record_row(record: HistoryRecord) -> list[Any]:
    row = list(rows.history_row(0, record))[1:]
    row[_DETAIL] = cut(row[_DETAIL])
    return row


def records_from(found: Iterable[Sequence[Any]]) -> list[HistoryRecord]:
    return [rows.history_from_row([*row, None][:_HISTORY_COLUMNS]) for row in found]  # older rows end with the duration


def limit_from(document: Document) -> SiteLimit:
    return rows.limit_from_row([document["_id"], *(document[name] for name in _SITE_LIMIT)])


def limit_document(site_limit: SiteLimit) -> Document:
    values = rows.limit_values(site_limit)
    return {"_id": values.pop("platform"), **values, "version": 0}


def limit_changes(site_limit: SiteLimit) -> Document:
    values = rows.limit_values(site_limit)
    del values["platform"]
    return values


def beat_from(document: Document) -> WorkerHeartbeat:
    leaving = {"draining": max(document["draining"], document.get("leaving", 0))}
    return rows.beat_from_row([document["_id"], *({**document, **leaving}[name] for name in _BEAT)])


_BEAT = (
    "host", "pid", "version", "started_at", "last_seen_at", "running_jobs", "skipped_ticks", "missed_beats", "draining",
    "platforms", "signed_in", "tally",
)  # fmt: skip


def cut(text: Any) -> Any:
    """Return the text, cut to LONGEST_DETAIL characters; None stays None."""
    return text if text is None or len(text) <= LONGEST_DETAIL else text[: LONGEST_DETAIL - 1] + "…"


def table_document(row: TableRow, table: Table) -> Document:
    """Return the document of a row, with the columns that the row has."""
    return {
        "_id": KEY_PARTS.join(row.key_in(table)),
        **row.columns,
        "value": codec.record_to_json(row.value),
    }


def table_row(table: Table, document: Document) -> TableRow:
    return TableRow({name: document.get(name) for name in table.names}, codec.record_from_json(document["value"]))


def record_id(kind: str, key: str) -> str:
    return f"{kind}/{key}"
