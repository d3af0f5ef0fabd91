"""What ``mediavault serve`` costs while nothing happens: no job, no browser, no open page."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SETTLE_S = 5.0  # start-up work (recovery, sweeping, first imports) is over by then
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
# fields 14 and 15 of /proc/<pid>/stat, counted from after the name; proc(5)
_UTIME, _STIME = 11, 12


@dataclass(frozen=True, slots=True)
class Idle:
    cpu_percent: float  # of one core
    rss_mb: float
    children: int  # processes that it started: none, as long as no browser is needed


def measure(folder: Path, seconds: float) -> Idle:
    port = free_port()
    with (folder / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mediavault", "serve"],
            env=vault_environment(folder, port),
            stdout=log,
            stderr=log,
        )
        try:
            await_healthy(process, port, folder / "serve.log")
            time.sleep(SETTLE_S)
            return _watch(process.pid, seconds)
        finally:
            stop_process(process)


def _watch(pid: int, seconds: float) -> Idle:
    before, began = _cpu_s(pid), time.perf_counter()
    time.sleep(seconds)
    used, took = _cpu_s(pid) - before, time.perf_counter() - began
    return Idle(used / took * 100, _rss_mb(pid), _children(pid))


def vault_environment(folder: Path, port: int) -> Mapping[str, str]:
    theirs = {
        name: value for name, value in os.environ.items() if not name.startswith("MEDIAVAULT_")
    }
    ours = {
        "STATE_DIR": str(folder / "state"),
        "DOWNLOAD_DIR": str(folder / "downloads"),
        "PORT": str(port),
    }
    return theirs | {f"MEDIAVAULT_{name}": value for name, value in ours.items()}


def await_healthy(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until the vault answers and its worker has reported."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{port}/api/worker/health", timeout=2
            ) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"serve did not start:\n{log.read_text(errors='replace')[-2000:]}")


def stop_process(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[_UTIME]) + int(fields[_STIME])) / os.sysconf("SC_CLK_TCK")


def _rss_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "VmRSS":
            return int(value.split()[0]) / 1024
    raise RuntimeError(f"the process {pid} has no resident memory")


def _children(pid: int) -> int:
    return sum(
        len(path.read_text().split()) for path in Path(f"/proc/{pid}/task").glob("*/children")
    )


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
