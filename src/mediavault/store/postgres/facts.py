"""What a PostgreSQL server says about itself, for the doctor. Nothing is created or changed there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from mediavault.core.clock import Clock, to_micros
from mediavault.store.postgres.engine import PostgresDatabase, hang_up, named, translate_errors
from mediavault.store.postgres.wake import wake_ups_arrive

_QUERY = """
SELECT current_setting('server_version_num')::int / 10000,
       (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
       current_user::text, current_database()::text,
       has_database_privilege(current_database(), 'CREATE'),
       to_regnamespace('mediavault') IS NOT NULL,
       coalesce((SELECT has_schema_privilege(oid, 'USAGE') AND has_schema_privilege(oid, 'CREATE')
                   FROM pg_namespace WHERE nspname = 'mediavault'), false),
       pg_is_in_recovery(),
       current_setting('default_transaction_isolation'),
       coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false),
       coalesce(inet_client_addr() <<= '127.0.0.0/8'::inet OR inet_client_addr() <<= '::1'::inet, true),
       current_setting('fsync') = 'on', current_setting('full_page_writes') = 'on',
       current_setting('synchronous_commit')
"""


@dataclass(frozen=True, slots=True)
class PostgresFacts:
    """What the server says about itself.

    ``ahead_by`` is how far the server's clock is ahead of this host's, to half a round trip. ``is_local``: reached
    through a socket or over loopback. ``has_wake_ups``: NOTIFY reaches LISTEN, which it does not behind a pooler.
    """

    server: str  # host and database, without user or password
    version: int
    ahead_by: timedelta
    user: str
    database: str
    may_create_schema: bool
    has_schema: bool
    may_use_schema: bool
    is_standby: bool
    isolation: str
    has_tls: bool
    is_local: bool
    fsync: bool
    full_page_writes: bool
    synchronous_commit: str
    has_wake_ups: bool


async def query_facts(url: str, clock: Clock) -> PostgresFacts:
    """Query the server's facts. Raises ConnectionLost when no server answers, StoreError when it refuses us."""
    database = PostgresDatabase(url)
    database.pooled_by_others = True  # it may be a pooler that answers
    with translate_errors():
        connection = await database.connect()
        try:
            before = to_micros(clock.now())
            [version, micros, *values] = await connection.fetchrow(_QUERY)
            after = to_micros(clock.now())
        finally:
            await hang_up(connection)
    ahead_by = timedelta(microseconds=micros - (before + after) // 2)
    facts: list[Any] = [named(url), version, ahead_by, *values, await wake_ups_arrive(database)]
    return PostgresFacts(*facts)
