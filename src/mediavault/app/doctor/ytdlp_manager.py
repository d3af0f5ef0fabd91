"""Reports which yt-dlp this machine's workers use, and upgrades it in the background, one upgrade at a time."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from mediavault.core.clock import Clock
from mediavault.core.failures import Failure, ToolMissing
from mediavault.core.logs import get_logger
from mediavault.core.messages import Message
from mediavault.presentation.doctor_report import UpgradeOutcome, YtdlpState
from mediavault.services.extraction.ytdlp_home import home_of, installed
from mediavault.services.extraction.ytdlp_upgrade import Install, installer, upgrade

log = get_logger(__name__)


class YtdlpManager:
    """Implements the API's port. ``install`` is the package installer, which tests replace."""

    def __init__(self, state_dir: Path, clock: Clock, *, install: Install | None = None) -> None:
        self._home = home_of(state_dir)
        self._clock = clock
        self._install = install
        self._task: asyncio.Task[None] | None = None
        self._outcome: UpgradeOutcome | None = None

    def state(self) -> YtdlpState:
        installation = installed(self._home)
        released = installation.released
        return YtdlpState(
            version=installation.version,
            age_days=max(0, (self._clock.now().date() - released).days) if released else None,
            is_own=installation.library is not None,
            is_upgrading=self._task is not None and not self._task.done(),
            obstacle=self._obstacle(),
            outcome=self._outcome,
        )

    def start_upgrade(self) -> None:
        if self._obstacle() or self.state().is_upgrading:
            return
        self._outcome = None
        self._task = asyncio.create_task(self._upgrade(), name="ytdlp-upgrade")

    async def aclose(self) -> None:
        """Cancel a running upgrade; the previous version stays in use."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _upgrade(self) -> None:
        try:
            upgraded = await upgrade(self._home, install=self._install)
        except Failure as exc:
            log.warning("ytdlp_not_upgraded", error=exc.message)
            self._outcome = UpgradeOutcome(self._clock.now(), error=exc.message, help=exc.help)
        else:
            log.info("ytdlp_upgraded", before=upgraded.before, after=upgraded.after)
            self._outcome = UpgradeOutcome(self._clock.now(), before=upgraded.before, after=upgraded.after)

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
