"""Decoding in the background what was not decoded when it was saved."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from mediavault.core.failures import StorageFailure
from mediavault.core.job import Job, saved_files
from mediavault.core.marks import MarkKind
from mediavault.core.media import DecodedPart, ProbeReport, Problem
from mediavault.core.records import CheckVerdict, FileCheck, RecordKind
from mediavault.features.trash.service import Trash
from mediavault.library.local_library import LocalLibrary
from mediavault.maintenance.checking import JobChecks
from mediavault.maintenance.decoding import HELD_FOR, PictureDecoder
from mediavault.maintenance.examining import FileExaminer
from mediavault.presentation.views import saved_paths
from mediavault.store import trash
from mediavault.store.file_checks import LEFT, decoded_at, note_examined, read_checks
from tests import vaults
from tests.contract.stores import LEASE, numbered_job
from tests.fakes import FakeClock
from tests.film_probe import BAD, SHORT, FilmProbe
from tests.memory_store import MemoryJobStore


class Environment:
    """A library whose films a stub decodes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = FakeClock(auto=True)
        self.store = MemoryJobStore(self.clock)
        self.library = LocalLibrary(root)
        self.probe = FilmProbe(self.clock)
        self.examiner = FileExaminer(self.probe, self._path_of)
        self.idle = True
        self._saved = 0

    def worker(self) -> PictureDecoder:
        return PictureDecoder(
            self.store, self.library, self.clock, self.examiner, lambda: self.idle
        )

    async def _path_of(self, path: str) -> Path | None:
        return await self.library.local_path(path, into=self.root)

    async def save(self, *, videos: int = 1, starts: Mapping[int, int | None] | None = None) -> Job:
        """Save a post a minute after the one before; without ``starts`` as older versions did."""
        self._saved += 1
        self.clock.advance(60)
        await self.store.queue.enqueue(
            [numbered_job(self._saved, f"https://videos.example/{self._saved}")]
        )
        [claim] = await self.store.queue.claim(vaults.ANN, limit=1, lease=LEASE)
        job = await vaults.complete(self.store, claim, self.root, self.clock, videos=videos)
        if starts is not None:
            await note_examined(
                self.store, job.id, saved_files(job).keys(), starts, self.clock.now()
            )
        return job

    async def left(self) -> int:
        return await self.store.catalogue.count(LEFT)

    async def check_of(self, job: Job, index: int = 0) -> FileCheck | None:
        return (await read_checks(self.store.records, job)).get(index)

    async def damaged(self) -> list[str]:
        return [record.key for record in await self.store.records.all(RecordKind.DAMAGED)]

    async def check(self, job: Job) -> None:
        """Press the button Verify now."""
        checks = JobChecks(self.store, self.library, self.clock, self.examiner)
        checks.begin(job)
        await checks.wait_for(job.id)


def name_of(job: Job, index: int = 0) -> str:
    saved = job.items[index].saved
    assert saved is not None
    return Path(saved.output_path).name


@pytest.fixture
async def env(tmp_path: Path) -> Environment:
    env = Environment(tmp_path)
    await env.library.prepare()
    await env.library.write_identity("a-library")
    return env


async def test_every_film_is_examined_and_then_decoded_to_its_end_the_newest_first(
    env: Environment,
) -> None:
    old, new = await env.save(), await env.save()

    assert await env.worker().decode_due() == 8
    assert env.probe.calls == [
        (name_of(job), start) for job in (new, old) for start in (None, 0, 100, 200)
    ]
    assert await env.left() == 0
    assert await decoded_at(env.store.marks, old.id) is not None
    assert await env.store.records.all(RecordKind.DECODING) == []


async def test_what_was_examined_when_it_was_saved_is_only_decoded(env: Environment) -> None:
    job = await env.save(starts={0: 0})
    await env.worker().decode_due()

    assert env.probe.calls == [(name_of(job), start) for start in (0, 100, 200)]


async def test_a_film_that_was_decoded_whole_when_it_was_saved_is_done(env: Environment) -> None:
    job = await env.save(starts={0: None})

    assert await env.worker().decode_due() == 0
    assert await decoded_at(env.store.marks, job.id) == env.clock.now()


async def test_a_film_that_is_decoded_whole_at_the_examination_has_no_rest(
    env: Environment,
) -> None:
    env.probe.packets = 0
    await env.save()

    assert await env.worker().decode_due() == 1
    assert await env.left() == 0


