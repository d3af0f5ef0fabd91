"""Reads a visit here and as the confined process does, and holds that both find the same."""

from __future__ import annotations

import json

from mediavault.app.reading_child import answer
from mediavault.core.failures import Failure
from mediavault.core.media import Extraction, Post
from mediavault.core.platform import Platform
from mediavault.core.typed_records import from_json, to_json
from mediavault.services.browser.port import PageCapture
from mediavault.services.extraction import browser_extractor
from mediavault.services.extraction.port import VisitReading


def read_capture(post: Post, platform: Platform, capture: PageCapture) -> Extraction:
    here, there = _here(post, platform, capture), _there(post, platform, capture)
    if isinstance(here, Failure):
        assert (type(there), str(there), vars(there)) == (type(here), str(here), vars(here))
        raise here
    assert there == here
    return here


def _here(post: Post, platform: Platform, capture: PageCapture) -> Extraction | Failure:
    try:
        return browser_extractor.read_capture(post, platform, capture)
    except Failure as failure:
        return failure


def _there(post: Post, platform: Platform, capture: PageCapture) -> Extraction | Failure:
    request = {
        "task": "visit",
        "post": to_json(Post, post),
        "platform": platform.name,
        "given": to_json(PageCapture, capture),
        "with_viewer": False,
    }
    answered = json.loads(json.dumps(answer(json.loads(json.dumps(request)))))
    if "failure" in answered:
        return from_json(Failure, answered["failure"])
    return from_json(VisitReading, answered["read"]).extraction
