"""Reading every saved file again on a schedule."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from mediavault.core.failures import StorageFailure
from mediavault.core.job import JobId, WorkerId
from mediavault.core.media import SavedFile
from mediavault.core.records import CheckVerdict, RecordKind, checks_from_json
from mediavault.core.settings import ChangeableSettings
from mediavault.library.disk import DiskFile
from mediavault.library.local_library import LocalLibrary
from mediavault.maintenance.examining import FileExaminer
from mediavault.maintenance.scheduled_checks import (
    KEY,
    ReadingPosition,
    ScheduledChecks,
    read_position,
)
from tests.contract.stores import numbered_job
from tests.fakes import START, FakeClock
from tests.memory_store import MemoryJobStore

DAYS = 10
SPAN = timedelta(days=DAYS)
VIDEO = b"whole film" * 100


class Environment:
    def __init__(self, root: Path) -> None:
        self.clock = FakeClock(auto=True)
        self.root = root
        self.store = MemoryJobStore(self.clock)
        self.library = LocalLibrary(root)
        self.settings = ChangeableSettings(verify_days=DAYS, verify_mb_s=1)
        self.examiner: FileExaminer | None = None
        self.checks = self.worker()
        self.saved = 0

    def worker(self) -> ScheduledChecks:
        return ScheduledChecks(self.store, self.library, self.clock, self._settings, self.examiner)

    async def _settings(self) -> ChangeableSettings:
        return self.settings

    async def save(self, count: int) -> list[JobId]:
        numbers = range(self.saved, self.saved + count)
        self.saved += count
        await self.store.queue.enqueue(
            [numbered_job(number, f"https://videos.example/{number}") for number in numbers]
        )
        claims = await self.store.queue.claim(WorkerId("w"), limit=count, lease=timedelta(days=100))
        for claim in claims:
            file = SavedFile(
                f"{claim.id}.mp4",
                None,
                len(VIDEO),
                hashlib.sha256(VIDEO).hexdigest(),
                None,
                None,
                None,
            )
            (self.root / file.output_path).write_bytes(VIDEO)
            await self.store.queue.begin_commit(claim, file)
            await self.store.queue.complete(claim, file)
        self.clock.advance(timedelta(hours=1))
        return [claim.id for claim in claims]

    async def days(self, count: float, *, per_day: int = 24) -> None:
        """Let the worker look every hour."""
        for _ in range(int(count * per_day)):
            await self.checks.check_due()
            self.clock.advance(timedelta(days=1) / per_day)

    async def verdicts(self) -> dict[str, CheckVerdict]:
        records = await self.store.records.all(RecordKind.VERIFIED)
        return {record.key: checks_from_json(record.value)[0].verdict for record in records}

    async def damaged(self) -> list[str]:
        return [record.key for record in await self.store.records.all(RecordKind.DAMAGED)]


@pytest.fixture
async def env(tmp_path: Path) -> Environment:
    env = Environment(tmp_path)
    await env.library.prepare()
    await env.library.write_identity("a-library")
    return env


async def test_every_file_is_read_once_within_the_days_and_evenly(env: Environment) -> None:
    jobs = await env.save(20)

    await env.days(DAYS / 2)
    half = len(await env.verdicts())
    await env.days(DAYS / 2)

    assert 9 <= half <= 11
    assert await env.verdicts() == dict.fromkeys(jobs, CheckVerdict.WHOLE)


async def test_the_next_reading_begins_when_the_days_are_over(env: Environment) -> None:
    (job,) = await env.save(1)
    await env.days(DAYS + 0.5)
    first = await env.store.records.get(RecordKind.VERIFIED, job)
    await env.days(DAYS / 3)
    between = await env.store.records.get(RecordKind.VERIFIED, job)
    await env.days(DAYS)
    second = await env.store.records.get(RecordKind.VERIFIED, job)

    assert first is not None
    assert second is not None
    assert between == first
    assert second.updated_at - first.updated_at >= SPAN


async def test_a_flipped_bit_is_noted_logged_and_forgotten_once_the_file_is_whole_again(
    env: Environment,
) -> None:
    (job,) = await env.save(1)
    (env.root / f"{job}.mp4").write_bytes(b"W" + VIDEO[1:])
    with capture_logs() as lines:
        await env.days(DAYS + 1)
    found = await env.damaged()
    (env.root / f"{job}.mp4").write_bytes(VIDEO)
    await env.days(DAYS + 1)

    assert found == [job]
    assert [
        (line["event"], line["job_id"], line["log_level"], line["verdicts"]) for line in lines
    ] == [("file_damaged", job, "error", [CheckVerdict.CHANGED])]
    assert await env.damaged() == []


async def test_a_disk_that_cannot_read_a_file_is_noted(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(_: DiskFile, start: int, end: int) -> AsyncIterator[bytes]:
        yield VIDEO[start : end // 2]
        raise OSError(5, "Input/output error")

    (job,) = await env.save(1)
    monkeypatch.setattr(DiskFile, "chunks", fails)
    await env.days(DAYS + 1)

    assert await env.verdicts() == {job: CheckVerdict.UNREADABLE}
    assert await env.damaged() == [job]


async def test_while_the_library_is_away_nothing_is_called_missing_and_no_file_loses_its_turn(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(_: LocalLibrary) -> None:
        raise StorageFailure("The library is not there.")

    (job,) = await env.save(1)
    await env.days(DAYS / 2)
    with monkeypatch.context() as patch:
        patch.setattr(LocalLibrary, "check_identity", gone)
        env.clock.advance(SPAN)
        with pytest.raises(StorageFailure):
            await env.checks.check_due()
        nothing = await env.verdicts()
    await env.checks.check_due()

    assert nothing == {}
    assert await env.verdicts() == {job: CheckVerdict.WHOLE}


async def test_a_library_that_goes_while_a_file_is_read_leaves_no_verdict(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    # before the file is read, and after it
    checks = iter([None, StorageFailure("The library is not there.")])

    async def goes(_: LocalLibrary) -> None:
        if (failure := next(checks)) is not None:
            raise failure

    (job,) = await env.save(1)
    await env.checks.check_due()
    (env.root / f"{job}.mp4").unlink()
    env.clock.advance(SPAN)
    monkeypatch.setattr(LocalLibrary, "check_identity", goes)
    with pytest.raises(StorageFailure):
        await env.checks.check_due()

    assert await env.verdicts() == {}
    assert await env.damaged() == []


async def test_two_workers_read_no_file_twice_and_a_new_one_goes_on_where_the_last_was(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = await env.save(12)
    reads: list[str] = []
    open_file = LocalLibrary.open

    async def recorded(library: LocalLibrary, relative: str) -> object:
        reads.append(relative.removesuffix(".mp4"))
        return await open_file(library, relative)

    monkeypatch.setattr(LocalLibrary, "open", recorded)
    for hour in range(DAYS * 24):
        other = env.worker() if hour % 50 == 0 else env.checks
        await env.checks.check_due()
        await other.check_due()
        env.clock.advance(timedelta(hours=1))

    assert sorted(reads) == sorted(jobs)


async def test_a_bucket_that_answers_no_more_leaves_no_verdict(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bucket's `check_identity` trusts the last answer, so its id is asked for."""

    async def lost(_: LocalLibrary, relative: str) -> None:
        monkeypatch.setattr(LocalLibrary, "identity", nobody)
        raise StorageFailure(f"{relative}: no answer.")

    async def nobody(_: LocalLibrary) -> str | None:
        raise StorageFailure("No answer.")

    (job,) = await env.save(1)
    await env.checks.check_due()
    env.clock.advance(SPAN)
    monkeypatch.setattr(LocalLibrary, "open", lost)
    with pytest.raises(StorageFailure):
        await env.checks.check_due()

    assert await env.damaged() == []
    assert job not in await env.verdicts()


