"""Group commit: many calls share one transaction, and none fails because of another."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import structlog

from mediavault.core.failures import JobNotFound, StoreError
from mediavault.store.sqlite import writer
from mediavault.store.sqlite.engine import connect_to_read, connect_to_write, fetch_all
from mediavault.store.sqlite.open_file import OpenFile
from mediavault.store.sqlite.schema import open_database
from mediavault.store.sqlite.writer import (
    MAX_BATCH,
    SLOW_LOCK_S,
    ClockGuard,
    SqliteWriter,
    Txn,
    WriteLock,
)
from tests.fakes import FakeClock
from tests.patience import patient


class Writer:
    """A writer on its own table ``t``; ``notes`` holds the notifications it sent."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "jobs.db"
        db = open_database(self.path)
        db.execute("CREATE TABLE t (a INTEGER UNIQUE) STRICT")
        self.notes: list[str] = []
        clock = FakeClock()
        self.writer = SqliteWriter(
            db,
            WriteLock(folder / "lock", clock),
            clock,
            path=self.path,
            file=OpenFile(self.path),
            signals=self,  # type: ignore[arg-type]
            guard=ClockGuard(),
        )
        self.submit = self.writer.submit

    def ring(self, *, wake: bool, stops: Sequence[str]) -> None:
        self.notes += ["ring"] * wake + [f"say {stops}"] * bool(stops)

    def notify(self, *, wake: bool, stops: Sequence[str]) -> None:
        self.notes += ["notify"] * wake + [f"stop {job_id}" for job_id in stops]

    def rows(self) -> list[int]:
        db = connect_to_write(self.path)
        rows = [a for (a,) in fetch_all(db, "SELECT a FROM t ORDER BY a")]
        db.close()
        return rows


@pytest.fixture
async def w(tmp_path: Path) -> AsyncIterator[Writer]:
    writer = Writer(tmp_path)
    yield writer
    await writer.writer.close()


def insert(txn: Txn, number: int) -> int:
    fetch_all(txn.db, "INSERT INTO t VALUES (:number)", {"number": number})
    return number


def insert_two(txn: Txn, first: int, second: int) -> None:
    insert(txn, first)
    insert(txn, second)


def refuse(txn: Txn) -> None:
    raise JobNotFound("there is none")


def make_claimable(txn: Txn) -> None:
    txn.wake = True


async def test_calls_of_one_turn_share_one_transaction(w: Writer) -> None:
    seen: list[Txn] = []

    def remember(txn: Txn) -> None:
        seen.append(txn)

    await asyncio.gather(*(w.submit(remember) for _ in range(5)))
    await w.submit(remember)

    assert len(seen) == 6
    assert len({id(txn) for txn in seen}) == 2


async def test_the_size_of_a_transaction_is_bounded(w: Writer) -> None:
    seen: list[Txn] = []

    def remember(txn: Txn) -> None:
        seen.append(txn)

    await asyncio.gather(*(w.submit(remember) for _ in range(MAX_BATCH * 2 + 1)))

    assert len({id(txn) for txn in seen}) == 3


async def test_answers_go_to_their_callers(w: Writer) -> None:
    assert await asyncio.gather(*(w.submit(insert, number) for number in (3, 1, 2))) == [3, 1, 2]
    assert w.rows() == [1, 2, 3]


async def test_a_call_that_is_refused_does_not_touch_the_others(w: Writer) -> None:
    answers = await asyncio.gather(
        w.submit(insert, 1), w.submit(refuse), w.submit(insert, 2), return_exceptions=True
    )

    assert [type(answer) for answer in answers] == [int, JobNotFound, int]
    assert w.rows() == [1, 2]


async def test_a_call_that_fails_in_sqlite_fails_alone_and_leaves_nothing(w: Writer) -> None:
    await w.submit(insert, 1)

    answers = await asyncio.gather(
        w.submit(insert, 2), w.submit(insert_two, 3, 1), w.submit(insert, 4), return_exceptions=True
    )

    assert [type(answer) for answer in answers] == [int, StoreError, int]
    assert w.rows() == [1, 2, 4]


@pytest.mark.parametrize("value", [object(), 1 << 64, "\udcff"])
async def test_a_value_that_cannot_be_stored_fails_alone(w: Writer, value: Any) -> None:
    answers = await asyncio.gather(
        w.submit(insert, 1), w.submit(insert, value), return_exceptions=True
    )

    assert answers[0] == 1
    assert isinstance(answers[1], (TypeError, ValueError, OverflowError, StoreError))
    assert w.rows() == [1]


async def test_a_caller_who_left_does_not_keep_the_others_from_their_answers(w: Writer) -> None:
    leaving, staying = w.submit(insert, 1), w.submit(insert, 2)
    leaving.cancel()

    assert await staying == 2
    assert w.rows() == [1, 2]


async def test_other_processes_and_this_one_are_notified_of_work_after_the_commit(
    w: Writer,
) -> None:
    await asyncio.gather(w.submit(make_claimable), w.submit(make_claimable))
    after_commit = list(w.notes)
    await w.submit(insert, 1)

    assert after_commit == w.notes == ["ring", "notify"]


