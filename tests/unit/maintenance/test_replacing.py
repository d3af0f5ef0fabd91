"""Saving damaged posts again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from mediavault.core.job import Job, JobId, JobStatus, NewJob, Priority
from mediavault.core.marks import Mark, MarkKind, added
from mediavault.core.post_urls import name_of_file
from mediavault.core.records import CheckVerdict, FileCheck, RecordKind
from mediavault.core.settings import ChangeableSettings
from mediavault.library.local_library import LocalLibrary
from mediavault.maintenance.checking import CheckedFiles, store_checks
from mediavault.maintenance.replacing import replace_damaged
from mediavault.presentation.views import saved_paths
from mediavault.store import trash
from mediavault.store.holds import pause, resume
from mediavault.store.port import JobQuery
from tests import vaults
from tests.contract.stores import LEASE, numbered_job
from tests.fakes import FakeClock
from tests.memory_store import MemoryJobStore

POST = "https://videos.example/1"


class Environment:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = FakeClock(auto=True)
        self.store = MemoryJobStore(self.clock)
        self.library = LocalLibrary(root)

    async def round(self) -> int:
        return await replace_damaged(self.store, self.clock, self._settings)

    async def _settings(self) -> ChangeableSettings:
        return ChangeableSettings(max_attempts=7)

    async def save(self, url: str = POST) -> Job:
        await self.store.queue.enqueue([numbered_job(1, url)])
        return await self.work()

    async def work(self) -> Job:
        self.clock.advance(60)
        [claim] = await self.store.queue.claim(vaults.ANN, limit=1, lease=LEASE)
        return await vaults.complete(self.store, claim, self.root, self.clock)

    async def damage(self, job: Job, verdict: CheckVerdict = CheckVerdict.DAMAGED) -> None:
        checks = {0: FileCheck(self.clock.now(), verdict, "it does not decode")}
        await store_checks(self.store, self.library, job, CheckedFiles(checks))

    async def queued(self) -> Sequence[Job]:
        return (await self.store.catalogue.jobs(JobQuery((JobStatus.QUEUED,)))).jobs


@pytest.fixture
async def env(tmp_path: Path) -> Environment:
    env = Environment(tmp_path)
    await env.library.prepare()
    await env.library.write_identity("a-library")
    return env


async def test_a_damaged_post_is_queued_once_as_a_new_version_behind_all_others(
    env: Environment,
) -> None:
    job = await env.save()
    await env.store.marks.put([Mark(job.id, added("jane"))])
    await env.damage(job)

    assert [await env.round(), await env.round()] == [1, 0]
    [new] = await env.queued()
    assert (new.post_url, new.version, new.priority, new.max_attempts) == (
        job.post_url,
        2,
        Priority.LATER,
        7,
    )
    assert {mark.name for mark in (await env.store.marks.of_jobs([new.id]))[new.id]} == {
        "replaced",
        "added/jane",
    }
    assert (await env.store.catalogue.get(job.id)).status is JobStatus.COMPLETED


async def test_a_post_whose_new_version_is_damaged_too_is_not_tried_a_third_time(
    env: Environment,
) -> None:
    job = await env.save()
    await env.damage(job)
    await env.round()
    new = await env.work()
    await env.damage(new)

    assert await env.round() == 0
    await trash.move_to_trash(env.store, env.library, env.clock, job.id, saved_paths, batch="b")
    assert await env.round() == 0


async def test_damage_that_is_found_again_queues_nothing(env: Environment) -> None:
    job = await env.save()
    await env.damage(job)
    await env.round()
    await trash.move_to_trash(
        env.store, env.library, env.clock, (await env.work()).id, saved_paths, batch="b"
    )
    await env.damage(job, CheckVerdict.WHOLE)
    await env.damage(job)

    assert await env.round() == 0


@pytest.mark.parametrize("site", [None, "generic"])
async def test_nothing_is_queued_during_a_pause(env: Environment, site: str | None) -> None:
    await env.damage(await env.save())
    await pause(env.store.records, site)
    during = await env.round()
    await resume(env.store.records, site)

    assert (during, await env.round()) == (0, 1)


async def test_a_post_without_a_url_is_not_queued(env: Environment) -> None:
    await env.damage(await env.save(name_of_file("ab" * 32)))

    assert await env.round() == 0


async def test_a_post_in_the_trash_is_not_queued(env: Environment) -> None:
    job = await env.save()
    await env.damage(job)
    await trash.move_to_trash(env.store, env.library, env.clock, job.id, saved_paths, batch="b")

    assert await env.round() == 0


async def test_a_post_that_a_user_has_saved_again_is_not_queued(env: Environment) -> None:
    await env.damage(await env.save())
    await env.store.queue.enqueue([numbered_job(2, POST)], force=True)

    assert await env.round() == 0


@pytest.mark.parametrize("verdict", sorted(set(CheckVerdict) - {CheckVerdict.DAMAGED}))
async def test_a_file_that_a_backup_may_have_is_not_fetched_again(
    env: Environment, verdict: CheckVerdict
) -> None:
    await env.damage(await env.save(), verdict)

    assert await env.round() == 0


@pytest.mark.parametrize("step", ["queue.enqueue", "marks.put"])
async def test_a_kill_at_any_step_queues_one_version(
    env: Environment, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    async def killed(*_: object, **__: object) -> None:
        raise asyncio.CancelledError

    await env.damage(await env.save())
    port, name = step.split(".")
    with monkeypatch.context() as patch:
        patch.setattr(getattr(env.store, port), name, killed)
        with pytest.raises(asyncio.CancelledError):
            await env.round()

    assert [await env.round(), await env.round()] == [1, 0]
    assert len(await env.queued()) == 1


async def test_two_workers_queue_one_version(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one may be refused, because the id is taken."""
    enqueue = env.store.queue.enqueue

    async def slowly(jobs: Sequence[NewJob], *, force: bool = False) -> object:
        await asyncio.sleep(0)
        return await enqueue(jobs, force=force)

    await env.damage(await env.save())
    monkeypatch.setattr(env.store.queue, "enqueue", slowly)
    await asyncio.gather(env.round(), env.round(), return_exceptions=True)
    assert len(await env.queued()) == 1


async def test_the_damaged_version_names_the_new_one(env: Environment) -> None:
    job = await env.save()
    await env.damage(job)
    await env.round()
    [new] = await env.queued()

    assert [
        (mark.job_id, mark.text) for mark in await env.store.marks.marked(MarkKind.REPLACED)
    ] == [
        (job.id, new.id),
        (new.id, ""),
    ]
    record = await env.store.records.get(RecordKind.DAMAGED, JobId(job.id))
    assert record is not None
    assert record.value["replaced_by"] == new.id
