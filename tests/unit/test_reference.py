"""The pages of the reference are written from the code, and nothing in it is left without a word."""

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
    text = reference.PAGES[page]()

    assert [line for line in text.splitlines() if line.endswith("`:") or "|  |  |" in line] == []
