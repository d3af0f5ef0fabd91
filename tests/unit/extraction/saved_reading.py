"""The result of reading a saved document as the command does, in plain values."""

from __future__ import annotations

import json
from dataclasses import dataclass

from mediavault.core.urls import parse_http_url
from mediavault.extraction.ranking import choose_candidate
from mediavault.extraction.saved_page import open_saved, read_saved_post
from mediavault.platforms.registry import identify


@dataclass(frozen=True, slots=True)
class SavedFacts:
    outcome: str
    best: str | None
    handle: str | None
    name: str | None
    thumbnail: str | None


def read_saved(url: str, document: object) -> SavedFacts:
    """Read ``document``: a page as text, or the values of an answer in JSON."""
    text = document if isinstance(document, str) else json.dumps(document)
    post, platform = identify(parse_http_url(url))
    look = read_saved_post(platform, post, open_saved(text.encode(), url))
    extraction = look.extraction
    assert extraction is not None
    videos = (
        [item for item in extraction.videos if item.candidates]
        if str(look.outcome) == "video"
        else []
    )
    return SavedFacts(
        str(look.outcome),
        choose_candidate(videos[0]).url if videos else None,
        extraction.account.handle,
        extraction.account.display_name,
        extraction.thumbnail_url,
    )


def script_page(value: object, name: str) -> str:
    """A page with ``value`` in the JSON script ``name``."""
    return (
        f'<html><body><div id="app"></div><script id="{name}"'
        f' type="application/json">{json.dumps(value)}</script></body></html>'
    )
