"""Numbered migrations: ``migrations/<engine>/0001_name.sql`` and so on, applied in turn, each once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

_FILE = re.compile(r"(?P<version>\d{4})_\w+\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    """``version`` is the schema's number once ``sql`` has run."""

    version: int
    name: str
    sql: str


def load_migrations(engine: str) -> tuple[Migration, ...]:
    """In order; the numbers run from 1 without a gap (ValueError otherwise: the package is broken)."""
    folder = resources.files("mediavault.store") / "migrations" / engine
    files = sorted((file for file in folder.iterdir() if _FILE.fullmatch(file.name)), key=lambda file: file.name)
    found = tuple(Migration(int(file.name[:4]), file.name, file.read_text(encoding="utf-8")) for file in files)
    if [migration.version for migration in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"the migrations of {engine} are not numbered 1, 2, 3 …: {[m.name for m in found]}")
    return found


def pending(migrations: Sequence[Migration], version: int) -> Sequence[Migration]:
    """What a schema of this version still lacks."""
    return [migration for migration in migrations if migration.version > version]