async def test_all_films_of_a_post_are_decoded_one_after_the_other(env: Environment) -> None:
    job = await env.save(videos=2, starts={0: None})
    saved = [index for index, item in enumerate(job.items) if item.saved]
    await env.worker().decode_due()

    assert env.probe.calls == [(name_of(job, saved[1]), start) for start in (None, 0, 100, 200)]


async def test_a_job_that_appears_goes_first(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    await env.save()
    decode = env.probe.decode_rest

    async def then_busy(path: Path, *, start: int) -> DecodedPart:
        env.idle = start < 100
        return await decode(path, start=start)

    monkeypatch.setattr(env.probe, "decode_rest", then_busy)
    assert await env.worker().decode_due() == 3
    assert await env.worker().decode_due() == 0

    env.idle = True
    assert await env.worker().decode_due() == 1
    assert [start for _, start in env.probe.calls] == [None, 0, 100, 200]


async def test_a_new_post_goes_before_the_rest_of_an_older_one(env: Environment) -> None:
    old = await env.save(starts={0: 200})
    new = await env.save(starts={0: 0})
    await env.worker().decode_due()

    assert [name for name, _ in env.probe.calls] == [name_of(new)] * 3 + [name_of(old)]


async def test_another_worker_goes_on_where_the_last_one_was(env: Environment) -> None:
    job = await env.save(starts={0: 0})
    first, second = env.worker(), env.worker()
    await first._decode_next()
    await second._decode_next()

    assert [start for _, start in env.probe.calls] == [0, 100]
    assert not await decoded_at(env.store.marks, job.id)


async def test_two_workers_decode_no_part_twice(env: Environment) -> None:
    for _ in range(4):
        await env.save()
    await asyncio.gather(env.worker().decode_due(), env.worker().decode_due())
    while await env.worker().decode_due():
        pass

    assert len(env.probe.calls) == len(set(env.probe.calls)) == 16


@pytest.mark.parametrize("start", [None, 0, 100])
async def test_a_kill_during_a_part_costs_that_part_only(
    env: Environment, monkeypatch: pytest.MonkeyPatch, start: int | None
) -> None:
    await env.save(starts=None if start is None else {0: start})
    with monkeypatch.context() as patch:
        patch.setattr(env.examiner.probe, "decode_rest", killed)
        patch.setattr(env.examiner.probe, "check_unknown", killed)
        with pytest.raises(asyncio.CancelledError):
            await env.worker().decode_due()

    assert await env.worker().decode_due() == 0  # held, as if the other worker was still at it
    env.clock.advance(HELD_FOR + timedelta(seconds=1))
    await env.worker().decode_due()
    assert env.probe.calls[0][1] == start
    assert await env.left() == 0


async def killed(*_: object, **__: object) -> DecodedPart:
    raise asyncio.CancelledError


async def test_a_kill_before_the_mark_of_a_finished_post_loses_nothing(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await env.save(starts={0: 200})
    with monkeypatch.context() as patch:
        patch.setattr(env.store.marks, "put", killed)
        with pytest.raises(asyncio.CancelledError):
            await env.worker().decode_due()
    env.clock.advance(HELD_FOR + timedelta(seconds=1))
    await env.worker().decode_due()

    assert await decoded_at(env.store.marks, job.id)


async def test_damage_is_told_once_with_what_was_found(env: Environment) -> None:
    job = await env.save()
    env.probe.bad[name_of(job)] = {150: BAD}
    with capture_logs() as lines:
        await env.worker().decode_due()
        await env.worker().decode_due()
    check = await env.check_of(job)

    assert check is not None
    assert (check.verdict, check.detail) == (CheckVerdict.DAMAGED, BAD.reason)
    assert await env.damaged() == [job.id]
    assert [(line["event"], line["job_id"], line["verdicts"]) for line in lines] == [
        ("file_damaged", job.id, [CheckVerdict.DAMAGED])
    ]
    assert await env.left() == 0
    assert await decoded_at(env.store.marks, job.id) is None


async def test_a_damaged_film_of_an_older_version_is_told_as_soon_as_it_is_examined(
    env: Environment,
) -> None:
    job = await env.save()
    env.probe.unreadable[name_of(job)] = BAD
    await env.worker().decode_due()
    check = await env.check_of(job)

    assert check is not None
    assert check.verdict is CheckVerdict.DAMAGED


async def test_a_length_is_no_damage(env: Environment) -> None:
    job = await env.save()
    env.probe.unreadable[name_of(job)] = SHORT
    await env.worker().decode_due()

    assert await env.damaged() == []
    assert await decoded_at(env.store.marks, job.id) is not None


@pytest.mark.parametrize("starts", [None, {0: 0}])
async def test_a_process_that_is_killed_while_it_decodes_is_no_damage(
    env: Environment, starts: Mapping[int, int | None] | None
) -> None:
    await env.save(starts=starts)
    env.probe.killed = 1
    await env.worker().decode_due()

    assert await env.damaged() == []
    assert await env.left() == 0


@pytest.mark.parametrize(
    ("content", "verdict"), [(b"x", CheckVerdict.CHANGED), (None, CheckVerdict.MISSING)]
)
async def test_a_file_that_does_not_decode_because_it_is_no_longer_the_saved_one_is_told_as_that(
    env: Environment, content: bytes | None, verdict: CheckVerdict
) -> None:
    job = await env.save()
    assert job.output_path is not None
    env.probe.unreadable[name_of(job)] = BAD
    path = env.root / job.output_path
    path.unlink() if content is None else path.write_bytes(content)
    await env.worker().decode_due()
    check = await env.check_of(job)

    assert check is not None
    assert check.verdict is verdict
    assert await env.left() == 0


async def test_a_library_that_is_not_there_is_no_damage(env: Environment) -> None:
    job = await env.save()
    next(env.root.glob(".mediavault*")).unlink()

    with pytest.raises(StorageFailure):
        await env.worker().decode_due()
    assert env.probe.calls == []
    assert await env.check_of(job) is None


async def test_a_library_that_goes_while_a_film_is_decoded_is_no_damage(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await env.save()

    async def goes(path: Path) -> ProbeReport:
        for gone in (path, *env.root.glob(".mediavault*")):
            gone.unlink(missing_ok=True)
        return ProbeReport(None, None, None, None, None, None, problems=(BAD,))

    monkeypatch.setattr(env.probe, "check_unknown", goes)
    with pytest.raises(StorageFailure):
        await env.worker().decode_due()

    assert await env.check_of(job) is None
    assert await env.left() == 1


async def test_a_film_that_is_moved_while_it_is_decoded_is_looked_at_again(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await env.save(starts={0: 0})

    async def moves(_: str) -> None:
        env.clock.advance(1)
        assert await env.store.catalogue.relocate(await env.store.catalogue.get(job.id))

    with monkeypatch.context() as patch:
        patch.setattr(env.library, "local_path", lambda path, **_: moves(path))
        patch.setattr(env.library, "digest", moves)
        await env.worker().decode_due()
    assert await env.damaged() == []

    env.clock.advance(HELD_FOR + timedelta(seconds=1))
    await env.worker().decode_due()
    assert await env.left() == 0


async def test_a_post_in_the_trash_is_not_decoded_and_a_restored_one_is_again(
    env: Environment,
) -> None:
    job = await env.save(starts={0: 0})
    await env.worker()._decode_next()
    await trash.move_to_trash(env.store, env.library, env.clock, job.id, saved_paths, batch="b")
    nothing = await env.worker().decode_due()
    records = await env.store.records.all(RecordKind.DECODING)
    await Trash(env.store, env.library, env.clock).restore(job.id)
    await env.worker().decode_due()

    assert nothing == 0
    assert records == []
    assert [start for _, start in env.probe.calls] == [0, None, 0, 100, 200]


@pytest.mark.parametrize("problem", [None, BAD])
async def test_a_post_that_is_deleted_while_it_is_decoded_leaves_no_record(
    env: Environment, monkeypatch: pytest.MonkeyPatch, problem: Problem | None
) -> None:
    job = await env.save(starts={0: 0})

    async def delete(*_: object, **__: object) -> DecodedPart:
        if await env.left():
            await trash.move_to_trash(
                env.store, env.library, env.clock, job.id, saved_paths, batch="b"
            )
        return DecodedPart((problem,) if problem else (), 100)

    monkeypatch.setattr(env.probe, "decode_rest", delete)
    await env.worker().decode_due()

    for kind in (RecordKind.DECODING, RecordKind.VERIFIED, RecordKind.DAMAGED):
        assert await env.store.records.all(kind) == []


async def test_an_unreadable_position_begins_again(env: Environment) -> None:
    job = await env.save()
    await env.store.records.put(RecordKind.DECODING, job.id, {"starts": "nonsense"})
    await env.worker().decode_due()

    assert [start for _, start in env.probe.calls] == [None, 0, 100, 200]


async def test_a_worker_rests_as_long_as_it_decodes(env: Environment) -> None:
    await env.save(starts={0: 200})
    await env.worker().decode_due()

    assert env.clock.slept == [5.0]


async def test_a_check_that_finds_a_file_whole_has_it_decoded_again(env: Environment) -> None:
    job = await env.save(starts={0: None})
    await env.check(job)
    check = await env.check_of(job)
    left = await env.left()
    await env.worker().decode_due()

    assert check is not None
    assert check.verdict is CheckVerdict.WHOLE
    assert left == 1
    assert [start for _, start in env.probe.calls] == [None, 0, 100, 200]
    assert await decoded_at(env.store.marks, job.id)


async def test_a_file_with_damage_between_its_key_frames_stays_damaged_when_it_is_checked(
    env: Environment,
) -> None:
    job = await env.save()
    env.probe.bad[name_of(job)] = {150: BAD}
    await env.worker().decode_due()
    first = await env.store.records.get(RecordKind.DAMAGED, job.id)
    await env.check(job)
    between = await env.check_of(job)
    await env.worker().decode_due()

    assert between is not None
    assert (between.verdict, between.detail) == (CheckVerdict.DAMAGED, BAD.reason)
    assert await env.store.records.get(RecordKind.DAMAGED, job.id) == first
    assert await env.left() == 0


async def test_a_file_that_decodes_when_it_is_checked_again_is_whole(env: Environment) -> None:
    """A newer decoder may know better."""
    job = await env.save()
    env.probe.bad[name_of(job)] = {150: BAD}
    await env.worker().decode_due()
    env.probe.bad.clear()
    await env.check(job)
    await env.worker().decode_due()
    check = await env.check_of(job)

    assert check is not None
    assert check.verdict is CheckVerdict.WHOLE
    assert await env.damaged() == []
    assert await decoded_at(env.store.marks, job.id)


async def test_a_check_tells_the_damage_that_it_finds_and_the_remark_that_it_has(
    env: Environment,
) -> None:
    damaged, short = await env.save(), await env.save()
    env.probe.unreadable = {name_of(damaged): BAD, name_of(short): SHORT}
    for job in (damaged, short):
        await env.check(job)
    checks = [await env.check_of(job) for job in (damaged, short)]

    assert [(check.verdict, check.detail) for check in checks if check] == [
        (CheckVerdict.DAMAGED, BAD.reason),
        (CheckVerdict.WHOLE, SHORT.reason),
    ]
    assert await env.damaged() == [damaged.id]
    assert (await env.store.marks.marked(MarkKind.DECODED))[0].job_id == damaged.id


async def fails(*_: object, **__: object) -> DecodedPart:
    raise StorageFailure("The disk fails.")


async def test_a_file_that_the_disk_cannot_read_is_told_as_that(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await env.save()
    monkeypatch.setattr(env.probe, "check_unknown", fails)
    monkeypatch.setattr(env.library, "digest", fails)
    await env.worker().decode_due()
    check = await env.check_of(job)

    assert check is not None
    assert (check.verdict, check.detail) == (CheckVerdict.UNREADABLE, "The disk fails.")


async def test_a_disk_that_fails_once_is_no_damage(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    await env.save(starts={0: 100})
    with monkeypatch.context() as patch:
        patch.setattr(env.probe, "decode_rest", fails)
        await env.worker().decode_due()
    assert await env.damaged() == []

    env.clock.advance(HELD_FOR + timedelta(seconds=1))
    await env.worker().decode_due()
    assert [start for _, start in env.probe.calls] == [100, 200]


async def test_nothing_is_noted_about_a_post_that_was_removed_meanwhile(env: Environment) -> None:
    job = await env.save()
    await env.store.catalogue.remove(job.id)
    await note_examined(env.store, job.id, [0], {0: 0}, env.clock.now())

    assert await env.store.records.all(RecordKind.DECODING) == []
