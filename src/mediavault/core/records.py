"""Small records: what the vault remembers besides its jobs. Each is a JSON object under a kind and a key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class RecordKind(StrEnum):
    """Stored with the records: never renamed. What each holds is said where it is written."""

    OWNER = "owner"
    SETUP = "setup"
    WEB_SESSION = "web_session"
    API_TOKEN = "api_token"  # noqa: S105 - a kind, no token
    SETTING = "setting"
    VERIFIED = "verified"


# What goes along when a vault moves to another database, or comes back from a backup. Who was signed in signs in again,
# and an invitation to set the vault up is for the machine that printed it.
MOVING_KINDS = (RecordKind.OWNER, RecordKind.API_TOKEN, RecordKind.SETTING, RecordKind.VERIFIED)


@dataclass(frozen=True, slots=True)
class Record:
    """Times are by the store's clock."""

    kind: RecordKind
    key: str
    value: Mapping[str, Any]
    updated_at: datetime
    expires_at: datetime | None = None
