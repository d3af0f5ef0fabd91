"""Looking at a saved page, or a saved JSON answer, in place of the network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mediavault.api.words import size_words
from mediavault.commands.house import Inspection
from mediavault.core.errors import BadInput, Failure, MediavaultError
from mediavault.core.media import Candidate, Extraction
from mediavault.core.urls import parse_http_url
from mediavault.platforms.registry import identify
from mediavault.services.extraction.ranking import choose, explain, videos_to_save
from mediavault.services.extraction.saved_page import extract_saved

MAX_SAVED_PAGE_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class SavedInspection:
    """An :class:`Inspection` made without the network."""

    extraction: Extraction | None
    choice: Candidate | None
    reason: str
    error: MediavaultError | None = None


def look_at_saved_page(url: str, page: Path) -> Inspection:
    """Read a saved page, or a saved JSON answer, as the post's extractor would. Raises BadInput for an unreadable file."""
    post, platform = identify(parse_http_url(url))
    try:
        extraction = extract_saved(platform, post, _read(page))
    except Failure as exc:
        return SavedInspection(None, None, exc.message, exc)
    try:
        choice = choose(videos_to_save(extraction)[0])
    except Failure as exc:
        return SavedInspection(extraction, None, exc.message, exc)
    return SavedInspection(extraction, choice, explain(choice))


def _read(page: Path) -> bytes:
    try:
        with page.open("rb") as file:
            content = file.read(MAX_SAVED_PAGE_BYTES + 1)
    except OSError as exc:
        raise BadInput(f"{page} cannot be read: {exc.strerror or exc}.") from exc
    if len(content) > MAX_SAVED_PAGE_BYTES:
        raise BadInput(f"{page} is larger than {size_words(MAX_SAVED_PAGE_BYTES)}.")
    return content
