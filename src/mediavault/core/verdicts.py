"""What one of the doctor's examinations answers: a verdict, a fact and what helps."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class DoctorVerdict(StrEnum):
    OK = "ok"
    WARNING = "warning"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    verdict: DoctorVerdict
    detail: str
    help: str = ""

    def as_dict(self) -> dict[str, str]:
        return {"name": self.name, "verdict": self.verdict, "detail": self.detail, "help": self.help}
