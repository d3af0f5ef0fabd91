"""Rounds: nothing is lost, one worker sends each message, and the schedule is kept to the second."""

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
from mediavault.notifications import notifier as rounds
from mediavault.notifications.deliveries import HELD_FOR, SCHEDULE, SLOWER, DeliveryState
from mediavault.notifications.notifier import BATCH, MOST_ENDED, MOST_WAITING
from mediavault.notifications.port import SendResult
from mediavault.notifications.targets import (
    EventKind,
    OffReason,
    add_target,
    change_target,
    find_target,
    paused,
    remove_target,
    resumed,
    rotate_secret,
)
from tests.notification_stubs import OK, Sent, StubSender
from tests.unit.notifications.conftest import Told

FAILED = SendResult(500, "It answered 500.")


def verify(secret: str, sent: Sent) -> dict[str, object]:
    """Verify as a receiver does, with the convention's own library, whatever the time is."""
    webhook = Webhook(secret)
    at = datetime.fromtimestamp(int(sent.headers["webhook-timestamp"]), UTC)
    signature = webhook.sign(sent.headers["webhook-id"], at, sent.body.decode())
    assert signature in sent.headers["webhook-signature"].split()
    return dict(json.loads(sent.body))


async def test_a_message_is_signed_so_that_any_receiver_can_verify_it(vault: Told) -> None:
    target = await vault.target()
    await vault.save()
    await vault.settle()
    assert await vault.notifier.send_due() == 1

    [sent] = vault.sender.sent
    assert sent.url == target.url
    assert sent.headers["content-type"] == "application/json"
    assert sent.headers["webhook-id"].startswith("msg_")
    assert "." not in sent.headers["webhook-id"]
    assert verify(target.secrets[0], sent)["type"] == "job.saved"
    [delivery] = await vault.deliveries()
    assert (delivery.state, delivery.attempts, delivery.status) == (DeliveryState.DELIVERED, 1, 204)


async def test_while_a_secret_is_rotated_both_verify_and_a_day_later_only_the_new_one(vault: Told) -> None:
    target = await vault.target()
    rotated = await rotate_secret(vault.store.records, vault.clock, target.id)
    old, new = target.secrets[0], rotated.secrets[0]
    await vault.notifier.test(target.id)
    verify(old, vault.sender.sent[-1])
    verify(new, vault.sender.sent[-1])

    vault.clock.advance(timedelta(hours=25))
    await vault.notifier.test(target.id)
    verify(new, vault.sender.sent[-1])
    with pytest.raises(AssertionError):
        verify(old, vault.sender.sent[-1])


async def test_a_failing_target_is_tried_on_schedule_and_then_switched_off(vault: Told) -> None:
    target = await vault.target()
    vault.sender.results.extend([FAILED])
    vault.sender.results.popleft()
    await vault.save()
    await vault.settle()
    began = vault.clock.now()
    tries: list[timedelta] = []
    for wait in (timedelta(0), *SCHEDULE):
        if wait:
            vault.clock.advance(wait - timedelta(seconds=1))
            await vault.notifier.send_due()
            assert len(vault.sender.sent) == len(tries), "it was tried too early"
            vault.clock.advance(1)
        await vault.notifier.send_due()
        tries.append(vault.clock.now() - began)
        assert len(vault.sender.sent) == len(tries)

    assert len(tries) == 10
    assert tries[-1] == sum(SCHEDULE, timedelta(0))
    assert timedelta(hours=75) < tries[-1] < timedelta(hours=77)
    assert len({sent.headers["webhook-id"] for sent in vault.sender.sent}) == 1
    assert len({sent.body for sent in vault.sender.sent}) == 1
    assert (await find_target(vault.store.records, target.id)).off is OffReason.GIVEN_UP
    [delivery] = await vault.deliveries()
    assert delivery.state is DeliveryState.FAILED
    await vault.save()
    assert await vault.settle() == 0


