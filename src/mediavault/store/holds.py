"""What holds back queued jobs: pauses of the queue or a site, quiet hours, and the day's volume;
every claim reads it.

The key is the site's name, or ``*`` for the whole queue. What runs already goes on. A pause lasts
until somebody ends it, also through restarts, and moves with the vault.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from mediavault.core.bandwidth_limiter import BandwidthLimiter
from mediavault.core.clock import Clock, local
from mediavault.core.failures import StoreError
from mediavault.core.holds import WHOLE_QUEUE, Hold, HoldReason, download_pauses
from mediavault.core.job import WorkerId
from mediavault.core.logs import get_logger
from mediavault.core.records import Record, RecordKind
from mediavault.store.live_settings import LiveSettings
from mediavault.store.port import Records

KEPT = timedelta(days=3)
READ_AGAIN_S = 10.0

log = get_logger(__name__)


class VolumeCounter:
    """Counts what one worker downloads."""

    def __init__(
        self, records: Records, clock: Clock, bandwidth: BandwidthLimiter, worker: WorkerId
    ) -> None:
        self._records, self._clock, self._bandwidth, self._worker = (
            records,
            clock,
            bandwidth,
            worker,
        )
        self._day, self._bytes = "", 0  # as they are stored
        self._counted = bandwidth.received
        self._of_today, self._read_on, self._read_again_s = 0, "", 0.0

    async def of_today(self) -> int:
        """Return how many bytes all workers have downloaded today;
        the numbers of other workers are up to READ_AGAIN_S old.
        """
        now, now_s = self._clock.now(), self._clock.monotonic()
        if now_s >= self._read_again_s or self._read_on != day_of(now):
            self._of_today = await volume_of_today(self._records, now)
            self._read_on, self._read_again_s = day_of(now), now_s + READ_AGAIN_S
        return self._of_today + self._bandwidth.received - self._counted

    async def save(self) -> None:
        """Store what was downloaded since the last call. If the store is unavailable,
        the next call stores it.
        """
        received = self._bandwidth.received
        new = received - self._counted
        if not new:
            return
        now = self._clock.now()
        total = new + (self._bytes if self._day == day_of(now) else 0)
        try:
            await self._records.put(
                RecordKind.VOLUME,
                f"{day_of(now)}/{self._worker}",
                {"bytes": total},
                expires_at=now + KEPT,
            )
        except StoreError as exc:
            log.warning("volume_not_saved", error=exc.message)
            return
        self._day, self._bytes, self._counted = day_of(now), total, received
        self._read_again_s = 0.0


async def volume_of_today(records: Records, now: datetime) -> int:
    """Return how many bytes all workers have downloaded today, as far as they have stored it."""
    stored = await records.under(RecordKind.VOLUME, f"{day_of(now)}/")
    return sum(int(record.value["bytes"]) for record in stored)


def day_of(moment: datetime) -> str:
    """Return the local day."""
    return f"{local(moment):%Y-%m-%d}"


async def pause(records: Records, site: str | None = None) -> bool:
    """Hold back the site's jobs, or all of them; returns False when they were paused already."""
    is_new = await records.replace(RecordKind.PAUSE, site or WHOLE_QUEUE, {}, if_value=None)
    if is_new:
        log.info("queue_paused", site=site)
    return is_new


async def resume(records: Records, site: str | None = None) -> bool:
    """End the pause of the site, or that of the whole queue; returns False when there was none.

    Sites that were paused by name stay paused when the queue is resumed.
    """
    was_paused = await records.remove(RecordKind.PAUSE, site or WHOLE_QUEUE)
    if was_paused:
        log.info("queue_resumed", site=site)
    return was_paused


async def all_holds(records: Records) -> tuple[Hold, ...]:
    """Return what holds queued jobs back now, that of the whole queue first."""
    return tuple(map(_pause, await records.all(RecordKind.PAUSE)))


def _pause(record: Record) -> Hold:
    site = None if record.key == WHOLE_QUEUE else record.key
    return Hold(HoldReason.PAUSED, site, since=record.updated_at)


async def holds_in_force(records: Records, live: LiveSettings, now: datetime) -> tuple[Hold, ...]:
    """Return all holds that are in force, those that an admin can end first."""
    settings = await live.current()
    volume = await volume_of_today(records, now) if settings.daily_volume_gb else 0
    return *await all_holds(records), *download_pauses(settings, now, volume=volume)
