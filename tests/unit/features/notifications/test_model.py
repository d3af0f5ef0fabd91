"""What can be set of a target, and the records of targets and deliveries as older and newer vaults
have written them.
"""

from __future__ import annotations

from typing import Any

import pytest

from mediavault.core.failures import BadInput
from mediavault.core.messages import Message
from mediavault.core.records import RecordKind
from mediavault.features.notifications.model import EventKind, TargetKind, checked, kind_of
from mediavault.features.notifications.records import (
    all_deliveries,
    all_targets,
    change_target,
    find_target,
    replace_delivery,
)
from tests.fakes import FakeClock
from tests.memory_store import MemoryJobStore

TARGET: dict[str, Any] = {
    "kind": "webhook", "url": "https://hooks.example/a", "name": "Shelf",
    "events": ["job.saved", "disk.low"], "made_at": "2026-11-29T12:00:00+00:00", "private": True,
    "vault": "https://vault.example", "language": "de", "service": "",
    "secrets": ["whsec_bmV3", "whsec_b2xk"],
    "old_secret_until": "2026-11-30T12:00:00+00:00",
    "paused": False, "off": "given_up",
}  # fmt: skip
DELIVERY: dict[str, Any] = {
    "target": "a1", "type": "job.saved", "body": "{}", "made_at": "2026-11-29T12:00:00+00:00",
    "due_at": "2026-11-29T12:05:00+00:00", "state": "waiting", "attempts": 2, "held_until": None,
    "tried_at": "2026-11-29T12:00:05+00:00", "failing_since": "2026-11-29T12:00:00+00:00",
    "status": 502,
    "problem": "It answered 502.",
    "problem_params": '{"text":"It answered %(status)s.","values":{"status":502}}',
}  # fmt: skip


@pytest.mark.parametrize(
    "values",
    [
        {"name": "x" * 81},
        {"name": "a\u202eb"},
        {"events": []},
        {"events": ["nonesuch"]},
        {"vault": "javascript:alert(1)"},
        {"vault": "https://user:password@vault.example/"},
        {"vault": "https://vault.example/" + "x" * 3_000},
    ],
)
def test_a_setting_that_cannot_be_used_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        checked(values)


def test_settings_are_stored_in_one_form() -> None:
    values = {
        "name": "  Shelf  display ",
        "events": ["disk.low", "job.saved"],
        "vault": "https://vault.example/mv/",
    }

    assert checked(values) == {
        "name": "Shelf display",
        "events": (EventKind.SAVED, EventKind.DISK_LOW),
        "vault": "https://vault.example/mv",
    }


@pytest.mark.parametrize(
    "url",
    [
        "",
        "file:///etc/passwd\n",
        "https://user:password@hooks.example/",
        "ntfy://a b",
        "ntfy://host/\r\nHost: x",
        "https://hooks.example/" + "x" * 3_000,
        "ntfy://" + "x" * 3_000,
    ],
)
def test_what_is_neither_a_webhook_nor_an_apprise_url_is_refused(url: str) -> None:
    with pytest.raises(BadInput):
        kind_of(url)


def test_a_url_says_how_its_target_is_notified() -> None:
    assert kind_of("HTTPS://hooks.example/a#part") == (
        TargetKind.WEBHOOK,
        "https://hooks.example/a",
    )
    assert kind_of("ntfy://ntfy.example/videos") == (
        TargetKind.APPRISE,
        "ntfy://ntfy.example/videos",
    )


async def test_a_stored_target_is_read_and_stored_as_it_was() -> None:
    records = MemoryJobStore(FakeClock()).records
    await records.put(RecordKind.NOTIFY_TARGET, "a1", TARGET)
    target = await find_target(records, "a1")
    await change_target(records, "a1", lambda target: target)

    assert (target.id, target.name, target.events, target.private) == (
        "a1", "Shelf", (EventKind.SAVED, EventKind.DISK_LOW), True,
    )  # fmt: skip
    [record] = await records.all(RecordKind.NOTIFY_TARGET)
    assert record.value == TARGET


async def test_a_stored_delivery_is_read_and_stored_as_it_was() -> None:
    records = MemoryJobStore(FakeClock()).records
    await records.put(RecordKind.NOTIFY_DELIVERY, "msg_1", DELIVERY)
    [delivery] = await all_deliveries(records)

    assert isinstance(delivery.problem, Message)
    assert delivery.problem.template == "It answered %(status)s."
    assert await replace_delivery(records, delivery, delivery), "a worker can claim it"
    [record] = await records.all(RecordKind.NOTIFY_DELIVERY)
    assert record.value == DELIVERY


async def test_events_of_a_newer_vault_are_ignored_and_unreadable_records_left_alone() -> None:
    records = MemoryJobStore(FakeClock()).records
    await records.put(
        RecordKind.NOTIFY_TARGET, "a1", {**TARGET, "events": ["job.saved", "job.sung"], "more": 1}
    )
    await records.put(RecordKind.NOTIFY_TARGET, "a2", {**TARGET, "kind": "pigeon"})
    await records.put(RecordKind.NOTIFY_TARGET, "a3", {"kind": "webhook"})
    await records.put(RecordKind.NOTIFY_DELIVERY, "msg_1", {**DELIVERY, "state": "lost"})

    assert [(target.id, target.events) for target in await all_targets(records)] == [
        ("a1", (EventKind.SAVED,))
    ]
    assert await all_deliveries(records) == []
    assert len(await records.all(RecordKind.NOTIFY_TARGET)) == 3
