"""The upkeep of this machine's yt-dlp: which one is in use, its upgrades by hand and on schedule,
and the way back.

One machine has one state folder and one yt-dlp in it. All processes on it share the record and the
lock of the folder.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from mediavault.core.clock import Clock
from mediavault.core.failures import Failure, ToolMissing
from mediavault.core.logs import get_logger
from mediavault.core.messages import Message
from mediavault.core.settings import UpgradeSchedule
from mediavault.extraction.port import UpgradeRecord
from mediavault.extraction.ytdlp_home import (
    former_version,
    home_of,
    installed,
    read_record,
    step_back,
    upgrade_lock,
    write_record,
)
from mediavault.extraction.ytdlp_process import try_out
from mediavault.extraction.ytdlp_upgrade import (
    Examine,
    Install,
    failed,
    install_newest,
    installer,
    upgrade,
)
from mediavault.platforms.registry import all_platforms
from mediavault.presentation.doctor_report import YtdlpState

ROUND_S = 300.0
NIGHT_BEGINS = 2  # o'clock, in the machine's time zone
NIGHT = timedelta(hours=3)  # machines that share an index do not ask it all at once
DAY = timedelta(days=1)
REST = {UpgradeSchedule.NIGHTLY: DAY / 2, UpgradeSchedule.WEEKLY: 6.5 * DAY}
_NEVER = datetime.min.replace(tzinfo=UTC)

log = get_logger(__name__)


def examination() -> partial[Coroutine[Any, Any, str | None]]:
    """Return the trial of a new version: with the extractors that our sites need."""
    named = {name for known in all_platforms() if known.ytdlp for name in known.ytdlp.extractors}
    lists = {
        name for known in all_platforms() for rules in known.lists for name in rules.extractors
    }
    return partial(try_out, extractors=sorted((named | lists) - {"default"}))


def next_night(earliest: datetime, share: float) -> datetime:
    """Return a time in the first night that begins at ``earliest`` or later;
    ``share`` of the night, from 0 to 1.
    """
    local = earliest.astimezone()
    begins = local.replace(hour=NIGHT_BEGINS, minute=0, second=0, microsecond=0)
    if begins < local:
        begins += DAY
    return begins.astimezone(earliest.tzinfo) + NIGHT * share


class YtdlpUpkeep:
    """The yt-dlp of one state folder; implements the pages' port.
    Tests replace ``install`` and ``examine``.
    """

    def __init__(
        self,
        state_dir: Path,
        clock: Clock,
        schedule: UpgradeSchedule = UpgradeSchedule.OFF,
        *,
        jitter: Callable[[], float] = random.random,
        install: Install | None = None,
        examine: Examine | None = None,
    ) -> None:
        self._home = home_of(state_dir)
        self._clock = clock
        self._schedule = schedule
        self._jitter = jitter
        self._install = install
        self._examine = examine
        self._task: asyncio.Task[None] | None = None
        # the last failure here, as one of the state folder is not stored
        self._failed = UpgradeRecord()

    def state(self) -> YtdlpState:
        installation = installed(self._home)
        released = installation.released
        return YtdlpState(
            version=installation.version,
            age_days=max(0, (self._clock.now().date() - released).days) if released else None,
            is_own=installation.library is not None,
            is_upgrading=self._task is not None and not self._task.done(),
            obstacle=self._obstacle(),
            record=max(
                read_record(self._home), self._failed, key=lambda known: known.tried_at or _NEVER
            ),
            former=former_version(self._home),
            schedule=self._schedule,
        )

    async def upgrade(
        self, *, takes_refused: bool = True, next_at: datetime | None = None
    ) -> UpgradeRecord:
        """Upgrade now; by hand also to a version that was given up.
        Raises as ytdlp_upgrade.upgrade does.
        """
        return await upgrade(
            self._home,
            self._clock,
            install=self._install or install_newest,
            examine=self._examine or examination(),
            takes_refused=takes_refused,
            next_at=next_at,
        )

    def go_back(self) -> UpgradeRecord:
        """Go back to the former version because a user wants it.
        Raises ToolMissing and StorageFailure.
        """
        return step_back(
            self._home,
            now=self._clock.now(),
            why=Message("you went back from it"),
            reason="by_hand",
        )

    def step_back(self) -> None:
        try:
            self.go_back()
        except Failure as exc:
            self._note(exc)

    def start_upgrade(self) -> None:
        if not self._obstacle() and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._upgrade(), name="ytdlp-upgrade")

    async def _upgrade(self) -> None:
        try:
            await self.upgrade()
        except Failure as exc:
            log.warning("ytdlp_not_upgraded", error=exc.message)
            self._note(exc)

    async def aclose(self) -> None:
        """Cancel a running upgrade; the previous version stays in use."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _note(self, failure: Failure) -> None:
        self._failed = failed(read_record(self._home), failure, self._clock.now())

    def _obstacle(self) -> str:
        """Return why yt-dlp cannot be upgraded here; "" when it can."""
        folder = next(
            path for path in (self._home, *self._home.absolute().parents) if path.exists()
        )
        if not folder.is_dir() or not os.access(folder, os.W_OK):
            return Message("The state folder cannot be written: %(place)s.", place=folder)
        try:
            if self._install is None:
                installer(self._home)
        except ToolMissing as exc:
            return f"{exc.message} {exc.help}"
        return ""

    # --- the schedule -----------------------------------------------------------------------------

    async def round(self) -> None:
        """Upgrade if it is time, but not to a version that was given up."""
        if self._schedule is UpgradeSchedule.OFF or not await asyncio.to_thread(self._take_turn):
            return
        next_at = next_night(self._clock.now() + REST[self._schedule], self._jitter())
        try:
            await self.upgrade(takes_refused=False, next_at=next_at)
        except Failure as exc:
            log.info("ytdlp_upgrade_put_off", error=exc.message)

    def _take_turn(self) -> bool:
        """Return whether this worker upgrades now. The next attempt, if this one fails, is stored
        first, so no other does.

        A time that is too far ahead is replaced: the schedule may have been another one, or a clock
        wrong.
        """
        now, rest = self._clock.now(), REST[self._schedule]
        try:
            with upgrade_lock(self._home):
                record = read_record(self._home)
                if record.next_at is not None and now < record.next_at <= now + rest + DAY + NIGHT:
                    return False
                is_due = record.next_at is not None and record.next_at <= now
                earliest = min(record.tried_at, now) + rest if record.tried_at else now
                earliest = now + REST[UpgradeSchedule.NIGHTLY] if is_due else max(earliest, now)
                write_record(
                    self._home, replace(record, next_at=next_night(earliest, self._jitter()))
                )
                return is_due
        except Failure:
            # another worker is faster; or the folder cannot be written, as the doctor says
            return False
