"""The reading operations that are PostgreSQL's own."""

from __future__ import annotations

from mediavault.core.job import Job
from mediavault.store.port import StoreReport
from mediavault.store.postgres.server import PostgresServer
from mediavault.store.postgres.shared import autocommitted
from mediavault.store.postgres.sql import SQL
from mediavault.store.rows import job_from_row
from mediavault.store.sql import reads

get = autocommitted(reads.get)
of_posts = autocommitted(reads.of_posts)


async def next_queued(server: PostgresServer, *, limit: int) -> list[Job]:
    return [job_from_row(row) for row in await server.database.rows(SQL["next_queued"], {"limit": limit})]


async def report(server: PostgresServer) -> StoreReport:
    engine = f"PostgreSQL {await server.database.version()}"
    return await autocommitted(reads.report)(server, engine=engine, schema_version=server.schema_version)
