"""Converts between documents of the MongoDB store and records:
the same fields as the SQL stores' columns.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from mediavault.core.failures import StoreError
from mediavault.core.job import HistoryRecord, Job, JobId, WorkerHeartbeat
from mediavault.core.media import Account, key_of
from mediavault.core.messages import Message
from mediavault.core.site_limits import SiteLimit
from mediavault.store import codec, rows, search_words
from mediavault.store.mongodb.engine import Document, MongoDatabase
from mediavault.store.mongodb.schema import JOBS
from mediavault.store.search_words import GAP
from mediavault.store.tables import Table, TableRow

# --- The library index of MongoDB: a job document's words and account key, written by the change
# that finds them.

_TEXTS = ("post_url", "canonical_url", "account", "metadata")
FURTHER = "further"  # a field: the lines of further words by their source
RACES = 5


def words_values(
    post_url: str, canonical_url: str, account_json: str | None, metadata_json: str
) -> dict[str, Any]:
    """Return the fields of a document that searches use, without its further words."""
    account: Account | None = codec.account_from_json(account_json)
    line = search_words.job_line(
        post_url, canonical_url, account, codec.metadata_from_json(metadata_json)
    )
    return {
        "words": _words(line),
        "line": line,
        "account_key": None if account is None else key_of(account),
    }


def further_values(document: Document, further: Mapping[Any, str]) -> dict[str, Any]:
    """Return the changes that give a document these further words, whoever wrote them."""
    lines = {
        str(source): search_words.distinct_line(line.split(GAP))
        for source, line in sorted(further.items())
    }
    lines = {source: line for source, line in lines.items() if line}
    own = words_values(*(document[name] for name in _TEXTS))
    line = search_words.full_line(own["line"], search_words.further_words(lines.items()))
    return {**own, "words": _words(line), "line": line, **({FURTHER: lines} if further else {})}


def with_further(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return expressions of the words in ``values`` together with the further words that the
    document has.
    """
    stored = {"$objectToArray": {"$ifNull": [f"${FURTHER}", {}]}}
    lines = {"$map": {"input": stored, "in": {"$concat": [f" {GAP}", "$$this.v"]}}}
    further = {
        "$reduce": {"input": lines, "initialValue": "", "in": {"$concat": ["$$value", "$$this"]}}
    }
    words = {"$setDifference": [{"$split": [further, " "]}, ["", GAP]]}
    return {
        "words": {"$setUnion": [{"$literal": values["words"]}, words]},
        "line": {"$concat": [{"$literal": values["line"]}, further]},
    }


def _words(line: str) -> list[str]:
    return sorted(set(line.split()) - {GAP})


async def put_further(
    database: MongoDatabase, job_id: JobId, source: search_words.WordSource, line: str
) -> bool:
    """Store the further words of a document, and index them;
    again if it has changed in the meantime.
    """
    jobs = database.documents(JOBS)
    for _ in range(RACES):
        document = await jobs.latest({"_id": job_id}, fields=dict.fromkeys((*_TEXTS, FURTHER), 1))
        if document is None:
            return False
        before = document.get(FURTHER)
        unchanged = {**{name: document[name] for name in ("_id", *_TEXTS)}, FURTHER: before}
        changes = further_values(document, {**(before or {}), source.value: line})
        if await jobs.change_all(unchanged, {"$set": changes}):
            return True
    raise StoreError(
        Message("Other processes keep changing job %(job_id)s.", job_id=job_id), help="Try again."
    )


async def further_of(
    database: MongoDatabase, job_ids: Collection[JobId]
) -> Mapping[JobId, search_words.FurtherWords]:
    """Return the further words of these documents."""
    where = {"_id": {"$in": list(set(job_ids))}, FURTHER: {"$exists": True}}
    found = await database.documents(JOBS).find(where, fields={FURTHER: 1})
    known = {
        JobId(document["_id"]): search_words.further_words(document[FURTHER].items())
        for document in found
    }
    return {job_id: words for job_id, words in known.items() if words}


# A document is limited to 16 MB. What a site says when it refuses is short; a whole page of it is
# cut here, so that a failure can always be stored: PAGE + SPILL_AT records of this length fit, even
# at 4 bytes a character.
LONGEST_DETAIL = 20_000  # characters
PAGE, SPILL_AT = 50, 100  # history records
# between the parts of a table's key: so the keys are sorted as their parts, none of which has it
KEY_PARTS = "\x1f"

_SITE_LIMIT = tuple(rows.LIMIT_COLUMNS.split(", "))
_DETAIL = 6
_HISTORY_COLUMNS = 10


def job_from(document: Document) -> Job:
    return rows.job_from({**document, "id": document["_id"]})


def document_of(job: Job, history: Sequence[HistoryRecord] = (), *, moved: int = 0) -> Document:
    """Return a job's document with ``history``; ``moved`` records before that have their own
    pages.
    """
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
    # older rows end with the duration
    return [rows.history_from_row([*row, None][:_HISTORY_COLUMNS]) for row in found]


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
    "host", "pid", "version", "started_at", "last_seen_at", "running_jobs", "skipped_ticks",
    "missed_beats", "draining", "platforms", "signed_in", "tally",
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
    return TableRow(
        {name: document.get(name) for name in table.names},
        codec.record_from_json(document["value"]),
    )


def record_id(kind: str, key: str) -> str:
    return f"{kind}/{key}"
