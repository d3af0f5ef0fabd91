"""What a look at a kept file found: is it still the file that was saved? Kept as small records, one for each job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from mediavault.core import messages


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
