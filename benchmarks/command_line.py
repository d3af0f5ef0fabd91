"""What the start of a command costs, next to yt-dlp's.

    .venv/bin/python -m benchmarks.command_line [--rounds 9]

The processor time of whole processes (user and system), one after the other in each round, with
compiled modules, as they are once installed; the vault is new and empty. ``bare Python`` is what no
program of Python can do without.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

BIN = Path(sys.executable).parent
REFERENCE = "yt-dlp --version"
COMMANDS: Mapping[str, Sequence[str]] = {
    "bare Python": (sys.executable, "-c", "pass"),
    REFERENCE: (str(BIN / "yt-dlp"), "--version"),
    "mediavault --version": (str(BIN / "mediavault"), "--version"),
    "mediavault --help": (str(BIN / "mediavault"), "--help"),
    "mediavault list --limit 1": (str(BIN / "mediavault"), "list", "--limit", "1"),
}


def main() -> None:
    """Measure all commands and print a table."""
    parser = argparse.ArgumentParser(description="What the start of a command costs.")
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
        } | {
            "PYTHONPYCACHEPREFIX": f"{folder}/compiled",
            "MEDIAVAULT_STATE_DIR": f"{folder}/state",
            "MEDIAVAULT_DOWNLOAD_DIR": f"{folder}/library",
        }
        for command in COMMANDS.values():  # compiles the modules
            cpu_s(command, environment)
        costs: dict[str, list[float]] = {name: [] for name in COMMANDS}
        for _ in range(rounds):
            for name, command in COMMANDS.items():
                costs[name].append(cpu_s(command, environment))
    reference = statistics.median(costs[REFERENCE])
    print(f"{'command':<28}{'CPU ms':>8}{'lowest':>8}  × {REFERENCE}")
    for name, seconds in costs.items():
        median = statistics.median(seconds)
        print(f"{name:<28}{median * 1e3:>8.0f}{min(seconds) * 1e3:>8.0f}  {median / reference:.2f}")


def cpu_s(command: Sequence[str], environment: Mapping[str, str]) -> float:
    """Run a command and return its processor time in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, env=environment, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


if __name__ == "__main__":
    main()
