"""The reading operations that are SQLite's own."""

from __future__ import annotations

import json

from mediavault.core.job import Job
from mediavault.store import paging
from mediavault.store.port import StoreReport
from mediavault.store.rows import job_from_row
from mediavault.store.sql import reads
from mediavault.store.sqlite.engine import Snapshot, fetch_all, sqlite_version
from mediavault.store.sqlite.ops import first_queued
from mediavault.store.sqlite.schema import SCHEMA_VERSION
from mediavault.store.sqlite.shared import blocking
from mediavault.store.sqlite.statements import SQL


def next_queued(snapshot: Snapshot, *, limit: int) -> list[Job]:
    platforms = [row[0] for row in fetch_all(snapshot.db, SQL["queued_platforms"])]
    first = first_queued(snapshot.db, dict.fromkeys(platforms, limit), limit, platforms)
    rows = fetch_all(snapshot.db, SQL["of_seqs"], {"seqs": json.dumps([row[-1] for row in first])})
    return sorted(map(job_from_row, rows), key=paging.turn_of)


def report(snapshot: Snapshot) -> StoreReport:
    return blocking(reads.report)(snapshot, engine=f"SQLite {sqlite_version()}", schema_version=SCHEMA_VERSION)
