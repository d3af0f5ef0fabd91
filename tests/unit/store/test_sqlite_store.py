"""What the SQLite store promises beyond the port: threads, processes, errors with help."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import apsw
import pytest
import structlog

from mediavault.core.failures import StoreDamaged, StoreError, StoreRemoved
from mediavault.core.job import JobStatus, NewJob, Stage, WorkerId, new_job_id
from mediavault.core.media import SavedFile
from mediavault.store.losses import LOSSES, forget_losses, losses
from mediavault.store.port import JobQuery
from mediavault.store.schema import SCHEMA_VERSION
from mediavault.store.sqlite import engine
from mediavault.store.sqlite.engine import (
    connect_to_read,
    connect_to_write,
    fetch_all,
    refuse_unsafe_version,
    sqlite_version,
    translate_refusal,
)
from mediavault.store.sqlite.schema import create_file, open_database
from mediavault.store.sqlite.sql import SQL
from mediavault.store.sqlite.store import SqliteJobStore
from mediavault.store.sqlite.writer import Txn, WriteLock
from mediavault.store.wake import wake_folder
from tests.fakes import FakeClock
from tests.patience import patient

ANN = WorkerId("w-ann")
LEASE = timedelta(seconds=90)
OLD_SCHEMA = Path(__file__).parents[2] / "contract" / "old_vault" / "sqlite.sql"
SAVED = SavedFile("jane/1.mp4", None, 20_000, "ab" * 32, 4.5, 320, 180)
PATIENCE_S = 30.0


def new_job(url: str = "https://videos.example/1") -> NewJob:
    return NewJob(new_job_id(FakeClock().now()), "0" * 32, url, url, "generic")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteJobStore]:
    store = SqliteJobStore(path, FakeClock())
    await store.open()
    yield store
    await store.close()


async def test_claims_whose_caller_was_cancelled_are_given_back(store: SqliteJobStore) -> None:
    [queued] = await store.queue.enqueue([new_job()])
    claiming = asyncio.create_task(store.queue.claim(ANN, limit=1, lease=LEASE))
    await asyncio.sleep(0)  # it is submitted now, and not answered
    claiming.cancel()
    await asyncio.gather(claiming, return_exceptions=True)

    async with asyncio.timeout(patient(PATIENCE_S)):
        while len(history := await store.catalogue.history(queued.job.id)) < 2:
            await asyncio.sleep(0)

    assert [record.stage for record in history] == [Stage.CLAIM, Stage.RELEASE]
    job = await store.catalogue.get(queued.job.id)
    assert (job.status, job.max_attempts) == (JobStatus.QUEUED, queued.job.max_attempts + 1)


async def test_a_job_that_is_returned_without_being_read_back_equals_the_stored_one(
    store: SqliteJobStore,
) -> None:
    """Claim and complete build the job from what they know; here no field has its usual value."""
    await store.queue.enqueue([new_job()])
    again = replace(new_job(), platform="reddit", max_attempts=2)
    await store.queue.enqueue([again], force=True)
    for attempt in await store.queue.claim(ANN, limit=5, lease=LEASE):
        await store.queue.release(attempt)

    claims = await store.queue.claim(ANN, limit=5, lease=LEASE)
    stored = [await store.catalogue.get(claim.id) for claim in claims]

    assert [claim.job for claim in claims] == stored
    assert {(job.version, job.platform, job.max_attempts, job.attempt_count) for job in stored} == {
        (1, "generic", 6, 2),
        (2, "reddit", 3, 2),
    }


async def test_history_written_together_with_a_removal_does_not_go_to_the_next_job(
    store: SqliteJobStore,
) -> None:
    """SQLite reuses the key of the newest row after it was deleted."""
    await store.queue.enqueue([new_job()])
    [attempt] = await store.queue.claim(ANN, limit=1, lease=LEASE)

    await asyncio.gather(
        store.queue.begin_commit(attempt, SAVED), store.catalogue.remove(attempt.id)
    )
    [queued] = await store.queue.enqueue([new_job()])

    assert await store.catalogue.history(queued.job.id) == []


async def test_reads_and_the_event_loop_go_on_while_a_write_takes_long(
    store: SqliteJobStore,
) -> None:
    started, go_on = threading.Event(), threading.Event()
    statement = SQL["forget_worker"]

    def slow(txn: Txn, worker: WorkerId) -> None:
        txn.db.execute(statement, {"worker": worker})
        started.set()
        go_on.wait(PATIENCE_S)

    writing = store._file.writer.submit(slow, ANN)
    async with asyncio.timeout(patient(PATIENCE_S)):
        while not started.is_set():
            await asyncio.sleep(0)
        page = await store.catalogue.jobs(JobQuery())

    assert page.jobs == ()
    assert not writing.done()
    go_on.set()
    await writing


async def test_a_job_of_one_store_wakes_the_subscribers_of_another(
    store: SqliteJobStore, path: Path
) -> None:
    other = SqliteJobStore(path, FakeClock())
    await other.open()
    own_wake, other_wake = asyncio.Event(), asyncio.Event()
    leave_own, leave_other = (
        store.workers.on_work(own_wake.set),
        other.workers.on_work(other_wake.set),
    )

    await store.queue.enqueue([new_job()])

    async with asyncio.timeout(patient(PATIENCE_S)):
        await asyncio.gather(own_wake.wait(), other_wake.wait())
    assert len(await other.queue.claim(ANN, limit=5, lease=LEASE)) == 1
    leave_own()
    leave_other()
    await other.close()


async def test_a_cancellation_at_one_store_reaches_the_worker_at_another(
    store: SqliteJobStore, path: Path
) -> None:
    """A job that was not running belongs to no worker, and none is notified of it."""
    other = SqliteJobStore(path, FakeClock())
    await other.open()
    heard: asyncio.Queue[str] = asyncio.Queue()
    leave = other.workers.on_stop(heard.put_nowait)
    running, _ = (
        await store.queue.enqueue([new_job()]),
        await other.queue.claim(ANN, limit=1, lease=LEASE),
    )
    queued = await store.queue.enqueue([new_job("https://videos.example/2")])
    await store.queue.cancel(queued[0].job.id)
    await store.queue.cancel(running[0].job.id)

    async with asyncio.timeout(patient(PATIENCE_S)):
        assert await heard.get() == running[0].job.id
    assert heard.empty()
    leave()
    await other.close()


async def test_the_socket_is_removed_with_the_last_subscriber(
    store: SqliteJobStore, path: Path
) -> None:
    leave_first, leave_last = (
        store.workers.on_work(lambda: None),
        store.workers.on_work(lambda: None),
    )
    folder = wake_folder(path)
    sockets = [len(list(folder.iterdir()))]
    for leave in (leave_first, leave_last):
        leave()
        sockets.append(len(list(folder.iterdir())))

    assert sockets == [1, 1, 0]


async def test_submitting_an_existing_job_wakes_no_one(store: SqliteJobStore) -> None:
    await store.queue.enqueue([new_job()])
    calls: list[None] = []
    leave = store.workers.on_work(lambda: calls.append(None))
    await store.queue.enqueue([new_job()])
    await FakeClock().settle()

    assert calls == []
    leave()


async def test_two_stores_at_one_file_see_each_others_writes_at_once(
    store: SqliteJobStore, path: Path
) -> None:
    other = SqliteJobStore(path, FakeClock())
    await other.open()
    [queued] = await store.queue.enqueue([new_job()])

    [attempt] = await other.queue.claim(ANN, limit=1, lease=LEASE)

    assert attempt.id == queued.job.id
    assert await store.queue.claim(ANN, limit=1, lease=LEASE) == []
    assert (await store.catalogue.get(attempt.id)).status is JobStatus.RUNNING
    await other.close()


async def test_a_store_that_is_not_open_says_so(path: Path) -> None:
    store = SqliteJobStore(path, FakeClock())

    for call in (
        store.catalogue.get(new_job().id),
        store.queue.claim(ANN, limit=1, lease=LEASE),
        store.queue.enqueue([new_job()]),
    ):
        with pytest.raises(StoreError, match="not open"):
            await call
    await store.close()
    assert not path.exists()


async def test_opening_a_current_database_writes_nothing(store: SqliteJobStore, path: Path) -> None:
    """Another process that opens it at that moment would take a change that is half written for a
    damaged log.
    """
    await store.queue.enqueue([new_job()])
    log = path.with_name("jobs.db-wal")
    before = log.read_bytes()
    other = SqliteJobStore(path, FakeClock())
    await other.open()
    await other.close()

    assert log.read_bytes() == before


@pytest.mark.parametrize("former", [0, 15])
async def test_the_schema_is_changed_by_one_process_while_no_other_writes(
    path: Path, former: int
) -> None:
    """Another process would take a log that grows while it is looked at for one that was cut
    short.
    """
    if former:
        create_file(path)
        db = connect_to_write(path)
        db.execute(OLD_SCHEMA.read_text("utf-8"))
        db.close()
    other_process = WriteLock(path.with_name("jobs.db-lock"), FakeClock())
    store = SqliteJobStore(path, FakeClock())
    with other_process:
        opening = asyncio.create_task(store.open())
        async with asyncio.timeout(patient(PATIENCE_S)):
            while open_files_of(path.with_name("jobs.db-lock")) < 2:
                await asyncio.sleep(0.01)
        done, _ = await asyncio.wait([opening], timeout=0.1)
        version = read_version(path)
    await opening
    await store.close()
    other_process.close()

    assert (done, version, read_version(path)) == (set(), former, SCHEMA_VERSION)


def read_version(path: Path) -> int:
    db = connect_to_read(path)
    try:
        ((version,),) = fetch_all(db, "PRAGMA user_version")
        return int(version)
    finally:
        db.close()


async def test_opening_that_is_cancelled_stops_waiting_for_another_programs_lock(
    store: SqliteJobStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopping a process that waits for a user's database shell must not wait for that shell
    too.
    """
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_MS", 3_600_000)
    holder = connect_to_write(path)
    holder.execute("BEGIN IMMEDIATE")
    second, opened_before, readers = (
        SqliteJobStore(path, FakeClock()),
        open_files_of(path),
        reader_threads(),
    )
    opening = asyncio.create_task(second.open())
    async with asyncio.timeout(patient(PATIENCE_S)):
        while open_files_of(path) == opened_before:
            await asyncio.sleep(0.01)
    opening.cancel()
    async with asyncio.timeout(patient(PATIENCE_S)):
        await asyncio.wait([opening])
        while reader_threads() != readers:
            await asyncio.sleep(0.01)
    holder.execute("ROLLBACK")
    holder.close()
    await second.open()  # it can be opened again
    await second.close()

    assert opening.cancelled()


