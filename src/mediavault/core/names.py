"""File names that are safe on every file system, limited in bytes, and never taken from a header or a URL path."""

from __future__ import annotations

import re
import unicodedata

MAX_SLUG_BYTES = 64
MAX_STEM_BYTES = 180  # leaves room for ".info.json" and a temporary suffix within the usual 255 bytes

_WINDOWS_RESERVED = re.compile(r"^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?$", re.IGNORECASE)
_UNSAFE = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f]')


def slug(text: str, *, fallback: str = "unknown") -> str:
    """ASCII letters, digits, dot, dash and underscore, lower case, at most 64 bytes; ``fallback`` if nothing is left."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii").lower()
    cleaned = re.sub(r"[^a-z0-9._-]+", "-", ascii_text).strip("-._")[:MAX_SLUG_BYTES].strip("-._")
    if not cleaned or reserved_name(cleaned):
        return f"{fallback}-{cleaned}".strip("-") if cleaned else fallback
    return cleaned


def reserved_name(text: str) -> bool:
    """Whether Windows keeps the name, with whatever suffix, for a device."""
    return _WINDOWS_RESERVED.match(text) is not None


def is_utf8(text: str) -> bool:
    """Whether a text has an encoding, as databases want it. A file's name may hold any bytes (PEP 383), JSON half a character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def readable_name(name: str) -> str:
    """The name with bytes that are not text written as escapes, so that it can be printed."""
    return name if is_utf8(name) else name.encode("utf-8", "backslashreplace").decode()


def safe_text(text: str) -> str:
    """One line of normal-form text without characters that any file system, shell or bidi renderer trips over."""
    text = unicodedata.normalize("NFC", text.encode("utf-8", "ignore").decode("utf-8"))
    text = _UNSAFE.sub(" ", text)
    text = "".join(c for c in text if unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
    return re.sub(r"\s+", " ", text).strip(" .")


_UNSHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_REORDERING = re.compile(r"[\u202a-\u202e\u2066-\u2069]")  # what starts or ends another direction


def shown_text(text: str) -> str:
    """One line of text for people to read, character for character but for what breaks lines or turns their direction.

    Joiners, tags and marks stay: emoji and several scripts are written with them. Not for file names.
    """
    text = _UNSHOWN.sub(" ", text.encode("utf-8", "ignore").decode("utf-8"))
    line = " ".join(_REORDERING.sub("", text).split())
    return line if any(unicodedata.category(c) not in {"Cf", "Zs"} for c in line) else ""


def slug_keep_case(text: str) -> str:
    """As :func:`slug`, but ids are case-sensitive on some sites."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.") or "post"


def truncate_bytes(text: str, limit: int) -> str:
    """At most ``limit`` bytes of UTF-8, never a cut character."""
    return text.encode("utf-8")[: max(0, limit)].decode("utf-8", "ignore")
