"""Ends browsers that do not end by themselves, by process id and only those that we started."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

from mediavault.core.logs import get_logger

log = get_logger(__name__)


def parent_of(pid: int) -> int | None:
    """The parent's id, from /proc; None where there is no /proc or no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[1])  # the name in brackets may hold blanks


def is_child_of_ours(pid: int) -> bool:
    return parent_of(pid) == os.getpid()


def is_alive(pid: int) -> bool:
    """Whether a process of ours still runs; a zombie does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def kill_browser(pid: int, *, driver: int | None) -> None:
    """SIGKILL to the browser's process group, which holds its renderers, and to the driver that started it.

    Playwright starts the browser as the leader of a group of its own. An id that leads no group, or our own, is not
    touched beyond the one process.
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
