"""Pausing and resuming the queue, or one site in it: a record for each pause, which every claim reads.

The key is the site's name, or ``*`` for the whole queue. What runs already goes on. A pause lasts until somebody ends it,
also through restarts, and moves with the vault.
"""

from __future__ import annotations

from mediavault.core.holds import WHOLE_QUEUE, Hold, HoldReason
from mediavault.core.logs import get_logger
from mediavault.core.records import Record, RecordKind
from mediavault.store.port import Records

log = get_logger(__name__)


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
