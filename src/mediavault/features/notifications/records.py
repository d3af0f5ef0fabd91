"""Targets and deliveries as they are stored, each a record;
a delivery until a week after its end.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from mediavault.core.failures import NotFound
from mediavault.core.logs import get_logger
from mediavault.core.records import Record, RecordKind
from mediavault.core.typed_records import from_named_json, to_named_json
from mediavault.features.notifications.model import (
    DeliveryState,
    EventKind,
    NotificationDelivery,
    NotificationTarget,
)
from mediavault.store.port import Records

WAITS_AT_MOST = timedelta(days=14)  # since its last attempt, of a target that is paused
KEPT_FOR = timedelta(days=7)

log = get_logger(__name__)


async def all_targets(records: Records) -> list[NotificationTarget]:
    """Return the targets, the oldest first."""
    found = (_target(record) for record in await records.all(RecordKind.NOTIFY_TARGET))
    return sorted(
        (target for target in found if target is not None), key=lambda each: (each.made_at, each.id)
    )


async def find_target(records: Records, target_id: str) -> NotificationTarget:
    """Return the target. Raises NotFound."""
    return (await _found(records, target_id))[1]


async def put_target(records: Records, target: NotificationTarget) -> None:
    """Store a new target."""
    await records.put(RecordKind.NOTIFY_TARGET, target.id, _value(target))


async def change_target(
    records: Records, target_id: str, change: Callable[[NotificationTarget], NotificationTarget]
) -> NotificationTarget:
    """Store what ``change`` makes of the target, and return it. Raises NotFound,
    and what ``change`` raises.
    """
    while True:
        record, target = await _found(records, target_id)
        changed = change(target)
        if await records.replace(
            RecordKind.NOTIFY_TARGET, target_id, _value(changed), if_value=record.value
        ):
            return changed


async def remove_target(records: Records, target_id: str) -> None:
    """Remove the target with its deliveries. Raises NotFound. What a concurrent round stores for it
    is removed by a later round, or expires.
    """
    if not await records.remove(RecordKind.NOTIFY_TARGET, target_id):
        raise _unknown_target()
    for delivery in await all_deliveries(records):
        if delivery.target == target_id:
            await remove_delivery(records, delivery.id)


async def _found(records: Records, target_id: str) -> tuple[Record, NotificationTarget]:
    record = await records.get(RecordKind.NOTIFY_TARGET, target_id)
    if record is None or (target := _target(record)) is None:
        raise _unknown_target()
    return record, target


def _unknown_target() -> NotFound:
    return NotFound("Unknown target.", help="It may have been removed.")


async def all_deliveries(records: Records) -> list[NotificationDelivery]:
    """Return all deliveries, the newest first."""
    found = (_delivery(record) for record in await records.all(RecordKind.NOTIFY_DELIVERY))
    return sorted(
        (each for each in found if each is not None),
        key=lambda each: (each.made_at, each.id),
        reverse=True,
    )


async def find_delivery(records: Records, delivery_id: str) -> NotificationDelivery:
    """Return the delivery. Raises NotFound."""
    record = await records.get(RecordKind.NOTIFY_DELIVERY, delivery_id)
    delivery = None if record is None else _delivery(record)
    if delivery is None:
        raise NotFound("Unknown delivery.", help="Deliveries are kept for a week.")
    return delivery


async def replace_delivery(
    records: Records, before: NotificationDelivery | None, after: NotificationDelivery
) -> bool:
    """Store ``after`` if ``before`` is what is stored now; None: if there is none.
    Returns whether it was stored.
    """
    kept = WAITS_AT_MOST if after.state is DeliveryState.WAITING else KEPT_FOR
    # it may be sent again by hand long after it was made
    ends = (after.tried_at or after.made_at) + kept
    value = None if before is None else _value(before)
    new = _value(after)
    return await records.replace(
        RecordKind.NOTIFY_DELIVERY, after.id, new, if_value=value, expires_at=ends
    )


async def remove_delivery(records: Records, delivery_id: str) -> None:
    """Remove the delivery, if it is there."""
    await records.remove(RecordKind.NOTIFY_DELIVERY, delivery_id)


def _value(one: NotificationTarget | NotificationDelivery) -> dict[str, Any]:
    """Return all its fields but the id, which is the record's key."""
    value = to_named_json(one, whole=True)
    del value["id"]
    return value


def _target(record: Record) -> NotificationTarget | None:
    """Return the target in a record, without events of other versions; None for one of another
    version, which is left alone.
    """
    known = {kind.value for kind in EventKind}
    try:
        events = [name for name in record.value["events"] if name in known]
        return from_named_json(
            NotificationTarget, {**record.value, "id": record.key, "events": events}
        )
    except (LookupError, TypeError, ValueError):
        log.warning("notification_target_unreadable", target=record.key)
        return None


def _delivery(record: Record) -> NotificationDelivery | None:
    try:
        return from_named_json(NotificationDelivery, {**record.value, "id": record.key})
    except (LookupError, TypeError, ValueError):
        log.warning("notification_delivery_unreadable", delivery=record.key)
        return None
