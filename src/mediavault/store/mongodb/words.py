"""The library index of MongoDB: a job document's words and account key, written by the change that finds them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from mediavault.core.failures import StoreError
from mediavault.core.job import JobId
from mediavault.core.media import Account, key_of
from mediavault.core.messages import Message
from mediavault.store import codec, search_words
from mediavault.store.mongodb.engine import Document, MongoDatabase
from mediavault.store.mongodb.schema import JOBS
from mediavault.store.search_words import GAP

_TEXTS = ("post_url", "canonical_url", "account", "metadata")
FURTHER = "further"  # a field: the lines of further words by their source
RACES = 5


def words_values(post_url: str, canonical_url: str, account_json: str | None, metadata_json: str) -> dict[str, Any]:
    """Return the fields of a document that searches use, without its further words."""
    account: Account | None = codec.account_from_json(account_json)
    line = search_words.job_line(post_url, canonical_url, account, codec.metadata_from_json(metadata_json))
    return {"words": _words(line), "line": line, "account_key": None if account is None else key_of(account)}


def further_values(document: Document, further: Mapping[Any, str]) -> dict[str, Any]:
    """Return the changes that give a document these further words, whoever wrote them."""
    lines = {str(source): search_words.distinct_line(line.split(GAP)) for source, line in sorted(further.items())}
    lines = {source: line for source, line in lines.items() if line}
    own = words_values(*(document[name] for name in _TEXTS))
    line = search_words.full_line(own["line"], search_words.further_words(lines.items()))
    return {**own, "words": _words(line), "line": line, **({FURTHER: lines} if further else {})}


def with_further(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return expressions of the words in ``values`` together with the further words that the document has."""
    stored = {"$objectToArray": {"$ifNull": [f"${FURTHER}", {}]}}
    lines = {"$map": {"input": stored, "in": {"$concat": [f" {GAP}", "$$this.v"]}}}
    further = {"$reduce": {"input": lines, "initialValue": "", "in": {"$concat": ["$$value", "$$this"]}}}
    words = {"$setDifference": [{"$split": [further, " "]}, ["", GAP]]}
    return {
        "words": {"$setUnion": [{"$literal": values["words"]}, words]},
        "line": {"$concat": [{"$literal": values["line"]}, further]},
    }


def _words(line: str) -> list[str]:
    return sorted(set(line.split()) - {GAP})


async def put_further(database: MongoDatabase, job_id: JobId, source: search_words.WordSource, line: str) -> bool:
    """Store the further words of a document, and index them; again if it has changed in the meantime."""
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
    raise StoreError(Message("Other processes keep changing job %(job_id)s.", job_id=job_id), help="Try again.")


async def further_of(database: MongoDatabase, job_ids: Collection[JobId]) -> Mapping[JobId, search_words.FurtherWords]:
    """Return the further words of these documents."""
    where = {"_id": {"$in": list(set(job_ids))}, FURTHER: {"$exists": True}}
    found = await database.documents(JOBS).find(where, fields={FURTHER: 1})
    known = {JobId(document["_id"]): search_words.further_words(document[FURTHER].items()) for document in found}
    return {job_id: words for job_id, words in known.items() if words}
