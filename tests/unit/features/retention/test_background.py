"""Retention at work: the plan that a worker makes, and what it moves to the trash."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mediavault.core.failures import StorageFailure
from mediavault.core.job import Job, Priority, WorkerId
from mediavault.core.marks import Mark, MarkKind, watched
from mediavault.core.records import RecordKind
from mediavault.features.following import records as following
from mediavault.features.following.model import Source, SourceState
from mediavault.features.retention import records as retention
from mediavault.features.retention.background import EVERY, Retention
from mediavault.features.retention.model import WHOLE_VAULT, RetentionPlan, RetentionRule
from mediavault.features.trash.service import Trash
from mediavault.library.local_library import LocalLibrary
from mediavault.presentation.views import saved_paths
from mediavault.store import trash
from mediavault.store.bulk import enqueue_for_user
from mediavault.store.mark_changes import MarkChange, change_marks
from mediavault.store.port import JobQuery
from tests import vaults
from tests.contract.stores import LEASE, numbered_job
from tests.fakes import FakeClock
from tests.memory_store import MemoryJobStore

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


class Vault:
    """A vault with saved posts, each saved a second or more after the one before."""

    def __init__(self, root: Path) -> None:
        self.clock = FakeClock()
        self.store = MemoryJobStore(self.clock)
        self.library = LocalLibrary(root)
        self.root = root
        self.free: int | None = None
        self.saved = 0

    @property
    def worker(self) -> Retention:
        return Retention(self.store, self.library, self.clock, saved_paths, self.free_bytes)

    async def free_bytes(self) -> int | None:
        return self.free

    async def save(self, count: int = 1, *, source: str | None = None) -> list[Job]:
        """Save posts, brought by a source or by a user; returns them,
        the first that was saved first.
        """
        found = []
        for _ in range(count):
            self.saved += 1
            new = numbered_job(self.saved, f"https://videos.example/{self.saved}")
            new = (
                replace(new, priority=Priority.LATER, listed_by="https://feed.example")
                if source
                else new
            )
            [result] = await self.store.queue.enqueue([new])
            [claim] = await self.store.queue.claim(WorkerId("w"), limit=1, lease=LEASE)
            if source:
                await following.mark_posts(self.store, source, [result.job.id])
            found.append(await vaults.complete(self.store, claim, self.root, self.clock))
        return found

    async def follow(self, name: str = "s-1", **state: Any) -> None:
        source = Source(name, f"https://videos.example/@{name}", "generic", self.clock.now())
        await following.follow(self.store.tables, source)
        known = replace(SourceState(checks=1, usual_entries=10), **state)
        await following.change_state(self.store.tables, name, lambda _: known)

    async def rule(self, key: str = WHOLE_VAULT, **values: Any) -> None:
        await retention.set_rule(self.store, key, RetentionRule(**values))

    async def plan(self) -> RetentionPlan:
        plan = (await retention.read_plan(self.store.records)).plan
        assert plan is not None
        return plan

    async def listed(self) -> list[str]:
        return [one.job_id for one in (await self.plan()).listed]

    async def left(self) -> set[str]:
        return {job.id for job in (await self.store.catalogue.jobs(JobQuery(limit=100))).jobs}

    async def after(self, span: timedelta) -> None:
        self.clock.advance(span)
        await self.worker.round()


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path)


async def test_a_rule_lists_what_may_go_and_moves_nothing_until_it_is_switched_on(
    vault: Vault,
) -> None:
    first, second = await vault.save(2)
    await vault.rule(days=30)
    await vault.after(31 * DAY)
    for _ in range(5):
        await vault.after(DAY)

    assert await vault.listed() == [first.id, second.id]
    assert ((await vault.plan()).count, (await vault.plan()).bytes) == (2, 2 * vaults.VIDEO_BYTES)
    assert await vault.left() == {first.id, second.id}


async def test_a_post_that_a_user_asks_for_is_no_longer_only_the_sources_that_saved_it(
    vault: Vault,
) -> None:
    await vault.follow()
    await vault.rule("s-1", days=1, is_on=True)
    asked, other = await vault.save(2, source="s-1")
    [result] = await enqueue_for_user(vault.store.queue, [numbered_job(99, asked.canonical_url)])
    await vault.after(2 * DAY)

    assert (result.created, result.job.id) == (False, asked.id)
    assert await vault.listed() == [other.id]


async def test_a_post_that_a_user_asks_for_after_it_was_listed_stays(vault: Vault) -> None:
    await vault.follow()
    await vault.rule("s-1", days=1, is_on=True)
    [asked] = await vault.save(source="s-1")
    await vault.after(2 * DAY)
    assert await vault.listed() == [asked.id]
    vault.clock.advance(DAY)
    plan = await vault.plan()
    await enqueue_for_user(vault.store.queue, [numbered_job(99, asked.canonical_url)])

    assert await retention.may_go_still(vault.store, plan.listed, vault.clock.now()) == {}
    for _ in range(5):
        await vault.after(DAY)
    assert await vault.left() == {asked.id}


async def test_a_rule_that_is_on_moves_what_was_listed_for_a_day_and_its_files_to_the_trash(
    vault: Vault,
) -> None:
    [job] = await vault.save()
    await vault.rule(days=30, is_on=True)
    await vault.after(31 * DAY)
    await vault.after(23 * HOUR)
    assert await vault.left() == {job.id}

    await vault.after(HOUR)
    [post] = await trash.trashed_posts(vault.store, {})
    assert (await vault.left(), post.stored.job.id, post.are_moved) == (set(), job.id, True)
    assert await vault.listed() == []


async def test_a_day_moves_no_more_than_its_number(vault: Vault) -> None:
    jobs = await vault.save(7)
    await vault.rule(days=1, is_on=True, most_a_day=3)
    await vault.after(2 * DAY)
    await vault.after(DAY)
    for _ in range(4):
        await vault.after(timedelta(minutes=1))
    assert await vault.left() == {job.id for job in jobs[3:]}

    await vault.after(DAY)
    assert await vault.left() == {jobs[6].id}


async def test_pinned_and_favourite_posts_and_those_being_watched_stay(vault: Vault) -> None:
    pinned, loved, begun, plain = await vault.save(4)
    await vault.rule(days=1, is_on=True)
    await change_marks(vault.store, vault.clock, "jane", [pinned.id], MarkChange(pinned=True))
    await change_marks(vault.store, vault.clock, "jane", [loved.id], MarkChange(favourite=True))
    await vault.after(20 * DAY)
    await vault.store.marks.put([Mark(begun.id, "position/jane", "[60,900,0]")])
    await vault.after(EVERY)

    assert await vault.listed() == [plain.id]
    await vault.after(retention.WATCHING)
    assert await vault.left() == {pinned.id, loved.id, begun.id}
    await vault.after(DAY)
    assert await vault.left() == {pinned.id, loved.id}


async def test_a_post_that_is_pinned_after_it_was_listed_stays(vault: Vault) -> None:
    [job] = await vault.save()
    await vault.rule(days=1, is_on=True)
    await vault.after(2 * DAY)
    assert await vault.listed() == [job.id]
    vault.clock.advance(DAY - EVERY / 2)
    await vault.worker.round()
    await change_marks(vault.store, vault.clock, "owner", [job.id], MarkChange(pinned=True))
    await vault.after(EVERY / 2)

    assert await vault.left() == {job.id}


async def test_what_was_watched_may_go_after_its_days(vault: Vault) -> None:
    seen, unseen = await vault.save(2)
    await vault.rule(watched_days=7)
    await vault.after(10 * DAY)
    await vault.store.marks.put([Mark(seen.id, watched("owner"))])
    await vault.after(6 * DAY)
    assert await vault.listed() == []

    await vault.after(DAY)
    assert (await vault.listed(), unseen.id in await vault.left()) == ([seen.id], True)


async def test_what_is_in_the_trash_counts_as_free(vault: Vault) -> None:
    jobs = await vault.save(4)
    vault.free = 10**9 - 2 * vaults.VIDEO_BYTES
    await vault.rule(free_gb=1, is_on=True)
    await vault.after(HOUR)
    assert await vault.listed() == [job.id for job in jobs[:2]]

    for _ in range(6):
        await vault.after(DAY)
    assert await vault.left() == {job.id for job in jobs[2:]}


@pytest.mark.parametrize("doubt", [{"is_short": True}, {"failures": 1}, {"checks": 0}])
async def test_nothing_of_a_source_goes_while_its_last_answer_is_in_doubt(
    vault: Vault, doubt: dict[str, Any]
) -> None:
    await vault.follow()
    [job] = await vault.save(source="s-1")
    await vault.rule("s-1", days=1, is_on=True)
    await vault.after(2 * DAY)
    assert await vault.listed() == [job.id]

    await following.change_state(vault.store.tables, "s-1", lambda state: replace(state, **doubt))
    await vault.after(DAY - timedelta(minutes=1))
    await vault.after(timedelta(minutes=1))
    assert await vault.left() == {job.id}
    assert (await vault.plan()).doubtful == ("s-1",)


async def test_a_source_that_comes_into_doubt_after_the_plan_was_made_loses_nothing(
    vault: Vault,
) -> None:
    await vault.follow()
    [job] = await vault.save(source="s-1")
    await vault.rule("s-1", days=1, is_on=True)
    await vault.after(2 * DAY)
    await vault.after(DAY - EVERY / 2)
    await following.change_state(
        vault.store.tables, "s-1", lambda state: replace(state, is_short=True)
    )
    await vault.after(EVERY / 2)

    assert await vault.left() == {job.id}


async def test_an_empty_rule_keeps_everything_and_a_requested_post_follows_the_vaults_rule(
    vault: Vault,
) -> None:
    await vault.follow()
    [saved] = await vault.save(source="s-1")
    [own] = await vault.save()
    await following.mark_posts(vault.store, "s-1", [own.id])
    await vault.rule(days=1)
    await vault.rule("s-1")
    await vault.after(3 * DAY)

    assert await vault.listed() == [own.id]
    assert saved.id in await vault.left()


async def test_rules_without_conditions_make_no_plan(vault: Vault) -> None:
    await vault.save()
    await vault.rule(days=1)
    await vault.after(3 * DAY)
    assert (await vault.plan()).count == 1

    await vault.rule()
    await vault.after(HOUR)
    assert (await retention.read_plan(vault.store.records)).value is None


async def test_a_changed_rule_makes_a_new_plan_at_once(vault: Vault) -> None:
    await vault.save(2)
    await vault.rule(days=30)
    await vault.after(2 * DAY)
    assert await vault.listed() == []

    await vault.rule(days=1)
    await vault.worker.round()
    assert len(await vault.listed()) == 2


async def test_a_post_that_a_rule_deleted_and_a_user_restored_is_pinned(vault: Vault) -> None:
    [job] = await vault.save()
    await vault.rule(days=1, is_on=True)
    for _ in range(4):
        await vault.after(DAY)
    await Trash(vault.store, vault.library, vault.clock).restore(job.id)
    for _ in range(4):
        await vault.after(DAY)

    assert await vault.left() == {job.id}
    assert MarkKind.PINNED in {
        mark.name for mark in (await vault.store.marks.of_jobs([job.id]))[job.id]
    }


async def test_two_workers_move_no_more_than_one(vault: Vault) -> None:
    await vault.save(6)
    await vault.rule(days=1, is_on=True, most_a_day=2)
    await vault.after(2 * DAY)
    vault.clock.advance(DAY)
    first, second = vault.worker, vault.worker
    await first.round()
    await second.round()

    assert len(await vault.left()) == 4


async def test_a_plan_that_another_worker_makes_is_waited_for_but_not_for_ever(
    vault: Vault,
) -> None:
    await vault.save()
    await vault.rule(days=1)
    vault.clock.advance(2 * DAY)
    begun = RetentionPlan(vault.clock.now(), made_by=vault.clock.now() + HOUR)
    await retention.put_plan(
        vault.store.records, begun, before=await retention.read_plan(vault.store.records)
    )
    await vault.worker.round()
    assert await vault.listed() == []

    await vault.after(2 * HOUR)
    assert len(await vault.listed()) == 1


async def test_a_library_that_is_not_there_moves_nothing(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    [job] = await vault.save()
    await vault.rule(days=1, is_on=True)
    await vault.after(2 * DAY)

    async def gone(self: LocalLibrary) -> None:
        raise StorageFailure("The library is not there.")

    monkeypatch.setattr(LocalLibrary, "check_identity", gone)
    with pytest.raises(StorageFailure):
        await vault.after(DAY)
    assert await vault.left() == {job.id}
    assert (await vault.plan()).moved == 0


async def test_a_plan_or_a_rule_that_cannot_be_read_deletes_nothing(vault: Vault) -> None:
    [job] = await vault.save()
    await vault.store.records.put(
        RecordKind.RETENTION_RULE, WHOLE_VAULT, {"days": "soon", "is_on": True}
    )
    await vault.store.records.put(RecordKind.RETENTION_PLAN, retention.KEY, {"made_at": 3})
    for _ in range(4):
        await vault.after(DAY)
    assert await vault.left() == {job.id}

    await vault.rule(days=1)
    await vault.store.records.put(RecordKind.RETENTION_PLAN, retention.KEY, {"made_at": 3})
    await vault.after(DAY)
    assert await vault.listed() == [job.id]


async def test_unfollowing_removes_the_rule_of_the_source(vault: Vault) -> None:
    await vault.follow()
    await vault.rule("s-1", days=1, is_on=True)
    await following.unfollow(vault.store, "s-1")

    assert await retention.retention_rules(vault.store.records) == {}
