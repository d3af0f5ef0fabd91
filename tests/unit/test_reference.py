"""The pages of the reference are written from the code,
and nothing in it is left without a word.
"""

from __future__ import annotations

import pytest
from scripts import reference

from mediavault.core.settings import Settings


@pytest.mark.parametrize("name", reference.PAGES)
def test_a_page_of_the_reference_says_what_the_code_says(name: str) -> None:
    written = (reference.DOCS / name).read_text(encoding="utf-8")

    assert written == reference.PAGES[name](), "run `make reference`"


def test_every_setting_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


@pytest.mark.parametrize("page", ["commands.md", "api.md", "metrics.md"])
def test_every_command_option_request_and_metric_is_described(page: str) -> None:
    lines = [line.rstrip() for line in reference.PAGES[page]().splitlines()]
    rows = [line for line in lines if line.startswith("| `")]
    words = {"commands.md": -1, "api.md": 2, "metrics.md": 4}[page]  # the cell that says what it is

    assert [line for line in lines if line.endswith("`:") or "|  |  |" in line] == []
    assert [row for row in rows if not row.replace("\\|", "/").split("|")[words].strip()] == []
