"""The library index of MongoDB: the words and the account's key in a job's document, written by the change that finds them out."""

from __future__ import annotations

from typing import Any

from mediavault.core.logs import get_logger
from mediavault.core.media import Account, key_of
from mediavault.store import codec, search_words
from mediavault.store.mongodb.engine import Document, MongoDatabase
from mediavault.store.mongodb.schema import JOBS, OURS, SCHEMA

BATCH = 500
_TEXTS = ("post_url", "canonical_url", "account", "metadata")
_OF_OLDER_RELEASES = {"search_text": "", "worded": ""}

log = get_logger(__name__)


def words_values(post_url: str, canonical_url: str, account_json: str | None, metadata_json: str) -> dict[str, Any]:
    """What a document holds for searches."""
    account: Account | None = codec.account_from_json(account_json)
    line = search_words.job_line(post_url, canonical_url, account, codec.metadata_from_json(metadata_json))
    return {
        "words": sorted(set(line.split()) - {search_words.GAP}),
        "line": line,
        "account_key": None if account is None else key_of(account),
    }


async def fill(database: MongoDatabase) -> None:
    """Index the documents that an older release wrote, in the order of their ids; after a crash the rest is next.

    Does nothing where that was done before.
    """
    schema = database.documents(SCHEMA)
    last = (await schema.one(OURS) or {}).get("indexed_until", "")
    done = 0
    while last is not None:
        found = await database.documents(JOBS).find(
            {"_id": {"$gt": last}}, fields=dict.fromkeys(_TEXTS, 1), sort=[("_id", 1)], limit=BATCH
        )
        for document in found:
            await _put_words(database, document)
        last = found[-1]["_id"] if len(found) == BATCH else None
        await schema.change_all(OURS, {"$set": {"indexed_until": last}})
        if done := done + len(found):
            log.info("library_indexing", done=done)


async def _put_words(database: MongoDatabase, document: Document) -> None:
    """Unless its texts have changed in the meantime: that change wrote the words as well."""
    unchanged = {name: document[name] for name in ("_id", *_TEXTS)}
    values = words_values(*(document[name] for name in _TEXTS))
    await database.documents(JOBS).change_all(unchanged, {"$set": values, "$unset": _OF_OLDER_RELEASES})
