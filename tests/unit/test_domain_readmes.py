"""The domain READMEs' inventories are compared with the code, so that they cannot rot."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "mediavault"
DOMAINS = [
    "access",
    "api", "commands", "core", "platforms", "practice", "runtime", "services", "services/browser", "services/child",
    "services/download", "services/egress", "services/extraction", "services/media", "services/vault", "store", "upkeep", "worker",
]  # fmt: skip
ROW = re.compile(r"^\| `([\w./]+\.py)` \|", re.MULTILINE)


def files_of(domain: str) -> set[str]:
    """Python files of the folder and of sub-folders that are no domain of their own."""
    root = SOURCE / domain
    nested = [SOURCE / other for other in DOMAINS if other.startswith(f"{domain}/")]
    return {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        if not any(path.is_relative_to(folder) for folder in nested)
    }


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_domains_readme_lists_exactly_its_files(domain: str) -> None:
    listed = set(ROW.findall((SOURCE / domain / "README.md").read_text(encoding="utf-8")))

    assert listed == files_of(domain)


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_domains_readme_says_what_it_may_and_must_not_import(domain: str) -> None:
    text = (SOURCE / domain / "README.md").read_text(encoding="utf-8")

    for heading in ("**Imports**", "**Used by**", "**Never imports**"):
        assert heading in text
