"""One thread that writes, with group commit.

All waiting operations go into one transaction: one lock, one commit, one fsync, one wake-up of the
event loop for many operations. An operation is a function of a :class:`Txn`; it either raises
before it writes anything (LeaseLost, JobNotFound, IllegalMove) or writes everything. When one of
them fails in SQLite, the transaction is rolled back and each is run again in its own transaction,
so that only the caller of the one that fails gets the error.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Concatenate, ParamSpec, TypeVar

from mediavault.core.clock import Clock, to_micros
from mediavault.core.failures import MediavaultError, StoreDamaged, StoreError, StoreRemoved
from mediavault.core.logs import get_logger
from mediavault.store.library_index import IndexEntry, accounts_of, totals_of
from mediavault.store.sql import library
from mediavault.store.sqlite.engine import (
    Connection,
    SqliteError,
    fetch_all,
    translate_refusal,
    use_busy_timeout,
)
from mediavault.store.sqlite.open_file import OpenFile
from mediavault.store.sqlite.sql import SQL, blocking
from mediavault.store.wake import Signals

# --- A guard for stores that use the host's clock: leases must not expire because that clock was
# set.

# between two readings; NTP slews at most 0.5 ms a second, a step or a resume from sleep is larger
MAX_DRIFT_S = 5.0
DEFAULT_LEASE = timedelta(seconds=90)  # until the store has seen a longer one


class ClockGuard:
    """Decides whether an expired lease can be trusted.

    When wall clock and monotonic time have drifted apart since the last reading, the clock was set
    or the machine slept. Every lease then looks expired (or endless), so for the length of one
    lease no job is recovered because of the time: live workers renew their leases in that period.
    Leases that were ended on purpose are not affected.
    """

    def __init__(self) -> None:
        self._offset: float | None = None
        self._blocked_until = float("-inf")
        self._lease_s = DEFAULT_LEASE.total_seconds()

    def lease_given(self, lease: timedelta, now: datetime, monotonic: float) -> None:
        """Note a lease's length, and compare the clocks:
        a lease given by a wrong clock ends at a wrong time.
        """
        self._lease_s = max(self._lease_s, lease.total_seconds())
        self.may_reap(now, monotonic)

    def may_reap(self, now: datetime, monotonic: float) -> bool:
        """Compare the clocks; False for the length of one lease after a drift of more than
        ``MAX_DRIFT_S``.
        """
        offset = now.timestamp() - monotonic
        if self._offset is not None and abs(offset - self._offset) > MAX_DRIFT_S:
            self._blocked_until = monotonic + self._lease_s
        self._offset = offset
        return monotonic >= self._blocked_until


# operations in one transaction: a frozen process holds the lock for all, so transactions stay short
MAX_BATCH = 256
IDLE_S = 2.0  # without a change, after which the log is emptied into the file
CHECKPOINT_COMMITS = 100  # changes after which it is, as soon as no call waits
_LEFT_BYTES = 8
SLOW_LOCK_S = 1.0  # waiting longer for the other processes is worth a line in the log

P = ParamSpec("P")
T = TypeVar("T")

log = get_logger(__name__)

# Raised for a value that cannot be stored: too large an integer, text that is not valid Unicode, an
# unknown type.
_BAD_VALUES = (TypeError, ValueError, OverflowError)


@dataclass(slots=True)
class Txn:
    """What an operation works with.

    The times are the transaction's, read under the lock; ``now`` is in microseconds.
    """

    db: Connection
    at: datetime
    now: int
    monotonic: float
    guard: ClockGuard = field(default_factory=ClockGuard)
    # written before the commit, in this order
    history: list[tuple[Any, ...]] = field(default_factory=list)
    # their sums are added before the commit
    completed: list[IndexEntry] = field(default_factory=list)
    wake: bool = False  # jobs became claimable
    # ids of jobs whose attempts should stop, and of workers
    stops: list[str] = field(default_factory=list)

    def settle(self) -> None:
        """Write the sums of the jobs completed so far, which are few rows, and the history."""
        if self.completed:
            blocking(library.add_sums)(self, totals_of(self.completed), accounts_of(self.completed))
            self.completed = []
        if self.history:
            self.db.executemany(SQL["append_history"], self.history)
            self.history = []


@dataclass(slots=True)
class _Call:
    operation: Callable[..., Any]
    args: tuple[Any, ...]
    options: dict[str, Any]
    durable: bool
    future: asyncio.Future[Any]


_Answer = tuple[_Call, Any, BaseException | None]


class WriteLock:
    """Lets one process write at a time, first come, first served.

    SQLite's own lock is polled with growing pauses: of four busy processes two never got it.
    ``flock`` queues. Who has the lock may leave a number in its file.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._clock = clock

    def __enter__(self) -> None:
        if not self.try_to_enter():
            self._wait()

    def try_to_enter(self) -> bool:
        """Take the lock and return True, if no process has it now."""
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Let the next process enter, if this one has the lock."""
        fcntl.flock(self._fd, fcntl.LOCK_UN)

    @property
    def left(self) -> int:
        """Return the number that was left last, 0 if none was. Raises OSError."""
        return int.from_bytes(os.pread(self._fd, _LEFT_BYTES, 0))

    def leave(self, number: int) -> None:
        """Leave a number for the next process that has the lock, also after a kill.
        Raises OSError.
        """
        if number != self.left:
            os.pwrite(self._fd, number.to_bytes(_LEFT_BYTES), 0)

    def close(self) -> None:
        os.close(self._fd)

    def _wait(self) -> None:
        began = self._clock.monotonic()
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        waited = self._clock.monotonic() - began
        if waited > SLOW_LOCK_S:
            log.warning("slow_write_lock", waited_ms=int(waited * 1000))


class SqliteWriter:
    """Owns the connection from construction on; ``close`` ends the thread,
    the connection and the lock.
    """

    def __init__(
        self,
        db: Connection,
        lock: WriteLock,
        clock: Clock,
        *,
        path: Path,
        file: OpenFile,
        signals: Signals,
        guard: ClockGuard,
    ) -> None:
        self._db = db
        self._lock = lock
        self._clock = clock
        self._path = path
        self._file = file
        self._signals = signals
        self._guard = guard
        self._loop = asyncio.get_running_loop()
        self._turn: list[_Call] = []  # submitted in this turn of the loop
        self._turns: SimpleQueue[list[_Call]] = SimpleQueue()  # an empty list ends the thread
        self._under_way: list[_Call] = []
        self._closed = False
        self._full_sync: bool | None = None
        self._changes_in_log = 0  # transactions of this process, since it emptied the log
        self._changed_at = 0.0
        self._ended = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def submit(
        self, operation: Callable[Concatenate[Txn, P], T], *args: P.args, **options: P.kwargs
    ) -> asyncio.Future[T]:
        """Run ``operation(txn, *args)`` in one of the next transactions. From the event loop only.

        When the future is done, its writes have reached the operating system: a crash of the
        process loses nothing.
        """
        return self._put(_Call(operation, args, options, False, self._loop.create_future()))  # noqa: FBT003

    def submit_durable(
        self, operation: Callable[Concatenate[Txn, P], T], *args: P.args, **options: P.kwargs
    ) -> asyncio.Future[T]:
        """As :meth:`submit`; when the future is done, its writes have reached the disk."""
        return self._put(_Call(operation, args, options, True, self._loop.create_future()))  # noqa: FBT003

    def _put(self, call: _Call) -> asyncio.Future[Any]:
        if self._closed:
            raise StoreError("The job store is closed.")
        if not self._turn:
            # Handed over when the turn ends: the thread wakes once for all calls of a turn, and not
            # while the loop still has the interpreter to itself.
            self._loop.call_soon(self._hand_over)
        self._turn.append(call)
        return call.future

    def _hand_over(self) -> None:
        if self._turn:
            self._turns.put(self._turn)
            self._turn = []

    async def close(self) -> None:
        """Finish what was submitted, then end. Safe to call twice."""
        if not self._closed:
            self._closed = True
            self._hand_over()
            self._turns.put([])
        await asyncio.shield(self._ended)
        self._thread.join()

    # --- in the thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while calls := self._next_calls():
                for start in range(0, len(calls), MAX_BATCH):
                    self._transact(calls[start : start + MAX_BATCH])
            if self._changes_in_log:
                self._empty_log()
        finally:
            self._db.close()
            self._lock.close()
            self._post(self._end)

    def _next_calls(self) -> list[_Call]:
        """Wait for a turn's calls and take other waiting ones too;
        [] when the thread should end.
        """
        calls = self._next_turn()
        while calls and len(calls) < MAX_BATCH and not self._turns.empty():
            more = self._turns.get()
            calls += more
            if not more:
                self._turns.put(more)  # answer these first
                break
        self._under_way = calls
        return calls

    def _next_turn(self) -> list[_Call]:
        """Wait for a turn's calls, and empty the log into the file while there are none."""
        if self._changes_in_log:
            left_s = self._changed_at + IDLE_S - self._clock.monotonic()
            if left_s > 0 and self._changes_in_log < CHECKPOINT_COMMITS:
                with suppress(Empty):
                    return self._turns.get(timeout=left_s)
            if self._turns.empty():
                self._empty_log()
        return self._turns.get()

    def _empty_log(self) -> None:
        """Empty the log, if no other process reads what it has:
        what is only in a log is lost with it.
        """
        try:
            with self._lock:
                self._file.require_same()
                left, is_busy = self._lock.left, True
                self._lock.leave(0)  # first: after a kill in between, the log would be missed
                self._db.set_busy_timeout(0)  # a call may come any moment
                try:
                    ((is_busy, *_),) = fetch_all(self._db, "PRAGMA wal_checkpoint(TRUNCATE)")
                finally:
                    use_busy_timeout(self._db)
                    if is_busy:
                        self._lock.leave(left)
        except (SqliteError, StoreRemoved, OSError) as exc:
            log.warning("log_not_emptied", error=str(exc))
            return
        if not is_busy:
            self._changes_in_log = 0

    def _transact(self, batch: Sequence[_Call]) -> None:
        """Commit the batch and answer its callers; if it fails as a whole,
        commit each call separately.
        """
        try:
            with self._lock:
                answers, txn = self._commit(batch)
        except StoreRemoved as exc:
            answers, txn = [(call, None, exc) for call in batch], None
        except _CannotBegin as exc:
            answers, txn = [(call, None, self._ours(exc.__cause__)) for call in batch], None
        except (SqliteError, StoreDamaged, *_BAD_VALUES) as exc:
            if len(batch) > 1:
                for call in batch:
                    self._transact([call])
                return
            answers, txn = [(batch[0], None, self._ours(exc))], None
        wake, stops = (txn.wake, txn.stops) if txn else (False, [])
        self._signals.ring(wake=wake, stops=stops)
        self._post(self._deliver, answers, wake, stops)

    def _commit(self, batch: Sequence[_Call]) -> tuple[list[_Answer], Txn]:
        db = self._db
        written_at = self._file.require_same()
        before = db.total_changes()
        try:
            self._sync_fully(any(call.durable for call in batch))
            db.execute("BEGIN IMMEDIATE")
        except SqliteError as exc:
            raise _CannotBegin from exc  # the next try would wait as long and fail as well
        try:
            at = self._clock.now()
            txn = Txn(db, at, to_micros(at), self._clock.monotonic(), self._guard)
            answers = [_answer(call, txn) for call in batch]
            txn.settle()
            db.execute("COMMIT")
            # else it was removed since, and what was written is lost
            now_written_at = self._file.require_same()
            if db.total_changes() != before:
                self._changes_in_log += 1
                self._changed_at = self._clock.monotonic()
                self._note_log(written_at, now_written_at)
        except BaseException:
            if db.in_transaction:  # SQLite itself rolls back when the disk is full or fails
                db.execute("ROLLBACK")
            raise
        return answers, txn

    def _note_log(self, written_at: int, now_written_at: int) -> None:
        """Leave a note, before any caller is answered, of the file that lacks what the log has
        since this commit.

        A file that the commit itself has written (``wal_autocheckpoint``) may lack nothing.
        """
        with suppress(OSError):  # a full disk: nothing is lost yet
            self._lock.leave(written_at if now_written_at == written_at else 0)

    def _sync_fully(self, full: bool) -> None:  # noqa: FBT001 - the pragma's own value
        if full is not self._full_sync:
            # Not from the statement cache: a pragma takes effect while it is prepared.
            self._db.execute(
                "PRAGMA synchronous = FULL" if full else "PRAGMA synchronous = NORMAL",
                can_cache=False,
            )
            self._full_sync = full

    def _ours(self, exc: BaseException | None) -> BaseException | None:
        error = exc
        if isinstance(exc, SqliteError | UnicodeDecodeError):
            error = translate_refusal(exc, self._path)
            error.__cause__ = exc
        if error is not None:
            self._file.note(error)
        return error

    def _post(self, callback: Callable[..., object], *args: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(callback, *args)
        except RuntimeError:
            log.debug("loop_closed_before_answer")  # no caller waits any more

    # --- in the event loop ------------------------------------------------------------------------

    def _deliver(self, answers: Sequence[_Answer], wake: bool, stops: Sequence[str]) -> None:  # noqa: FBT001 - a callback's argument
        for call, value, error in answers:
            if call.future.done():  # its caller was cancelled
                continue
            if error is None:
                call.future.set_result(value)
            else:
                call.future.set_exception(error)
        self._signals.notify(wake=wake, stops=stops)

    def _end(self) -> None:
        """Fail the calls that are left when the thread has ended, even by a bug:
        no caller may wait for ever.
        """
        self._closed = True
        left = self._under_way + self._turn
        while not self._turns.empty():
            left += self._turns.get()
        for call in left:
            if not call.future.done():
                call.future.set_exception(StoreError("The job store's writer has stopped."))
        if not self._ended.done():
            self._ended.set_result(None)


class _CannotBegin(Exception):
    """A transaction could not be started; the cause says why."""


def _answer(call: _Call, txn: Txn) -> _Answer:
    try:
        return call, call.operation(txn, *call.args, **call.options), None
    except StoreDamaged:  # perhaps by what was just written
        raise
    except MediavaultError as exc:  # raised before anything was written
        return call, None, exc
