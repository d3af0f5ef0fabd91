"""Notifications on every store: events are found behind a shared position,
and one worker sends each delivery.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from mediavault.core.job import WorkerId
from mediavault.features.notifications import notifier as rounds
from mediavault.features.notifications.model import HELD_FOR, DeliveryState
from mediavault.features.notifications.notifier import Notifier
from mediavault.features.notifications.records import all_deliveries
from mediavault.features.notifications.service import Notifications
from mediavault.server.services import SendResult
from mediavault.store.port import Store
from tests.contract.stores import LEASE, SAVED, numbered_job
from tests.fakes import FakeClock
from tests.notification_stubs import StubSender


async def save(store: Store, *numbers: int) -> None:
    await store.queue.enqueue(
        [numbered_job(number, f"https://videos.example/{number}") for number in numbers]
    )
    for claim in await store.queue.claim(WorkerId("w-1"), limit=10, lease=LEASE):
        await store.queue.complete(claim, SAVED)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The databases' clocks cannot be moved, so nothing has to settle here."""
    monkeypatch.setattr(rounds, "SETTLED", timedelta(0))


@pytest.mark.usefixtures("at_once")
async def test_each_event_is_sent_by_one_of_two_workers_and_after_a_crash_again(
    store: Store, clock: FakeClock
) -> None:
    ours = FakeClock((await store.catalogue.report()).at - timedelta(seconds=1))
    sender = StubSender()
    one, other = (Notifier(store, ours, sender, jitter=lambda: 0.0) for _ in range(2))
    await Notifications(store, ours, sender).add("https://hooks.example/", {})
    await one.collect()
    clock.advance(1)
    await save(store, 1, 2, 3)
    clock.advance(1)
    ours.advance(60)

    assert sum(await asyncio.gather(one.collect(), other.collect())) == 3
    assert await one.collect() + await other.collect() == 0
    sender.hold = asyncio.Event()
    [dying] = await one.begin_to_send()
    while not sender.sent:
        await asyncio.sleep(0.01)
    await one.aclose()
    assert dying.cancelled()
    sender.hold = None

    assert await other.send_due() == 2
    ours.advance(HELD_FOR)
    assert sum(await asyncio.gather(one.send_due(), other.send_due())) == 1
    ids = [sent.headers["webhook-id"] for sent in sender.sent]
    assert (len(ids), len(set(ids)), ids.count(ids[0])) == (4, 3, 2)
    assert {each.state for each in await all_deliveries(store.records)} == {DeliveryState.DELIVERED}


@pytest.mark.usefixtures("at_once")
async def test_a_restart_loses_no_delivery_that_waits(store: Store, clock: FakeClock) -> None:
    ours = FakeClock((await store.catalogue.report()).at - timedelta(seconds=1))
    sender = StubSender(SendResult(500, "It answered 500."), SendResult(204))
    before = Notifier(store, ours, sender, jitter=lambda: 0.0)
    await Notifications(store, ours, sender).add("https://hooks.example/", {})
    await before.collect()
    clock.advance(1)
    await save(store, 1)
    clock.advance(1)
    ours.advance(60)
    await before.collect()
    assert await before.send_due() == 0
    await before.aclose()

    ours.advance(5)
    assert await Notifier(store, ours, sender, jitter=lambda: 0.0).send_due() == 1
    assert len({sent.headers["webhook-id"] for sent in sender.sent}) == 1
