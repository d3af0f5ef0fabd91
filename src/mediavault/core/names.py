"""File names that are safe on every file system, limited in bytes,
and never taken from a header or a URL path.
"""

from __future__ import annotations

import re
import unicodedata

MAX_SLUG_BYTES = 64
# leaves room for ".info.json" and a temporary suffix within the usual 255 bytes
MAX_STEM_BYTES = 180

_WINDOWS_RESERVED = re.compile(r"^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?$", re.IGNORECASE)
_UNSAFE = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f]')


def slug(text: str, *, fallback: str = "unknown") -> str:
    """Return ``text`` as lower-case ASCII letters, digits and ``.-_``,
    at most 64 bytes; ``fallback`` if empty.
    """
    ascii_text = (
        unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii").lower()
    )
    cleaned = re.sub(r"[^a-z0-9._-]+", "-", ascii_text).strip("-._")[:MAX_SLUG_BYTES].strip("-._")
    if not cleaned or reserved_name(cleaned):
        return f"{fallback}-{cleaned}".strip("-") if cleaned else fallback
    return cleaned


def reserved_name(text: str) -> bool:
    """Whether Windows reserves the name, with any suffix, for a device."""
    return _WINDOWS_RESERVED.match(text) is not None


def is_utf8(text: str) -> bool:
    """Whether a text can be encoded as UTF-8, as databases require.

    A file name may hold any bytes (PEP 383), and JSON lone surrogates.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def readable_name(name: str) -> str:
    """Return the name with bytes that are not text escaped, so that it can be printed."""
    return name if is_utf8(name) else name.encode("utf-8", "backslashreplace").decode()


def safe_text(text: str) -> str:
    """Return one line of NFC text without characters that cause trouble in file systems,
    shells or bidi renderers.
    """
    text = unicodedata.normalize("NFC", text.encode("utf-8", "ignore").decode("utf-8"))
    text = _UNSAFE.sub(" ", text)
    text = "".join(
        c for c in text if unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    )
    return re.sub(r"\s+", " ", text).strip(" .")


_UNSHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# what starts or ends a change of direction
_REORDERING = re.compile(r"[\u202a-\u202e\u2066-\u2069]")


def shown_text(text: str) -> str:
    """Return one line of text for display, unchanged but for characters that break lines or change
    their direction.

    Joiners, tags and marks stay: emoji and several scripts are written with them. Not for file
    names.
    """
    text = _UNSHOWN.sub(" ", text.encode("utf-8", "ignore").decode("utf-8"))
    line = " ".join(_REORDERING.sub("", text).split())
    return line if any(unicodedata.category(c) not in {"Cf", "Zs"} for c in line) else ""


def label_or_none(text: str, max_chars: int) -> str | None:
    """Return the name that a user gave to something, with single spaces;
    None when it is too long or can't be printed.
    """
    label = " ".join(text.split())
    return label if len(label) <= max_chars and label.isprintable() else None


def slug_keep_case(text: str) -> str:
    """Return ``text`` in ASCII letters, digits and ``.-_``, case kept:
    ids are case-sensitive on some sites.
    """
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.") or "post"


def truncate_bytes(text: str, limit: int) -> str:
    """Return at most ``limit`` bytes of UTF-8, without a partial character at the end."""
    return text.encode("utf-8")[: max(0, limit)].decode("utf-8", "ignore")
