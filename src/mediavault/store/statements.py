"""Reads a store's SQL file: named statements, with the columns of a job filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources

_HEAD = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


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