def open_files_of(path: Path) -> int:
    """Return how many file descriptors of this process refer to the file."""
    names = []
    for fd in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the descriptor that listed them
            names.append(fd.readlink())
    return names.count(path)


def reader_threads() -> int:
    return sum(thread.name.startswith("store-reader") for thread in threading.enumerate())


async def test_a_closed_store_says_so(path: Path) -> None:
    store = SqliteJobStore(path, FakeClock())
    await store.open()
    await store.close()

    with pytest.raises(StoreError):
        await store.queue.enqueue([new_job()])
    with pytest.raises(StoreError):
        await store.catalogue.report()


@pytest.mark.parametrize("is_replaced", [False, True])
async def test_nothing_is_accepted_while_the_state_folder_is_gone(
    tmp_path: Path, is_replaced: bool
) -> None:
    """What is written to a file without a name is lost at the next start."""
    state, elsewhere = tmp_path / "state", tmp_path / "elsewhere"
    store = SqliteJobStore(state / "jobs.db", FakeClock(), wake_dir=tmp_path / "wake")
    await store.open()
    await store.queue.enqueue([new_job()])
    state.rename(elsewhere)
    if is_replaced:
        open_database(state / "jobs.db").close()
    for call in (
        store.queue.enqueue([new_job("https://videos.example/2")]),
        store.queue.claim(ANN, limit=1, lease=LEASE),
        store.catalogue.next_due(),
    ):
        with pytest.raises(
            StoreRemoved, match="The state folder was removed or replaced while the vault runs"
        ) as refused:
            await call
        assert "mediavault restore" in refused.value.help
    if is_replaced:
        state.rename(tmp_path / "other")
    elsewhere.rename(state)
    [claim] = await store.queue.claim(ANN, limit=5, lease=LEASE)
    await store.close()

    assert claim.job.post_url == "https://videos.example/1"


