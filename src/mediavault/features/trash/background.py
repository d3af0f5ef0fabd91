"""Empties the trash of posts whose time in it has ended,
and moves files there that a deletion could not move.
"""

from __future__ import annotations

from datetime import timedelta

from mediavault.core.logs import get_logger
from mediavault.features.trash.service import Trash
from mediavault.store.live_settings import LiveSettings

ROUND_S = 3600.0

log = get_logger(__name__)


async def empty_old(trash: Trash, live: LiveSettings) -> None:
    """Remove for good what was deleted longer ago than the settings say. Raises StorageFailure."""
    days = timedelta(days=(await live.current()).trash_days)
    if removed := await trash.empty(older_than=days):
        log.info("trash_emptied", posts=removed)
