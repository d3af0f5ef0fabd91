"""Finds events, keeps a delivery for each target, and sends what is due.

Events are read from the jobs themselves, behind a position that all workers share: no job ever
waits for a notification, and a crash loses none. A round keeps the deliveries before it moves the
position; their ids follow from the events, so a round that is repeated keeps none twice. A delivery
is claimed by compare-and-set before it is sent, so of a fleet one worker sends it; when that one
dies before it has recorded the answer, another one sends it again, under the same id.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial

from mediavault.core.clock import Clock, local, to_micros
from mediavault.core.failures import NotFound, StoreError
from mediavault.core.job import Job, JobId
from mediavault.core.logs import get_logger
from mediavault.core.records import RecordKind
from mediavault.features.notifications.events import (
    TEST,
    TONES,
    JobEvent,
    NewMessage,
    body_of,
    check_message,
    damage_event,
    disk_message,
    event_of,
    messages_of,
    retention_message,
    words_of,
)
from mediavault.features.notifications.model import (
    DeliveryState,
    EventKind,
    NotificationDelivery,
    NotificationTarget,
    OffReason,
    TargetKind,
    after_attempt,
    again,
    claimed,
    signed_headers,
)
from mediavault.features.notifications.records import (
    all_deliveries,
    all_targets,
    change_target,
    find_delivery,
    find_target,
    remove_delivery,
    replace_delivery,
)
from mediavault.server.services import NotificationSender, SendResult
from mediavault.store.bulk import changed_pages, existing_jobs
from mediavault.store.file_checks import read_checks
from mediavault.store.port import Store
from mediavault.store.tables import Range
from mediavault.store.trash import trashed_posts

ROUND_S = 2.0
PAGE = 500  # jobs
# Writers stamp a change before they commit it, so a later stamp may be seen first: what is younger
# waits for the next round.
SETTLED = timedelta(seconds=5)
# the position, while nothing is to be sent: jobs before it are not read again
MOVES_EVERY = timedelta(minutes=10)
ROUND_HELD_FOR = timedelta(minutes=2)
MOST_WAITING = 200  # deliveries to one target; what comes then is lost, and the page says so
MOST_ENDED = 100  # deliveries of one target that are listed
BATCH = 20  # deliveries to one target in one round
DISK_EVERY_S = DAMAGE_EVERY_S = 60.0
MORNING = timedelta(
    hours=9
)  # of the local day, when the message about deletions is due: rules delete right after midnight
_POSITION = (RecordKind.NOTIFY_POSITION, "jobs")
_RETENTION_POSITION = (RecordKind.NOTIFY_POSITION, "retention")

log = get_logger(__name__)


class Notifier:
    """Sends notifications. Only a worker's process runs its rounds;
    the others send tests and repeat deliveries.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        sender: NotificationSender,
        *,
        low_disk: Callable[[], Awaitable[int | None]] | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """``low_disk`` returns the free bytes of the library's disk where these are few,
        else None.
        """
        self.sender = sender
        self._store = store
        self._clock = clock
        self._low_disk = low_disk
        self._jitter = jitter
        self._disk_at = self._damage_at = float("-inf")
        self._retention_day: date | None = None  # for which deletions by rules have been read
        # by target: a slow one does not hold up the others
        self._sending: dict[str, asyncio.Task[int]] = {}

    async def round(self) -> None:
        """Find events, and begin to send what is due. Raises StoreError."""
        if targets := await all_targets(self._store.records):
            await self._collect(targets)
            await self._begin_to_send(targets)

    async def aclose(self) -> None:
        """End what is being sent; it is sent again later."""
        for task in self._sending.values():
            task.cancel()
        await asyncio.gather(*self._sending.values(), return_exceptions=True)

    # --- events -----------------------------------------------------------------------------------

    async def collect(self) -> int:
        """Keep deliveries for the events since the last round; returns how many.
        Raises StoreError.
        """
        return await self._collect(await all_targets(self._store.records))

    async def _collect(self, targets: Sequence[NotificationTarget]) -> int:
        if not targets:
            return 0
        active = [target for target in targets if target.is_active]
        # the oldest target is not notified of what was before it
        since = targets[0].made_at - SETTLED
        about_vault = await self._collect_disk(active) + await self._collect_retention(active)
        about_vault += await self._collect_damage(active)
        return about_vault + await self._collect_jobs(active, not_before=since)

    async def _collect_jobs(
        self, targets: Collection[NotificationTarget], *, not_before: datetime
    ) -> int:
        record = await self._store.records.get(*_POSITION)
        stored = {} if record is None else record.value
        now, since = self._clock.now(), max(_moment(stored.get("at")) or not_before, not_before)
        held_until = _moment(stored.get("held_until"))
        if held_until is not None and held_until > now:
            return 0
        page = await self._store.catalogue.changed_since(since, limit=PAGE)
        is_settled = any(event.at <= now - SETTLED for event in _events(page, since))
        is_long_ago = bool(page) and since < now - MOVES_EVERY
        if not is_settled and not is_long_ago and len(page) < PAGE:
            return 0
        held = {"at": since.isoformat(), "held_until": (now + ROUND_HELD_FOR).isoformat()}
        if not await self._store.records.replace(
            *_POSITION, held, if_value=record.value if record else None
        ):
            return 0  # another worker was faster
        mine = await self._store.records.get(*_POSITION)
        if mine is None:
            return 0
        until = mine.updated_at - SETTLED  # by the store's clock, as the jobs' own times
        events = [event for event in await self._all_events(since) if event.at <= until]
        count = (
            await self._keep(targets, lambda target: messages_of(events, target)) if events else 0
        )
        at = max(until, since)
        await self._store.records.replace(
            *_POSITION, {"at": at.isoformat(), "held_until": None}, if_value=held
        )
        return count

    async def _all_events(self, since: datetime) -> list[JobEvent]:
        found: dict[str, JobEvent] = {}
        async for page in changed_pages(self._store.catalogue, since, limit=PAGE):
            found |= {event.key: event for event in _events(page, since)}
        return list(found.values())

    async def _collect_disk(self, targets: Collection[NotificationTarget]) -> int:
        if self._low_disk is None or self._clock.monotonic() < self._disk_at:
            return 0
        self._disk_at = self._clock.monotonic() + DISK_EVERY_S
        wanted = [target for target in targets if EventKind.DISK_LOW in target.events]
        free = await self._low_disk() if wanted else None
        if free is None:
            return 0
        host, now = socket.gethostname(), self._clock.now()
        return await self._keep(wanted, lambda target: [disk_message(host, free, target, now)])

    async def _collect_retention(self, targets: Collection[NotificationTarget]) -> int:
        """Once a day, keep a message on what retention rules have deleted since the last one."""
        records, until = self._store.records, self._clock.now() - SETTLED
        today = _day(until)
        if self._retention_day == today:
            return 0
        record = await records.get(*_RETENTION_POSITION)
        since = _moment(record.value.get("at") if record else None)
        count = 0
        if since is None or _day(since) < today:
            deleted = {"deleted_at": Range(to_micros(since or until) + 1, to_micros(until))}
            posts = [post for post in await trashed_posts(self._store, deleted) if post.is_by_rule]
            wanted = [target for target in targets if EventKind.RETENTION_DELETED in target.events]
            count = (
                await self._keep(wanted, lambda target: [retention_message(posts, target)])
                if posts
                else 0
            )
            await records.put(*_RETENTION_POSITION, {"at": until.isoformat()})
        self._retention_day = today
        return count

    async def _collect_damage(self, targets: Collection[NotificationTarget]) -> int:
        """Keep messages on the files that were found damaged;
        each record says whether that was done.
        """
        if self._clock.monotonic() < self._damage_at:
            return 0
        self._damage_at = self._clock.monotonic() + DAMAGE_EVERY_S
        records = self._store.records
        found = {
            JobId(r.key): r
            for r in await records.all(RecordKind.DAMAGED)
            if not r.value.get("is_reported")
        }
        events = []
        async for job in existing_jobs(self._store.catalogue, found):
            at = _moment(found[job.id].value.get("at")) or found[job.id].updated_at
            events.append(damage_event(job, at, await read_checks(records, job)))
        count = (
            await self._keep(targets, lambda target: messages_of(events, target)) if events else 0
        )
        for job_id, record in found.items():
            value = {**record.value, "is_reported": True}
            await records.replace(RecordKind.DAMAGED, job_id, value, if_value=record.value)
        return count

    async def _keep(
        self,
        targets: Iterable[NotificationTarget],
        messages: Callable[[NotificationTarget], list[NewMessage]],
    ) -> int:
        """Keep deliveries of these messages, and return how many are new."""
        deliveries = await all_deliveries(self._store.records)
        waiting = Counter(each.target for each in deliveries if each.state is DeliveryState.WAITING)
        count = 0
        for target in targets:
            for message in messages(target):
                if message.at < target.made_at:
                    continue
                if waiting[target.id] >= MOST_WAITING:
                    log.warning(
                        "notification_dropped",
                        target=target.id,
                        type=message.type,
                        waiting=MOST_WAITING,
                    )
                    continue
                if await replace_delivery(
                    self._store.records, None, self._addressed(message, target)
                ):
                    waiting[target.id] += 1
                    count += 1
        return count

    def _addressed(self, message: NewMessage, target: NotificationTarget) -> NotificationDelivery:
        now = self._clock.now()
        digest = hashlib.sha256(f"{target.id} {message.key}".encode()).hexdigest()
        return NotificationDelivery(
            f"msg_{digest[:32]}", target.id, message.type, body_of(message), now, now
        )

    # --- deliveries -------------------------------------------------------------------------------

    async def begin_to_send(self) -> list[asyncio.Task[int]]:
        """Begin to send what is due, for each target that is not busy; returns the tasks.
        Raises StoreError.
        """
        return await self._begin_to_send(await all_targets(self._store.records))

    async def _begin_to_send(
        self, targets: Sequence[NotificationTarget]
    ) -> list[asyncio.Task[int]]:
        if not targets:
            return []
        deliveries = await all_deliveries(self._store.records)
        await self._sweep(deliveries, {target.id for target in targets})
        now = self._clock.now()
        started = []
        for target in targets:
            due = [each for each in deliveries if each.target == target.id and each.is_due(now)]
            if not due or not target.is_active or target.id in self._sending:
                continue
            due.sort(key=lambda each: (each.due_at, each.made_at))
            task = asyncio.create_task(self._send_all(target, due[:BATCH]))
            self._sending[target.id] = task
            task.add_done_callback(partial(self._ended, target.id))
            started.append(task)
        return started

    def _ended(self, target_id: str, _: asyncio.Task[int]) -> None:
        self._sending.pop(target_id, None)

    async def send_due(self) -> int:
        """Send what is due and wait for it; returns how many were delivered. Raises StoreError."""
        return sum(await asyncio.gather(*await self.begin_to_send()))

    async def _send_all(self, target: NotificationTarget, due: list[NotificationDelivery]) -> int:
        """Send one after the other; after a failure the target is left alone until the next
        round.
        """
        count = 0
        try:
            for delivery in due:
                tried = await self._attempt(target, delivery)
                if tried is None:
                    continue
                if tried.state is not DeliveryState.DELIVERED:
                    break
                count += 1
        except (StoreError, NotFound) as exc:
            # the delivery's claim ends, and another round sends it
            log.warning("notification_not_recorded", target=target.id, error=exc.message)
        return count

    async def _attempt(
        self, target: NotificationTarget, delivery: NotificationDelivery
    ) -> NotificationDelivery | None:
        """Claim the delivery and send it; None when another worker has it. Raises StoreError."""
        held = claimed(delivery, self._clock.now())
        if not await replace_delivery(self._store.records, delivery, held):
            return None
        return await self._attempt_claimed(target, held)

    async def _attempt_claimed(
        self, target: NotificationTarget, held: NotificationDelivery
    ) -> NotificationDelivery:
        result = await self._send(target, held)
        tried = after_attempt(
            held, result, now=self._clock.now(), jitter=self._jitter(), is_test=held.type == TEST
        )
        await replace_delivery(self._store.records, held, tried)
        if result.is_delivered:
            log.info(
                "notification_delivered",
                target=target.id,
                delivery=held.id,
                type=held.type,
                attempt=held.attempts,
            )
        else:
            log.warning(
                "notification_failed",
                target=target.id,
                delivery=held.id,
                type=held.type,
                attempt=held.attempts,
                status=result.status,
            )
            await self._perhaps_switch_off(target, tried, result)
        return tried

    async def _send(self, target: NotificationTarget, delivery: NotificationDelivery) -> SendResult:
        if target.kind is TargetKind.APPRISE:
            title, text = words_of(delivery.body, target.language)
            tone = TONES.get(delivery.type, "warning")
            return await self.sender.notify(
                target.url, title, text, tone=tone, private=target.private
            )
        body, now = delivery.body.encode("ascii"), self._clock.now()
        headers = signed_headers(delivery.id, body, target.secrets_at(now), now=now)
        return await self.sender.post(target.url, body, headers, private=target.private)

    async def _perhaps_switch_off(
        self, target: NotificationTarget, tried: NotificationDelivery, result: SendResult
    ) -> None:
        """Switch the target off when it is gone, or when a delivery was given up and no other
        arrived in between.
        """
        if result.is_gone:
            reason = OffReason.GONE
        elif (
            tried.state is DeliveryState.FAILED
            and tried.type != TEST
            and not await self._arrived_since(tried)
        ):
            reason = OffReason.GIVEN_UP
        else:
            return
        await change_target(self._store.records, target.id, lambda now: replace(now, off=reason))
        log.error("notification_target_off", target=target.id, reason=reason)

    async def _arrived_since(self, tried: NotificationDelivery) -> bool:
        return any(
            each.target == tried.target
            and each.state is DeliveryState.DELIVERED
            and each.tried_at > tried.failing_since
            for each in await all_deliveries(self._store.records)
            if each.tried_at and tried.failing_since
        )

    async def _sweep(
        self, deliveries: Iterable[NotificationDelivery], targets: Collection[str]
    ) -> None:
        """Remove what no target is left for, and of each target's ended deliveries the oldest."""
        ended: Counter[str] = Counter()
        for delivery in deliveries:  # the newest first
            if delivery.target not in targets:
                await remove_delivery(self._store.records, delivery.id)
            elif delivery.state is not DeliveryState.WAITING:
                ended[delivery.target] += 1
                if ended[delivery.target] > MOST_ENDED:
                    await remove_delivery(self._store.records, delivery.id)

    # --- at a user's request ----------------------------------------------------------------------

    async def test(self, target_id: str) -> NotificationDelivery:
        """Send the target a test now, also if it is paused, and return what became of it.
        Raises NotFound, StoreError.
        """
        target = await find_target(self._store.records, target_id)
        now = self._clock.now()
        held = claimed(self._addressed(check_message(target, now), target), now)
        await replace_delivery(self._store.records, None, held)
        return await self._attempt_claimed(target, held)

    async def send_again(self, delivery_id: str) -> NotificationDelivery:
        """Send a delivery once more, now and under its id, and return what became of it.

        Raises NotFound, StoreError. One that is just being sent is returned as it is.
        """
        delivery = await find_delivery(self._store.records, delivery_id)
        target = await find_target(self._store.records, delivery.target)
        now = self._clock.now()
        if delivery.held_until is not None and delivery.held_until > now:
            return delivery
        held = claimed(again(delivery, now), now)
        if not await replace_delivery(self._store.records, delivery, held):
            return await find_delivery(self._store.records, delivery_id)
        return await self._attempt_claimed(target, held)


def _events(jobs: Iterable[Job], since: datetime) -> list[JobEvent]:
    """Return the events of these jobs after the moment."""
    found = (event_of(job) for job in jobs)
    return [event for event in found if event is not None and event.at > since]


def _day(moment: datetime) -> date:
    """Return the day whose morning was the last one at this moment."""
    return (local(moment) - MORNING).date()


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