async def test_damage_that_shows_only_later_is_reported_with_help(path: Path) -> None:
    store = SqliteJobStore(path, FakeClock())
    await store.open()
    await store.queue.enqueue(
        [new_job(f"https://videos.example/{number}") for number in range(300)]
    )
    await store.close()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 3] + b"\xa5" * (len(whole) - len(whole) // 3))
    store = SqliteJobStore(path, FakeClock())

    with pytest.raises(StoreError, match="damaged") as refused:
        await open_and_list(store)

    assert "backup" in refused.value.help
    await store.close()


async def open_and_list(store: SqliteJobStore) -> None:
    """Where damage shows depends on the page that has it."""
    await store.open()
    await store.catalogue.jobs(JobQuery(limit=300))


def _changed(log: bytes, at: int) -> bytes:
    return log[:at] + bytes(byte ^ 0xA5 for byte in log[at : at + 64]) + log[at + 64 :]


LOG_DAMAGES: dict[str, Callable[[bytes], bytes | None]] = {
    "removed": lambda log: None,
    "emptied": lambda log: b"",
    "64 bytes changed": lambda log: _changed(log, len(log) // 2),
    "its last change changed": lambda log: _changed(log, len(log) - 1_000),
    "its header changed": lambda log: _changed(log, 0),
    "cut to two thirds": lambda log: log[: len(log) * 2 // 3],
}


async def _left_by_a_kill(folder: Path, count: int) -> Path:
    """Return a database as a process leaves it that is killed after so many jobs,
    each in its own transaction.
    """
    store = SqliteJobStore(folder / "jobs.db", FakeClock())
    await store.open()
    for number in range(count):
        await store.queue.enqueue([new_job(f"https://videos.example/{number}")])
    left = folder / "left"
    left.mkdir()
    for name in ("jobs.db", "jobs.db-wal", "jobs.db-lock"):
        shutil.copy2(folder / name, left / name)
    await store.close()
    return left / "jobs.db"


@pytest.mark.parametrize("damage", LOG_DAMAGES)
async def test_what_a_damaged_log_may_have_cost_is_said_until_the_library_was_read_again(
    tmp_path: Path, damage: str
) -> None:
    path = await _left_by_a_kill(tmp_path, 30)
    log = path.with_name("jobs.db-wal")
    damaged = LOG_DAMAGES[damage](log.read_bytes())
    log.unlink()
    if damaged is not None:
        log.write_bytes(damaged)
    with structlog.testing.capture_logs() as lines:
        store = SqliteJobStore(path, FakeClock())
        await store.open()
    lost = 30 - (await store.catalogue.report()).counts[JobStatus.QUEUED]
    said = await losses(store.records)
    await store.close()
    await store.open()
    still_said = await losses(store.records)
    await forget_losses(store.records)
    forgotten = await losses(store.records)
    await store.close()

    assert lost
    assert said == still_said == (LOSSES["log"],)
    assert "mediavault rebuild" in said[0].help
    assert "database_log_damaged" in [line["event"] for line in lines]
    assert forgotten == ()


@pytest.mark.parametrize("log_end", [b"", b"\0" * 24, b"\0" * 4_120])
async def test_a_sound_log_costs_nothing(tmp_path: Path, log_end: bytes) -> None:
    """A file system may leave zeros at the end of a file that grew when the power failed."""
    path = await _left_by_a_kill(tmp_path, 30)
    with path.with_name("jobs.db-wal").open("ab") as log:
        log.write(log_end)
    store, other = SqliteJobStore(path, FakeClock()), SqliteJobStore(path, FakeClock())
    await store.open()
    await store.queue.enqueue([new_job("https://videos.example/more")])
    await other.open()  # while the log is in use
    said = await losses(other.records)
    await other.close()
    await store.close()

    assert said == ()


@pytest.mark.parametrize("count", [1, 30])
async def test_a_log_that_another_program_has_emptied_into_the_file_costs_nothing(
    tmp_path: Path, count: int
) -> None:
    path = await _left_by_a_kill(tmp_path, count)
    other = connect_to_write(path)
    fetch_all(other, "SELECT count(*) FROM jobs")
    other.close()
    has_log = path.with_name("jobs.db-wal").exists()
    store = SqliteJobStore(path, FakeClock())
    for _ in range(2):  # and is used and closed as usual
        await store.open()
        said = await losses(store.records)
        await store.queue.enqueue([new_job("https://videos.example/more")])
        await store.close()

    assert not has_log
    assert said == ()


@pytest.mark.parametrize("version", ["3.51.2", "3.46.1", "3.7.0"])
def test_a_sqlite_that_may_corrupt_the_database_is_refused(version: str) -> None:
    with pytest.raises(StoreError, match=version) as refused:
        refuse_unsafe_version(version)

    assert "apsw" in refused.value.help


@pytest.mark.parametrize("version", ["3.51.3", "3.54.1", "4.0.0", sqlite_version()])
def test_a_sound_sqlite_is_accepted(version: str) -> None:
    refuse_unsafe_version(version)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (apsw.FullError("x"), "the disk is full"),
        (apsw.CorruptError("x"), "is damaged"),
        (apsw.NotADBError("x"), "not a SQLite database"),
        (apsw.BusyError("x"), "held by another program"),
        (apsw.ReadOnlyError("x"), "may not be written"),
        (apsw.CantOpenError("x"), "cannot be opened"),
        (apsw.IOError("x"), "could not be read or written"),
    ],
)
def test_an_error_of_sqlite_becomes_a_message_with_help(error: apsw.Error, words: str) -> None:
    ours = translate_refusal(error, Path("/state/jobs.db"))

    assert words in ours.message
    assert "/state/jobs.db" in ours.message
    assert ours.help


def test_an_unknown_error_keeps_its_text() -> None:
    assert "near SELEC" in translate_refusal(apsw.SQLError("near SELEC"), Path("x")).message


@pytest.mark.parametrize(
    "damage",
    [
        "items = '[{'",
        "metadata = '7 7'",
        "error_code = 'NO_SUCH_CODE'",
        "post_url = CAST(x'c3' AS TEXT)",
    ],
    ids=["cut JSON", "no JSON", "unknown code", "no UTF-8"],
)
async def test_a_row_that_cannot_be_read_is_damage_and_no_bug(
    damage: str, store: SqliteJobStore, path: Path
) -> None:
    [queued] = await store.queue.enqueue([new_job()])
    with apsw.Connection(str(path)) as db:
        db.execute("PRAGMA ignore_check_constraints = 1")
        db.execute(f"UPDATE jobs SET {damage}")

    with pytest.raises(StoreDamaged, match="damaged") as caught:
        await store.catalogue.get(queued.job.id)
    assert "mediavault restore" in caught.value.help
