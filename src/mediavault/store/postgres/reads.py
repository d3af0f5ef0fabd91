"""The reading operations on PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from mediavault.core.clock import from_micros, to_micros
from mediavault.core.job import HistoryRecord, Job, JobId, WorkerHeartbeat
from mediavault.core.site_limits import SiteLimit
from mediavault.store import transitions
from mediavault.store.port import StoreReport
from mediavault.store.postgres.server import PostgresServer
from mediavault.store.postgres.sql import SQL
from mediavault.store.rows import (
    beat_from_row,
    counts_from_row,
    further_words_by_job,
    history_from_row,
    job_from_row,
    limit_from_row,
)
from mediavault.store.rows import moment as moment_or_none
from mediavault.store.search_words import FurtherWords


async def get(server: PostgresServer, job_id: JobId) -> Job:
    rows = await server.database.rows(SQL["get"], {"id": job_id})
    if not rows:
        raise transitions.job_not_found(job_id)
    return job_from_row(rows[0])


async def words_of(server: PostgresServer, job_ids: Collection[JobId]) -> Mapping[JobId, FurtherWords]:
    return further_words_by_job(await server.database.rows(SQL["further_words_of_jobs"], {"ids": list(job_ids)}))


async def next_queued(server: PostgresServer, *, limit: int) -> list[Job]:
    return [job_from_row(row) for row in await server.database.rows(SQL["next_queued"], {"limit": limit})]


async def of_posts(server: PostgresServer, canonical_urls: Collection[str]) -> dict[str, Job]:
    rows = await server.database.rows(SQL["newest_of_posts"], {"canonical_urls": list(canonical_urls)})
    return {job.canonical_url: job for job in map(job_from_row, rows)}


async def changed_since(server: PostgresServer, moment: datetime, *, limit: int = 500) -> list[Job]:
    rows = await server.database.rows(SQL["changed_since"], {"moment": to_micros(moment), "limit": limit})
    return [job_from_row(row) for row in rows]


async def history(server: PostgresServer, job_id: JobId) -> list[HistoryRecord]:
    rows = await server.database.rows(SQL["history"], {"id": job_id})
    if not rows:
        raise transitions.job_not_found(job_id)
    return [history_from_row(row) for row in rows if row[0] is not None]  # a job without history is one row of NULLs


async def next_due(server: PostgresServer) -> datetime | None:
    rows = await server.database.rows(SQL["next_due"], {})
    return moment_or_none(rows[0][0]) if rows else None


async def all_limits(server: PostgresServer) -> list[SiteLimit]:
    return [limit_from_row(row) for row in await server.database.rows(SQL["gates"], {})]


async def constants(server: PostgresServer) -> dict[str, str]:
    return {row[0]: row[1] for row in await server.database.rows(SQL["constants"], {})}


async def workers_alive(server: PostgresServer, *, seen_within: timedelta) -> list[WorkerHeartbeat]:
    values = {"now": server.now, "seen_within": seen_within // timedelta(microseconds=1)}
    return [beat_from_row(row) for row in await server.database.rows(SQL["workers"], values)]


async def count_unparsed(server: PostgresServer, *, within: timedelta) -> dict[str, int]:
    values = {"now": server.now, "within": within // timedelta(microseconds=1)}
    return {row[0]: row[1] for row in await server.database.rows(SQL["count_unparsed"], values)}


async def report(server: PostgresServer) -> StoreReport:
    [[micros, *row, oldest]] = await server.database.rows(SQL["counts"], {"now": server.now})
    waiting = {row[0]: row[1] for row in await server.database.rows(SQL["waiting"], {})}
    return StoreReport(
        engine=f"PostgreSQL {await server.database.version()}",
        schema_version=server.schema_version,
        at=from_micros(micros),
        counts=counts_from_row(row),
        waiting=waiting,
        oldest_queued_at=moment_or_none(oldest),
    )
