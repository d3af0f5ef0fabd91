"""The memory of a browser's processes, measured with programs that imitate a browser."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from mediavault.browser.processes import end_process, find_over_limit, is_alive, memory_of
from tests.patience import patient

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")

MIB = 1 << 20
# Leads a process group with a small child and a heavy one of the given kind; it prints a line when
# it is ready.
BROWSER = """
import os, subprocess, sys
holding = "import sys, time; held = bytearray(b'x') * (int(sys.argv[1]) << 20); print(flush=True); time.sleep(60)"
for size, kind in ((1, "--type=utility"), (100, os.environ["KIND"])):
    child = subprocess.Popen([sys.executable, "-c", holding, str(size), kind], stdout=subprocess.PIPE)
    child.stdout.readline()
print(flush=True)
child.wait()
subprocess.run(["sleep", "60"])
"""  # noqa: E501


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[bytes]]]:
    processes: list[subprocess.Popen[bytes]] = []
    yield processes
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def browser(started: list[subprocess.Popen[bytes]], kind: str) -> int:
    command, environment = [sys.executable, "-c", BROWSER], {**os.environ, "KIND": kind}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, start_new_session=True, env=environment
    )
    started.append(process)
    assert process.stdout is not None
    process.stdout.readline()
    return process.pid


def test_the_memory_of_every_process_of_the_group_is_counted(
    started: list[subprocess.Popen[bytes]],
) -> None:
    pid = browser(started, "--type=renderer")
    processes = sorted(memory_of(pid), key=lambda process: process.held)

    assert len(processes) == 3
    assert [process.is_renderer for process in processes] == [False, False, True]
    assert 100 * MIB < processes[-1].held < 150 * MIB
    assert processes[0].held > 1 * MIB


def test_the_heaviest_renderer_is_ended_and_the_browser_goes_on(
    started: list[subprocess.Popen[bytes]],
) -> None:
    pid = browser(started, "--type=renderer")
    (renderer,) = [process.pid for process in memory_of(pid) if process.is_renderer]

    assert find_over_limit(pid, 500 * MIB) is None
    heaviest = find_over_limit(pid, 90 * MIB)
    assert heaviest is not None
    assert heaviest.pid == renderer
    end_process(heaviest, pid)
    left = [process.pid for process in memory_of(pid) if process.held > 90 * MIB]
    assert left in ([], [renderer])  # it may still be on its way out
    assert is_alive(pid)


def test_a_browser_whose_other_processes_hold_too_much_is_ended_as_a_whole(
    started: list[subprocess.Popen[bytes]],
) -> None:
    pid = browser(started, "--type=gpu-process")
    heaviest = find_over_limit(pid, 90 * MIB)
    assert heaviest is not None
    end_process(heaviest, pid)

    assert started[0].wait(timeout=patient(30)) == -signal.SIGKILL
