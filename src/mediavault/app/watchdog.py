"""Notices that the event loop is blocked, and restarts the process.

The check is a signal handler, not a thread: a regular expression that backtracks holds the
interpreter's lock until it ends, so a thread would never run, but it checks for signals. The
handler runs inside the blocking code, and so knows which job's it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from mediavault.core.logs import get_logger

TICK_S = 5.0
TICKS = 12  # a minute: reading the largest page takes seconds, also on a small machine that is busy
NATIVE_CRASH_FILE = "native-crash.log"  # in the state folder
MAX_CRASH_BYTES = 1 << 20

log = get_logger(__name__)


class Watchdog:
    """Calls ``on_freeze`` with the running code's frame when the loop has not run for ``ticks``
    ticks in a row.

    Ticks are counted, not time: a process that was stopped or a machine that slept gets one tick
    for the whole time.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        on_freeze: Callable[[FrameType | None], None],
        *,
        ticks: int = TICKS,
    ) -> None:
        self._loop = loop
        self._on_freeze = on_freeze
        self._ticks = ticks
        self._missed = 0

    def tick(self, frame: FrameType | None) -> None:
        """Handle a tick: ask the loop to run ``_loop_ran``;
        the ticks until it does are counted as missed.
        """
        if self._missed == 0:
            self._loop.call_soon_threadsafe(self._loop_ran)
        self._missed += 1
        if self._missed > self._ticks:
            self._missed = 1  # if the process continues nevertheless, it gets the same time again
            self._on_freeze(frame)

    def _loop_ran(self) -> None:
        self._missed = 0


@contextmanager
def watching(watchdog: Watchdog, *, tick_s: float = TICK_S) -> Iterator[bool]:
    """Tick every ``tick_s`` seconds while the block lasts. Main thread only.

    Yields False, and watches nothing, when SIGALRM already has another handler.
    """
    if signal.getsignal(signal.SIGALRM) not in (signal.SIG_DFL, signal.SIG_IGN):
        yield False
        return
    signal.signal(signal.SIGALRM, lambda _, frame: watchdog.tick(frame))
    signal.setitimer(signal.ITIMER_REAL, tick_s, tick_s)
    try:
        yield True
    finally:
        _stop_ticking()
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


@contextmanager
def restarting_when_frozen(
    report: Callable[[float, Sequence[str]], None],
    *,
    may_restart: Callable[[], bool] = lambda: True,
    tick_s: float = TICK_S,
    ticks: int = TICKS,
) -> Iterator[None]:
    """Restart this process when the running loop is blocked during the block; end it if
    ``may_restart`` returns False.

    ``report`` gets the seconds and the stack first, and may raise OSError.
    """

    def on_freeze(frame: FrameType | None) -> None:
        seconds, stack = tick_s * ticks, stack_of(frame)
        try:
            report(seconds, stack)
        except OSError as exc:
            log.error("freeze_not_reported", error=str(exc))
        finally:
            # on any error of the report: an exception from here would be raised in the frozen code
            log.error("event_loop_frozen", seconds=seconds, stack=stack)
            end_children()
            if may_restart():
                restart()
            os._exit(1)

    with watching(Watchdog(asyncio.get_running_loop(), on_freeze, ticks=ticks), tick_s=tick_s):
        yield


def stack_of(frame: FrameType | None) -> list[str]:
    """Return the stack of ``frame``, the outermost function first,
    without the values of variables.
    """
    return [line.strip() for line in traceback.format_stack(frame)]


def restart() -> None:
    """Replace this process with a new one with the same id, command line and environment. Returns
    only if that fails.

    As after a SIGKILL, nothing is cleaned up: the kernel closes files, sockets and locks. Child
    processes keep running, because their parent does not end: end them first
    (:func:`end_children`).
    """
    _stop_ticking()
    # a tick that is pending would end the new process
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, RuntimeError):
            stream.flush()
    with contextlib.suppress(OSError):
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - our own command line, without a shell


def end_children() -> None:
    """Kill this process's children and wait until they are gone."""
    for pid in children():
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def children() -> list[int]:
    """Return the ids of this process's children; [] when the kernel does not list them."""
    pids: list[int] = []
    for path in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):
            pids += map(int, path.read_text("ascii").split())
    return pids


def log_native_crashes(state_dir: Path) -> None:
    """Make a crash in native code write the Python stack of every thread to a file in the state
    folder.

    Does nothing when Python's fault handler is already enabled, as with PYTHONFAULTHANDLER.
    """
    if faulthandler.is_enabled():
        return
    path = state_dir / NATIVE_CRASH_FILE
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > MAX_CRASH_BYTES:
            path.unlink()
        # not closed: the fault handler writes to its descriptor as long as the process runs
        faulthandler.enable(
            open(path, "ab", opener=lambda name, flags: os.open(name, flags, mode=0o600))  # noqa: SIM115
        )
    except OSError as exc:
        log.warning("native_crashes_not_logged", error=str(exc))


def _stop_ticking() -> None:
    signal.setitimer(signal.ITIMER_REAL, 0)
