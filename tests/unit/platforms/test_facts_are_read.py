"""Every fact about a platform is read by some code: an unused one becomes outdated unnoticed."""

from __future__ import annotations

import ast
from dataclasses import fields
from functools import cache
from pathlib import Path

import pytest

import mediavault
from mediavault.core.platform import (
    FeedRules,
    ListRules,
    Matching,
    MediaRules,
    Pace,
    PageReader,
    Platform,
    SignIn,
    Walls,
    YtdlpRules,
)
from tests.syntax import nodes

SOURCE = Path(mediavault.__file__).parent
FOR_PEOPLE = {"checked", "known_from", "reads", "leaves_out"}  # the list of sites is made from them
RECORDS = (
    Platform,
    FeedRules,
    ListRules,
    Matching,
    PageReader,
    YtdlpRules,
    MediaRules,
    SignIn,
    Walls,
    Pace,
)
MAX_FIELDS = 25


@cache
def attributes_read(folder: Path) -> set[str]:
    """Names of the attributes that any module below ``folder`` reads,
    without the sites and the records themselves.
    """
    sites = set((folder / "platforms").glob("*/*.py"))
    modules = set(folder.rglob("*.py")) - sites - {folder / "core" / "platform.py"}
    texts = [path.read_text(encoding="utf-8") for path in modules]
    return {node.attr for text in texts for node in nodes(text) if isinstance(node, ast.Attribute)}


@pytest.mark.parametrize(
    "name", sorted({field.name for kind in RECORDS for field in fields(kind)} - FOR_PEOPLE)
)
def test_every_fact_is_read_by_something(name: str) -> None:
    assert name in attributes_read(SOURCE)


def test_a_fact_that_nothing_reads_would_be_found() -> None:
    assert "login_wall_status" not in attributes_read(SOURCE)


@pytest.mark.parametrize("kind", RECORDS)
def test_a_record_stays_small(kind: type) -> None:
    assert len(fields(kind)) <= MAX_FIELDS
