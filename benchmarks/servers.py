"""The servers that some contenders need: started for one task, and included in its cost."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers import postgres

START_TIMEOUT_S = 10.0
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
# fields of /proc/PID/stat after the name, proc_pid_stat(5): ppid, then utime, stime, cutime, cstime
_PPID, _TIMES = 1, slice(11, 15)


@dataclass(frozen=True, slots=True)
class RunningServer:
    """``pid`` is the first process of the server; the others are its children."""

    url: str
    pid: int

    def cpu_s(self) -> float:
        """Return the server's user and system time so far,
        of its running processes and of those that have ended.
        """
        own = _stat(self.pid)
        children = [
            stat
            for stat in map(_stat, _pids())
            if stat is not None and int(stat[_PPID]) == self.pid
        ]
        alive = sum(sum(map(int, stat[11:13])) for stat in children)
        return (sum(map(int, own[_TIMES])) + alive) / _TICKS_PER_S if own else 0.0


@contextmanager
def running_postgres() -> Iterator[RunningServer]:
    """Run PostgreSQL with its default settings: what is committed has reached the disk."""
    server = postgres.new_server(settings=())
    try:
        assert server.process is not None
        yield RunningServer(server.url, server.process.pid)
    finally:
        server.remove()


@contextmanager
def running_redis(folder: Path) -> Iterator[RunningServer]:
    """Run Redis with an append-only file that is flushed every second; with less,
    a crash of Redis loses jobs.
    """
    program = shutil.which("redis-server")
    if program is None:
        raise RuntimeError("redis-server is missing. On Debian: apt-get install -y redis-server")
    port = postgres.free_port()
    command = [
        program,
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--dir",
        str(folder),
        "--appendonly",
        "yes",
    ]
    process = subprocess.Popen(
        [*command, "--save", "", "--loglevel", "warning"], stdout=subprocess.DEVNULL
    )
    try:
        _until_answers(port, process)
        yield RunningServer(f"redis://127.0.0.1:{port}/0", process.pid)
    finally:
        process.terminate()
        process.wait()


def _until_answers(port: int, process: subprocess.Popen[bytes]) -> None:
    import redis

    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            redis.Redis(port=port).ping()
            return
        except redis.ConnectionError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("redis-server did not start") from None
            time.sleep(0.02)


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _stat(pid: int) -> list[str] | None:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # it has ended in the meantime
        return None
