"""Tables: what is looked up by more than its key. Each engine's schema creates them, with the
indexes.

A row has the texts of its key, columns that are texts, whole numbers or None, and a value, which is
a JSON object.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Table:
    """A table's name, the columns of its key, and the others that its rows are found and sorted by.

    ``has_large_rows``: one may have megabytes, so only a few are in memory at a time.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    has_large_rows: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """All columns but the value."""
        return (*self.key, *self.columns)


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row: its columns by name, those of the key included, and its value.
    What is read has all columns.
    """

    columns: Mapping[str, str | int | None]
    value: Mapping[str, Any] = field(default_factory=dict)

    def key_in(self, table: Table) -> tuple[str, ...]:
        return tuple(str(self.columns[name]) for name in table.key)


@dataclass(frozen=True, slots=True)
class Range:
    """A condition on a column: from ``at_least`` to ``at_most``, each included;
    a column without a value is in no range.
    """

    at_least: int | str | None = None
    at_most: int | str | None = None


Where = Mapping[str, str | int | Range | None]


SOURCES = Table("sources", ("id",), ("url",))
# What checks of sources have found: from when on one may be due again, and how many of its entries
# wait for their turn.
SOURCE_STATES = Table("source_states", ("id",), ("due_at", "waiting"))
# The entries of sources: what became of each (``state``), the place of one that waits for its turn,
# since when the source's list names it (``listed_at``) or has stopped to name it (``unlisted_at``).
SOURCE_ENTRIES = Table(
    "source_entries", ("source", "post"), ("state", "place", "listed_at", "unlisted_at")
)
DEFERRED_WORK = Table("deferred_work", ("work", "job"), ("due_at",))
# Deleted posts: the size of the files of each, and how many of them are still to be moved to the
# trash, if any.
TRASH = Table("trash", ("id",), ("deleted_at", "batch", "bytes", "unmoved"), has_large_rows=True)
TRASHED_WORDS = Table("trashed_words", ("id",), (), has_large_rows=True)
TABLES = (SOURCES, SOURCE_STATES, SOURCE_ENTRIES, DEFERRED_WORK, TRASH, TRASHED_WORDS)
MOVING_TABLES = TABLES  # copied when a vault moves to another database
