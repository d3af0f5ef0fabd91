"""Brings a PostgreSQL database to this version's schema, or refuses it and leaves it untouched."""

from __future__ import annotations

from collections.abc import Sequence

from mediavault.core.failures import StoreError
from mediavault.core.messages import Message
from mediavault.store.postgres.engine import PostgresDatabase, Transaction, named, positional
from mediavault.store.postgres.sql import PostgresStatements
from mediavault.store.schema import (
    Migration,
    load_migrations,
    load_schema,
    pending,
    scripts,
    too_new,
)
from mediavault.store.sql import tables
from mediavault.store.upgrade import NAMES

MIGRATIONS = load_migrations("postgres")
SCHEMA = load_schema("postgres")

# "mvlt" as a decimal number: PostgreSQL reads hexadecimal ones only since version 16
_ONE_AT_A_TIME = positional("SELECT pg_advisory_xact_lock(1836477556)")
_EXISTS = positional("SELECT to_regclass('mediavault.schema_version') IS NOT NULL")
_OTHERS = positional("SELECT to_regnamespace('mediavault') IS NOT NULL")
_VERSION = positional("SELECT version, oldest_code FROM mediavault.schema_version")
_SET_VERSION = positional(
    "UPDATE mediavault.schema_version SET version = :version::int, oldest_code = :oldest_code::int"
)
_CREATE = (
    f"CREATE SCHEMA mediavault;\n{SCHEMA}\nINSERT INTO mediavault.schema_version VALUES (0, 0);"
)


async def migrate(
    database: PostgresDatabase, *, migrations: Sequence[Migration] = MIGRATIONS
) -> int:
    """Create the schema, or apply the missing migrations, in one transaction; processes that start
    at once do so once.

    Returns the schema's version. A newer schema is accepted if it says that this code still works
    with it (``Migration.oldest_code``). Raises SchemaTooNew, SchemaTooOld, and StoreError for a
    schema that another program created or that we may not create.
    """
    newest = migrations[-1].version
    async with database.transaction() as txn:
        await txn.rows(_ONE_AT_A_TIME, {})
        version, oldest_code = await _version(txn, database)
        if oldest_code > newest:
            raise too_new(named(database.url), version, newest)
        if version >= newest:
            return version
        missing = pending(migrations, version, named(database.url))
        for script in scripts(SCHEMA if version else _CREATE, missing, version):
            await txn.script(script)
        if any(migration.version == NAMES for migration in missing):
            await tables.fill(PostgresStatements(txn, None))
        await txn.rows(_SET_VERSION, {"version": newest, "oldest_code": migrations[-1].oldest_code})
    return newest


async def _version(txn: Transaction, database: PostgresDatabase) -> tuple[int, int]:
    """Return the schema's version and the oldest code that works with it; (0,
    0) if there is none.
    """
    [[exists]] = await txn.rows(_EXISTS, {})
    if exists:
        [[version, oldest_code]] = await txn.rows(_VERSION, {})
        return version, oldest_code
    [[others]] = await txn.rows(_OTHERS, {})
    if others:
        raise StoreError(
            Message(
                "The schema `mediavault` of %(url)s belongs to another program.",
                url=named(database.url),
            ),
            help="Name another database in MEDIAVAULT_DATABASE_URL.",
        )
    return 0, 0
