"""The reading operations, as functions of a connection that cannot write."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from mediavault.core.clock import to_micros
from mediavault.core.job import HistoryRecord, Job, JobId, WorkerHeartbeat
from mediavault.core.site_limits import SiteLimit
from mediavault.store import paging, transitions
from mediavault.store.port import StoreReport
from mediavault.store.rows import (
    beat_from_row,
    counts_from_row,
    further_words_by_job,
    history_from_row,
    job_from_row,
    limit_from_row,
    moment,
)
from mediavault.store.search_words import FurtherWords
from mediavault.store.sqlite.engine import Snapshot, fetch_all, sqlite_version
from mediavault.store.sqlite.ops import first_queued
from mediavault.store.sqlite.schema import SCHEMA_VERSION
from mediavault.store.sqlite.statements import SQL


def get(snapshot: Snapshot, job_id: JobId) -> Job:
    rows = fetch_all(snapshot.db, SQL["get"], {"id": job_id})
    if not rows:
        raise transitions.job_not_found(job_id)
    return job_from_row(rows[0])


def words_of(snapshot: Snapshot, job_ids: Collection[JobId]) -> Mapping[JobId, FurtherWords]:
    rows = fetch_all(snapshot.db, SQL["further_words_of_jobs"], {"ids": json.dumps(list(job_ids))})
    return further_words_by_job(rows)


def next_queued(snapshot: Snapshot, *, limit: int) -> list[Job]:
    platforms = [row[0] for row in fetch_all(snapshot.db, SQL["queued_platforms"])]
    first = first_queued(snapshot.db, dict.fromkeys(platforms, limit), limit, platforms)
    rows = fetch_all(snapshot.db, SQL["of_seqs"], {"seqs": json.dumps([row[-1] for row in first])})
    return sorted(map(job_from_row, rows), key=paging.turn_of)


def of_posts(snapshot: Snapshot, canonical_urls: Collection[str]) -> Mapping[str, Job]:
    found = (fetch_all(snapshot.db, SQL["newest_of_post"], {"canonical_url": url}) for url in canonical_urls)
    return {job.canonical_url: job for job in (job_from_row(rows[0]) for rows in found if rows)}


def changed_since(snapshot: Snapshot, moment: datetime, *, limit: int = 500) -> list[Job]:
    rows = fetch_all(snapshot.db, SQL["changed_since"], {"moment": to_micros(moment), "limit": limit})
    return [job_from_row(row) for row in rows]


def history(snapshot: Snapshot, job_id: JobId) -> list[HistoryRecord]:
    rows = fetch_all(snapshot.db, SQL["history"], {"id": job_id})
    if not rows:
        raise transitions.job_not_found(job_id)
    return [history_from_row(row) for row in rows if row[0] is not None]  # a job without history is one row of NULLs


def next_due(snapshot: Snapshot) -> datetime | None:
    rows = fetch_all(snapshot.db, SQL["next_due"])
    return moment(rows[0][0]) if rows else None


def all_limits(snapshot: Snapshot) -> list[SiteLimit]:
    return [limit_from_row(row) for row in fetch_all(snapshot.db, SQL["gates"])]


def constants(snapshot: Snapshot) -> dict[str, str]:
    return dict(fetch_all(snapshot.db, SQL["constants"]))


def workers_alive(snapshot: Snapshot, *, seen_within: timedelta) -> list[WorkerHeartbeat]:
    since = to_micros(snapshot.at - seen_within)
    return [beat_from_row(row) for row in fetch_all(snapshot.db, SQL["workers"], {"since": since})]


def count_unparsed(snapshot: Snapshot, *, within: timedelta) -> dict[str, int]:
    return dict(fetch_all(snapshot.db, SQL["count_unparsed"], {"since": to_micros(snapshot.at - within)}))


def report(snapshot: Snapshot) -> StoreReport:
    [[*row, oldest]] = fetch_all(snapshot.db, SQL["counts"])
    waiting = dict(fetch_all(snapshot.db, SQL["waiting"]))
    return StoreReport(
        engine=f"SQLite {sqlite_version()}",
        schema_version=SCHEMA_VERSION,
        at=snapshot.at,
        counts=counts_from_row(row),
        waiting=waiting,
        oldest_queued_at=moment(oldest),
    )
