"""Known bugs of job queues, to be introduced in a worker process: the chaos test must find each of
them.

The concurrent ones cannot be shown within one event loop: another process acts between two steps.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, MutableMapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

from mediavault.core.clock import to_micros
from mediavault.core.job import ClaimedJob, WorkerId
from mediavault.store.port import Recovered, Store
from mediavault.store.postgres import sql as postgres_sql
from mediavault.store.postgres.engine import Statement
from mediavault.store.postgres.store import PostgresJobStore
from mediavault.store.sql import attempts
from mediavault.store.sqlite import claims as sqlite_claims
from mediavault.store.sqlite import sql as sqlite_sql
from mediavault.store.sqlite.engine import Snapshot
from mediavault.store.sqlite.store import SqliteJobStore
from mediavault.store.sqlite.writer import Txn

NAP_S = 0.05  # between reading and acting on what was read
REAPERS_NAP_S = 1.5  # the time that a slow list of stale jobs takes
_ON_SQLITE = cast("MutableMapping[str, str]", sqlite_sql.SQL)
_ON_POSTGRES = cast("MutableMapping[str, Statement]", postgres_sql.SQL)


def change_sqlite(statement: str, pattern: str, instead: str) -> None:
    changed, count = re.subn(pattern, instead, _ON_SQLITE[statement])
    assert count, f"the statement reads otherwise now, mend this mutant: {_ON_SQLITE[statement]}"
    _ON_SQLITE[statement] = changed


def change_postgres(statement: str, pattern: str, instead: str) -> None:
    changed, count = re.subn(pattern, instead, _ON_POSTGRES[statement].sql)
    assert count, (
        f"the statement reads otherwise now, mend this mutant: {_ON_POSTGRES[statement].sql}"
    )
    _ON_POSTGRES[statement] = replace(_ON_POSTGRES[statement], sql=changed)


def nofence(store: Store) -> None:
    """Any worker that once claimed a job may write it while it runs."""
    for name in (
        "checkpoint",
        "progress",
        "save_items",
        "begin_commit",
        "complete",
        "fail",
        "release",
    ):
        if isinstance(store, SqliteJobStore):
            change_sqlite(name, r" AND attempt_count = :fence", "")
        elif name == "complete":
            change_postgres(name, r"jobs\.attempt_count = d\.fence", "d.fence IS NOT NULL")
        else:
            change_postgres(name, r"attempt_count = (\$\d+::int)", r"\1 IS NOT NULL")


def reset_attempts(store: Store) -> None:
    """Releasing a job decrements its attempt number, and with it the fence."""
    change = change_sqlite if isinstance(store, SqliteJobStore) else change_postgres
    change("release", r"max_attempts = max_attempts \+ 1", "attempt_count = attempt_count - 1")


def naive_claim(store: Store) -> None:
    """Claiming reads what is queued, then writes what was read."""
    if isinstance(store, SqliteJobStore):
        change_sqlite("claim", r" AND status = 'queued'", "")
        vars(store.queue)["claim"] = _claim_of_what_was_seen(store)
    else:
        change_postgres("claim", r"LIMIT places\.room FOR UPDATE SKIP LOCKED", "LIMIT places.room")
        change_postgres(
            "claim", r"FROM first, t", f"FROM first, t, (SELECT pg_sleep({NAP_S})) AS nap"
        )


def _claim_of_what_was_seen(store: SqliteJobStore) -> Callable[..., Any]:
    def seen(snapshot: Snapshot) -> list[tuple[int, str, int]]:
        return list(
            snapshot.db.execute(
                "SELECT priority, created_at, id, seq FROM jobs WHERE status = 'queued' ORDER BY"
                " priority, created_at, id LIMIT 20"
            )
        )

    async def claim(
        worker: WorkerId, *, limit: int, lease: timedelta, **_: object
    ) -> list[ClaimedJob]:
        oldest = await store._file.read(seen)
        await asyncio.sleep(NAP_S)

        def take(txn: Txn) -> list[ClaimedJob]:
            return sqlite_claims.claim(txn, worker, limit=limit, lease=lease)

        sqlite_claims.first_queued = lambda *_, **_options: oldest[:limit]
        return await store._file.writer.submit(take)

    return claim


def twostep_reap(store: Store) -> None:
    """Recovery lists the stale jobs, then writes by their ids."""
    if isinstance(store, SqliteJobStore):
        change_sqlite("recover", r"FROM jobs INDEXED BY jobs_running", "FROM jobs")
        change_sqlite(
            "recover",
            r"WHERE status = 'running' AND lease_expires_at <= [^)]* END ",
            "WHERE seq IN ({seen})",
        )
        vars(store.queue)["recover_stale_jobs"] = _reap_on_sqlite(store)
    else:
        assert isinstance(store, PostgresJobStore)
        change_postgres(
            "recover",
            r"WHERE status = 'running' .*CASE WHEN (\$\d+::boolean).*SKIP LOCKED",
            r"WHERE seq = ANY({seen}) AND \1",
        )
        vars(store.queue)["recover_stale_jobs"] = _reap_on_postgres(store)


def _reap_on_sqlite(store: SqliteJobStore) -> Callable[..., Any]:
    template = _ON_SQLITE["recover"]

    def stale(snapshot: Snapshot) -> list[tuple[int]]:
        now = to_micros(snapshot.at)
        return list(
            snapshot.db.execute(
                "SELECT seq FROM jobs WHERE status = 'running' AND lease_expires_at <= ?", (now,)
            )
        )

    async def recover(*, retry_in: timedelta) -> Recovered:
        seen = await store._file.read(stale)
        await asyncio.sleep(REAPERS_NAP_S)

        def write(txn: Txn) -> Recovered:
            _ON_SQLITE["recover"] = template.replace(
                "{seen}", ",".join(str(seq) for (seq,) in seen)
            )
            return sqlite_claims.recover_stale_jobs(txn, retry_in=retry_in)

        return await store._file.writer.submit(write)

    return recover


def _reap_on_postgres(store: PostgresJobStore) -> Callable[..., Any]:
    template = _ON_POSTGRES["recover"]
    stale = Statement(
        "SELECT seq FROM mediavault.jobs WHERE status = 'running'"
        " AND lease_expires_at <= (extract(epoch FROM clock_timestamp()) * 1000000)::bigint",
        (),
    )

    async def recover(*, retry_in: timedelta) -> Recovered:
        seen = await store._server.database.rows(stale, {})
        await asyncio.sleep(REAPERS_NAP_S)
        array = f"ARRAY[{','.join(str(row[0]) for row in seen)}]::bigint[]"
        _ON_POSTGRES["recover"] = replace(template, sql=template.sql.replace("{seen}", array))
        return await attempts.recover_stale_jobs(
            postgres_sql.PostgresStatements(store._server.database, None), retry_in=retry_in
        )

    return recover


MUTANTS: dict[str, Callable[[Store], None]] = {
    mutant.__name__: mutant for mutant in (nofence, reset_attempts, naive_claim, twostep_reap)
}
