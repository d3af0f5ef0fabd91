"""What happened, for a reader of any language. Messages are stored as they were said, in English, and translated when they
are shown. Each condition has a sentence of its own: it stands before a message that no catalogue knows. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from mediavault.api.appearance import current
from mediavault.api.catalogue import SOURCE_LOCALE, gettext, translated
from mediavault.core.failures import FAILURES, ErrorCode


@dataclass(frozen=True, slots=True)
class Said:
    """``text`` is in the reader's language; ``original`` the message in English where ``text`` is not it, else ""."""

    text: str
    original: str = ""


def said(code: ErrorCode | None, message: str) -> Said:
    """A message of this condition, for whoever asked. English readers get it as it is."""
    there = translated(message)
    if not message or there != message or current().locale == SOURCE_LOCALE:
        return Said(there)
    return Said(gettext(FAILURES[code].summary), message) if code is not None else Said(message)
