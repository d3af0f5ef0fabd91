"""Saved pages are read in a separate process by the real command."""

from __future__ import annotations

import json
from pathlib import Path

from tests.unit.cli.conftest import POST, Run
from tests.unit.cli.test_inspect import PAGE


def test_saved_pages_are_read_in_order_in_another_process(run: Run, tmp_path: Path) -> None:
    page, missing = tmp_path / "page.html", tmp_path / "missing.html"
    page.write_text(PAGE)
    options = [
        text
        for path in (page, missing, page)
        for text in ("--saved-page", str(path), "--url", POST)
    ]
    lines = [json.loads(line) for line in run("inspect", *options, "--json").out.splitlines()]

    assert [line["outcome"] for line in lines] == ["video", "unreadable", "video"]
    assert lines[0] == lines[2]
    assert lines[0]["choice"]["url"] == "https://cdn.videos.example/film.mp4"