async def test_a_post_saved_during_a_reading_is_read_at_its_end(env: Environment) -> None:
    await env.save(4)
    await env.days(DAYS / 2)
    (late,) = await env.save(1)
    await env.days(DAYS / 2 + 0.1)

    assert late in await env.verdicts()


async def test_reading_never_exceeds_the_bandwidth(env: Environment) -> None:
    env.settings = env.settings.model_copy(update={"verify_mb_s": 2})
    (job,) = await env.save(1)
    (env.root / f"{job}.mp4").write_bytes(bytes(20_000_000))
    await env.checks.check_due()
    env.clock.advance(SPAN)
    before = env.clock.monotonic()
    await env.checks.check_due()

    assert env.clock.monotonic() - before == pytest.approx(10, abs=0.2)


async def test_a_round_catches_up_with_all_that_became_due_since_the_last(env: Environment) -> None:
    jobs = await env.save(500)
    await env.days(DAYS + 0.1)

    assert len(await env.verdicts()) == len(jobs)


async def test_zero_days_reads_nothing(env: Environment) -> None:
    env.settings = ChangeableSettings(verify_days=0)
    await env.save(3)
    await env.days(100, per_day=1)

    assert await env.verdicts() == {}


async def test_after_a_long_pause_the_rest_is_read_ten_times_as_fast_and_not_at_once(
    env: Environment,
) -> None:
    jobs = await env.save(40)
    await env.days(1)
    env.clock.advance(3 * SPAN)
    await env.checks.check_due()
    at_once = len(await env.verdicts())
    await env.days(1)

    assert at_once <= 6
    assert set(await env.verdicts()) == set(jobs)


async def test_an_unreadable_position_or_one_from_a_wrong_clock_starts_a_new_reading(
    env: Environment,
) -> None:
    (job,) = await env.save(1)
    for value in ({"position": ["nonsense"]}, {}, {"position": None}):
        await env.store.records.put(RecordKind.CHECK_POSITION, KEY, value)
        await env.checks.check_due()
        assert (await read_position(env.store.records))[1] is not None
    env.clock.jump(timedelta(days=5_000))
    await env.days(1)
    env.clock.jump(-timedelta(days=5_001))
    await env.days(DAYS + 1)

    assert await env.verdicts() == {job: CheckVerdict.WHOLE}


@given(jobs=st.integers(1, 5_000), passed=st.integers(0, 4_999), late=st.floats(0, 3))
def test_the_pause_before_the_next_job_is_at_most_the_days_and_at_least_a_tenth_of_the_even_pause(
    jobs: int, passed: int, late: float
) -> None:
    position = ReadingPosition(began_at=START, at=START + late * SPAN, passed=min(passed, jobs - 1))
    shortest = SPAN / 10 / (jobs + 1)

    assert position.at + shortest <= position.next_at(jobs, SPAN) <= position.at + SPAN
