"""Making fingerprints in the background, and noting which posts have the same video."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from mediavault.core.failures import StorageFailure
from mediavault.core.fingerprints import FRAME_BYTES, Likeness, fingerprints_from_json
from mediavault.core.job import Job, JobId
from mediavault.core.marks import MarkKind
from mediavault.core.media import SavedFile
from mediavault.core.records import RecordKind
from mediavault.features.duplicates.background import HELD_FOR, DuplicateFinder
from mediavault.features.trash.service import Trash
from mediavault.library.local_library import LocalLibrary
from mediavault.presentation.views import saved_paths
from mediavault.store import trash
from mediavault.store.duplicates import MOST_DUPLICATES, read_duplicates
from mediavault.store.port import JobQuery
from tests import vaults
from tests.contract.stores import LEASE, numbered_job
from tests.fakes import FakeClock
from tests.memory_store import MemoryJobStore

FILM, OTHER = (
    random.Random(1).randbytes(20 * FRAME_BYTES),
    random.Random(2).randbytes(20 * FRAME_BYTES),
)
CUT = FILM[: 18 * FRAME_BYTES]


class Environment:
    """A library whose videos have the frames that the tests choose."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = FakeClock(auto=True)
        self.store = MemoryJobStore(self.clock)
        self.library = LocalLibrary(root)
        self.frames: dict[str, bytes] = {}
        self.read: list[str] = []
        self.read_s = 2.0
        self.finder = self.worker()
        self._saved = 0

    def worker(self) -> DuplicateFinder:
        return DuplicateFinder(self.store, self.library, self.clock, self._read)

    async def _read(self, path: str) -> bytes:
        self.read.append(path)
        self.clock.advance(self.read_s)
        return self.frames[path]

    async def save(self, *frames: bytes, sha256: str = "", url: str = "") -> Job:
        """Save a post with a video for each of ``frames``, a minute after the one before."""
        self._saved += 1
        self.clock.advance(60)
        [added] = await self.store.queue.enqueue(
            [numbered_job(self._saved, url or f"https://videos.example/{self._saved}")], force=True
        )
        [claim] = await self.store.queue.claim(vaults.ANN, limit=1, lease=LEASE)
        job = await vaults.complete(self.store, claim, self.root, self.clock, videos=len(frames))
        items = list(job.items)
        saved = [number for number, item in enumerate(items) if item.saved]
        for number, body in zip(saved, frames, strict=True):
            file = items[number].saved
            assert file is not None
            self.frames[file.output_path] = body
        assert added.job.id == job.id
        return job

    async def duplicates(self, job: Job) -> dict[JobId, Likeness]:
        return {
            duplicate.job.id: duplicate.likeness
            for duplicate in await read_duplicates(self.store, job.id)
        }

    async def filtered(self) -> Sequence[JobId]:
        page = await self.store.catalogue.jobs(JobQuery(marks=(MarkKind.DUPLICATE,)))
        return sorted(job.id for job in page.jobs)

    async def delete(self, job: Job) -> None:
        await trash.move_to_trash(
            self.store, self.library, self.clock, job.id, saved_paths, batch="b"
        )

    async def restore(self, job: Job) -> None:
        await Trash(self.store, self.library, self.clock).restore(job.id)

    async def records(self) -> set[str]:
        return {record.key for record in await self.store.records.all(RecordKind.FINGERPRINT)}


@pytest.fixture
async def env(tmp_path: Path) -> Environment:
    env = Environment(tmp_path)
    await env.library.prepare()
    await env.library.write_identity("a-library")
    return env


async def test_each_saved_video_gets_a_fingerprint_once_the_newest_first(env: Environment) -> None:
    jobs = [await env.save(OTHER), await env.save(FILM)]

    assert await env.finder.find_due() == 2
    assert await env.finder.find_due() == 0
    assert env.read == [job.output_path for job in reversed(jobs)]
    record = await env.store.records.get(RecordKind.FINGERPRINT, jobs[1].id)
    assert record is not None
    assert record.expires_at is None
    [video] = (fingerprints_from_json(record.value) or {}).values()
    assert (video.sha256, video.duration_s, video.frames) == (
        jobs[1].sha256,
        jobs[1].duration_s,
        FILM,
    )


async def test_both_posts_get_to_know_that_they_look_the_same(env: Environment) -> None:
    first, second, other = await env.save(FILM), await env.save(CUT), await env.save(OTHER)
    await env.finder.find_due()

    assert await env.duplicates(first) == {second.id: Likeness(90)}
    assert await env.duplicates(second) == {first.id: Likeness(90)}
    assert await env.duplicates(other) == {}
    assert await env.filtered() == sorted([first.id, second.id])


async def test_the_more_alike_come_first(env: Environment) -> None:
    own, cut, same = await env.save(FILM), await env.save(CUT), await env.save(FILM)
    await env.finder.find_due()

    assert list(await env.duplicates(own)) == [same.id, cut.id]


