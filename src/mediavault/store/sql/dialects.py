"""What the dialects of SQL differ in: a handful of tokens in ``statements.sql``.

| token | is |
|---|---|
| ``{s}`` | the schema of a table |
| ``{now}`` | the moment of the statement: by the database's clock, unless ``:now`` says another |
| ``{by[index]}`` | the index that a table is read by, where a plan can be pinned |
| ``{each[names]}`` | the texts of a list as a table ``given`` with one column, ``value`` |
| ``{numbers[names]}`` | the same of whole numbers |
| ``{objects[names]}`` | the same of a JSON array, whose values are read with ``->>`` |
| ``{in_few} (…){end}`` | whether a value is among a few, each of which is then looked up by an index |
| ``{then}`` | joins a table that is read after those before it |
| ``{lock}`` | locks the rows that are read until the transaction ends; ``{skip}`` skips those that are locked already, |
| ``{share}`` | and this locks them only against a removal |
| ``{greatest}`` | the function that returns its largest argument |
| ``{c}`` | the order of bytes |
| ``{fence}`` | finds the job of an attempt, if that is still its current one |
| ``{moved}`` | what :meth:`SqlTxn.move` reads of each job that a statement has moved |

Casts (``::text``) tell PostgreSQL the types of values; SQLite knows none.
"""  # noqa: E501

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mediavault.store.library_index import ACCOUNT_COLUMNS, ENTRY_COLUMNS
from mediavault.store.rows import JOB_COLUMNS, LIMIT_COLUMNS, MOVED_COLUMNS, STORED_COLUMNS
from mediavault.store.schema import load_statements

_CAST = re.compile(r"::[a-z]\w*(?:\[\])?")
_COLUMNS: Mapping[str, str] = {
    "job": JOB_COLUMNS,
    "site_limit": LIMIT_COLUMNS,
    "stored": STORED_COLUMNS,
    "entry": ENTRY_COLUMNS,
    "account": ACCOUNT_COLUMNS,
    "stored_values": ", ".join(f":{name}" for name in STORED_COLUMNS.split(", ")),
    "moved": MOVED_COLUMNS,
    # Not by the status: PostgreSQL then takes jobs_running, and reads each dead entry of it while
    # an old snapshot is held.
    "fence": "id = :id::text AND attempt_count = :fence::int AND lease_expires_at IS NOT NULL",
}


@dataclass(frozen=True, slots=True)
class _Named:
    """The text of a token that has a name: ``{each[ids]}``."""

    text_of: Callable[[str], str]

    def __getitem__(self, name: str) -> str:
        return self.text_of(name)


_DIALECTS: Mapping[str, Mapping[str, object]] = {
    "sqlite": {
        "s": "",
        "now": ":now",
        "by": _Named(lambda index: f"INDEXED BY {index}"),
        "each": _Named(lambda name: f"json_each(:{name}) AS given"),
        "numbers": _Named(lambda name: f"json_each(:{name}) AS given"),
        "objects": _Named(lambda name: f"json_each(:{name}) AS given"),
        "in_few": "IN",
        "end": "",
        "then": "CROSS JOIN",
        "lock": "",
        "skip": "",
        "share": "",
        "greatest": "max",
        "c": "",
    },
    "postgres": {
        "s": "mediavault.",
        # Stable, so that an index can be searched by it; the same at every place of a statement.
        "now": (
            "coalesce(:now::bigint, (extract(epoch FROM statement_timestamp()) * 1000000)::bigint)"
        ),
        "by": _Named(lambda _: ""),
        "each": _Named(lambda name: f"unnest(:{name}::text[]) AS given (value)"),
        "numbers": _Named(lambda name: f"unnest(:{name}::bigint[]) AS given (value)"),
        "objects": _Named(lambda name: f"json_array_elements(:{name}::json) AS given (value)"),
        "in_few": "= ANY (ARRAY",
        "end": ")",
        "then": "JOIN",
        "lock": "FOR UPDATE",
        "skip": "FOR UPDATE SKIP LOCKED",
        "share": "FOR KEY SHARE",
        "greatest": "greatest",
        "c": 'COLLATE "C"',
    },
}


def statements_of(engine: str, own: Mapping[str, str]) -> dict[str, str]:
    """Return the statements of all engines in the dialect of one, and those of its own, by name."""
    statements = load_statements("sql", tokens={**_COLUMNS, **_DIALECTS[engine]})
    statements |= load_statements(engine, tokens={**_COLUMNS, **own})
    return (
        {name: _CAST.sub("", sql) for name, sql in statements.items()}
        if engine == "sqlite"
        else statements
    )


def in_dialect(engine: str, sql: str) -> str:
    """Return a statement that was built in the dialect of an engine."""
    return sql.format_map(_DIALECTS[engine])
