"""Runs a program five times slower than the machine would, to show that its result does not depend
on that.

By a quota of a control group (root), else by ``cpulimit``, else by a busy loop on the same
processor that goes first.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

TIMES = 5
_PERIOD_US = 100_000
_GROUPS = Path("/sys/fs/cgroup")
_NICE = 8  # next to a busy loop of niceness 0 it gets a sixth of a processor
_LOOP = "import os, sys\nwhile os.getppid() == int(sys.argv[1]): sum(range(1_000_000))"


@contextmanager
def slowed() -> Iterator[Sequence[str]]:
    """Provide the beginning of a command line that slows the rest of it, with all its children,
    ``TIMES`` times.

    Skips the test on a machine that has none of the three.
    """
    group = _group()
    try:
        if group is not None:
            yield ["sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh"]
        elif limiter := shutil.which("cpulimit"):
            yield [limiter, "--foreground", "--include-children", f"--limit={100 // TIMES}", "--"]
        elif shutil.which("taskset"):
            processor = str(min(os.sched_getaffinity(0)))
            loop = subprocess.Popen(
                ["taskset", "-c", processor, sys.executable, "-c", _LOOP, str(os.getpid())]
            )
            try:
                yield ["taskset", "-c", processor, "nice", "-n", f"{_NICE}"]
            finally:
                loop.kill()
                loop.wait()
        else:
            pytest.skip(
                "NOT TESTED: the verdict on a slow machine, which needs cgroups, cpulimit or"
                " taskset"
            )
    finally:
        if group is not None:
            group.rmdir()


def _group() -> Path | None:
    """Return a new control group with a quota of the processor's time;
    None where that is not allowed.
    """
    quota = _PERIOD_US // TIMES
    for parent, settings in (
        (_GROUPS / "cpu", {"cpu.cfs_period_us": f"{_PERIOD_US}", "cpu.cfs_quota_us": f"{quota}"}),
        (_GROUPS, {"cpu.max": f"{quota} {_PERIOD_US}"}),
    ):
        group = parent / f"mediavault-test-{os.getpid()}"
        if not (parent / "cgroup.procs").exists():
            continue
        try:
            group.mkdir()
            for name, value in settings.items():
                # is missing where another group has the controller
                with (group / name).open("r+") as setting:
                    setting.write(value)
        except OSError:
            with suppress(OSError):
                group.rmdir()
        else:
            return group
    return None
