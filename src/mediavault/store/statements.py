"""Reads a store's SQL file: named statements, with the columns of a job filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources

_HEAD = re.compile(r"^-- (name|part): (\w+)$", re.MULTILINE)


def load_statements(engine: str, *, columns: Mapping[str, str]) -> dict[str, str]:
    """Name -> statement of ``<engine>/statements.sql``; comments and the ``;`` are cut off.

    ``{job}`` and the like become what ``columns`` says, or the part of that name that stands further up in the file.
    """
    text = (resources.files(f"mediavault.store.{engine}") / "statements.sql").read_text(encoding="utf-8")
    _, *pieces = _HEAD.split(text)
    known = dict(columns)
    statements: dict[str, str] = {}
    for kind, name, body in zip(pieces[::3], pieces[1::3], pieces[2::3], strict=True):
        (known if kind == "part" else statements)[name] = _bare(body).format_map(known)
    return statements


def _bare(body: str) -> str:
    lines = [line for line in body.splitlines() if not line.lstrip().startswith("--")]
    return "\n".join(lines).strip().removesuffix(";")
