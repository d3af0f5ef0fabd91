"""Rounds: nothing is lost, one worker sends each message,
and the schedule is kept to the second.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from mediavault.core.failures import NotFound
from mediavault.core.records import RecordKind
from mediavault.features.notifications import notifier as rounds
from mediavault.features.notifications.model import (
    HELD_FOR,
    SCHEDULE,
    SLOWER,
    DeliveryState,
    EventKind,
    OffReason,
)
from mediavault.features.notifications.notifier import BATCH, MOST_ENDED, MOST_WAITING
from mediavault.features.notifications.records import find_target
from mediavault.server.services import SendResult
from tests.notification_stubs import OK, Sent, StubSender
from tests.unit.features.notifications.conftest import Notified

FAILED = SendResult(500, "It answered 500.")


def verify(secret: str, sent: Sent) -> dict[str, object]:
    """Verify as a receiver does, with the convention's own library, whatever the time is."""
    webhook = Webhook(secret)
    at = datetime.fromtimestamp(int(sent.headers["webhook-timestamp"]), UTC)
    signature = webhook.sign(sent.headers["webhook-id"], at, sent.body.decode())
    assert signature in sent.headers["webhook-signature"].split()
    return dict(json.loads(sent.body))


async def test_a_message_is_signed_so_that_any_receiver_can_verify_it(notified: Notified) -> None:
    target = await notified.target()
    await notified.save()
    await notified.settle()
    assert await notified.notifier.send_due() == 1

    [sent] = notified.sender.sent
    assert sent.url == target.url
    assert sent.headers["content-type"] == "application/json"
    assert sent.headers["webhook-id"].startswith("msg_")
    assert "." not in sent.headers["webhook-id"]
    assert verify(target.secrets[0], sent)["type"] == "job.saved"
    [delivery] = await notified.deliveries()
    assert (delivery.state, delivery.attempts, delivery.status) == (DeliveryState.DELIVERED, 1, 204)


async def test_while_a_secret_is_rotated_both_verify_and_a_day_later_only_the_new_one(
    notified: Notified,
) -> None:
    target = await notified.target()
    rotated = await notified.users.rotate_secret(target.id)
    old, new = target.secrets[0], rotated.secrets[0]
    await notified.notifier.test(target.id)
    verify(old, notified.sender.sent[-1])
    verify(new, notified.sender.sent[-1])

    notified.clock.advance(timedelta(hours=25))
    await notified.notifier.test(target.id)
    verify(new, notified.sender.sent[-1])
    with pytest.raises(AssertionError):
        verify(old, notified.sender.sent[-1])


async def test_a_failing_target_is_tried_on_schedule_and_then_switched_off(
    notified: Notified,
) -> None:
    target = await notified.target()
    notified.sender.results.extend([FAILED])
    notified.sender.results.popleft()
    await notified.save()
    await notified.settle()
    began = notified.clock.now()
    tries: list[timedelta] = []
    for wait in (timedelta(0), *SCHEDULE):
        if wait:
            notified.clock.advance(wait - timedelta(seconds=1))
            await notified.notifier.send_due()
            assert len(notified.sender.sent) == len(tries), "it was tried too early"
            notified.clock.advance(1)
        await notified.notifier.send_due()
        tries.append(notified.clock.now() - began)
        assert len(notified.sender.sent) == len(tries)

    assert len(tries) == 10
    assert tries[-1] == sum(SCHEDULE, timedelta(0))
    assert timedelta(hours=75) < tries[-1] < timedelta(hours=77)
    assert len({sent.headers["webhook-id"] for sent in notified.sender.sent}) == 1
    assert len({sent.body for sent in notified.sender.sent}) == 1
    assert (await find_target(notified.store.records, target.id)).off is OffReason.GIVEN_UP
    [delivery] = await notified.deliveries()
    assert delivery.state is DeliveryState.FAILED
    await notified.save()
    assert await notified.settle() == 0


