"""Small records: what the vault remembers besides its jobs. Each is a JSON object under a kind and a key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from mediavault.core import messages


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


class CheckVerdict(StrEnum):
    """Stored with the records: never renamed."""

    WHOLE = "whole"
    CHANGED = "changed"  # another size, or other bytes
    MISSING = "missing"
    UNREADABLE = "unreadable"  # the disk, or the storage, would not give its bytes


@dataclass(frozen=True, slots=True)
class FileCheck:
    """One file of a job, read from end to end at ``at``. ``detail`` says more where it is not whole."""

    at: datetime
    verdict: CheckVerdict
    detail: str = ""


def written_checks(checks: Mapping[int, FileCheck]) -> dict[str, Any]:
    """As the value of a record of the kind ``verified``, whose key is the job's id; by the place of each file's item."""
    return {
        str(place): {
            "at": one.at.isoformat(),
            "verdict": one.verdict,
            "detail": one.detail,
            "detail_params": messages.to_json(one.detail),
        }
        for place, one in checks.items()
    }


def read_checks(value: Mapping[str, Any]) -> dict[int, FileCheck]:
    """The inverse; ValueError, KeyError or TypeError for anything else."""
    return {
        int(place): FileCheck(
            datetime.fromisoformat(one["at"]),
            CheckVerdict(one["verdict"]),
            messages.from_json(str(one["detail"]), one.get("detail_params")),
        )
        for place, one in value.items()
    }
