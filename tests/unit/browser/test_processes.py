"""Killing processes by id, and only those that we started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from mediavault.browser.processes import is_alive, kill_browser, parent_of

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def test_a_browsers_whole_group_is_killed() -> None:
    leader = subprocess.Popen(SLEEP, start_new_session=True)
    kill_browser(leader.pid, driver=None)

    assert leader.wait(10) == -signal.SIGKILL


def test_a_process_of_our_own_group_is_killed_alone() -> None:
    child = subprocess.Popen(SLEEP)
    kill_browser(child.pid, driver=None)

    assert child.wait(10) == -signal.SIGKILL


def test_a_driver_that_is_not_ours_is_left_alone() -> None:
    """Process 1 represents an id that the system has since reused for another process."""
    child = subprocess.Popen(SLEEP)
    kill_browser(child.pid, driver=1)
    child.wait(10)

    assert is_alive(os.getpid())


def test_a_dead_process_has_no_parent_and_is_not_alive() -> None:
    child = subprocess.Popen(SLEEP)
    known = parent_of(child.pid)
    child.kill()
    child.wait(10)

    assert known == os.getpid()
    assert parent_of(child.pid) is None
    assert not is_alive(child.pid)