async def test_a_message_that_a_working_target_never_takes_does_not_switch_it_off(
    notified: Notified,
) -> None:
    target = await notified.target()
    notified.sender.results.extend([FAILED])
    notified.sender.results.popleft()
    await notified.save()
    await notified.settle()
    for wait in (timedelta(0), *SCHEDULE[:-1]):
        notified.clock.advance(wait)
        await notified.notifier.send_due()
    notified.sender.results.extend([OK, FAILED])
    notified.sender.results.popleft()
    await notified.save()
    await notified.settle()
    assert await notified.notifier.send_due() == 1
    notified.clock.advance(SCHEDULE[-1])
    await notified.notifier.send_due()

    assert {delivery.state for delivery in await notified.deliveries()} == {
        DeliveryState.FAILED,
        DeliveryState.DELIVERED,
    }
    assert (await find_target(notified.store.records, target.id)).is_active


async def test_the_waits_are_spread_by_a_tenth(notified: Notified) -> None:
    await notified.target()
    notified.notifier._jitter = lambda: 0.5
    notified.sender.results.appendleft(FAILED)
    await notified.save()
    await notified.settle()
    await notified.notifier.send_due()

    [delivery] = await notified.deliveries()
    assert delivery.due_at - notified.clock.now() == timedelta(seconds=5.25)


@pytest.mark.parametrize(
    ("result", "wait"),
    [
        (SendResult(429, "x", timedelta(minutes=20)), timedelta(minutes=20)),
        (SendResult(503, "x", timedelta(seconds=1)), timedelta(seconds=5)),
        (SendResult(502, "x"), SLOWER),
        (SendResult(404, "x"), timedelta(seconds=5)),
    ],
)
async def test_an_overloaded_receiver_is_asked_as_late_as_it_says(
    notified: Notified, result: SendResult, wait: timedelta
) -> None:
    await notified.target()
    notified.sender.results.appendleft(result)
    await notified.save()
    await notified.settle()
    await notified.notifier.send_due()

    [delivery] = await notified.deliveries()
    assert delivery.due_at - notified.clock.now() == wait


async def test_a_target_that_answers_410_is_sent_nothing_more(notified: Notified) -> None:
    target = await notified.target()
    notified.sender.results.appendleft(SendResult(410, "It answered 410."))
    await notified.save()
    await notified.settle()
    await notified.notifier.send_due()

    assert (await find_target(notified.store.records, target.id)).off is OffReason.GONE
    await notified.save()
    assert await notified.settle() == 0
    await notified.users.change(target.id, {"paused": False})
    await notified.save()
    assert await notified.settle() == 1


async def test_a_worker_that_dies_between_the_answer_and_its_record_repeats_the_same_message(
    notified: Notified,
) -> None:
    await notified.target()
    await notified.save()
    await notified.settle()
    notified.sender.hold = asyncio.Event()
    [dying] = await notified.notifier.begin_to_send()
    while not notified.sender.sent:
        await asyncio.sleep(0)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)

    sender = StubSender()
    other = notified.another(sender=sender)
    assert await other.send_due() == 0, "the dead worker's claim is still valid"
    notified.clock.advance(HELD_FOR)
    assert await other.send_due() == 1
    assert sender.sent[0].headers["webhook-id"] == notified.sender.sent[0].headers["webhook-id"]
    assert sender.sent[0].body == notified.sender.sent[0].body
    [delivery] = await notified.deliveries()
    assert delivery.attempts == 2


async def test_a_worker_that_dies_while_it_keeps_deliveries_leaves_none_out_and_none_twice(
    notified: Notified,
) -> None:
    await notified.target()
    for _ in range(3):
        await notified.save()

    dying = notified.another()
    put = notified.store.records.replace
    written = 0

    async def dies_at_the_third(kind: RecordKind, *args: object, **named: object) -> bool:
        nonlocal written
        written += kind is RecordKind.NOTIFY_DELIVERY
        if written == 3:
            raise asyncio.CancelledError
        return await put(kind, *args, **named)  # type: ignore[arg-type]

    notified.store.records.replace = dies_at_the_third  # type: ignore[method-assign]
    notified.clock.advance(6)
    with pytest.raises(asyncio.CancelledError):
        await dying.collect()
    notified.store.records.replace = put  # type: ignore[method-assign]

    assert await notified.notifier.collect() == 0, "the dead worker's round is still held"
    notified.clock.advance(rounds.ROUND_HELD_FOR)
    assert await notified.notifier.collect() == 1
    assert len(await notified.deliveries()) == 3


