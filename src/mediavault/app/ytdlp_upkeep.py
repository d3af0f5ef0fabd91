"""Keeps yt-dlp up to date: upgrades it on schedule, and goes back from a version that breaks sites.

One machine has one state folder and one yt-dlp in it. All workers on it share the record and the lock of the folder.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from mediavault.core.clock import Clock
from mediavault.core.failures import Failure, ToolMissing
from mediavault.core.logs import get_logger
from mediavault.core.messages import Message
from mediavault.core.settings import UpgradeSchedule
from mediavault.platforms.registry import all_platforms
from mediavault.services.extraction.ytdlp_home import home_of
from mediavault.services.extraction.ytdlp_process import try_out
from mediavault.services.extraction.ytdlp_results import is_worse, read_results
from mediavault.services.extraction.ytdlp_upgrade import Examine, Install, upgrade
from mediavault.services.extraction.ytdlp_versions import (
    Upgrade,
    UpgradeRecord,
    alone,
    change_record,
    former_version,
    read_record,
    step_back,
)

ROUND_S = 300.0
NIGHT_BEGINS = 2  # o'clock, in the machine's time zone
NIGHT = timedelta(hours=3)  # machines that share an index do not ask it all at once
REST = {UpgradeSchedule.NIGHTLY: timedelta(hours=12), UpgradeSchedule.WEEKLY: timedelta(days=6, hours=12)}
FIRST_RETRY = timedelta(hours=1)
LAST_RETRY = timedelta(hours=24)
UNDER_WAY = timedelta(hours=1)  # an upgrade that was killed is tried again after this
ON_TRIAL = timedelta(days=7)  # after that, a site has changed and not yt-dlp

log = get_logger(__name__)


def examination() -> partial[Coroutine[Any, Any, str | None]]:
    """Return the trial of a new version: with the extractors that our sites need."""
    named = {name for known in all_platforms() if known.ytdlp for name in known.ytdlp.extractors}
    lists = {name for known in all_platforms() for rules in known.lists for name in rules.extractors}
    return partial(try_out, extractors=sorted((named | lists) - {"default"}))


def next_night(after: datetime, schedule: UpgradeSchedule, share: float) -> datetime:
    """Return a time in the first night that begins long enough ``after``; ``share`` of the night, from 0 to 1."""
    earliest = (after + REST[schedule]).astimezone()
    begins = earliest.replace(hour=NIGHT_BEGINS, minute=0, second=0, microsecond=0)
    if begins < earliest:
        begins += timedelta(days=1)
    return begins.astimezone(after.tzinfo) + NIGHT * share


def retry_after(failures: int, share: float) -> timedelta:
    """Return how long to wait after this many failures in a row, changed by up to a tenth."""
    return min(FIRST_RETRY * 2.0 ** min(failures - 1, 10), LAST_RETRY) * (0.9 + 0.2 * share)


class YtdlpUpkeep:
    """The upkeep of one worker. ``install`` and ``examine`` are replaced by tests."""

    def __init__(
        self,
        state_dir: Path,
        clock: Clock,
        schedule: UpgradeSchedule,
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

    async def round(self) -> None:
        """Go back from a version that is worse than the former one, and upgrade if it is time. Raises StorageFailure."""
        await asyncio.to_thread(self._judge)
        if self._schedule is not UpgradeSchedule.OFF and await asyncio.to_thread(self._take_turn):
            await self._upgrade()

    def _judge(self) -> None:
        former, record = former_version(self._home), read_record(self._home)
        now = self._clock.now()
        if former is None or record.upgraded_at is None or now > record.upgraded_at + ON_TRIAL:
            return
        new = read_results(self._home, record.current)
        if is_worse(new, read_results(self._home, former)):
            broken = sum(not was_read for was_read in new.values())
            why = Message("it failed at %(broken)s of %(posts)s posts", broken=broken, posts=len(new))
            try:
                done = step_back(self._home, now=now, why=why)
            except ToolMissing:  # an upgrade is under way
                return
            log.warning("ytdlp_stepped_back", before=done.before, after=done.after, reason="broken_posts")

    def _take_turn(self) -> bool:
        """Return whether this worker upgrades now. The time of the next attempt is stored first, so no other does."""
        now = self._clock.now()
        record = read_record(self._home)
        if record.next_at is not None and now < record.next_at <= self._latest(now, record):
            return False
        try:
            with alone(self._home):
                record = read_record(self._home)
                is_due = record.next_at is not None and record.next_at <= now
                if is_due:
                    next_at = now + UNDER_WAY
                elif record.next_at is None or record.next_at > self._latest(now, record):
                    rested = now - REST[self._schedule]
                    next_at = next_night(max(record.tried_at or rested, rested), self._schedule, self._jitter())
                else:
                    return False
                change_record(self._home, lambda before: replace(before, next_at=next_at))
                return is_due
        except (ToolMissing, OSError):  # another worker is faster; or the folder cannot be written, as the doctor says
            return False

    def _latest(self, now: datetime, record: UpgradeRecord) -> datetime:
        """Return when the next attempt is at the latest: the schedule may have been another one, or a clock wrong."""
        return now + (LAST_RETRY * 2 if record.failures else REST[self._schedule] + timedelta(days=1) + NIGHT)

    async def _upgrade(self) -> None:
        now = self._clock.now
        try:
            done = await upgrade(
                self._home,
                now=now,
                install=self._install,
                examine=self._examine or examination(),
                takes_refused=False,
            )
        except Failure as exc:
            log.info("ytdlp_upgrade_put_off", error=exc.message)
        else:
            if done.before != done.after:
                log.info("ytdlp_upgraded", before=done.before, after=done.after)
        await asyncio.to_thread(self._plan_next)

    def _plan_next(self) -> None:
        now, share = self._clock.now(), self._jitter()

        def planned(record: UpgradeRecord) -> UpgradeRecord:
            if record.failures:
                return replace(record, next_at=now + retry_after(record.failures, share))
            return replace(record, next_at=next_night(now, self._schedule, share))

        try:
            with alone(self._home):
                change_record(self._home, planned)
        except (ToolMissing, OSError):  # tried again an hour after the beginning
            return


async def upgrade_now(home: Path, clock: Clock, *, install: Install | None = None) -> Upgrade:
    """Upgrade because a user wants it, also to a version that was given up. Raises as the upgrade does."""
    return await upgrade(home, now=clock.now, install=install, examine=examination())


def go_back(home: Path, clock: Clock) -> Upgrade:
    """Go back to the former version because a user wants it. Raises ToolMissing and StorageFailure."""
    done = step_back(home, now=clock.now(), why=Message("you went back from it"))
    log.warning("ytdlp_stepped_back", before=done.before, after=done.after, reason="by_hand")
    return done