async def test_closing_finishes_what_was_accepted(tmp_path: Path) -> None:
    w = Writer(tmp_path)
    last = w.submit(insert, 1)

    await w.writer.close()
    await w.writer.close()

    assert last.result() == 1
    assert w.rows() == [1]
    with pytest.raises(StoreError):
        w.submit(insert, 2)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_no_caller_waits_for_ever_when_the_thread_dies_of_a_bug(tmp_path: Path) -> None:
    w = Writer(tmp_path)

    def bug(txn: Txn) -> None:
        raise AttributeError("a bug")

    answers = await asyncio.gather(w.submit(bug), w.submit(insert, 1), return_exceptions=True)

    assert [type(answer) for answer in answers] == [StoreError, StoreError]
    with pytest.raises(StoreError):
        w.submit(insert, 2)
    await w.writer.close()
    assert w.rows() == []


def log_bytes(w: Writer) -> int:
    return w.path.with_name(f"{w.path.name}-wal").stat().st_size


async def until_the_log_is_empty(w: Writer) -> None:
    async with asyncio.timeout(patient(30)):
        while log_bytes(w):
            await asyncio.sleep(0.001)


async def test_a_log_is_emptied_into_the_file_once_no_one_writes(
    w: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is only in the log is lost with it, and to those who copy the file alone."""
    monkeypatch.setattr(writer, "IDLE_S", 0.001)
    await w.submit(insert, 1)
    await until_the_log_is_empty(w)
    await w.submit(insert, 2)
    await until_the_log_is_empty(w)

    assert w.rows() == [1, 2]


async def test_a_log_is_emptied_after_many_commits_although_there_is_always_one_to_write(
    w: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "IDLE_S", 3_600.0)
    monkeypatch.setattr(writer, "CHECKPOINT_COMMITS", 3)
    for number in range(3):
        assert number == 0 or log_bytes(w)
        await w.submit(insert, number)
    await until_the_log_is_empty(w)

    assert w.rows() == [0, 1, 2]


async def test_a_log_that_another_process_reads_is_emptied_later(
    w: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "IDLE_S", 0.001)
    monkeypatch.setattr(writer, "CHECKPOINT_COMMITS", 1)
    reader = connect_to_read(w.path)
    reader.execute("BEGIN")
    fetch_all(reader, "SELECT * FROM t")
    await w.submit(insert, 1)
    await w.submit(insert, 2)
    was_left = log_bytes(w)
    reader.close()
    await w.submit(insert, 3)
    await until_the_log_is_empty(w)

    assert was_left
    assert w.rows() == [1, 2, 3]


async def test_a_database_held_by_another_program_is_reported(tmp_path: Path) -> None:
    w = Writer(tmp_path)
    await w.submit(lambda txn: txn.db.set_busy_timeout(0))
    other = connect_to_write(w.path)
    other.execute("BEGIN IMMEDIATE")

    answers = await asyncio.gather(w.submit(insert, 1), w.submit(insert, 2), return_exceptions=True)
    other.execute("ROLLBACK")
    other.close()

    assert all("held by another program" in str(answer) for answer in answers)
    assert await w.submit(insert, 3) == 3
    await w.writer.close()


async def test_a_full_disk_is_reported_and_later_writes_go_on(tmp_path: Path) -> None:
    w = Writer(tmp_path)
    await w.submit(lambda txn: txn.db.execute("CREATE TABLE big (x BLOB)"))
    pages = await w.submit(lambda txn: fetch_all(txn.db, "PRAGMA page_count")[0][0])
    await w.submit(lambda txn: fetch_all(txn.db, f"PRAGMA max_page_count = {pages + 5}"))

    def fill(txn: Txn) -> None:
        txn.db.execute("INSERT INTO big VALUES (zeroblob(100000))")

    answers = await asyncio.gather(w.submit(insert, 1), w.submit(fill), return_exceptions=True)

    assert answers[0] == 1
    assert "the disk is full" in str(answers[1])
    assert w.rows() == [1]
    await w.writer.close()


# --- the lock among processes ---------------------------------------------------------------------


class WatchedClock(FakeClock):
    """Sets ``was_read`` when a caller starts to measure time."""

    def __init__(self) -> None:
        super().__init__()
        self.was_read = threading.Event()

    def monotonic(self) -> float:
        self.was_read.set()
        return super().monotonic()


def hold(lock: WriteLock, done: Callable[[], None]) -> None:
    with lock:
        done()


def test_a_long_wait_for_the_lock_is_logged(tmp_path: Path) -> None:
    clock = WatchedClock()
    first, second = WriteLock(tmp_path / "lock", clock), WriteLock(tmp_path / "lock", clock)
    held: list[str] = []
    waiting = threading.Thread(target=hold, args=(second, lambda: held.append("second")))

    with structlog.testing.capture_logs() as logs:
        with first:
            waiting.start()
            assert clock.was_read.wait(10)
            clock.advance(SLOW_LOCK_S + 1)
            held.append("first")
        waiting.join(10)

    assert held == ["first", "second"]
    assert [line["event"] for line in logs] == ["slow_write_lock"]
    first.close()
    second.close()


def test_the_lock_file_is_for_its_user_only(tmp_path: Path) -> None:
    WriteLock(tmp_path / "lock", FakeClock()).close()

    assert (tmp_path / "lock").stat().st_mode & 0o077 == 0
