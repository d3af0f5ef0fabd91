"""The `make` targets that the documents mention exist,
and README begins with the two that matter.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TARGET = re.compile(r"^([a-z]+):", re.MULTILINE)
# in prose, or with a comment in a block
MENTION = re.compile(r"`make ([a-z]+)|^make ([a-z]+) +#", re.MULTILINE)
DOCUMENTS = [
    "README.md",
    "CONTRIBUTING.md",
    "ARCHITECTURE.md",
    "SECURITY.md",
    *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md")),
]


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_target_that_a_document_mentions_exists(document: str) -> None:
    mentioned = {inline or in_block for inline, in_block in MENTION.findall(text_of(document))}

    assert mentioned <= set(TARGET.findall(text_of("Makefile")))


@pytest.mark.parametrize("command", ["make run", "make test"])
def test_readme_begins_with_the_command_what_it_needs_and_how_long_it_takes(command: str) -> None:
    beginning = text_of("README.md").partition("\n## ")[0]
    rows = re.findall(rf"^\| `{command}` \| (.+) \| (.+) \|$", beginning, re.MULTILINE)

    assert re.search(rf"^{command} +# ", beginning, re.MULTILINE)
    assert len(rows) == 1
