"""Random keys, and what is kept of them: a digest, so that a database that gets out opens nothing."""

from __future__ import annotations

import hashlib
import hmac
import secrets

KEY_BYTES = 32
SHOWN_CHARS = 16  # of a digest: names one of a few records and opens nothing
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that looks like another


def new_key(prefix: str = "") -> str:
    """``prefix`` and 43 characters of base64url."""
    return prefix + secrets.token_urlsafe(KEY_BYTES)


def new_setup_key() -> str:
    """For a person to type: ``abcde-fghjk-…``, 25 letters of 31."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(25))
    return "-".join(letters[at : at + 5] for at in range(0, 25, 5))


def digest_of(key: str) -> str:
    """SHA-256 in hexadecimal. A key is random, so nothing slower is needed."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def same(given: str, wanted: str) -> bool:
    """Compare in constant time, whatever the lengths."""
    return hmac.compare_digest(digest_of(given), digest_of(wanted))


def bound(key: str, to: str) -> str:
    """Proof that whoever holds ``key`` knew ``to``. Without the key it tells nothing of ``to``, however short that is."""
    return hmac.new(key.encode(), to.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()
