"""What holds back queued jobs now: pauses, quiet hours, and a daily volume that is used up."""

from __future__ import annotations

from datetime import datetime

from mediavault.core.holds import Hold, line_holds
from mediavault.store.holds import all_holds
from mediavault.store.live_settings import LiveSettings
from mediavault.store.port import Records
from mediavault.store.volume import volume_of_today


async def holds_in_force(records: Records, live: LiveSettings, now: datetime) -> tuple[Hold, ...]:
    """Return all holds that are in force, those that an admin can end first."""
    settings = await live.current()
    volume = await volume_of_today(records, now) if settings.daily_volume_gb else 0
    return *await all_holds(records), *line_holds(settings, now, volume=volume)