async def test_a_message_that_a_working_target_never_takes_does_not_switch_it_off(vault: Told) -> None:
    target = await vault.target()
    vault.sender.results.extend([FAILED])
    vault.sender.results.popleft()
    await vault.save()
    await vault.settle()
    for wait in (timedelta(0), *SCHEDULE[:-1]):
        vault.clock.advance(wait)
        await vault.notifier.send_due()
    vault.sender.results.extend([OK, FAILED])
    vault.sender.results.popleft()
    await vault.save()
    await vault.settle()
    assert await vault.notifier.send_due() == 1
    vault.clock.advance(SCHEDULE[-1])
    await vault.notifier.send_due()

    assert {delivery.state for delivery in await vault.deliveries()} == {DeliveryState.FAILED, DeliveryState.DELIVERED}
    assert (await find_target(vault.store.records, target.id)).is_active


async def test_the_waits_are_spread_by_a_tenth(vault: Told) -> None:
    await vault.target()
    vault.notifier._jitter = lambda: 0.5
    vault.sender.results.appendleft(FAILED)
    await vault.save()
    await vault.settle()
    await vault.notifier.send_due()

    [delivery] = await vault.deliveries()
    assert delivery.due_at - vault.clock.now() == timedelta(seconds=5.25)


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
    vault: Told, result: SendResult, wait: timedelta
) -> None:
    await vault.target()
    vault.sender.results.appendleft(result)
    await vault.save()
    await vault.settle()
    await vault.notifier.send_due()

    [delivery] = await vault.deliveries()
    assert delivery.due_at - vault.clock.now() == wait


async def test_a_target_that_answers_410_is_sent_nothing_more(vault: Told) -> None:
    target = await vault.target()
    vault.sender.results.appendleft(SendResult(410, "It answered 410."))
    await vault.save()
    await vault.settle()
    await vault.notifier.send_due()

    assert (await find_target(vault.store.records, target.id)).off is OffReason.GONE
    await vault.save()
    assert await vault.settle() == 0
    await change_target(vault.store.records, target.id, resumed)
    await vault.save()
    assert await vault.settle() == 1


async def test_a_worker_that_dies_between_the_answer_and_its_record_repeats_the_same_message(vault: Told) -> None:
    await vault.target()
    await vault.save()
    await vault.settle()
    vault.sender.hold = asyncio.Event()
    [dying] = await vault.notifier.begin_to_send()
    while not vault.sender.sent:
        await asyncio.sleep(0)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)

    sender = StubSender()
    other = vault.another(sender=sender)
    assert await other.send_due() == 0, "the dead worker's claim is still valid"
    vault.clock.advance(HELD_FOR)
    assert await other.send_due() == 1
    assert sender.sent[0].headers["webhook-id"] == vault.sender.sent[0].headers["webhook-id"]
    assert sender.sent[0].body == vault.sender.sent[0].body
    [delivery] = await vault.deliveries()
    assert delivery.attempts == 2


async def test_a_worker_that_dies_while_it_keeps_deliveries_leaves_none_out_and_none_twice(vault: Told) -> None:
    await vault.target()
    for _ in range(3):
        await vault.save()

    dying = vault.another()
    put = vault.store.records.replace
    written = 0

    async def dies_at_the_third(kind: RecordKind, *args: object, **named: object) -> bool:
        nonlocal written
        written += kind is RecordKind.NOTIFY_DELIVERY
        if written == 3:
            raise asyncio.CancelledError
        return await put(kind, *args, **named)  # type: ignore[arg-type]

    vault.store.records.replace = dies_at_the_third  # type: ignore[method-assign]
    vault.clock.advance(6)
    with pytest.raises(asyncio.CancelledError):
        await dying.collect()
    vault.store.records.replace = put  # type: ignore[method-assign]

    assert await vault.notifier.collect() == 0, "the dead worker's round is still held"
    vault.clock.advance(rounds.ROUND_HELD_FOR)
    assert await vault.notifier.collect() == 1
    assert len(await vault.deliveries()) == 3


