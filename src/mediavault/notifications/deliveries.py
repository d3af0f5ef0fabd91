"""Messages to targets, each a record until a week after its end, and when they are tried again. Pure apart from the reads and
writes at its end.

The schedule is the one that the Standard Webhooks specification proposes: ten attempts within about 76 hours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from mediavault.core import messages
from mediavault.core.failures import NotFound
from mediavault.core.logs import get_logger
from mediavault.core.records import Record, RecordKind
from mediavault.notifications.port import SendResult
from mediavault.store.port import Records

# after the first failed attempt, the second, and so on
SCHEDULE = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
SPREAD = 0.1  # of a wait: receivers that were away are not asked by all at once
SLOWER = timedelta(minutes=1)  # at least, where a receiver is overloaded and does not say for how long
OVERLOADED = frozenset({429, 502, 503, 504})
HELD_FOR = timedelta(minutes=2)  # longer than an attempt may take: after this its worker has died
WAITS_AT_MOST = timedelta(days=14)  # since its last attempt, of a target that is paused
KEPT_FOR = timedelta(days=7)
_KIND = RecordKind.NOTIFY_DELIVERY

log = get_logger(__name__)


class DeliveryState(StrEnum):
    """What became of a delivery so far. The values are stored."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class NotificationDelivery:
    """A message to a target. ``id`` is the ``webhook-id``, which all of its attempts share, as they do ``body``.

    ``attempts`` counts those that have begun. ``held_until``: a worker is sending it. ``problem`` and ``status`` are of the
    last attempt, at ``tried_at``; ``failing_since`` is when the first one failed.
    """

    id: str
    target: str
    type: str
    body: str
    made_at: datetime
    due_at: datetime
    state: DeliveryState = DeliveryState.WAITING
    attempts: int = 0
    held_until: datetime | None = None
    tried_at: datetime | None = None
    failing_since: datetime | None = None
    status: int | None = None
    problem: str = ""

    def is_due(self, now: datetime) -> bool:
        """Whether it is to be sent now, and no worker is sending it."""
        is_free = self.held_until is None or self.held_until <= now
        return self.state is DeliveryState.WAITING and self.due_at <= now and is_free


def claimed(delivery: NotificationDelivery, now: datetime) -> NotificationDelivery:
    """Return the delivery as a worker stores it before it sends it."""
    return replace(delivery, attempts=delivery.attempts + 1, held_until=now + HELD_FOR, tried_at=now)


def after_attempt(
    delivery: NotificationDelivery, result: SendResult, *, now: datetime, jitter: float, is_test: bool = False
) -> NotificationDelivery:
    """Return the claimed delivery after its attempt: delivered, to be tried again, or failed.

    ``jitter`` is in [0, 1). A test is not tried again.
    """
    tried = replace(delivery, held_until=None, status=result.status, problem=result.problem)
    if result.is_delivered:
        return replace(tried, state=DeliveryState.DELIVERED, failing_since=None)
    tried = replace(tried, failing_since=delivery.failing_since or now)
    if delivery.attempts > len(SCHEDULE) or result.is_gone or is_test:
        return replace(tried, state=DeliveryState.FAILED)
    wait = SCHEDULE[delivery.attempts - 1] * (1 + SPREAD * jitter)
    if result.retry_after is not None:
        wait = max(wait, result.retry_after)
    elif result.status in OVERLOADED:
        wait = max(wait, SLOWER)
    return replace(tried, due_at=now + wait)


def again(delivery: NotificationDelivery, now: datetime) -> NotificationDelivery:
    """Return the delivery as one that a user wants to be sent again, with the whole schedule before it."""
    return replace(delivery, state=DeliveryState.WAITING, attempts=0, due_at=now, held_until=None, failing_since=None)


# --- records -----------------------------------------------------------------------------------------------------


async def all_deliveries(records: Records) -> list[NotificationDelivery]:
    """Return all deliveries, the newest first."""
    found = (_read(record) for record in await records.all(_KIND))
    return sorted((each for each in found if each is not None), key=lambda each: (each.made_at, each.id), reverse=True)


async def find_delivery(records: Records, delivery_id: str) -> NotificationDelivery:
    """Return the delivery. Raises NotFound."""
    record = await records.get(_KIND, delivery_id)
    delivery = None if record is None else _read(record)
    if delivery is None:
        raise NotFound("Unknown delivery.", help="Deliveries are kept for a week.")
    return delivery


async def replace_delivery(records: Records, before: NotificationDelivery | None, after: NotificationDelivery) -> bool:
    """Store ``after`` if ``before`` is what is stored now; None: if there is none. Returns whether it was stored."""
    kept = WAITS_AT_MOST if after.state is DeliveryState.WAITING else KEPT_FOR
    ends = (after.tried_at or after.made_at) + kept  # it may be sent again by hand long after it was made
    value = None if before is None else _value(before)
    return await records.replace(_KIND, after.id, _value(after), if_value=value, expires_at=ends)


async def remove_delivery(records: Records, delivery_id: str) -> None:
    """Remove the delivery, if it is there."""
    await records.remove(_KIND, delivery_id)


def _value(delivery: NotificationDelivery) -> Mapping[str, Any]:
    def moment(at: datetime | None) -> str | None:
        return None if at is None else at.isoformat()

    return {
        "target": delivery.target,
        "type": delivery.type,
        "body": delivery.body,
        "made_at": delivery.made_at.isoformat(),
        "due_at": delivery.due_at.isoformat(),
        "state": delivery.state,
        "attempts": delivery.attempts,
        "held_until": moment(delivery.held_until),
        "tried_at": moment(delivery.tried_at),
        "failing_since": moment(delivery.failing_since),
        "status": delivery.status,
        "problem": delivery.problem,
        "problem_params": messages.to_json(delivery.problem),
    }


def _read(record: Record) -> NotificationDelivery | None:
    value = record.value

    def moment(name: str) -> datetime | None:
        return datetime.fromisoformat(value[name]) if value[name] else None

    try:
        return NotificationDelivery(
            id=record.key,
            target=str(value["target"]),
            type=str(value["type"]),
            body=str(value["body"]),
            made_at=datetime.fromisoformat(value["made_at"]),
            due_at=datetime.fromisoformat(value["due_at"]),
            state=DeliveryState(value["state"]),
            attempts=int(value["attempts"]),
            held_until=moment("held_until"),
            tried_at=moment("tried_at"),
            failing_since=moment("failing_since"),
            status=None if value["status"] is None else int(value["status"]),
            problem=messages.from_json(str(value["problem"]), value["problem_params"]),
        )
    except (LookupError, TypeError, ValueError):
        log.warning("notification_delivery_unreadable", delivery=record.key)
        return None
