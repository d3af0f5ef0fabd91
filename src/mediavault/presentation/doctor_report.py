"""The doctor's findings and its report, cached for a minute; the port of yt-dlp's upgrade."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from mediavault.core.clock import Clock
from mediavault.core.settings import UpgradeSchedule
from mediavault.extraction.port import UpgradeRecord
from mediavault.presentation.translation import N_

CACHE_S = 60.0
YTDLP_OLD_AFTER = 45  # days: by then several sites have changed

MACHINE = N_("This machine")
LIBRARY = N_("Library")
BROWSER = N_("Browser and sign-ins")
SITES = N_("Sites")
JOBS = N_("Jobs and workers")
GROUPS: Sequence[str] = (MACHINE, LIBRARY, BROWSER, SITES, JOBS)


class DoctorVerdict(StrEnum):
    OK = "ok"
    WARNING = "warning"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Check:
    """What a check found: the state of one thing, and what helps. The texts are translated where
    they are shown.

    Its name and its group are those of the table. ``is_public``: its texts may be in a bug report.
    """

    name: str
    verdict: DoctorVerdict
    detail: str
    help: str = ""
    group: str = MACHINE
    is_public: bool = False

    def as_dict(self) -> dict[str, str]:
        return {
            "name": self.name,
            "verdict": self.verdict,
            "detail": self.detail,
            "help": self.help,
        }


def ok(detail: str) -> Check:
    return Check("", DoctorVerdict.OK, detail)


def warning(detail: str, advice: str) -> Check:
    return Check("", DoctorVerdict.WARNING, detail, advice)


def broken(detail: str, advice: str) -> Check:
    return Check("", DoctorVerdict.BROKEN, detail, advice)


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """The result of all checks at one time."""

    at: datetime
    checks: Sequence[Check]

    @property
    def groups(self) -> list[tuple[str, list[Check]]]:
        """The checks under their headings; empty groups are left out."""
        listed = (
            (group, [check for check in self.checks if check.group == group]) for group in GROUPS
        )
        return [(group, checks) for group, checks in listed if checks]

    def count(self, verdict: DoctorVerdict) -> int:
        return sum(check.verdict is verdict for check in self.checks)


class Doctor:
    """Runs ``examine`` at most once a minute, and one run at a time.
    ``last`` is the newest report.
    """

    def __init__(self, examine: Callable[[], Awaitable[Sequence[Check]]], clock: Clock) -> None:
        self._examine = examine
        self._clock = clock
        self._lock = asyncio.Lock()
        self._until = 0.0  # monotonic
        self.last: DoctorReport | None = None

    async def run(self) -> DoctorReport:
        """Return the last report if it is recent, else a new one."""
        async with self._lock:
            if self.last is None or self._clock.monotonic() >= self._until:
                self.last = DoctorReport(self._clock.now(), await self._examine())
                self._until = self._clock.monotonic() + CACHE_S
            return self.last


@dataclass(frozen=True, slots=True)
class YtdlpState:
    """The yt-dlp in use, and its upgrade.

    ``version`` is None when there is none. ``is_own``: it is upgraded independently of mediavault.
    ``obstacle``: why it cannot be upgraded. ``record`` is of the last upgrade, ``former`` the
    version that it can go back to, and ``schedule`` says how often it is upgraded automatically.
    """

    version: str | None
    age_days: int | None
    is_own: bool
    is_upgrading: bool
    obstacle: str
    record: UpgradeRecord
    former: str | None = None
    schedule: UpgradeSchedule = UpgradeSchedule.OFF


class Ytdlp(Protocol):
    """The yt-dlp that this machine's workers use."""

    def state(self) -> YtdlpState: ...
    def start_upgrade(self) -> None:
        """Start an upgrade in the background, unless one is under way or impossible."""

    def step_back(self) -> None:
        """Go back to the version before the last upgrade, if it is still there."""
