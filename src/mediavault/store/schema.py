"""Reads the SQL files of an engine: numbered migrations, applied in turn and each once, and statements by name."""

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
    """``version`` is the schema's number once ``sql`` has run.

    ``oldest_code`` is the schema number of the oldest mediavault that still works on it, which lets a fleet be upgraded
    machine by machine: a file that only adds says ``-- oldest code: N`` in a line of its own. Without it, none older.
    """

    version: int
    name: str
    sql: str

    @property
    def oldest_code(self) -> int:
        said = _OLDEST_CODE.search(self.sql)
        return int(said[1]) if said else self.version


def load_migrations(engine: str) -> tuple[Migration, ...]:
    """In order; the numbers run from 1 without a gap (ValueError otherwise: the package is broken)."""
    folder = resources.files(f"mediavault.store.{engine}") / "migrations"
    files = sorted((file for file in folder.iterdir() if _FILE.fullmatch(file.name)), key=lambda file: file.name)
    found = tuple(Migration(int(file.name[:4]), file.name, file.read_text(encoding="utf-8")) for file in files)
    if [migration.version for migration in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"the migrations of {engine} are not numbered 1, 2, 3 …: {[m.name for m in found]}")
    return found


def pending(migrations: Sequence[Migration], version: int) -> Sequence[Migration]:
    """What a schema of this version still lacks."""
    return [migration for migration in migrations if migration.version > version]


def load_statements(engine: str, *, columns: Mapping[str, str]) -> dict[str, str]:
    """Name -> statement of ``<engine>/statements.sql``; comments and the ``;`` are cut off.

    ``{job}`` and the like become what ``columns`` says.
    """
    text = (resources.files(f"mediavault.store.{engine}") / "statements.sql").read_text(encoding="utf-8")
    _, *pieces = _HEAD.split(text)
    pairs = zip(pieces[::2], pieces[1::2], strict=True)
    return {name: _bare(body).format_map(columns) for name, body in pairs}


def _bare(body: str) -> str:
    lines = [line for line in body.splitlines() if not line.lstrip().startswith("--")]
    return "\n".join(lines).strip().removesuffix(";")
