"""How much was downloaded today: a record for each day and worker, so that workers never wait for each other.

A day is one of the machine's local time. The key is ``<day>/<worker>``, the value ``{"bytes": …}``. What failed attempts
downloaded counts too. A worker that is killed loses what it downloaded since its last heartbeat.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from mediavault.core.clock import Clock, local
from mediavault.core.failures import StoreError
from mediavault.core.job import WorkerId
from mediavault.core.logs import get_logger
from mediavault.core.records import RecordKind
from mediavault.core.shared_line import SharedLine
from mediavault.store.port import Records

KEPT = timedelta(days=3)
READ_AGAIN_S = 10.0

log = get_logger(__name__)


class VolumeCounter:
    """Counts what one worker downloads."""

    def __init__(self, records: Records, clock: Clock, line: SharedLine, worker: WorkerId) -> None:
        self._records, self._clock, self._line, self._worker = records, clock, line, worker
        self._day, self._bytes = "", 0  # as they are stored
        self._counted = line.received
        self._of_today, self._read_on, self._read_again_s = 0, "", 0.0

    async def of_today(self) -> int:
        """Return how many bytes all workers have downloaded today; the numbers of other workers are up to READ_AGAIN_S old."""
        now, now_s = self._clock.now(), self._clock.monotonic()
        if now_s >= self._read_again_s or self._read_on != day_of(now):
            self._of_today = await volume_of_today(self._records, now)
            self._read_on, self._read_again_s = day_of(now), now_s + READ_AGAIN_S
        return self._of_today + self._line.received - self._counted

    async def save(self) -> None:
        """Store what was downloaded since the last call. If the store is unavailable, the next call stores it."""
        received = self._line.received
        new = received - self._counted
        if not new:
            return
        now = self._clock.now()
        total = new + (self._bytes if self._day == day_of(now) else 0)
        try:
            await self._records.put(
                RecordKind.VOLUME, f"{day_of(now)}/{self._worker}", {"bytes": total}, expires_at=now + KEPT
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
