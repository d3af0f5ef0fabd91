"""When the media server is to be called about saved videos, and how the last call went: two records
that all workers share.

A restart loses neither. Of several workers one takes the call; when that one dies, another takes it
later.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from mediavault.core.clock import Clock
from mediavault.core.messages import Translatable
from mediavault.core.records import RecordKind
from mediavault.core.typed_records import from_named_json, to_named_json
from mediavault.store.port import Records

QUIET = timedelta(seconds=60)  # after the last saved video
RETRIES = (timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=3))
HELD_FOR = timedelta(minutes=2)  # longer than a call may take: after this its worker has died
DUE, LAST = "due", "last"


@dataclass(frozen=True, slots=True)
class TakenCall:
    """A call that this process makes, for the time with this number.
    Until then no other process makes it.
    """

    tries: int
    until: datetime

    @property
    def value(self) -> dict[str, Any]:
        """The record of the call while it is made."""
        return {"at": self.until.isoformat(), "tries": self.tries}


@dataclass(frozen=True, slots=True)
class LastCall:
    """The latest call to the media server. ``error`` is None after a success."""

    at: datetime
    error: Translatable | None


async def note_saved(records: Records, clock: Clock) -> None:
    """Put the call off until nothing was saved for a minute. Raises StoreError."""
    at = (clock.now() + QUIET).isoformat()
    await records.put(RecordKind.MEDIA_SERVER, DUE, {"at": at, "tries": 0})


async def take_due(records: Records, clock: Clock) -> TakenCall | None:
    """Return the call that is to be made now; None if there is none,
    or another process makes it. Raises StoreError.
    """
    due, now = await records.get(RecordKind.MEDIA_SERVER, DUE), clock.now()
    if due is None or not due.value["at"] or datetime.fromisoformat(due.value["at"]) > now:
        return None
    taken = TakenCall(due.value["tries"] + 1, now + HELD_FOR)
    is_ours = await records.replace(RecordKind.MEDIA_SERVER, DUE, taken.value, if_value=due.value)
    return taken if is_ours else None


async def note_outcome(records: Records, clock: Clock, taken: TakenCall, error: str | None) -> None:
    """Record how a call went, and plan the next after a failure,
    unless a saved video has planned one. Raises StoreError.
    """
    now = clock.now()
    await records.put(
        RecordKind.MEDIA_SERVER, LAST, to_named_json(LastCall(now, error), whole=True)
    )
    is_repeated = error is not None and taken.tries <= len(RETRIES)
    at = (now + RETRIES[taken.tries - 1]).isoformat() if is_repeated else None
    await records.replace(
        RecordKind.MEDIA_SERVER, DUE, {"at": at, "tries": taken.tries}, if_value=taken.value
    )


async def last_call(records: Records) -> LastCall | None:
    """Return the latest call; None before the first one. Raises StoreError."""
    record = await records.get(RecordKind.MEDIA_SERVER, LAST)
    return None if record is None else from_named_json(LastCall, record.value)
