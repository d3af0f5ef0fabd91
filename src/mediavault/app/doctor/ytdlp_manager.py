"""Reports which yt-dlp this machine's workers use, and upgrades it in the background, one upgrade at a time."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from mediavault.app.ytdlp_upkeep import go_back, upgrade_now
from mediavault.core.clock import Clock
from mediavault.core.failures import Failure, ToolMissing
from mediavault.core.logs import get_logger
from mediavault.core.messages import Message
from mediavault.core.settings import UpgradeSchedule
from mediavault.presentation.doctor_report import UpgradeOutcome, YtdlpState
from mediavault.services.extraction.ytdlp_home import home_of, installed
from mediavault.services.extraction.ytdlp_installer import installer
from mediavault.services.extraction.ytdlp_upgrade import Install
from mediavault.services.extraction.ytdlp_versions import UpgradeRecord, former_version, read_record

log = get_logger(__name__)


class YtdlpManager:
    """Implements the API's port. ``install`` is the package installer, which tests replace."""

    def __init__(
        self,
        state_dir: Path,
        clock: Clock,
        schedule: UpgradeSchedule = UpgradeSchedule.OFF,
        *,
        install: Install | None = None,
    ) -> None:
        self._home = home_of(state_dir)
        self._clock = clock
        self._schedule = schedule
        self._install = install
        self._task: asyncio.Task[None] | None = None
        self._failed: UpgradeOutcome | None = None  # also what could not even be recorded

    def state(self) -> YtdlpState:
        installation, record = installed(self._home), read_record(self._home)
        released = installation.released
        return YtdlpState(
            version=installation.version,
            age_days=max(0, (self._clock.now().date() - released).days) if released else None,
            is_own=installation.library is not None,
            is_upgrading=self._task is not None and not self._task.done(),
            obstacle=self._obstacle(),
            outcome=self._outcome(record),
            former=former_version(self._home),
            given_up=record.refused,
            why=record.why,
            schedule=self._schedule,
            next_at=record.next_at if self._schedule is not UpgradeSchedule.OFF else None,
        )

    def _outcome(self, record: UpgradeRecord) -> UpgradeOutcome | None:
        if self._failed is not None and (record.tried_at is None or record.tried_at <= self._failed.at):
            return self._failed
        if record.tried_at is None:
            return None
        return UpgradeOutcome(record.tried_at, record.before, record.after, record.error, record.help)

    def _failure(self, failure: Failure) -> UpgradeOutcome:
        return UpgradeOutcome(self._clock.now(), error=failure.message, help=failure.help)

    def step_back(self) -> None:
        self._failed = None
        try:
            go_back(self._home, self._clock)
        except Failure as exc:
            self._failed = self._failure(exc)

    def start_upgrade(self) -> None:
        if self._obstacle() or self.state().is_upgrading:
            return
        self._failed = None
        self._task = asyncio.create_task(self._upgrade(), name="ytdlp-upgrade")

    async def aclose(self) -> None:
        """Cancel a running upgrade; the previous version stays in use."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _upgrade(self) -> None:
        try:
            upgraded = await upgrade_now(self._home, self._clock, install=self._install)
        except Failure as exc:
            log.warning("ytdlp_not_upgraded", error=exc.message)
            self._failed = self._failure(exc)
        else:
            log.info("ytdlp_upgraded", before=upgraded.before, after=upgraded.after)

    def _obstacle(self) -> str:
        """Return why yt-dlp cannot be upgraded here; "" when it can."""
        folder = next(path for path in (self._home, *self._home.absolute().parents) if path.exists())
        if not folder.is_dir() or not os.access(folder, os.W_OK):
            return Message("The state folder cannot be written: %(place)s.", place=folder)
        try:
            if self._install is None:
                installer()
        except ToolMissing as exc:
            return f"{exc.message} {exc.help}"
        return ""
