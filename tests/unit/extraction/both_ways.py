"""Read a visit in this process and in the sandbox, and assert that both results are equal."""

from __future__ import annotations

import json

from mediavault.app.reading_child import answer
from mediavault.browser.port import PageCapture
from mediavault.core.failures import Failure
from mediavault.core.media import Extraction, Post
from mediavault.core.platform import Platform
from mediavault.core.typed_records import from_json, to_json
from mediavault.extraction import browser_extractor
from mediavault.extraction.port import VisitReading


def read_capture(post: Post, platform: Platform, capture: PageCapture) -> Extraction:
    direct, sandboxed = (
        _read_here(post, platform, capture),
        _read_in_sandbox(post, platform, capture),
    )
    if isinstance(direct, Failure):
        assert (type(sandboxed), str(sandboxed), vars(sandboxed)) == (
            type(direct),
            str(direct),
            vars(direct),
        )
        raise direct
    assert sandboxed == direct
    return direct


def _read_here(post: Post, platform: Platform, capture: PageCapture) -> Extraction | Failure:
    try:
        return browser_extractor.read_capture(post, platform, capture)
    except Failure as failure:
        return failure


def _read_in_sandbox(post: Post, platform: Platform, capture: PageCapture) -> Extraction | Failure:
    request = {
        "task": "visit",
        "subject": to_json(Post, post),
        "platform": platform.name,
        "given": to_json(PageCapture, capture),
        "with_viewer": False,
    }
    answered = json.loads(json.dumps(answer(json.loads(json.dumps(request)))))
    if "failure" in answered:
        return from_json(Failure, answered["failure"])
    return from_json(VisitReading, answered["read"]).extraction