async def test_of_two_workers_one_sends_each_message(notified: Notified) -> None:
    await notified.target()
    for _ in range(4):
        await notified.save()
    other = notified.another(sender=notified.sender)
    notified.clock.advance(6)
    saved = await asyncio.gather(notified.notifier.collect(), other.collect())
    assert sum(saved) == 4
    sent = await asyncio.gather(notified.notifier.send_due(), other.send_due())

    assert sum(sent) == 4
    assert (
        len({each.headers["webhook-id"] for each in notified.sender.sent})
        == len(notified.sender.sent)
        == 4
    )


async def test_a_thousand_events_keep_a_bounded_number_of_records(notified: Notified) -> None:
    await notified.target()
    for _ in range(1_000):
        await notified.save()
    assert await notified.settle() == 1

    notified.sender.results.extend([FAILED])
    notified.sender.results.popleft()
    for _ in range(MOST_WAITING + 20):
        await notified.save()
        await notified.settle()
    assert len(await notified.deliveries()) == MOST_WAITING


async def test_the_oldest_of_the_ended_deliveries_are_removed(notified: Notified) -> None:
    target = await notified.target()
    for _ in range(MOST_ENDED + 5):
        notified.clock.advance(1)
        await notified.notifier.test(target.id)
    await notified.notifier.begin_to_send()

    left = await notified.deliveries()
    assert len(left) == MOST_ENDED
    notified.clock.advance(timedelta(days=8))
    assert await notified.deliveries() == []


async def test_the_deliveries_of_a_removed_target_go_with_it(notified: Notified) -> None:
    target, other = await notified.target(), await notified.target("https://other.example/hook")
    await notified.save()
    await notified.settle()
    await notified.users.remove(target.id)

    assert [delivery.target for delivery in await notified.deliveries()] == [other.id]
    await notified.users.remove(other.id)
    assert await notified.deliveries() == []
    with pytest.raises(NotFound):
        await notified.notifier.test(target.id)


async def test_a_target_is_not_notified_of_what_was_before_it(notified: Notified) -> None:
    await notified.save()
    await notified.settle()
    await notified.target()
    assert await notified.settle() == 0
    await notified.save()
    notified.clock.advance(1)
    await notified.target("https://other.example/hook")
    await notified.settle()

    assert len(await notified.deliveries()) == 1


async def test_a_paused_target_is_sent_nothing_and_not_notified_later_of_what_it_missed(
    notified: Notified,
) -> None:
    target = await notified.target()
    await notified.save()
    await notified.settle()
    await notified.users.change(target.id, {"paused": True})
    await notified.save()
    assert await notified.settle() == 0
    assert await notified.notifier.send_due() == 0
    await notified.users.change(target.id, {"paused": False})
    assert await notified.settle() == 0
    assert await notified.notifier.send_due() == 1


async def test_a_slow_target_does_not_hold_up_the_others(notified: Notified) -> None:
    await notified.target()
    await notified.save()
    await notified.settle()
    notified.sender.hold = asyncio.Event()
    await notified.notifier.begin_to_send()
    await notified.target("ntfy://ntfy.example/videos")
    await notified.save()
    await notified.settle()
    for _ in range(50):
        await asyncio.sleep(0)
    before = len(notified.sender.sent)
    await notified.notifier.begin_to_send()
    for _ in range(50):
        await asyncio.sleep(0)

    assert (before, [sent.url for sent in notified.sender.sent][1:]) == (
        1,
        ["ntfy://ntfy.example/videos"],
    )
    await notified.notifier.aclose()


async def test_after_a_failure_the_target_is_left_alone_until_the_next_round(
    notified: Notified,
) -> None:
    await notified.target()
    notified.sender.results.extend([FAILED])
    notified.sender.results.popleft()
    for _ in range(3):
        await notified.save()
        await notified.settle()
    await notified.notifier.send_due()

    assert len(notified.sender.sent) == 1
    assert BATCH > 1


