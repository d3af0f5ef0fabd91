"""Brings a PostgreSQL database to this version's schema, or refuses it and leaves it untouched."""

from __future__ import annotations

from collections.abc import Sequence

from mediavault.core.failures import SchemaTooNew, StoreError
from mediavault.core.messages import Message
from mediavault.store.postgres.engine import PostgresDatabase, Transaction, named, positional
from mediavault.store.postgres.sql import PostgresStatements
from mediavault.store.schema import Migration, load_migrations, pending
from mediavault.store.sql import library, tables

MIGRATIONS = load_migrations("postgres")
SCHEMA_VERSION = len(MIGRATIONS)
LIBRARY_INDEX = 8  # the migration that makes the library index
TABLES = 15  # the one that makes tables of what was in records

# "mvlt" as a decimal number: PostgreSQL reads hexadecimal ones only since version 16
_ONE_AT_A_TIME = positional("SELECT pg_advisory_xact_lock(1836477556)")
_EXISTS = positional("SELECT to_regclass('mediavault.schema_version') IS NOT NULL")
_OTHERS = positional("SELECT to_regnamespace('mediavault') IS NOT NULL")
_VERSION = positional("SELECT version, oldest_code FROM mediavault.schema_version")
_SET_VERSION = positional(
    "UPDATE mediavault.schema_version SET version = :version::int, oldest_code = :oldest_code::int"
)
_CREATE = """
CREATE SCHEMA mediavault;
CREATE TABLE mediavault.schema_version (version integer NOT NULL, oldest_code integer NOT NULL);
INSERT INTO mediavault.schema_version VALUES (0, 0);
"""


async def migrate(database: PostgresDatabase, *, migrations: Sequence[Migration] = MIGRATIONS) -> int:
    """Apply the missing migrations in one transaction; processes that start at once apply them once.

    Returns the schema's version. A newer schema is accepted if it says that this code still works with it
    (``Migration.oldest_code``). Raises SchemaTooNew, and StoreError for a schema that another program created or that
    we may not create.
    """
    async with database.transaction() as txn:
        await txn.rows(_ONE_AT_A_TIME, {})
        version, oldest_code = await _version(txn, database)
        if oldest_code > len(migrations):
            raise SchemaTooNew(
                Message(
                    "The database %(url)s has schema %(version)s; this mediavault knows up to %(migrations)s.",
                    url=named(database.url),
                    version=version,
                    migrations=len(migrations),
                )
            )
        missing = pending(migrations, version)
        for migration in missing:
            await txn.script(migration.sql)
            values = {"version": migration.version, "oldest_code": migration.oldest_code}
            await txn.rows(_SET_VERSION, values)
        statements = PostgresStatements(txn, None)
        versions = {migration.version for migration in missing}
        if LIBRARY_INDEX in versions and await library.fill(statements):
            await statements.rows("analyze_library")  # the planner has no statistics until autovacuum runs
        if TABLES in versions:
            await tables.fill(statements)
    return max(version, len(migrations))


async def _version(txn: Transaction, database: PostgresDatabase) -> tuple[int, int]:
    """Return the schema's version and the oldest code that works with it; creates an empty schema if there is none."""
    [[exists]] = await txn.rows(_EXISTS, {})
    if exists:
        [[version, oldest_code]] = await txn.rows(_VERSION, {})
        return version, oldest_code
    [[others]] = await txn.rows(_OTHERS, {})
    if others:
        raise StoreError(
            Message("The schema `mediavault` of %(url)s belongs to another program.", url=named(database.url)),
            help="Name another database in MEDIAVAULT_DATABASE_URL.",
        )
    await txn.script(_CREATE)
    return 0, 0
