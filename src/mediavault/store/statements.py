"""Reads a store's SQL file: named statements, with the columns of a job filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def load_statements(engine: str, *, columns: Mapping[str, str]) -> dict[str, str]:
    """Name -> statement of ``sql/<engine>.sql``; comments and the ``;`` are cut off.

    ``{job}`` and the like become what ``columns`` says.
    """
    text = (resources.files("mediavault.store") / "sql" / f"{engine}.sql").read_text(encoding="utf-8")
    _, *parts = _NAME.split(text)
    return {name: _bare(body).format_map(columns) for name, body in zip(parts[::2], parts[1::2], strict=True)}


def _bare(body: str) -> str:
    lines = [line for line in body.splitlines() if not line.lstrip().startswith("--")]
    return "\n".join(lines).strip().removesuffix(";")