async def test_of_thirty_copies_each_knows_twenty_at_most(env: Environment) -> None:
    """The first ones are duplicates of all the others, which have found them."""
    copies = [await env.save(FILM) for _ in range(30)]
    await env.finder.find_due()
    post_marks = [
        len(marks) for marks in (await env.store.marks.of_jobs([job.id for job in copies])).values()
    ]

    assert {len(await env.duplicates(job)) for job in copies} == {MOST_DUPLICATES}
    assert sorted(post_marks)[0] == MOST_DUPLICATES + 2
    assert sum(post_marks) < 30 * 29


async def test_identical_files_are_found_without_any_frame(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        vaults, "place_video", lambda *_, **__: SavedFile("a.mp4", None, 9, "ab" * 32, 4.0, 1, 1)
    )
    env.frames["a.mp4"] = b""
    first, second = await env.save(b""), await env.save(b"")
    await env.finder.find_due()

    assert await env.duplicates(first) == {second.id: Likeness(100, identical=True)}


async def test_another_version_of_the_same_post_is_no_duplicate(env: Environment) -> None:
    await env.save(FILM, url="https://videos.example/a")
    version = await env.save(FILM, url="https://videos.example/a")
    await env.finder.find_due()

    assert await env.duplicates(version) == {}
    assert await env.filtered() == []


async def test_any_video_of_a_post_with_several_counts(env: Environment) -> None:
    several, single = await env.save(OTHER, FILM), await env.save(FILM)
    await env.finder.find_due()

    assert await env.duplicates(single) == {several.id: Likeness(100)}


async def test_a_later_post_finds_what_another_worker_has_read(env: Environment) -> None:
    unrelated = await env.save(OTHER)
    await env.finder.find_due()
    first = await env.save(FILM)
    await env.worker().find_due()
    second = await env.save(FILM)
    await env.finder.find_due()

    assert await env.duplicates(second) == {first.id: Likeness(100)}
    assert await env.duplicates(unrelated) == {}


async def test_two_workers_read_no_video_twice(env: Environment) -> None:
    for _ in range(6):
        await env.save(OTHER)
    env.read_s = 0.0  # else each worker's rests would lengthen the other's, until a hold ends
    await asyncio.gather(env.worker().find_due(), env.worker().find_due())

    assert len(env.read) == len(set(env.read)) == 6


async def test_what_a_killed_worker_was_reading_is_read_when_its_hold_ends(
    env: Environment,
) -> None:
    job = await env.save(FILM)
    await env.store.records.put(
        RecordKind.FINGERPRINT, job.id, {}, expires_at=env.clock.now() + HELD_FOR
    )
    assert await env.finder.find_due() == 0

    env.clock.advance(HELD_FOR + timedelta(seconds=1))
    assert await env.finder.find_due() == 1


async def test_a_kill_between_the_record_and_its_mark_loses_nothing(env: Environment) -> None:
    first, second = await env.save(FILM), await env.save(FILM)
    await env.finder.find_due()
    await env.store.marks.remove(MarkKind.FINGERPRINT, [first.id])
    await env.store.marks.remove(MarkKind.DUPLICATE)

    assert await env.worker().find_due() == 1
    assert await env.duplicates(first) == {second.id: Likeness(100)}
    assert len(env.read) == 2, "a stored fingerprint is not made again"


async def test_a_deleted_post_is_nobodys_duplicate_and_a_restored_one_is_again(
    env: Environment,
) -> None:
    first, second, third = await env.save(FILM), await env.save(FILM), await env.save(CUT)
    await env.finder.find_due()
    await env.delete(second)

    assert await env.duplicates(first) == {third.id: Likeness(90)}
    assert await env.records() == {first.id, third.id}
    await env.delete(third)
    assert await env.duplicates(first) == {}
    assert await env.filtered() == []

    await env.restore(second)
    assert await env.duplicates(second) == {}
    await env.finder.find_due()
    assert await env.duplicates(first) == {second.id: Likeness(100)}
    assert await env.filtered() == sorted([first.id, second.id])


async def test_a_post_that_is_deleted_while_it_is_read_leaves_no_record(env: Environment) -> None:
    job = await env.save(FILM)

    async def read(_: str) -> bytes:
        await env.delete(job)
        return FILM

    await DuplicateFinder(env.store, env.library, env.clock, read).find_due()
    assert await env.records() == set()


async def test_nothing_is_read_while_the_library_is_not_there(env: Environment) -> None:
    await env.save(FILM)
    next(env.root.glob(".mediavault*")).unlink()

    with pytest.raises(StorageFailure):
        await env.finder.find_due()
    assert env.read == []


async def test_a_worker_rests_three_times_as_long_as_it_reads(env: Environment) -> None:
    await env.save(FILM)
    await env.finder.find_due()

    assert env.clock.slept == [6.0]


async def test_a_sound_has_no_fingerprint(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        vaults,
        "place_video",
        lambda *_, **__: SavedFile("a.m4a", None, 9, "ab" * 32, 4.0, None, None),
    )
    env.frames["a.m4a"] = FILM
    job = await env.save(FILM)

    assert await env.finder.find_due() == 1
    assert env.read == []
    assert await env.duplicates(job) == {}
