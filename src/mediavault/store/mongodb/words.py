"""The words that a job's document is found by on MongoDB, and how they come to documents that lack them.

Whatever writes a title writes its words with it. A release that knows of none leaves them out, or leaves old ones
behind: ``worded`` is the ``search_text`` that the words belong to, and where the two differ they are made again.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from mediavault.core.accounts import key_of
from mediavault.core.clock import micros_in
from mediavault.core.media import Account
from mediavault.store import codec, search_words
from mediavault.store.mongodb.engine import Database, Document, Filter
from mediavault.store.mongodb.schema import JOBS, OURS, SCHEMA

BATCH = 500
OVERLAP = micros_in(timedelta(seconds=60))
_TEXTS = dict.fromkeys(("post_url", "canonical_url", "account", "metadata", "search_text", "updated_at"), 1)  # fmt: skip


def words_values(
    post_url: str, canonical_url: str, account_json: str | None, metadata_json: str, search_text: str
) -> dict[str, Any]:
    """What a document holds for searches besides ``search_text``."""
    account: Account | None = codec.account_from_json(account_json)
    line = search_words.job_line(post_url, canonical_url, account, codec.metadata_from_json(metadata_json))
    return {
        "words": sorted(set(line.split()) - {search_words.GAP}),
        "line": line,
        "account_key": None if account is None else key_of(account),
        "worded": search_text,
    }


async def fill(database: Database) -> None:
    """Give the documents that stood here before the words did theirs, in the order of their ids. What breaks off goes on
    at the next opening."""
    schema = database.documents(SCHEMA)
    standing = await schema.one(OURS) or {}
    last = standing.get("worded_until", "")
    while last is not None:
        found = await database.documents(JOBS).find(
            {"_id": {"$gt": last}}, fields=_TEXTS, sort=[("_id", 1)], limit=BATCH
        )
        for document in found:
            await _put_words(database, document)
        last = found[-1]["_id"] if len(found) == BATCH else None
        await schema.change_all(OURS, {"$set": {"worded_until": last}})


async def mend(database: Database, now: int | None) -> None:
    """Make the words again of what has changed since the last look and was written by who knows of none.

    How far was looked stands in the database; a write that was under way then is older than that, but not by OVERLAP.
    """
    at = await database.now() if now is None else now
    schema = database.documents(SCHEMA)
    since = min((await schema.one(OURS) or {}).get("worded_at", 0), at) - OVERLAP
    where: Filter = {"updated_at": {"$gte": max(0, since)}, "$expr": {"$ne": ["$worded", "$search_text"]}}
    while found := await database.documents(JOBS).find(where, fields=_TEXTS, limit=BATCH):
        for document in found:
            await _put_words(database, document)
    if at - since > 2 * OVERLAP:
        await schema.change_all(OURS, {"$set": {"worded_at": at}})


async def _put_words(database: Database, document: Document) -> None:
    """Unless its texts have changed meanwhile: whoever does that makes the words too, or is mended later."""
    texts = [document[name] for name in ("post_url", "canonical_url", "account", "metadata", "search_text")]
    unchanged = {"_id": document["_id"], "search_text": document["search_text"]}
    await database.documents(JOBS).change_all(unchanged, {"$set": words_values(*texts)})