async def test_of_two_workers_one_sends_each_message(vault: Told) -> None:
    await vault.target()
    for _ in range(4):
        await vault.save()
    other = vault.another(sender=vault.sender)
    vault.clock.advance(6)
    kept = await asyncio.gather(vault.notifier.collect(), other.collect())
    assert sum(kept) == 4
    sent = await asyncio.gather(vault.notifier.send_due(), other.send_due())

    assert sum(sent) == 4
    assert len({each.headers["webhook-id"] for each in vault.sender.sent}) == len(vault.sender.sent) == 4


async def test_ten_thousand_events_keep_a_bounded_number_of_records(vault: Told) -> None:
    await vault.target()
    for _ in range(10_000):
        await vault.save()
    assert await vault.settle() == 1

    vault.sender.results.extend([FAILED])
    vault.sender.results.popleft()
    for _ in range(MOST_WAITING + 20):
        await vault.save()
        await vault.settle()
    assert len(await vault.deliveries()) == MOST_WAITING


async def test_the_oldest_of_the_ended_deliveries_are_removed(vault: Told) -> None:
    target = await vault.target()
    for _ in range(MOST_ENDED + 5):
        vault.clock.advance(1)
        await vault.notifier.test(target.id)
    await vault.notifier.begin_to_send()

    left = await vault.deliveries()
    assert len(left) == MOST_ENDED
    vault.clock.advance(timedelta(days=8))
    assert await vault.deliveries() == []


async def test_the_deliveries_of_a_removed_target_go_with_it(vault: Told) -> None:
    target, other = await vault.target(), await vault.target("https://other.example/hook")
    await vault.save()
    await vault.settle()
    await remove_target(vault.store.records, target.id)

    assert [delivery.target for delivery in await vault.deliveries()] == [other.id]
    await remove_target(vault.store.records, other.id)
    assert await vault.deliveries() == []
    with pytest.raises(NotFound):
        await vault.notifier.test(target.id)


async def test_a_target_is_not_notified_of_what_was_before_it(vault: Told) -> None:
    await vault.save()
    await vault.settle()
    await vault.target()
    assert await vault.settle() == 0
    await vault.save()
    vault.clock.advance(1)
    await vault.target("https://other.example/hook")
    await vault.settle()

    assert len(await vault.deliveries()) == 1


async def test_a_paused_target_is_sent_nothing_and_not_notified_later_of_what_it_missed(vault: Told) -> None:
    target = await vault.target()
    await vault.save()
    await vault.settle()
    await change_target(vault.store.records, target.id, paused)
    await vault.save()
    assert await vault.settle() == 0
    assert await vault.notifier.send_due() == 0
    await change_target(vault.store.records, target.id, resumed)
    assert await vault.settle() == 0
    assert await vault.notifier.send_due() == 1


async def test_a_slow_target_does_not_hold_up_the_others(vault: Told) -> None:
    await vault.target()
    await vault.save()
    await vault.settle()
    vault.sender.hold = asyncio.Event()
    await vault.notifier.begin_to_send()
    await vault.target("ntfy://ntfy.example/videos")
    await vault.save()
    await vault.settle()
    for _ in range(50):
        await asyncio.sleep(0)
    before = len(vault.sender.sent)
    await vault.notifier.begin_to_send()
    for _ in range(50):
        await asyncio.sleep(0)

    assert (before, [sent.url for sent in vault.sender.sent][1:]) == (1, ["ntfy://ntfy.example/videos"])
    await vault.notifier.aclose()


async def test_after_a_failure_the_target_is_left_alone_until_the_next_round(vault: Told) -> None:
    await vault.target()
    vault.sender.results.extend([FAILED])
    vault.sender.results.popleft()
    for _ in range(3):
        await vault.save()
        await vault.settle()
    await vault.notifier.send_due()

    assert len(vault.sender.sent) == 1
    assert BATCH > 1


async def test_an_apprise_target_is_notified_in_words(vault: Told) -> None:
    target = await vault.target("ntfy://ntfy.example/videos", private=True)
    await vault.save()
    await vault.settle()
    await vault.notifier.send_due()

    [sent] = vault.sender.sent
    assert (sent.title, sent.tone, sent.private) == ("Saved: videos.example/watch/1", "success", True)
    assert target.secrets == ()


