"""Posts in the trash: deleted, restored, removed for good,
and what a kill in between leaves behind.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from mediavault.core.failures import JobNotFound, NotFound, StorageFailure
from mediavault.core.job import Job, JobId, JobStatus, WorkerId
from mediavault.core.marks import Mark
from mediavault.core.records import RecordKind
from mediavault.features.trash.service import Trash
from mediavault.library.local_library import LocalLibrary
from mediavault.presentation.views import saved_paths
from mediavault.store.port import JobQuery, StoredJob
from mediavault.store.search_words import WordSource
from mediavault.store.tables import MOVING_TABLES, TRASH, TRASHED_WORDS, Table, TableRow
from mediavault.store.trash import move_to_trash, trashed_posts
from mediavault.store.waiting_jobs import accepted_reasons
from tests import vaults
from tests.contract.stores import LEASE, numbered_job
from tests.fakes import FakeClock
from tests.memory_store import MemoryJobStore

DAY = timedelta(days=1)


class Killed(BaseException):
    """The process ends here."""


class Environment:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = FakeClock()
        self.store = MemoryJobStore(self.clock)
        self.library = LocalLibrary(root)
        self.trash = Trash(self.store, self.library, self.clock)

    async def jobs(self) -> tuple[Job, ...]:
        return (await self.store.catalogue.jobs(JobQuery())).jobs

    async def delete(
        self, job: Job, paths_of: Callable[[Job], Sequence[str]] = saved_paths, *, batch: str = "b"
    ) -> Job:
        return await move_to_trash(
            self.store, self.library, self.clock, job.id, paths_of, batch=batch
        )

    async def restore(self, job: Job) -> Job:
        return await self.trash.restore(job.id)

    async def empty(self, *, older_than: timedelta = timedelta()) -> int:
        return await self.trash.empty(older_than=older_than)

    def files(self) -> set[str]:
        """Return the files of the library, without those in the trash."""
        found = (
            path.relative_to(self.root).as_posix()
            for path in self.root.rglob("*")
            if path.is_file()
        )
        return {path for path in found if not path.startswith(".trash/")}

    def trashed_files(self) -> int:
        return sum(path.is_file() for path in (self.root / ".trash").rglob("*"))


@pytest.fixture
async def vault(tmp_path: Path) -> Environment:
    environment = Environment(tmp_path)
    await vaults.fill(environment.store, tmp_path, environment.clock, jobs=2, videos=2)
    return environment


async def stored(vault: Environment, job: Job) -> StoredJob:
    history = await vault.store.catalogue.history(job.id)
    marks = (await vault.store.marks.of_jobs([job.id])).get(job.id, ())
    words = (await vault.store.catalogue.words_of([job.id])).get(job.id, {})
    return StoredJob(await vault.store.catalogue.get(job.id), tuple(history), marks, words)


async def test_a_deleted_post_leaves_the_library_and_comes_back_as_it_was(
    vault: Environment,
) -> None:
    job = (await vault.jobs())[0]
    await vault.store.marks.put(
        [Mark(job.id, "tag/cats", "Cats", 3), Mark(job.id, "note", "hm", 4)]
    )
    before, files = await stored(vault, job), vault.files()
    await vault.delete(job)

    with pytest.raises(JobNotFound):
        await vault.store.catalogue.get(job.id)
    assert vault.files() == files - set(saved_paths(job))
    assert vault.trashed_files() == len(set(saved_paths(job)) & files)
    [post] = await trashed_posts(vault.store, {})
    assert (post.stored, post.bytes, post.are_moved) == (
        before,
        sum(i.saved.bytes for i in job.items if i.saved),
        True,
    )

    vault.clock.advance(DAY)
    assert await vault.restore(job) == before.job
    assert await stored(vault, job) == before
    assert vault.files() == files
    assert vault.trashed_files() == 0
    assert await trashed_posts(vault.store, {}) == []


async def test_what_a_user_accepted_of_a_post_is_forgotten_with_it(vault: Environment) -> None:
    (job, *_) = await vault.jobs()
    await vault.store.records.put(RecordKind.ACCEPTED, job.id, {"reasons": ["it is short"]})
    await vault.delete(job)

    assert await accepted_reasons(vault.store.records, job.id) == frozenset()


async def test_a_post_without_files_is_deleted_and_restored_too(vault: Environment) -> None:
    [enqueued] = await vault.store.queue.enqueue([numbered_job(99, "https://videos.example/99")])
    await vault.store.queue.cancel(enqueued.job.id)
    job = await vault.store.catalogue.get(enqueued.job.id)
    await vault.delete(job)

    assert (await vault.restore(job)).status is JobStatus.CANCELLED


async def test_a_running_post_is_stopped_and_queued_again_when_it_is_restored(
    vault: Environment,
) -> None:
    await vault.store.queue.enqueue([numbered_job(99, "https://videos.example/99")])
    [claim] = await vault.store.queue.claim(WorkerId("w"), limit=1, lease=LEASE)
    stopped: list[str] = []
    vault.store.workers.on_stop(stopped.append)
    await vault.delete(claim.job)
    await asyncio.sleep(0)  # the callback is called from the event loop

    assert stopped == [claim.id]
    assert (await vault.restore(claim.job)).status is JobStatus.QUEUED


async def test_a_post_that_changes_while_it_is_deleted_is_stored_as_it_is_then(
    vault: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    [enqueued] = await vault.store.queue.enqueue([numbered_job(99, "https://videos.example/99")])
    history, changed = vault.store.catalogue.history, False

    async def cancel_meanwhile(job_id: JobId) -> object:
        nonlocal changed
        found = await history(job_id)
        if not changed:
            changed = True
            vault.clock.advance(1)
            await vault.store.queue.cancel(job_id)
        return found

    monkeypatch.setattr(vault.store.catalogue, "history", cancel_meanwhile)
    removed = await vault.delete(enqueued.job)

    [post] = await trashed_posts(vault.store, {})
    assert removed.status is post.job.status is JobStatus.CANCELLED
    assert len(post.stored.history) == 1


async def test_without_its_files_a_post_is_deleted_and_they_stay(vault: Environment) -> None:
    job, files = (await vault.jobs())[0], vault.files()
    await vault.delete(job, lambda _: [])
    await vault.empty()

    assert vault.files() == files


async def test_emptying_removes_what_is_old_enough_for_good(vault: Environment) -> None:
    old, new = await vault.jobs()
    await vault.delete(old)
    vault.clock.advance(DAY)
    await vault.delete(new)

    assert await vault.empty(older_than=DAY) == 1
    assert [post.job.id for post in await trashed_posts(vault.store, {})] == [new.id]
    assert vault.trashed_files() == len(saved_paths(new))
    assert await vault.empty() == 1
    assert vault.trashed_files() == 0
    assert vault.files() == set()
    with pytest.raises(NotFound):
        await vault.restore(old)


async def test_a_post_that_was_saved_again_comes_back_as_another_version_under_another_name(
    vault: Environment,
) -> None:
    job = (await vault.jobs())[0]
    await vault.delete(job)
    await vault.store.queue.enqueue([numbered_job(99, job.canonical_url)])
    for path in saved_paths(job):
        (vault.root / path).parent.mkdir(exist_ok=True)
        (vault.root / path).write_bytes(b"the new version")
    restored = await vault.restore(job)

    assert (restored.id, restored.version) == (job.id, 2)
    paths = saved_paths(restored)
    assert all("(2)" in path for path in paths)
    assert all((vault.root / path).is_file() for path in paths)
    assert all(
        (vault.root / path).read_bytes() == b"the new version"
        for path in saved_paths(job)
        if (vault.root / path).exists()
    )
    assert restored.output_path == paths[0]


@pytest.mark.parametrize("step", range(1, 23))
async def test_a_kill_while_a_post_is_deleted_loses_nothing(
    vault: Environment, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each step: the post is in the library, or in the trash from which it comes back with its
    files.
    """
    job = (await vault.jobs())[0]
    await vault.store.catalogue.put_words(job.id, WordSource.SUBTITLES, " blue sea")
    before, files = await stored(vault, job), vault.files()
    with monkeypatch.context() as patched:
        kill_at(step, vault, patched)
        try:
            await vault.delete(job)
        except Killed:
            pass
        else:
            pytest.skip("the deletion has fewer steps")
    try:
        await vault.store.catalogue.get(job.id)
    except JobNotFound:
        await vault.restore(job)

    assert await stored(vault, job) == before
    assert vault.files() == files
    await vault.empty()
    assert vault.files() == files


