"""How much memory the browser's processes hold, and which of them is ended when it is too much.

Works for every user, in containers too: it reads /proc and sends signals. Where there is no /proc nothing is limited.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mediavault.core.logs import get_logger
from mediavault.services.browser.processes import kill_browser

MIB, GIB = 1 << 20, 1 << 30
LEAST_LIMIT, MOST_LIMIT = 1 * GIB, 4 * GIB  # of the limits that are chosen without a setting

# Of /proc/PID/status, in kB: what a process has to itself, what it shares by memory, what was moved out. Files that are
# mapped, as the browser's own program, are not counted. The lines can be read whatever a sandbox does.
_COUNTED = ("RssAnon:", "RssShmem:", "VmSwap:")

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ProcessMemory:
    """What one process of the browser holds, in bytes."""

    pid: int
    held: int
    is_renderer: bool


def default_limit() -> int:
    """Half of this machine's memory, in bytes; at least 1 GiB, which ordinary pages need, and at most 4 GiB."""
    return max(LEAST_LIMIT, min(MOST_LIMIT, _machine_memory() // 2))


def end_process(process: ProcessMemory, browser_pid: int) -> None:
    """Kill it. A renderer takes only its own pages with it; in place of any other process the whole browser is ended."""
    log.warning("browser_memory_exceeded", bytes=process.held, is_renderer=process.is_renderer, browser_pid=browser_pid)
    if process.is_renderer:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(process.pid, signal.SIGKILL)
    else:
        kill_browser(browser_pid, driver=None)


def find_too_heavy(browser_pid: int, limit: int) -> ProcessMemory | None:
    """The process that has to go, as :func:`too_heavy` says."""
    return too_heavy(memory_of(browser_pid), limit)


def too_heavy(processes: Iterable[ProcessMemory], limit: int) -> ProcessMemory | None:
    """The process that holds the most, where all together hold more than ``limit`` bytes."""
    by_weight = sorted(processes, key=lambda process: process.held)
    return by_weight[-1] if sum(process.held for process in by_weight) > limit else None


def memory_of(browser_pid: int) -> list[ProcessMemory]:
    """The processes of the browser's group; [] where there is no /proc. Zombies hold nothing."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            if os.getpgid(pid := int(folder.name)) == browser_pid:
                is_renderer = b"--type=renderer" in (folder / "cmdline").read_bytes()
                found.append(ProcessMemory(pid, _held(folder), is_renderer))
    return found


def _held(folder: Path) -> int:
    lines = (folder / "status").read_text("ascii", "replace").splitlines()
    return sum(int(line.split()[1]) * 1_024 for line in lines if line.startswith(_COUNTED))


def _machine_memory() -> int:
    """In bytes: what is built in, or what this container may use of it."""
    built_in = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with contextlib.suppress(OSError, ValueError):  # without such a limit the file says "max", or is not there
        return min(built_in, int(Path("/sys/fs/cgroup/memory.max").read_text("ascii")))
    return built_in
