"""Signatures of webhooks, as the Standard Webhooks specification defines them (version 1.0.0). Pure.

The signed text is ``id.timestamp.body`` with the bytes that are sent; a receiver with any library of the convention can
verify it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime

PREFIX = "whsec_"
SECRET_BYTES = 32


def new_secret() -> str:
    """Return a random secret in the written form, ``whsec_`` and base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode("ascii")


def signed_headers(delivery_id: str, body: bytes, secrets_in_use: Sequence[str], *, now: datetime) -> Mapping[str, str]:
    """Return the headers of an attempt, signed with each secret, the newest first."""
    timestamp = str(int(now.timestamp()))
    signed = b".".join((delivery_id.encode("ascii"), timestamp.encode("ascii"), body))
    return {
        "content-type": "application/json",
        "webhook-id": delivery_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(_signature(secret, signed) for secret in secrets_in_use),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode("ascii")
