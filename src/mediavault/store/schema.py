"""Reads the SQL files of an engine: the schema, the migrations that bring an older database to it,
and statements by name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from mediavault.core.failures import SchemaTooNew, SchemaTooOld
from mediavault.core.messages import Message

# of the database that ``<engine>/schema.sql`` describes, and ``mongodb/schema.py``
SCHEMA_VERSION = 21
POSTGRES_ENCODING = "UTF8"  # in another one some characters cannot be stored or compared
POSTGRES_ENCODING_HELP = Message(
    "Create another database with `createdb --encoding UTF8 --template template0`, and copy this"
    " one into it with pg_dump and psql."
)

_HEAD = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_FROM = re.compile(r"^-- from: (\d+)$", re.MULTILINE)
_OLDEST_CODE = re.compile(r"^-- oldest code: (\d+)$", re.MULTILINE)
_FILE = re.compile(r"(?P<version>\d{4})_\w+\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered SQL file, which changes what a database has; what the database lacks then is
    created from the schema.

    ``version`` is the schema's version after ``sql`` has run. A line ``-- from: N`` names the one
    before, by default one less. ``oldest_code`` is the schema version of the oldest mediavault that
    still works with it, so that a fleet can be upgraded machine by machine: a file that only adds
    says ``-- oldest code: N``. Without it no older one works.
    """

    version: int
    name: str
    sql: str

    @property
    def before(self) -> int:
        return self._number(_FROM, self.version - 1)

    @property
    def oldest_code(self) -> int:
        return self._number(_OLDEST_CODE, self.version)

    def _number(self, pattern: re.Pattern[str], default: int) -> int:
        match = pattern.search(self.sql)
        return int(match[1]) if match else default


def load_schema(engine: str) -> str:
    """Return the SQL that creates what a database lacks."""
    return (resources.files(f"mediavault.store.{engine}") / "schema.sql").read_text(
        encoding="utf-8"
    )


def load_migrations(engine: str) -> tuple[Migration, ...]:
    """Return the migrations in order, of which the last one leads to SCHEMA_VERSION."""
    folder = resources.files(f"mediavault.store.{engine}") / "migrations"
    files = sorted(
        (file for file in folder.iterdir() if _FILE.fullmatch(file.name)),
        key=lambda file: file.name,
    )
    return tuple(
        Migration(int(file.name[:4]), file.name, file.read_text(encoding="utf-8")) for file in files
    )


def pending(migrations: Sequence[Migration], version: int, database: object) -> Sequence[Migration]:
    """Return the migrations that a database of this version still lacks; a new one has version 0.

    Raises SchemaTooOld if none leads from this version to the newest.
    """
    missing, reached = list[Migration](), version or SCHEMA_VERSION
    for migration in migrations:
        if migration.before == reached:
            missing.append(migration)
            reached = migration.version
    if reached < migrations[-1].version:
        raise too_old(database, version)
    return missing


def scripts(schema: str, missing: Sequence[Migration], version: int) -> Sequence[str]:
    """Return the SQL that brings a database of this version to the newest one, in order.

    A new database has the schema first. An older one is changed first; then ``schema`` creates what
    it lacks.
    """
    changes = [migration.sql for migration in missing]
    return [*changes, schema] if version else [schema, *changes]


def too_old(database: object, version: int) -> SchemaTooOld:
    return SchemaTooOld(
        Message(
            "The database %(database)s has schema %(version)s, from which this mediavault cannot"
            " upgrade.",
            database=database,
            version=version,
        )
    )


def too_new(database: object, version: int, newest: int) -> SchemaTooNew:
    return SchemaTooNew(
        Message(
            "The database %(database)s has schema %(version)s; this mediavault knows up to"
            " %(newest)s.",
            database=database,
            version=version,
            newest=newest,
        )
    )


def load_statements(folder: str, *, tokens: Mapping[str, object]) -> dict[str, str]:
    """Return the statements of ``<folder>/statements.sql`` by name, without comments and the final
    ``;``.

    ``{job}`` and the like are replaced by the value in ``tokens``.
    """
    text = (resources.files(f"mediavault.store.{folder}") / "statements.sql").read_text(
        encoding="utf-8"
    )
    _, *pieces = _HEAD.split(text)
    pairs = zip(pieces[::2], pieces[1::2], strict=True)
    return {name: _bare(body).format_map(tokens) for name, body in pairs}


def _bare(body: str) -> str:
    lines = [line for line in body.splitlines() if not line.lstrip().startswith("--")]
    return "\n".join(lines).strip().removesuffix(";")
