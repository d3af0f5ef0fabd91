"""Which events there are, and what a message says."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mediavault.core.clock import from_local, local
from mediavault.core.failures import FAILURES, ErrorCode
from mediavault.core.job import JobId
from mediavault.core.messages import Message
from mediavault.core.records import CheckVerdict, FileCheck, RecordKind, checks_to_json
from mediavault.features.notifications.events import (
    MAX_BODY_BYTES,
    MOST_LISTED,
    NewMessage,
    body_of,
    event_of,
    words_of,
)
from mediavault.features.notifications.model import EventKind
from mediavault.library.local_library import LocalLibrary
from mediavault.store.trash import move_to_trash, no_paths, retention_batch
from tests.fakes import START
from tests.unit.features.notifications.conftest import Notified


async def bodies(notified: Notified) -> list[dict[str, Any]]:
    return [json.loads(delivery.body) for delivery in reversed(await notified.deliveries())]


async def test_a_saved_post_is_sent_with_its_file_and_its_page(notified: Notified) -> None:
    await notified.target()
    job_id = await notified.save()
    at = notified.clock.now()
    assert await notified.settle() == 1

    [body] = await bodies(notified)
    assert body["type"] == "job.saved"
    assert body["timestamp"] == at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert body["data"] == {
        "id": job_id, "title": "videos.example/watch/1", "account": None, "account_name": None,
        "site": "generic", "site_name": "videos.example",
        "post_url": "https://videos.example/watch/1", "videos": 1, "bytes": 1_000_000,
        "duration_s": 61.0, "page": f"https://vault.example/jobs/{job_id}",
    }  # fmt: skip


async def test_an_imported_post_notifies_nobody(notified: Notified) -> None:
    job = await notified.store.catalogue.get(JobId(await notified.save()))

    assert event_of(job) is not None
    assert event_of(replace(job, started_at=None)) is None


async def test_a_failure_is_sent_with_its_code_its_sentence_and_what_helps(
    notified: Notified,
) -> None:
    await notified.target()
    await notified.fail(
        ErrorCode.DELETED, error=Message("%(site)s has no such video.", site="YouTube")
    )
    await notified.settle()

    [body] = await bodies(notified)
    assert (body["type"], body["data"]["code"]) == ("job.failed", "DELETED")
    assert body["data"]["message"] == "YouTube has no such video."
    assert body["data"]["help"] == FAILURES[ErrorCode.DELETED].hint


async def test_the_texts_are_in_the_targets_language(notified: Notified) -> None:
    await notified.target(language="de")
    await notified.fail(ErrorCode.DELETED)
    await notified.settle()

    [body] = await bodies(notified)
    assert body["data"]["help"] != FAILURES[ErrorCode.DELETED].hint


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (ErrorCode.AMBIGUOUS, EventKind.NEEDS_YOU),
        (ErrorCode.CHALLENGE, EventKind.NEEDS_YOU),
        (ErrorCode.LOGIN_REQUIRED, EventKind.SIGN_IN_NEEDED),
        (ErrorCode.SESSION_EXPIRED, EventKind.SIGN_IN_NEEDED),
        (ErrorCode.NETWORK, EventKind.FAILED),
        (ErrorCode.PARTIAL, EventKind.FAILED),
    ],
)
async def test_each_failure_is_sent_as_one_kind_of_event(
    notified: Notified, code: ErrorCode, kind: EventKind
) -> None:
    await notified.target()
    await notified.fail(code)
    await notified.settle()

    assert [body["type"] for body in await bodies(notified)] == [kind]


async def test_a_failure_that_is_tried_again_notifies_nobody(notified: Notified) -> None:
    await notified.target()
    await notified.fail(ErrorCode.NETWORK, retry_in=timedelta(hours=1))

    assert await notified.settle() == 0


async def test_a_target_is_notified_only_of_its_own_events(notified: Notified) -> None:
    await notified.target(events=[EventKind.FAILED])
    await notified.save()
    await notified.fail(ErrorCode.DELETED)
    await notified.settle()

    assert [body["type"] for body in await bodies(notified)] == ["job.failed"]


async def test_a_sites_sign_in_is_asked_for_once_and_not_for_every_post(notified: Notified) -> None:
    await notified.target()
    for platform in ("x", "x", "reddit", "x"):
        await notified.fail(ErrorCode.LOGIN_REQUIRED, platform=platform)
    await notified.settle()
    await notified.fail(ErrorCode.LOGIN_REQUIRED, platform="x")
    await notified.settle()

    asked = [(body["data"]["site"], body["data"]["count"]) for body in await bodies(notified)]
    assert sorted(asked) == [("reddit", 1), ("x", 3)]
    notified.clock.advance(timedelta(hours=6))
    await notified.fail(ErrorCode.LOGIN_REQUIRED, platform="x")
    assert await notified.settle() == 1


async def test_many_events_of_a_round_become_one_message(notified: Notified) -> None:
    await notified.target()
    saved = [await notified.save() for _ in range(30)]
    await notified.settle()

    [body] = await bodies(notified)
    assert (body["type"], body["data"]["count"]) == ("jobs.saved", 30)
    assert [job["id"] for job in body["data"]["jobs"]] == saved[:MOST_LISTED]


def test_a_message_is_never_larger_than_the_convention_allows() -> None:
    job = {"title": "夜" * 200, "post_url": "https://videos.example/" + "y" * 2_000}
    body = body_of(NewMessage("key", "jobs.saved", {"count": 20, "jobs": [job] * 20}, START))

    assert len(body) <= MAX_BODY_BYTES
    assert body.isascii()
    assert 0 < len(json.loads(body)["data"]["jobs"]) < 20


async def test_a_low_disk_is_sent_once_a_day(notified: Notified) -> None:
    free: list[int | None] = [123_000_000]

    async def low_disk() -> int | None:
        return free[0]

    notifier = notified.another()
    notifier._low_disk = low_disk
    await notified.target()
    assert await notifier.collect() == 1
    notified.clock.advance(timedelta(hours=1))
    assert await notifier.collect() == 0
    free[0] = None
    notified.clock.advance(timedelta(days=1))
    assert await notifier.collect() == 0
    free[0] = 5
    notified.clock.advance(120)
    assert await notifier.collect() == 1

    assert {body["type"] for body in await bodies(notified)} == {"disk.low"}
    assert (await bodies(notified))[0]["data"]["free_bytes"] == 123_000_000


async def delete(notified: Notified, folder: Path, batch: str) -> JobId:
    job_id = await notified.save()
    await move_to_trash(
        notified.store, LocalLibrary(folder), notified.clock, job_id, no_paths, batch=batch
    )
    return job_id


async def test_what_retention_rules_deleted_is_sent_once_a_day_in_the_morning(
    notified: Notified, tmp_path: Path
) -> None:
    """A worker that starts in between, and one that collects at the same time,
    send it no second time.
    """
    morning = from_local(local(START).replace(tzinfo=None, hour=9, minute=0)) + timedelta(days=1)
    notified.clock.advance(morning - timedelta(hours=8, minutes=59) - notified.clock.now())
    await notified.target(events=[EventKind.RETENTION_DELETED])
    await delete(notified, tmp_path, "by-hand")
    by_rule = [await delete(notified, tmp_path, retention_batch()) for _ in range(2)]
    notified.clock.advance(timedelta(hours=8))
    assert await notified.notifier.collect() == 0
    notified.clock.advance(timedelta(hours=1))
    assert [
        await notified.notifier.collect(),
        await notified.another().collect(),
        await notified.notifier.collect(),
    ] == [
        1,
        0,
        0,
    ]
    for _ in range(3):
        notified.clock.advance(timedelta(days=1))
        assert await notified.another().collect() == 0

    [body] = await bodies(notified)
    assert (body["type"], body["data"]["count"]) == ("retention.deleted", 2)
    assert {job["id"] for job in body["data"]["jobs"]} == set(by_rule)
    assert body["data"]["page"] == "https://vault.example/trash"


async def test_a_target_hears_of_no_deletion_from_before_it_was_added(
    notified: Notified, tmp_path: Path
) -> None:
    await notified.target("https://first.example/", events=[EventKind.RETENTION_DELETED])
    await delete(notified, tmp_path, retention_batch())
    notified.clock.advance(timedelta(seconds=1))
    await notified.target(events=[EventKind.RETENTION_DELETED])
    notified.clock.advance(timedelta(days=1))
    await notified.notifier.collect()

    assert len(await notified.deliveries()) == 1


async def test_a_message_in_words_has_the_title_the_reason_and_the_link(notified: Notified) -> None:
    await notified.target()
    job_id = await notified.fail(ErrorCode.AMBIGUOUS, error="2 videos were found.")
    await notified.settle()

    title, text = words_of((await notified.deliveries())[0].body, "en")
    assert title == "Needs you: videos.example/watch/1"
    assert "2 videos were found." in text
    assert text.endswith(f"https://vault.example/jobs/{job_id}")
    assert "`" not in text


async def test_every_type_of_message_has_words(notified: Notified, tmp_path: Path) -> None:
    target = await notified.target()
    for code in (ErrorCode.AMBIGUOUS, ErrorCode.DELETED, ErrorCode.LOGIN_REQUIRED):
        for _ in range(7):
            await notified.fail(code)
    for _ in range(7):
        await notified.save()
    await notified.settle()
    await delete(notified, tmp_path, retention_batch())
    notified.clock.advance(timedelta(days=1))
    await notified.notifier.collect()
    await notified.notifier.test(target.id)

    titles = {words_of(delivery.body, "en")[0] for delivery in await notified.deliveries()}
    assert titles == {
        "7 posts need you", "7 posts failed", "7 posts saved", "videos.example asks you to sign in",
        "1 post moved to the trash", "Test from mediavault",
    }  # fmt: skip


async def test_a_target_without_the_vaults_address_gets_no_link(notified: Notified) -> None:
    await notified.target(vault="")
    await notified.save()
    await notified.settle()

    [body] = await bodies(notified)
    assert body["data"]["page"] is None
    assert words_of(json.dumps(replace_page(body)), "en")[1]


def replace_page(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "data": {**body["data"], "page": None}}


def test_the_kinds_of_events_are_the_types_of_the_convention() -> None:
    for kind in EventKind:
        assert all(part.replace("_", "").isalnum() for part in kind.split("."))


async def damage(notified: Notified, job_id: JobId, detail: str) -> None:
    job = await notified.store.catalogue.get(job_id)
    checks = {0: FileCheck(notified.clock.now(), CheckVerdict.DAMAGED, detail)}
    await notified.store.records.put(RecordKind.VERIFIED, job.id, checks_to_json(checks))
    value = {"verdicts": ["damaged"], "at": notified.clock.now().isoformat()}
    await notified.store.records.put(RecordKind.DAMAGED, job.id, value)
    notified.clock.advance(61)


async def test_a_damaged_file_is_sent_once_with_what_was_found(notified: Notified) -> None:
    """Not by the next worker either, nor when the post has been queued again."""
    await notified.target(events=[EventKind.DAMAGED])
    job_id = await notified.save()
    await damage(notified, job_id, Message("%(bad)d pictures do not decode", bad=3))
    assert await notified.notifier.collect() == 1
    record = await notified.store.records.get(RecordKind.DAMAGED, job_id)
    assert record is not None
    await notified.store.records.put(
        RecordKind.DAMAGED, job_id, {**record.value, "replaced_by": "another"}
    )
    notified.clock.advance(timedelta(days=1))
    assert await notified.another().collect() == 0

    [body] = await bodies(notified)
    assert (body["type"], body["data"]["id"]) == ("job.damaged", job_id)
    assert body["data"]["message"] == "Damaged: 3 pictures do not decode"
    title, text = words_of(json.dumps(body), "en")
    assert title.startswith("Damaged file: ")
    assert "3 pictures do not decode" in text


async def test_many_damaged_files_are_one_message(notified: Notified) -> None:
    await notified.target(events=[EventKind.DAMAGED])
    for _ in range(7):
        await damage(notified, await notified.save(), "it ends early")
    await notified.notifier.collect()

    [body] = await bodies(notified)
    assert (body["type"], body["data"]["count"]) == ("jobs.damaged", 7)
    assert words_of(json.dumps(body), "en")[0] == "7 posts have damaged files"


async def test_a_target_hears_of_no_damage_from_before_it_was_added(notified: Notified) -> None:
    await damage(notified, await notified.save(), "it ends early")
    notified.clock.advance(timedelta(seconds=1))
    await notified.target(events=[EventKind.DAMAGED])

    assert await notified.notifier.collect() == 0