async def test_a_delivery_is_sent_again_under_its_id_on_request(vault: Told) -> None:
    await vault.target(events=[EventKind.SAVED])
    await vault.save()
    await vault.settle()
    await vault.notifier.send_due()
    [delivery] = await vault.deliveries()
    vault.clock.advance(60)
    again = await vault.notifier.send_again(delivery.id)

    assert (again.state, again.attempts) == (DeliveryState.DELIVERED, 1)
    first, second = vault.sender.sent
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]


async def test_a_delivery_that_is_sent_again_after_weeks_keeps_its_record(vault: Told) -> None:
    await vault.target()
    await vault.save()
    await vault.settle()
    await vault.notifier.send_due()
    [delivery] = await vault.deliveries()
    vault.sender.results.extend([OK, FAILED])
    vault.sender.results.popleft()
    for _ in range(3):
        vault.clock.advance(timedelta(days=6))
        again = await vault.notifier.send_again(delivery.id)

    assert again.state is DeliveryState.WAITING
    assert await vault.deliveries() == [again]
    vault.clock.advance(SCHEDULE[0])
    await vault.notifier.send_due()
    assert [each.attempts for each in await vault.deliveries()] == [2]


async def test_between_the_writes_that_repeat_a_delivery_no_round_can_send_it_too(
    vault: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = await vault.target()
    replace = vault.store.records.replace
    stored: list[Mapping[str, Any]] = []

    async def noted(kind: RecordKind, key: str, value: Mapping[str, Any], **named: Any) -> bool:
        stored.append(value)
        return await replace(kind, key, value, **named)

    monkeypatch.setattr(vault.store.records, "replace", noted)
    first = await vault.notifier.test(target.id)
    await vault.notifier.send_again(first.id)

    assert [(value["state"], value["held_until"] is not None) for value in stored] == [
        ("waiting", True), ("delivered", False), ("waiting", True), ("delivered", False),
    ]  # fmt: skip


async def test_a_test_is_sent_once_also_to_a_paused_target(vault: Told) -> None:
    target = await vault.target()
    await change_target(vault.store.records, target.id, paused)
    vault.sender.results.appendleft(FAILED)
    tried = await vault.notifier.test(target.id)

    assert (tried.state, tried.problem, tried.type) == (DeliveryState.FAILED, "It answered 500.", "vault.test")
    assert (await find_target(vault.store.records, target.id)).off is None
    vault.clock.advance(timedelta(days=1))
    assert await vault.notifier.send_due() == 0


async def test_without_targets_a_round_writes_nothing(vault: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    target = await vault.target()
    await vault.save()
    await vault.settle()
    await remove_target(vault.store.records, target.id)
    await vault.save()
    vault.clock.advance(60)
    for write in ("put", "replace", "remove"):
        monkeypatch.setattr(vault.store.records, write, None)

    await vault.notifier.round()


async def test_a_target_hears_of_the_first_post_that_is_saved_after_it(vault: Told) -> None:
    await add_target(vault.store.records, vault.clock, vault.sender, url="https://hooks.example/1")
    vault.clock.advance(1)
    await vault.save()  # before any round

    assert await vault.settle() == 1


async def test_a_target_that_follows_the_last_one_is_not_notified_of_what_was_between(vault: Told) -> None:
    await remove_target(vault.store.records, (await vault.target()).id)
    await vault.save()
    vault.clock.advance(60)
    await vault.target("https://other.example/hook")
    assert await vault.settle() == 0
    await vault.save()
    assert await vault.settle() == 1


async def test_a_quiet_vault_is_not_written_to(vault: Told) -> None:
    await vault.target()
    before = await vault.store.records.all(RecordKind.NOTIFY_POSITION)
    for _ in range(10):
        vault.clock.advance(30)
        await vault.notifier.round()

    assert await vault.store.records.all(RecordKind.NOTIFY_POSITION) == before
