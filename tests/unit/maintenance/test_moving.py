"""Copying one store into another: everything, once,
and repeatable after an interruption at any point.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mediavault.core.failures import BadInput, ErrorCode
from mediavault.core.job import JobStatus, WorkerHeartbeat, WorkerId
from mediavault.library.local_library import LocalLibrary
from mediavault.maintenance import moving
from mediavault.maintenance.comparing import Comparison, TransferState, transfer_state
from mediavault.maintenance.moving import Copied, compare, copy_jobs, move, restore
from mediavault.store.port import JobPage, JobQuery, Store, StoredJob
from mediavault.store.search_words import WordSource
from mediavault.store.tables import TRASH, TRASHED_WORDS
from mediavault.store.transitions import as_imported
from mediavault.store.trash import move_to_trash, no_paths
from tests.contract.stores import numbered_job
from tests.contract.test_store_moving import lived_in
from tests.fakes import FakeClock
from tests.memory_store import MemoryCatalogue, MemoryJobStore
from tests.patience import patient
from tests.vaults import LEASE, all_of

ANN = WorkerId("w-ann")
ALIVE = timedelta(seconds=90)
MINUTE = timedelta(minutes=1)


class Silent:
    def start(self, words: str, total: int | None) -> None: ...
    def advance(self, count: int) -> None: ...


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def source(clock: FakeClock) -> MemoryJobStore:
    """A job in every state, many queued jobs, a closed site limit and a constant."""
    store = await lived_in(clock)
    await store.queue.enqueue(
        [numbered_job(n, f"https://videos.example/{n}") for n in range(10, 260)]
    )
    await store.site_limits.pause_site(
        "x", duration=MINUTE, code=ErrorCode.RATE_LIMITED, reason="slow down"
    )
    await store.records.set_once("library", "a")
    return store


@pytest.fixture
def target(clock: FakeClock) -> MemoryJobStore:
    return MemoryJobStore(clock)


async def moved(
    source: Store, target: Store, clock: FakeClock, **options: bool
) -> tuple[Copied, Comparison]:
    return await move(source, target, Silent(), clock, alive_within=ALIVE, **options)


def beat(clock: FakeClock) -> WorkerHeartbeat:
    return WorkerHeartbeat(ANN, "host", 1, "0.1", clock.now(), clock.now())


async def test_everything_arrives_as_it_was(
    source: MemoryJobStore, target: MemoryJobStore, clock: FakeClock
) -> None:
    copied, comparison = await moved(source, target, clock)

    assert (copied.new, copied.renewed, copied.other) == (255, 0, 0)
    assert comparison.is_whole
    assert (comparison.same, comparison.only_in_target) == (255, 0)
    assert await all_of(target) == [
        StoredJob(as_imported(stored.job), stored.history) for stored in await all_of(source)
    ]
    assert await target.site_limits.all_limits() == await source.site_limits.all_limits()
    assert await target.records.constants() == {"library": "a"}


async def test_the_trash_arrives_with_its_words(
    source: MemoryJobStore, target: MemoryJobStore, clock: FakeClock, tmp_path: Path
) -> None:
    jobs = [stored.job for stored in await all_of(source)][: 2 * moving.LARGE_ROWS_AT_ONCE + 1]
    for job in jobs:
        await source.catalogue.put_words(job.id, WordSource.COMMENTS, f" word {job.id}")
        await move_to_trash(source, LocalLibrary(tmp_path), clock, job.id, no_paths, batch="b")
    _, comparison = await moved(source, target, clock)

    assert comparison.is_whole
    for table in (TRASH, TRASHED_WORDS):
        assert await target.tables.select(table, {}) == await source.tables.select(table, {})
        assert await target.tables.count(table, {}) == len(jobs)
    await target.tables.remove(TRASH, {"id": jobs[0].id})
    assert (await compare(source, target)).missing_records == (f"trash {jobs[0].id}",)


@pytest.mark.parametrize(
    ("largest_row", "at_once"), [(0, moving.PAGE), (1 << 20, 4), (64 << 20, 1)]
)
async def test_the_larger_a_backups_rows_the_fewer_are_in_memory(
    source: MemoryJobStore,
    target: MemoryJobStore,
    monkeypatch: pytest.MonkeyPatch,
    largest_row: int,
    at_once: int,
) -> None:
    limits = set()
    original = source.catalogue.jobs

    async def jobs(query: JobQuery) -> JobPage:
        limits.add(query.limit)
        return await original(query)

    monkeypatch.setattr(source.catalogue, "jobs", jobs)
    copied, comparison = await restore(
        source, target, Silent(), alive_within=ALIVE, largest_row=largest_row
    )

    assert limits == {at_once}
    assert (copied.new, comparison.is_whole) == (255, True)


async def test_repeating_a_move_changes_nothing(
    source: MemoryJobStore, target: MemoryJobStore, clock: FakeClock
) -> None:
    await moved(source, target, clock)
    before = await all_of(target)
    copied, comparison = await moved(source, target, clock)

    assert (copied.new, copied.renewed, copied.kept) == (0, 0, 255)
    assert comparison.is_whole
    assert await all_of(target) == before


async def test_a_job_that_progressed_at_the_source_is_updated(
    source: MemoryJobStore, target: MemoryJobStore, clock: FakeClock
) -> None:
    await copy_jobs(source, target)
    clock.advance(60)
    await source.queue.promote_due()
    (claim,) = await source.queue.claim(ANN, limit=1, lease=LEASE)
    await source.queue.fail(claim, error_code=ErrorCode.NETWORK, error="again", retry_in=None)
    copied, comparison = await moved(source, target, clock)

    assert (copied.new, copied.renewed) == (0, 1)
    assert comparison.is_whole


async def test_a_job_that_progressed_at_the_target_is_left_alone_and_reported(
    source: MemoryJobStore, target: MemoryJobStore, clock: FakeClock
) -> None:
    """Repeating a move after the target has been used loses nothing."""
    await copy_jobs(source, target)
    clock.advance(1)
    (claim,) = await target.queue.claim(ANN, limit=1, lease=LEASE)
    clock.advance(1)
    await source.queue.cancel(claim.id)
    copied, comparison = await moved(source, target, clock)

    assert copied.other == 1
    assert (await target.catalogue.get(claim.id)).status is JobStatus.RUNNING
    assert not comparison.is_whole
    assert [difference.job for difference in comparison.named] == [claim.id]


async def test_a_post_that_the_target_has_under_another_id_is_reported_as_missing(
    source: MemoryJobStore, target: MemoryJobStore, clock: FakeClock
) -> None:
    await target.queue.enqueue([numbered_job(999, "https://videos.example/10")])
    _, comparison = await moved(source, target, clock)

    assert (comparison.different, comparison.missing, comparison.only_in_target) == (1, 1, 1)
    assert not comparison.is_whole


@pytest.mark.parametrize("where", ["source", "target"])
async def test_nothing_is_moved_while_workers_are_running(
    source: MemoryJobStore, target: MemoryJobStore, clock: FakeClock, where: str
) -> None:
    await {"source": source, "target": target}[where].workers.heartbeat(beat(clock))

    with pytest.raises(BadInput, match=r"[Ww]orkers? (is|are) still running"):
        await moved(source, target, clock)
    assert await all_of(target) == []


async def test_a_move_while_running_waits_for_the_workers_and_copies_their_changes(
    source: MemoryJobStore, target: MemoryJobStore, clock: FakeClock
) -> None:
    await source.workers.heartbeat(beat(clock))
    task = asyncio.create_task(moved(source, target, clock, while_running=True))
    while not clock.slept:
        await asyncio.sleep(0)
    (claim,) = await source.queue.claim(ANN, limit=1, lease=LEASE)
    await source.queue.release(claim)
    await source.workers.forget_worker(ANN)
    clock.advance(1)
    copied, comparison = await asyncio.wait_for(task, patient(30))

    assert copied.renewed == 1
    assert comparison.is_whole


async def test_another_vaults_store_is_refused(
    source: MemoryJobStore, target: MemoryJobStore, clock: FakeClock
) -> None:
    await target.records.set_once("library", "b")

    with pytest.raises(BadInput, match="another vault"):
        await moved(source, target, clock)
    assert await all_of(target) == []


async def test_a_job_added_after_the_copy_fails_the_comparison(
    source: MemoryJobStore,
    target: MemoryJobStore,
    monkeypatch: pytest.MonkeyPatch,
    clock: FakeClock,
) -> None:
    async def then_add(source: Store, target: Store) -> None:
        await source.queue.enqueue([numbered_job(1_000, "https://videos.example/late")])

    monkeypatch.setattr(moving, "copy_rest", then_add)
    _, comparison = await moved(source, target, clock)

    assert not comparison.is_whole
    assert comparison.missing == 1


# --- killed at any point --------------------------------------------------------------------------


class Killed(BaseException):
    """The end of the process."""


class KilledCatalogue(MemoryCatalogue):
    """A target whose process is killed at its ``dies_at``th write,
    before or after the write took place.
    """

    dies_at = 0
    after = False
    writes = 0

    async def _write(self, act: Callable[[], Awaitable[int]]) -> int:
        self.writes += 1
        if self.writes == self.dies_at and not self.after:
            raise Killed
        answer = await act()
        if self.writes == self.dies_at:
            raise Killed
        return answer

    async def import_jobs(self, jobs: Sequence[StoredJob]) -> int:
        return await self._write(lambda: super(KilledCatalogue, self).import_jobs(jobs))


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("dies_at", [1, 2, 3])
async def test_repeating_a_killed_move_completes_it(
    source: MemoryJobStore, clock: FakeClock, dies_at: int, after: bool
) -> None:
    target = MemoryJobStore(clock)
    target.catalogue = killed = KilledCatalogue(target._state)
    killed.dies_at, killed.after = dies_at, after
    with pytest.raises(Killed):
        await moved(source, target, clock)
    _, comparison = await moved(source, target, clock)

    assert comparison.is_whole
    assert len(await all_of(target)) == 255


# --- the comparison -------------------------------------------------------------------------------


async def test_the_histories_decide_how_a_job_relates_to_its_copy(source: MemoryJobStore) -> None:
    now = next(stored for stored in await all_of(source) if len(stored.history) > 1)
    earlier = StoredJob(
        replace(now.job, updated_at=now.job.created_at, attempt_count=0), now.history[:1]
    )
    elsewhere = StoredJob(now.job, (*now.history, now.history[0]))

    assert transfer_state(now, None) is TransferState.MISSING
    assert transfer_state(now, now) is TransferState.SAME
    assert transfer_state(now, earlier) is TransferState.OLDER
    assert transfer_state(now, elsewhere) is TransferState.OTHER
    assert transfer_state(earlier, now) is TransferState.OTHER


async def test_a_comparison_names_the_fields_that_differ(
    source: MemoryJobStore, target: MemoryJobStore
) -> None:
    (first, *_) = await all_of(source)
    await copy_jobs(source, target)
    target._state.jobs[first.job.id] = replace(first.job, sha256="00", width=7)
    target._state.history[first.job.id].append((await all_of(source))[-1].history[0])
    comparison = await compare(source, target)

    assert [(difference.job, difference.what) for difference in comparison.named] == [
        (first.job.id, "sha256, width, history")
    ]
