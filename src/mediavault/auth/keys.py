"""Random keys and their digests. Only digests are stored, so a leaked database grants no access."""

from __future__ import annotations

import hashlib
import hmac
import secrets

KEY_BYTES = 32
SHOWN_CHARS = 16  # of a digest: enough to name one of a few records
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # without letters that look alike


def new_key(prefix: str = "") -> str:
    """Return a new random key: ``prefix`` and 43 characters of base64url."""
    return prefix + secrets.token_urlsafe(KEY_BYTES)


def new_setup_key() -> str:
    """Return a new random key that is easy to type: ``abcde-fghjk-…``, 25 of 31 characters."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(25))
    return "-".join(letters[at : at + 5] for at in range(0, 25, 5))


def digest_of(key: str) -> str:
    """Return the SHA-256 in hexadecimal. A key is random, so nothing slower is needed."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def same(given: str, wanted: str) -> bool:
    """Compare in constant time, independent of the lengths."""
    return hmac.compare_digest(digest_of(given), digest_of(wanted))


def bound(key: str, to: str) -> str:
    """Return a MAC of ``to`` under ``key``. Without the key it reveals nothing about ``to``,
    however short that is.
    """
    return hmac.new(key.encode(), to.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()
