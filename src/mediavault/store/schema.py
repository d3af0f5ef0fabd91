"""Reads the SQL files of an engine: numbered migrations, each applied once and in order, and statements by name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

_OLDEST_CODE = re.compile(r"^-- oldest code: (\d+)$", re.MULTILINE)
_HEAD = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_FILE = re.compile(r"(?P<version>\d{4})_\w+\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered SQL file. ``version`` is the schema's version after ``sql`` has run.

    ``oldest_code`` is the schema version of the oldest mediavault that still works with it, so that a fleet can be
    upgraded machine by machine: a file that only adds says ``-- oldest code: N`` on its own line. Without it no older
    one works.
    """

    version: int
    name: str
    sql: str

    @property
    def oldest_code(self) -> int:
        match = _OLDEST_CODE.search(self.sql)
        return int(match[1]) if match else self.version


def load_migrations(engine: str) -> tuple[Migration, ...]:
    """Return the migrations in order. Raises ValueError if their numbers have a gap: the package is broken."""
    folder = resources.files(f"mediavault.store.{engine}") / "migrations"
    files = sorted((file for file in folder.iterdir() if _FILE.fullmatch(file.name)), key=lambda file: file.name)
    migrations = tuple(Migration(int(file.name[:4]), file.name, file.read_text(encoding="utf-8")) for file in files)
    if [migration.version for migration in migrations] != list(range(1, len(migrations) + 1)):
        raise ValueError(f"the migrations of {engine} are not numbered 1, 2, 3 …: {[m.name for m in migrations]}")
    return migrations


def pending(migrations: Sequence[Migration], version: int) -> Sequence[Migration]:
    """Return the migrations that a schema of this version still lacks."""
    return [migration for migration in migrations if migration.version > version]


def load_statements(folder: str, *, tokens: Mapping[str, object]) -> dict[str, str]:
    """Return the statements of ``<folder>/statements.sql`` by name, without comments and the final ``;``.

    ``{job}`` and the like are replaced by the value in ``tokens``.
    """
    text = (resources.files(f"mediavault.store.{folder}") / "statements.sql").read_text(encoding="utf-8")
    _, *pieces = _HEAD.split(text)
    pairs = zip(pieces[::2], pieces[1::2], strict=True)
    return {name: _bare(body).format_map(tokens) for name, body in pairs}


def _bare(body: str) -> str:
    lines = [line for line in body.splitlines() if not line.lstrip().startswith("--")]
    return "\n".join(lines).strip().removesuffix(";")
