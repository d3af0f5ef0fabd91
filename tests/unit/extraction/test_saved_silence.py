"""Saved answers that say nothing about the post lead to no claim about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mediavault.cli.saved_page import inspect_saved_page
from mediavault.extraction.outcome import PageOutcome

URLS = ["https://x.com/jane/status/1547039584202067969", "https://blog.example/post/1"]


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize(
    "answer", ["{}", "[]", "[{}, {}]", '{"error": {"of": "an unknown kind"}}', '{"items": []}']
)
def test_an_answer_that_says_nothing_is_not_taken_for_a_post_without_a_video(
    answer: str, url: str, tmp_path: Path
) -> None:
    saved = tmp_path / "answer.json"
    saved.write_text(answer)
    look = inspect_saved_page(url, saved)

    assert (look.outcome, look.reason) == (
        PageOutcome.METADATA_ONLY,
        "This document contains nothing about the post.",
    )