@pytest.mark.parametrize("step", range(1, 16))
async def test_a_kill_while_a_post_is_restored_loses_nothing(
    vault: Environment, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = (await vault.jobs())[0]
    await vault.store.catalogue.put_words(job.id, WordSource.SUBTITLES, " blue sea")
    before, files = await stored(vault, job), vault.files()
    await vault.delete(job)
    with monkeypatch.context() as patched:
        kill_at(step, vault, patched)
        try:
            await vault.restore(job)
        except Killed:
            pass
        else:
            pytest.skip("the restoration has fewer steps")
    try:
        await vault.store.catalogue.get(job.id)
        # the record may be left; it must not take the files of a post that exists
        await vault.empty()
    except JobNotFound:
        await vault.restore(job)

    assert await stored(vault, job) == before
    assert vault.files() == files


async def test_a_kill_while_the_trash_is_emptied_is_made_good_by_the_next_time(
    vault: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = (await vault.jobs())[0]
    await vault.delete(job)
    with monkeypatch.context() as patched:
        kill_at(1, vault, patched)
        with pytest.raises(Killed):
            await vault.empty()
    await vault.empty()

    assert vault.trashed_files() == 0
    assert await trashed_posts(vault.store, {}) == []


async def test_nothing_is_emptied_while_the_library_is_not_there(vault: Environment) -> None:
    await vault.library.write_identity("0" * 32)
    await vault.library.require_identity("0" * 32)
    job = (await vault.jobs())[0]
    await vault.delete(job)
    shutil.move(vault.root, vault.root.with_name("elsewhere"))
    with pytest.raises(StorageFailure):
        await vault.empty()

    assert len(await trashed_posts(vault.store, {})) == 1


def test_the_trash_moves_to_another_database() -> None:
    assert {TRASH, TRASHED_WORDS} <= set(MOVING_TABLES)


def kill_at(step: int, vault: Environment, patched: pytest.MonkeyPatch) -> None:
    """Kill the process at the step-th write: before it happens."""
    left = step

    def counted(owner: object, name: str) -> None:
        real = getattr(owner, name)

        async def write(*args: object, **named: object) -> object:
            nonlocal left
            left -= 1
            if left == 0:
                raise Killed
            return await real(*args, **named)

        patched.setattr(owner, name, write)

    counted(vault.store.records, "put")
    counted(vault.store.records, "remove")
    counted(vault.store.tables, "put")
    counted(vault.store.tables, "update")
    counted(vault.store.tables, "remove")
    counted(vault.store.catalogue, "remove")
    counted(vault.store.catalogue, "import_jobs")
    counted(vault.library, "move")
    counted(vault.library, "remove")


async def test_a_restored_post_is_found_by_its_further_words_again(vault: Environment) -> None:
    job, other = await vault.jobs()
    await vault.store.catalogue.put_words(job.id, WordSource.SUBTITLES, " blue sea")
    await vault.delete(job)
    await vault.delete(other)
    assert (await vault.store.catalogue.jobs(JobQuery(text="blue"))).jobs == ()
    assert await vault.store.tables.keys(TRASHED_WORDS, {}) == {(job.id,)}

    await vault.restore(job)
    assert [
        found.id for found in (await vault.store.catalogue.jobs(JobQuery(text="blue"))).jobs
    ] == [job.id]
    assert await vault.store.tables.count(TRASHED_WORDS, {}) == 0


async def test_the_words_of_a_post_that_is_removed_for_good_go_too(vault: Environment) -> None:
    job, _ = await vault.jobs()
    await vault.store.catalogue.put_words(job.id, WordSource.SUBTITLES, " blue sea")
    await vault.delete(job)
    await vault.empty()

    assert await vault.store.tables.count(TRASHED_WORDS, {}) == 0


async def test_an_undo_restores_what_was_deleted_together(vault: Environment) -> None:
    woken: list[None] = []
    trash = Trash(vault.store, vault.library, vault.clock, lambda: woken.append(None))
    one, other = await vault.jobs()
    await vault.delete(one, batch="b-1")
    await vault.delete(other, batch="b-2")

    assert await trash.restore_batch("") == []
    assert await trash.restore_batch("b-1") == [one.id]
    assert [post.job.id for post in (await trash.listed(30)).posts] == [other.id]
    assert len(woken) == 1


async def test_the_list_has_the_latest_first_and_the_size_of_all(vault: Environment) -> None:
    old, new = await vault.jobs()
    await vault.delete(old)
    vault.clock.advance(1)
    await vault.delete(new)
    whole, first = await vault.trash.listed(30), await vault.trash.listed(30, limit=1)

    assert [post.job.id for post in whole.posts] == [new.id, old.id]
    assert whole.posts[0].until == vault.clock.now() + 30 * DAY
    assert first.posts == whole.posts[:1]
    assert first.bytes == whole.bytes == sum(post.bytes for post in whole.posts) > 0
    assert await vault.trash.count() == 2


async def test_files_that_were_not_moved_follow_and_other_posts_are_not_read(
    vault: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = await vault.jobs()
    await vault.delete(old)

    async def stuck(*_: str) -> bool:
        raise StorageFailure("The folder cannot be written.")

    with monkeypatch.context() as patched:
        patched.setattr(vault.library, "move", stuck)
        await vault.delete(new)
    before, read = vault.trashed_files(), list[object]()
    some = vault.store.tables.some

    async def recorded(table: Table, keys: Collection[Sequence[str]]) -> list[TableRow]:
        read.extend(keys)
        return await some(table, keys)

    monkeypatch.setattr(vault.store.tables, "some", recorded)
    assert await vault.empty(older_than=DAY) == 0
    assert vault.trashed_files() == before + len(saved_paths(new))
    assert read == [(new.id,)]
    assert await vault.empty(older_than=DAY) == 0
    assert read == [(new.id,)]


async def test_more_posts_than_are_in_memory_at_a_time_are_all_removed(
    vault: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mediavault.features.trash.service.AT_ONCE", 1)
    for job in await vault.jobs():
        await vault.delete(job)

    assert await vault.empty() == 2
    assert vault.trashed_files() == 0
