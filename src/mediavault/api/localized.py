"""A failure's message in the reader's language; where it has no translation, the sentence of its code and the English. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from mediavault.api.catalogue import SOURCE_LOCALE, gettext, translated
from mediavault.api.preferences import current
from mediavault.core.failures import FAILURES, ErrorCode


@dataclass(frozen=True, slots=True)
class LocalizedMessage:
    """``text`` is in the reader's language; ``original`` the message in English where ``text`` is not it, else ""."""

    text: str
    original: str = ""


def localize(code: ErrorCode | None, message: str) -> LocalizedMessage:
    """The message for the current reader. Readers of English get it unchanged."""
    text = translated(message)
    if not message or text != message or current().locale == SOURCE_LOCALE:
        return LocalizedMessage(text)
    return LocalizedMessage(gettext(FAILURES[code].summary), message) if code is not None else LocalizedMessage(message)
