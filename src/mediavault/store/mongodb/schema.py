"""The database of a vault on MongoDB: its collections, what their documents have, and their
indexes.

Documents have the fields of the SQL stores' columns, which ``sqlite/schema.sql`` describes, except
as said here. Times are microseconds since 1970-01-01T00:00Z by the server's clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mediavault.store.mongodb.engine import Filter, Sort

# One document, ``OURS``: ``version`` of this schema, ``oldest_code``: that of the oldest mediavault
# which works with it.
SCHEMA = "schema"
OURS = {"_id": "schema"}
# A job by its id, with its latest ``history`` (rows as in ``rows.history_row``), ``history_count``
# in all, the first ``history_from`` of which are in HISTORY; its ``words`` as a list, and as the
# ``line`` from which they are; its ``further`` words by their source; and its ``marks``, each with
# its name ``n``, its place ``p`` and its text ``t``.
JOBS = "jobs"
HISTORY = "history"  # pages of older records of a ``job``, from the number ``first`` on
SITE_LIMITS = "site_limits"  # by platform, with a ``version`` that each change raises
WORKERS = "workers"  # by worker
AGREED = "agreed"  # by name
# by kind and key, the value as JSON text; one that stays expires in the far future
RECORDS = "records"
# And a collection for each table of store/tables.py, by the parts of its key, with the value as
# JSON text.


@dataclass(frozen=True, slots=True)
class Index:
    collection: str
    name: str
    keys: Sort
    unique: bool = False
    where: Filter | None = None


INDEXES: Sequence[Index] = [
    Index(JOBS, "post", [("canonical_url", 1), ("version", 1)], unique=True),
    # The queue. The status comes first although it is the same in all of the index: only then can
    # the platforms of queued jobs be found without reading every entry.
    Index(
        JOBS,
        "claimable",
        [
            ("status", 1),
            ("platform", 1),
            ("needs_session", 1),
            ("priority", 1),
            ("created_at", 1),
            ("_id", 1),
        ],
        where={"status": "queued"},
    ),
    Index(JOBS, "due", [("retry_at", 1)], where={"status": "failed"}),
    Index(JOBS, "running", [("claimed_by", 1)], where={"status": "running"}),
    Index(JOBS, "created", [("created_at", 1), ("_id", 1)]),
    Index(JOBS, "by_status", [("status", 1), ("created_at", 1), ("_id", 1)]),
    Index(JOBS, "updated", [("updated_at", 1)]),
    Index(
        JOBS,
        "not_understood",
        [("failed_at", 1), ("platform", 1)],
        where={"status": "failed", "error_code": "EXTRACTOR_BROKEN"},
    ),
    # For the library's pages. A claim changes none of these fields; a completion writes the same
    # values to them as begin_commit did, which changes no index entry either.
    Index(JOBS, "words", [("words", 1)]),
    Index(JOBS, "of_platform", [("platform", 1), ("created_at", 1), ("_id", 1)]),
    Index(JOBS, "of_account", [("account_key", 1), ("created_at", 1), ("_id", 1)]),
    Index(JOBS, "posted", [("posted_at", 1), ("created_at", 1), ("_id", 1)]),
    Index(JOBS, "titled", [("title_key", 1), ("created_at", -1), ("_id", -1)]),
    Index(JOBS, "longest", [("duration_s", 1), ("created_at", 1), ("_id", 1)]),
    Index(JOBS, "largest", [("bytes", 1), ("created_at", 1), ("_id", 1)]),
    Index(JOBS, "marks", [("marks.n", 1), ("marks.p", 1)]),
    Index(HISTORY, "job", [("job", 1), ("first", 1)]),
    Index(RECORDS, "kind", [("kind", 1), ("key", 1)]),
    Index(RECORDS, "expiring", [("expires_at", 1)]),
    Index("sources", "url", [("url", 1)]),
    Index("source_states", "due", [("due_at", 1), ("_id", 1)]),
    Index("source_states", "waiting", [("waiting", 1), ("_id", 1)]),
    Index("source_entries", "waiting", [("source", 1), ("place", 1), ("_id", 1)]),
    Index("source_entries", "listed", [("source", 1), ("listed_at", 1)]),
    Index("source_entries", "unlisted", [("source", 1), ("unlisted_at", 1), ("_id", 1)]),
    Index("deferred_work", "due", [("work", 1), ("due_at", 1), ("_id", 1)]),
    Index("trash", "deleted", [("deleted_at", 1), ("_id", 1), ("bytes", 1)]),
    Index("trash", "batch", [("batch", 1), ("deleted_at", 1), ("_id", 1)]),
    Index("trash", "unmoved", [("unmoved", 1), ("_id", 1)]),
]
