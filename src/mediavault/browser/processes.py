"""The browser's processes: ending one that hangs, and ending the one that holds too much memory.

By process id, and only processes that we started. Works for every user, in containers too: it reads
/proc and sends signals. Where there is no /proc nothing is limited.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mediavault.core.logs import get_logger

log = get_logger(__name__)


def parent_of(pid: int) -> int | None:
    """Return the parent's id, from /proc; None where there is no /proc or no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[1])  # the name in brackets may hold spaces


def is_child_of_ours(pid: int) -> bool:
    return parent_of(pid) == os.getpid()


def is_alive(pid: int) -> bool:
    """Return whether a process of ours still runs; a zombie does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def kill_browser(pid: int, *, driver: int | None) -> None:
    """Send SIGKILL to the browser's process group, which holds its renderers, and to the driver
    that started it.

    Playwright starts the browser as the leader of its own process group. For an id that leads no
    group, or leads our own, only that process is killed.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.getpgid(pid) == pid and pid != os.getpgrp():
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGKILL)
        log.warning("browser_killed", browser_pid=pid)
    if driver is not None and is_child_of_ours(driver):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(driver, signal.SIGKILL)


# --- memory ---------------------------------------------------------------------------------------

MIB, GIB = 1 << 20, 1 << 30
MIN_LIMIT, MAX_LIMIT = 1 * GIB, 4 * GIB  # of the default limit

# Of /proc/PID/status, in kB: private memory, shared memory, and swap. Mapped files, such as the
# browser's own program, are not counted. A sandbox does not prevent reading these lines.
_COUNTED = ("RssAnon:", "RssShmem:", "VmSwap:")


@dataclass(frozen=True, slots=True)
class ProcessMemory:
    """What one process of the browser holds, in bytes."""

    pid: int
    held: int
    is_renderer: bool


def default_limit() -> int:
    """Return half of this machine's memory, in bytes; at least 1 GiB,
    which ordinary pages need, and at most 4 GiB.
    """
    return max(MIN_LIMIT, min(MAX_LIMIT, _machine_memory() // 2))


def end_process(process: ProcessMemory, browser_pid: int) -> None:
    """Kill a process. A renderer takes only its own pages with it;
    for any other process the whole browser is ended.
    """
    log.warning(
        "browser_memory_exceeded",
        bytes=process.held,
        is_renderer=process.is_renderer,
        browser_pid=browser_pid,
    )
    if process.is_renderer:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(process.pid, signal.SIGKILL)
    else:
        kill_browser(browser_pid, driver=None)


def find_over_limit(browser_pid: int, limit: int) -> ProcessMemory | None:
    """Return the process to end, as :func:`over_limit` decides."""
    return over_limit(memory_of(browser_pid), limit)


def over_limit(processes: Iterable[ProcessMemory], limit: int) -> ProcessMemory | None:
    """Return the process that holds the most, where all together hold more than ``limit`` bytes."""
    by_weight = sorted(processes, key=lambda process: process.held)
    return by_weight[-1] if sum(process.held for process in by_weight) > limit else None


def memory_of(browser_pid: int) -> list[ProcessMemory]:
    """Return the processes of the browser's group; [] where there is no /proc.
    Zombies hold nothing.
    """
    processes = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has just ended
            if os.getpgid(pid := int(folder.name)) == browser_pid:
                is_renderer = b"--type=renderer" in (folder / "cmdline").read_bytes()
                processes.append(ProcessMemory(pid, _held(folder), is_renderer))
    return processes


def _held(folder: Path) -> int:
    lines = (folder / "status").read_text("ascii", "replace").splitlines()
    return sum(int(line.split()[1]) * 1_024 for line in lines if line.startswith(_COUNTED))


def _machine_memory() -> int:
    """Return the memory in bytes: what is built in, or what this container may use of it."""
    built_in = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    # without such a limit the file says "max", or is not there
    with contextlib.suppress(OSError, ValueError):
        return min(built_in, int(Path("/sys/fs/cgroup/memory.max").read_text("ascii")))
    return built_in
