"""The cases of a folder: three tables, one line a case, whose columns the first line names. README.md describes them.

An empty cell, or a column that is not there, says that nobody judged this. Cells hold neither tabs nor quoting.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

Row = Mapping[str, str]

MANIFEST, POST_URLS, MEDIA_URLS = "manifest.tsv", "post_urls.tsv", "media_urls.tsv"


class Section(StrEnum):
    """What is judged, by what it is read from."""

    PAGES = "Saved pages and answers"
    ADDRESSES = "Addresses of posts"
    MEDIA_ADDRESSES = "Addresses of media"
    FILES = "Media files"
    PLAYLISTS = "Playlists"


@dataclass(frozen=True, slots=True)
class Answer:
    """One thing that a case asks, and what was answered. ``right`` may be kinder than equality: lengths, sets of kinds."""

    section: Section
    platform: str
    measure: str
    case: str  # the file or the address
    expected: object
    got: object
    right: bool


@dataclass(frozen=True, slots=True)
class Cases:
    folder: Path
    pages: list[Row] = field(default_factory=list)
    files: list[Row] = field(default_factory=list)
    playlists: list[Row] = field(default_factory=list)
    post_urls: list[Row] = field(default_factory=list)
    media_urls: list[Row] = field(default_factory=list)

    def path(self, row: Row) -> Path:
        return self.folder / row["local_file"]


class NoCases(Exception):
    """The folder holds no table of cases. The message tells a person what to give."""


def read_cases(folder: Path) -> Cases:
    """Raises NoCases where none of the three tables is there."""
    tables = {name: folder / name for name in (MANIFEST, POST_URLS, MEDIA_URLS)}
    if not any(path.is_file() for path in tables.values()):
        raise NoCases(
            f"There are no cases in {folder}. Give a folder that holds {MANIFEST}, {POST_URLS} or {MEDIA_URLS}: "
            "make score CASES=folder"
        )
    rows = {name: list(_rows(path)) for name, path in tables.items()}
    cases = Cases(folder, post_urls=rows[POST_URLS], media_urls=rows[MEDIA_URLS])
    for row in rows[MANIFEST]:
        _group(cases, row).append(row)
    return cases


def _group(cases: Cases, row: Row) -> list[Row]:
    """A file is what its outcome is: a verdict, counts as JSON, or a word. One without an outcome asks nothing."""
    outcome = row["outcome"]
    if outcome in {"accept", "reject"}:
        return cases.files
    if outcome.startswith("{"):
        return cases.playlists
    return cases.pages if outcome else []


def _rows(path: Path) -> Iterator[Row]:
    if not path.is_file():
        return
    lines = path.read_text(encoding="utf-8", errors="replace").split(
        "\n"
    )  # not splitlines: a name may hold other line separators
    columns = lines[0].rstrip("\r").split("\t")
    for line in lines[1:]:
        if line.strip():
            cells = line.rstrip("\r").split("\t")
            yield defaultdict(str, zip(columns, cells, strict=False))


def counts_of(row: Row) -> dict[str, Any]:
    """The counts that a playlist's row expects, under their names. Raises ValueError for broken JSON."""
    counts: dict[str, Any] = json.loads(row["outcome"])
    return counts


def known_cells(row: Row, columns: Iterable[str]) -> dict[str, str]:
    """The cells of a row that somebody filled."""
    return {name: row[name] for name in columns if row.get(name)}
