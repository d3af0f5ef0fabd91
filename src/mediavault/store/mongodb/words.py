"""The library index of MongoDB: a job document's words and account key, written by the change that finds them."""

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
    """Return the fields of a document that searches use."""
    account: Account | None = codec.account_from_json(account_json)
    line = search_words.job_line(post_url, canonical_url, account, codec.metadata_from_json(metadata_json))
    return {
        "words": sorted(set(line.split()) - {search_words.GAP}),
        "line": line,
        "account_key": None if account is None else key_of(account),
    }


async def fill(database: MongoDatabase) -> None:
    """Index the documents that an older release wrote, in the order of their ids; a crash leaves the rest for later.

    Does nothing if that was done before.
    """
    schema = database.documents(SCHEMA)
    last = (await schema.one(OURS) or {}).get("indexed_until", "")
    done = 0
    while last is not None:
        documents = await database.documents(JOBS).find(
            {"_id": {"$gt": last}}, fields=dict.fromkeys(_TEXTS, 1), sort=[("_id", 1)], limit=BATCH
        )
        for document in documents:
            await _put_words(database, document)
        last = documents[-1]["_id"] if len(documents) == BATCH else None
        await schema.change_all(OURS, {"$set": {"indexed_until": last}})
        if done := done + len(documents):
            log.info("library_indexing", done=done)


async def _put_words(database: MongoDatabase, document: Document) -> None:
    """Write a document's words, unless its texts have changed in the meantime: that change wrote the words as well."""
    unchanged = {name: document[name] for name in ("_id", *_TEXTS)}
    values = words_values(*(document[name] for name in _TEXTS))
    await database.documents(JOBS).change_all(unchanged, {"$set": values, "$unset": _OF_OLDER_RELEASES})
