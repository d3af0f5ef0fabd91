"""The doctor's report: made one at a time, within a time limit, cached for a minute; the port of yt-dlp's upgrade."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from mediavault.core.clock import Clock
from mediavault.core.failures import MediavaultError
from mediavault.core.settings import UpgradeSchedule
from mediavault.extraction.port import UpgradeRecord
from mediavault.presentation.preferences import current
from mediavault.presentation.translation import N_, gettext

WITHIN_S = 45.0  # an unresponsive database hits its own deadline before this
CACHE_S = 60.0

# Each check belongs to the group with a prefix of its name; those of no group come last.
_GROUPS: Sequence[tuple[str, tuple[str, ...]]] = (
    (
        N_("This machine"),
        (
            "Python",
            "System",
            "SQLite",
            "Settings",
            "Address",
            "Access",
            "Proxy",
            "State folder",
            "Download folder",
            "Disk space",
            "Helper processes",
        ),
    ),
    (N_("Library"), ("Library", "Saved files", "Media server")),
    (N_("Browser and sign-ins"), ("Browser", "Signing in", "Sign-ins")),
    (N_("Sites"), ("yt-dlp", "Sites")),
    (
        N_("Jobs and workers"),
        ("Jobs", "Queue", "Workers", "Crashes", "Native crashes", "PostgreSQL", "Database", "Clocks", "Wake-ups"),
    ),
)
_NAMES: Mapping[str, str] = {
    "System": N_("System"),
    "Settings": N_("Settings"),
    "Address": N_("Address"),
    "Access": N_("Access"),
    "Proxy": N_("Proxy"),
    "State folder": N_("State folder"),
    "Download folder": N_("Download folder"),
    "Disk space": N_("Disk space"),
    "Library": N_("Library"),
    "Saved files": N_("Saved files"),
    "Media server": N_("Media server"),
    "Browser": N_("Browser"),
    "Browser sandbox": N_("Browser sandbox"),
    "Helper processes": N_("Helper processes"),
    "Signing in": N_("Signing in"),
    "Sign-ins": N_("Sign-ins"),
    "yt-dlp's network": N_("yt-dlp's network"),
    "yt-dlp's parts": N_("yt-dlp's parts"),
    "Sites": N_("Sites"),
    "Jobs": N_("Jobs"),
    "Queue": N_("Queue"),
    "Workers": N_("Workers"),
    "Crashes": N_("Crashes"),
    "Native crashes": N_("Native crashes"),
    "Database": N_("Database"),
    "Clocks": N_("Clocks"),
    "Wake-ups": N_("Wake-ups"),
}


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """The result of all checks at one time. ``groups`` are in the order in which to fix problems."""

    at: datetime
    groups: tuple[tuple[str, tuple[Check, ...]], ...]

    def count(self, verdict: DoctorVerdict) -> int:
        return sum(check.verdict is verdict for _, checks in self.groups for check in checks)


class Doctor:
    """Runs ``examine`` at most once a minute for each language (its results are texts), and one run at a time."""

    def __init__(self, examine: Callable[[], Awaitable[Sequence[Check]]], clock: Clock) -> None:
        self._examine = examine
        self._clock = clock
        self._lock = asyncio.Lock()
        self._reports: dict[str, tuple[float, DoctorReport]] = {}

    @property
    def last(self) -> DoctorReport | None:
        """The newest report in the reader's language, else the newest of all; None before the first."""
        own = self._reports.get(current().locale)
        newest = max(self._reports.values(), key=lambda timed: timed[0], default=None)
        report = own or newest
        return report[1] if report else None

    async def run(self) -> DoctorReport:
        """Return the last report if it is recent, else a new one. A check that takes too long is part of the report."""
        async with self._lock:
            locale = current().locale
            known = self._reports.get(locale)
            if known is None or self._clock.monotonic() >= known[0] + CACHE_S:
                report = DoctorReport(self._clock.now(), grouped(await self._checks()))
                known = self._reports[locale] = (self._clock.monotonic(), report)
            return known[1]

    async def _checks(self) -> Sequence[Check]:
        try:
            async with asyncio.timeout(WITHIN_S):
                return await self._examine()
        except TimeoutError:
            detail = gettext("The health check did not finish within %(seconds)s s.") % {"seconds": f"{WITHIN_S:.0f}"}
            help_ = gettext("Run `mediavault doctor` on the machine itself to see where it stops.")
            return [Check("Examination", DoctorVerdict.BROKEN, detail, help_)]
        except (MediavaultError, OSError) as exc:
            return [Check("Examination", DoctorVerdict.BROKEN, str(exc), getattr(exc, "help", ""))]


def grouped(checks: Sequence[Check]) -> tuple[tuple[str, tuple[Check, ...]], ...]:
    """Group the checks under their headings; empty groups are left out."""
    left = list(checks)
    groups: list[tuple[str, tuple[Check, ...]]] = []
    for heading, prefixes in _GROUPS:
        members = tuple(check for check in left if check.name.startswith(prefixes))
        left = [check for check in left if check not in members]
        if members:
            groups.append((heading, members))
    return (*groups, *([(N_("Others"), tuple(left))] if left else ()))


def name_of(check: Check) -> str:
    """Return the check's name in the reader's language."""
    return gettext(_NAMES.get(check.name, check.name))


@dataclass(frozen=True, slots=True)
class YtdlpState:
    """The yt-dlp in use, and its upgrade.

    ``version`` is None when there is none. ``is_own``: it is upgraded independently of mediavault. ``obstacle``: why it
    cannot be upgraded. ``record`` is of the last upgrade, ``former`` the version that it can go back to, and ``schedule``
    says how often it is upgraded automatically.
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
