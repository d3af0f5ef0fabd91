"""The doctor's examinations for a page: one at a time, bounded, kept for a minute; and the port of yt-dlp's upgrade."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from mediavault.core.clock import Clock
from mediavault.core.failures import MediavaultError
from mediavault.presentation.preferences import current
from mediavault.presentation.translation import N_, gettext

WITHIN_S = 45.0  # a database that does not answer is given up by its own deadline before
KEPT_FOR_S = 60.0

# Each examination belongs to one of these, by the beginning of its name; what belongs to none comes last.
_GROUPS: Sequence[tuple[str, tuple[str, ...]]] = (
    (
        N_("This machine"),
        (
            "Python",
            "SQLite",
            "Settings",
            "Address",
            "Access",
            "State folder",
            "Download folder",
            "Disk space",
            "Helper processes",
        ),
    ),
    (N_("Library"), ("Library",)),
    (N_("Browser and sign-ins"), ("Browser", "Signing in", "Sign-ins")),
    (N_("Sites"), ("yt-dlp", "Sites")),
    (
        N_("Jobs and workers"),
        ("Jobs", "Workers", "Crashes", "Native crashes", "PostgreSQL", "Database", "Clocks", "Wake-ups"),
    ),
)
_NAMES: Mapping[str, str] = {
    "Settings": N_("Settings"),
    "Address": N_("Address"),
    "Access": N_("Access"),
    "State folder": N_("State folder"),
    "Download folder": N_("Download folder"),
    "Disk space": N_("Disk space"),
    "Library": N_("Library"),
    "Browser": N_("Browser"),
    "Browser sandbox": N_("Browser sandbox"),
    "Helper processes": N_("Helper processes"),
    "Signing in": N_("Signing in"),
    "Sign-ins": N_("Sign-ins"),
    "yt-dlp's parts": N_("yt-dlp's parts"),
    "Sites": N_("Sites"),
    "Jobs": N_("Jobs"),
    "Workers": N_("Workers"),
    "Crashes": N_("Crashes"),
    "Native crashes": N_("Native crashes"),
    "Database": N_("Database"),
    "Clocks": N_("Clocks"),
    "Wake-ups": N_("Wake-ups"),
}


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found at a time. ``groups`` in the order in which a person would want to mend them."""

    at: datetime
    groups: tuple[tuple[str, tuple[Check, ...]], ...]

    def count(self, verdict: DoctorVerdict) -> int:
        return sum(check.verdict is verdict for _, checks in self.groups for check in checks)


class Doctor:
    """Asks ``examine`` at most once a minute, and once at a time however many ask; once for each language in which
    somebody asks, since its answers are in words."""

    def __init__(self, examine: Callable[[], Awaitable[Sequence[Check]]], clock: Clock) -> None:
        self._examine = examine
        self._clock = clock
        self._lock = asyncio.Lock()
        self._found: dict[str, tuple[float, Examination]] = {}

    @property
    def last(self) -> Examination | None:
        """The newest in the reader's language, else the newest."""
        own = self._found.get(current().locale)
        newest = max(self._found.values(), key=lambda it: it[0], default=None)
        found = own or newest
        return found[1] if found else None

    async def run(self) -> Examination:
        """The last report if it is recent, else a new one. A check that takes too long is part of the report."""
        async with self._lock:
            locale = current().locale
            known = self._found.get(locale)
            if known is None or self._clock.monotonic() >= known[0] + KEPT_FOR_S:
                found = Examination(self._clock.now(), grouped(await self._checks()))
                known = self._found[locale] = (self._clock.monotonic(), found)
            return known[1]

    async def _checks(self) -> Sequence[Check]:
        try:
            async with asyncio.timeout(WITHIN_S):
                return await self._examine()
        except TimeoutError:
            words = gettext("The health check did not finish within %(seconds)s s.") % {"seconds": f"{WITHIN_S:.0f}"}
            help_ = gettext("Run `mediavault doctor` on the machine itself to see where it stops.")
            return [Check("Examination", DoctorVerdict.BROKEN, words, help_)]
        except (MediavaultError, OSError) as exc:
            return [Check("Examination", DoctorVerdict.BROKEN, str(exc), getattr(exc, "help", ""))]


def grouped(checks: Sequence[Check]) -> tuple[tuple[str, tuple[Check, ...]], ...]:
    """Those that were made, under what they are about."""
    left = list(checks)
    groups: list[tuple[str, tuple[Check, ...]]] = []
    for heading, beginnings in _GROUPS:
        theirs = tuple(check for check in left if check.name.startswith(beginnings))
        left = [check for check in left if check not in theirs]
        if theirs:
            groups.append((heading, theirs))
    return (*groups, *([(N_("Others"), tuple(left))] if left else ()))


def name_of(check: Check) -> str:
    """In the reader's language."""
    return gettext(_NAMES.get(check.name, check.name))


@dataclass(frozen=True, slots=True)
class UpgradeOutcome:
    """``error`` is "" where it went well; ``before`` and ``after`` are equal where the newest was in use already."""

    at: datetime
    before: str | None = None
    after: str | None = None
    error: str = ""
    help: str = ""


@dataclass(frozen=True, slots=True)
class YtdlpState:
    """``version`` is None where there is none. ``is_own``: upgraded apart from mediavault. ``obstacle``: why it cannot be."""

    version: str | None
    age_days: int | None
    is_own: bool
    is_upgrading: bool
    obstacle: str
    outcome: UpgradeOutcome | None


class Ytdlp(Protocol):
    """The yt-dlp that this machine's workers use."""

    def state(self) -> YtdlpState: ...
    def start_upgrade(self) -> None:
        """In the background; nothing happens while one is under way, or where it cannot be."""


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