async def test_an_apprise_target_is_notified_in_words(notified: Notified) -> None:
    target = await notified.target("ntfy://ntfy.example/videos", private=True)
    await notified.save()
    await notified.settle()
    await notified.notifier.send_due()

    [sent] = notified.sender.sent
    assert (sent.title, sent.tone, sent.private) == (
        "Saved: videos.example/watch/1",
        "success",
        True,
    )
    assert target.secrets == ()


async def test_a_delivery_is_sent_again_under_its_id_on_request(notified: Notified) -> None:
    await notified.target(events=[EventKind.SAVED])
    await notified.save()
    await notified.settle()
    await notified.notifier.send_due()
    [delivery] = await notified.deliveries()
    notified.clock.advance(60)
    again = await notified.notifier.send_again(delivery.id)

    assert (again.state, again.attempts) == (DeliveryState.DELIVERED, 1)
    first, second = notified.sender.sent
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]


async def test_a_delivery_that_is_sent_again_after_weeks_keeps_its_record(
    notified: Notified,
) -> None:
    await notified.target()
    await notified.save()
    await notified.settle()
    await notified.notifier.send_due()
    [delivery] = await notified.deliveries()
    notified.sender.results.extend([OK, FAILED])
    notified.sender.results.popleft()
    for _ in range(3):
        notified.clock.advance(timedelta(days=6))
        again = await notified.notifier.send_again(delivery.id)

    assert again.state is DeliveryState.WAITING
    assert await notified.deliveries() == [again]
    notified.clock.advance(SCHEDULE[0])
    await notified.notifier.send_due()
    assert [each.attempts for each in await notified.deliveries()] == [2]


async def test_between_the_writes_that_repeat_a_delivery_no_round_can_send_it_too(
    notified: Notified, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = await notified.target()
    replace = notified.store.records.replace
    stored: list[Mapping[str, Any]] = []

    async def recorded(kind: RecordKind, key: str, value: Mapping[str, Any], **named: Any) -> bool:
        stored.append(value)
        return await replace(kind, key, value, **named)

    monkeypatch.setattr(notified.store.records, "replace", recorded)
    first = await notified.notifier.test(target.id)
    await notified.notifier.send_again(first.id)

    assert [(value["state"], value["held_until"] is not None) for value in stored] == [
        ("waiting", True), ("delivered", False), ("waiting", True), ("delivered", False),
    ]  # fmt: skip


async def test_a_test_is_sent_once_also_to_a_paused_target(notified: Notified) -> None:
    target = await notified.target()
    await notified.users.change(target.id, {"paused": True})
    notified.sender.results.appendleft(FAILED)
    tried = await notified.notifier.test(target.id)

    assert (tried.state, tried.problem, tried.type) == (
        DeliveryState.FAILED,
        "It answered 500.",
        "vault.test",
    )
    assert (await find_target(notified.store.records, target.id)).off is None
    notified.clock.advance(timedelta(days=1))
    assert await notified.notifier.send_due() == 0


async def test_without_targets_a_round_writes_nothing(
    notified: Notified, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = await notified.target()
    await notified.save()
    await notified.settle()
    await notified.users.remove(target.id)
    await notified.save()
    notified.clock.advance(60)
    for write in ("put", "replace", "remove"):
        monkeypatch.setattr(notified.store.records, write, None)

    await notified.notifier.round()


async def test_a_target_hears_of_the_first_post_that_is_saved_after_it(notified: Notified) -> None:
    await notified.users.add("https://hooks.example/1", {})
    notified.clock.advance(1)
    await notified.save()  # before any round

    assert await notified.settle() == 1


async def test_a_target_that_follows_the_last_one_is_not_notified_of_what_was_between(
    notified: Notified,
) -> None:
    await notified.users.remove((await notified.target()).id)
    await notified.save()
    notified.clock.advance(60)
    await notified.target("https://other.example/hook")
    assert await notified.settle() == 0
    await notified.save()
    assert await notified.settle() == 1


async def test_a_quiet_vault_is_not_written_to(notified: Notified) -> None:
    await notified.target()
    before = await notified.store.records.all(RecordKind.NOTIFY_POSITION)
    for _ in range(10):
        notified.clock.advance(30)
        await notified.notifier.round()

    assert await notified.store.records.all(RecordKind.NOTIFY_POSITION) == before
