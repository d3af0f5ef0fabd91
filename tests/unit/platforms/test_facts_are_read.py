"""A fact that nothing reads is none: it ages unseen, and people believe that it counts."""

from __future__ import annotations

import ast
from dataclasses import fields
from functools import cache
from pathlib import Path

import pytest

import mediavault
from mediavault.core.platform import Platform

SOURCE = Path(mediavault.__file__).parent
FOR_PEOPLE = {"checked"}  # says how old the facts are
# What core.platform itself reads in order to tell what an address names
ADDRESSES = {
    *("hosts", "host_suffixes", "names_in_paths", "mirror_hosts", "short_hosts", "image_hosts", "canonical", "page"),
    *("share_links", "post_patterns", "posts_on_any_host", "stories", "lives", "playlists", "profiles", "other_pages"),
}


@cache
def attributes_read(folder: Path) -> set[str]:
    """Names of the attributes that any module below ``folder`` reads, without the facts and their record."""
    facts = set((folder / "platforms").glob("*.py")) - {folder / "platforms" / "registry.py"}
    modules = set(folder.rglob("*.py")) - facts - {folder / "core" / "platform.py"}
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in modules]
    return {node.attr for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


IN_ITS_OWN_MODULE = {
    node.attr
    for node in ast.walk(ast.parse((SOURCE / "core" / "platform.py").read_text(encoding="utf-8")))
    if isinstance(node, ast.Attribute)
}


@pytest.mark.parametrize("name", [one.name for one in fields(Platform) if one.name not in FOR_PEOPLE])
def test_every_fact_is_read_by_something(name: str) -> None:
    assert name in (IN_ITS_OWN_MODULE if name in ADDRESSES else attributes_read(SOURCE))


def test_a_fact_that_nothing_reads_would_be_found() -> None:
    assert "login_wall_status" not in attributes_read(SOURCE)
