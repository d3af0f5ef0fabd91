"""Measures the job queue against its peers, in one run: ``python -m benchmarks.queue``. README.md
explains the result.

Rounds are interleaved: every contender runs in every round, each in its own process, in a different
order each time. A machine that is busy for a minute then slows all of them, and the ratios within a
round stay true.
"""

# ruff: noqa: A005 - run as benchmarks.queue; nothing imports it
from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import idle, latency, postgres_scale
from benchmarks.contenders import BULK, CONTENDERS, DRAIN, SINGLE
from benchmarks.subjects import Cost
from mediavault import __version__
from mediavault.store.sqlite.engine import sqlite_version

OURS, OURS_ON_POSTGRES = "mediavault", "mediavault PostgreSQL"
# measured against ours on PostgreSQL
ON_SERVERS = ("procrastinate", "PgQueuer", "SAQ (Redis)", "Dramatiq (Redis)")
# Jobs enqueued one by one each wait for the disk, and some contenders are slow: fewer jobs give the
# same result.
TASK_SHARE: Mapping[str, float] = {SINGLE: 0.2, BULK: 1.0, DRAIN: 1.0}
CONTENDER_SHARE: Mapping[str, float] = {"SQLAlchemy aiosqlite": 0.2, "procrastinate": 0.2}
MIN_JOBS = 100
LATENCY_JOBS = 200
IDLE_S = 15.0
PINNED_JOBS = 60_000
TASK_TIMEOUT_S = 600.0
WIDTH = 100  # of the tables without a terminal

Results = dict[tuple[str, str], list[Cost]]  # (task, contender) -> a cost for each round


@dataclass(frozen=True, slots=True)
class Aim:
    """A figure and its maximum. ``limit`` None: for information only."""

    name: str
    value: float
    limit: float | None
    unit: str = ""

    @property
    def met(self) -> bool | None:
        return None if self.limit is None else self.value <= self.limit


@dataclass(frozen=True, slots=True)
class Report:
    costs: Results
    latencies: Mapping[str, latency.Latency]
    idle: idle.Idle
    scale: postgres_scale.Scale

    def ratio(self, other: str, *, task: str = DRAIN) -> float:
        """Return CPU per job, ours to the other's: the median of the rounds' ratios.

        Against contenders with a server, ours is the one on PostgreSQL.
        """
        ours = OURS_ON_POSTGRES if other in ON_SERVERS else OURS
        pairs = zip(self.costs[task, ours], self.costs[task, other], strict=True)
        return median(ours.cpu_us_per_job / theirs.cpu_us_per_job for ours, theirs in pairs)

    def start_ratio(self, other: str) -> float:
        """Return the p50 from the call of enqueue to the start,
        ours on PostgreSQL to the other's.
        """
        return self.latencies[latency.ON_POSTGRES].p50_ms / self.latencies[other].p50_ms

    def aims(self) -> list[Aim]:
        ours = self.latencies[latency.MEDIAVAULT]
        return [
            Aim(
                "drain, CPU a job: mediavault / raw sqlite3 NORMAL",
                self.ratio("raw sqlite3 NORMAL"),
                1.0,
                "×",
            ),
            Aim(
                "drain, CPU a job: mediavault / raw sqlite3 FULL",
                self.ratio("raw sqlite3 FULL"),
                1.0,
                "×",
            ),
            Aim(
                "drain, CPU a job: mediavault / raw sqlite3 fused",
                self.ratio("raw sqlite3 fused"),
                1.0,
                "×",
            ),
            Aim("drain, CPU a job: mediavault / huey", self.ratio("huey"), 1.0, "×"),
            Aim(
                "drain, CPU a job: mediavault / SQLAlchemy",
                self.ratio("SQLAlchemy aiosqlite"),
                None,
                "×",
            ),
            Aim(
                "enqueue, CPU a job: mediavault / raw sqlite3 FULL",
                self.ratio("raw sqlite3 FULL", task=SINGLE),
                None,
                "×",
            ),
            Aim(
                "enqueue, CPU a job: mediavault / huey", self.ratio("huey", task=SINGLE), None, "×"
            ),
            Aim(
                "drain, CPU a job: mediavault PostgreSQL / PgQueuer",
                self.ratio("PgQueuer"),
                1.0,
                "×",
            ),
            Aim(
                "drain, CPU a job: mediavault PostgreSQL / procrastinate",
                self.ratio("procrastinate"),
                1.0,
                "×",
            ),
            Aim(
                "drain, CPU a job: mediavault PostgreSQL / SAQ", self.ratio("SAQ (Redis)"), 1.0, "×"
            ),
            Aim(
                "drain, CPU a job: mediavault PostgreSQL / Dramatiq",
                self.ratio("Dramatiq (Redis)"),
                1.0,
                "×",
            ),
            Aim(
                "PostgreSQL: a job among 1.1 million others / alone",
                self.scale.crowd_costs,
                1.05,
                "×",
            ),
            Aim(
                "PostgreSQL, snapshot held: first tenth / last tenth, jobs/s",
                1 / self.scale.last_to_first,
                1 / 0.9,
                "×",
            ),
            Aim(
                "start in another process, p50 after enqueue returned",
                ours.after_enqueue_p50_ms,
                1.0,
                "ms",
            ),
            Aim(
                "start in another process, p50: mediavault PostgreSQL / PgQueuer",
                self.start_ratio(latency.PGQUEUER),
                0.7,
                "×",
            ),
            Aim(
                "start in another process, p50: mediavault PostgreSQL / SAQ",
                self.start_ratio(latency.SAQ),
                0.7,
                "×",
            ),
            Aim("idle serve, CPU of one core", self.idle.cpu_percent, 0.5, "%"),
            Aim("idle serve, resident memory", self.idle.rss_mb, 90.0, "MB"),
        ]


# --- measuring ------------------------------------------------------------------------------------


def measure(rounds: int, jobs: int, folder: Path | None) -> Report:
    costs: Results = {}
    latencies: dict[str, list[latency.Latency]] = {}
    for number in range(rounds):
        for task, contender in _turns(number):
            _log(f"round {number + 1} of {rounds}: {task}: {contender}")
            count = jobs * TASK_SHARE[task] * CONTENDER_SHARE.get(contender, 1.0)
            costs.setdefault((task, contender), []).append(
                _run(contender, task, max(MIN_JOBS, int(count)), folder)
            )
        for contender in latency.CONTENDERS:
            _log(f"round {number + 1} of {rounds}: start in another process: {contender}")
            with tempfile.TemporaryDirectory(prefix="bench-", dir=folder) as own:
                measured = asyncio.run(latency.measure(contender, Path(own), LATENCY_JOBS))
            latencies.setdefault(contender, []).append(measured)
    _log(f"idle serve: {IDLE_S:.0f} s")
    with tempfile.TemporaryDirectory(prefix="bench-", dir=folder) as own:
        idling = idle.measure(Path(own), IDLE_S)
    _log("PostgreSQL among a million jobs, and with a snapshot held")
    scale = postgres_scale.measure(jobs, PINNED_JOBS)
    return Report(
        costs, {name: _medians(measured) for name, measured in latencies.items()}, idling, scale
    )


def _turns(number: int) -> Iterator[tuple[str, str]]:
    names = list(CONTENDERS)
    shift = number % len(names)
    for task in (SINGLE, BULK, DRAIN):
        for name in names[shift:] + names[:shift]:
            if task in CONTENDERS[name].tasks:
                yield task, name


def _run(contender: str, task: str, count: int, folder: Path | None) -> Cost:
    with tempfile.TemporaryDirectory(prefix="bench-", dir=folder) as own:
        command = [sys.executable, "-m", "benchmarks.contenders", contender, task]
        answer = subprocess.run(
            [*command, "--jobs", str(count), "--folder", own],
            stdout=subprocess.PIPE,
            check=True,
            timeout=TASK_TIMEOUT_S,
        )
    return Cost(**json.loads(answer.stdout))


def _medians(rounds: list[latency.Latency]) -> latency.Latency:
    """Return each figure's median over the rounds."""
    figures = [asdict(measured) for measured in rounds]
    return latency.Latency(
        **{name: median(figure[name] for figure in figures) for name in figures[0]}
    )


def _log(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


# --- output ---------------------------------------------------------------------------------------


def as_json(report: Report, rounds: int, jobs: int) -> dict[str, Any]:
    return {
        "versions": versions(),
        "rounds": rounds,
        "jobs": jobs,
        "costs": [
            {
                "task": task,
                "contender": contender,
                "synchronous": CONTENDERS[contender].durability,
                "cpu_us_per_job": [round(cost.cpu_us_per_job, 1) for cost in costs],
                "jobs_per_s": [round(cost.jobs_per_s) for cost in costs],
            }
            for (task, contender), costs in report.costs.items()
        ],
        "latency": {name: asdict(measured) for name, measured in report.latencies.items()},
        "idle": asdict(report.idle),
        "scale": asdict(report.scale),
        "aims": [asdict(aim) | {"met": aim.met} for aim in report.aims()],
    }


def print_report(report: Report, rounds: int, console: Console) -> None:
    console.print(_costs_table(report, rounds), _latency_table(report), _aims_table(report))
    console.print(", ".join(f"{name} {number}" for name, number in versions().items()), style="dim")


def _costs_table(report: Report, rounds: int) -> Table:
    table = Table(title=f"CPU a job (medians of {rounds} rounds)")
    for column in ("task", "contender", "synchronous"):
        table.add_column(column)
    for column in ("CPU µs a job", "mediavault is", "jobs/s"):
        table.add_column(column, justify="right")
    for task in (SINGLE, BULK, DRAIN):
        for contender in CONTENDERS:
            if (costs := report.costs.get((task, contender))) is not None:
                table.add_row(
                    task,
                    contender,
                    CONTENDERS[contender].durability,
                    f"{median(cost.cpu_us_per_job for cost in costs):,.0f}",
                    ""
                    if contender in (OURS, OURS_ON_POSTGRES)
                    else f"{report.ratio(contender, task=task):.2f} ×",
                    f"{median(cost.jobs_per_s for cost in costs):,.0f}",
                )
        table.add_section()
    return table


def _latency_table(report: Report) -> Table:
    table = Table(
        title=f"From enqueue to start in another process, {latency.RATE_PER_S} jobs/s (ms)"
    )
    table.add_column("contender")
    for column in ("p50", "p99", "enqueue alone, p50", "after enqueue, p50"):
        table.add_column(column, justify="right")
    for name, measured in report.latencies.items():
        figures = (
            measured.p50_ms,
            measured.p99_ms,
            measured.enqueue_p50_ms,
            measured.after_enqueue_p50_ms,
        )
        table.add_row(name, *(f"{figure:.2f}" for figure in figures))
    return table


def _aims_table(report: Report) -> Table:
    table = Table(title="Aims")
    table.add_column("what")
    for column in ("measured", "at most", ""):
        table.add_column(column, justify="right")
    words = {True: "[green]met", False: "[red]missed", None: ""}
    for aim in report.aims():
        limit = "" if aim.limit is None else f"{aim.limit:g} {aim.unit}"
        table.add_row(aim.name, f"{aim.value:.2f} {aim.unit}", limit, words[aim.met])
    return table


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH)


def versions() -> dict[str, str]:
    return {
        "mediavault": __version__,
        "Python": platform.python_version(),
        "SQLite (mediavault's)": sqlite_version(),
        "SQLite (the peers')": sqlite3.sqlite_version,
        **{
            name: version(name)
            for name in (
                "huey",
                "SQLAlchemy",
                "aiosqlite",
                "procrastinate",
                "pgqueuer",
                "saq",
                "dramatiq",
            )
        },
        "cores": str(os.cpu_count()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.queue", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=5000, help="jobs a task and round")
    parser.add_argument(
        "--folder",
        type=Path,
        help="where the databases lie; default: the folder for temporary files",
    )
    parser.add_argument(
        "--json", action="store_true", help="print JSON, with the figures of every round"
    )
    options = parser.parse_args()
    report = measure(options.rounds, options.jobs, options.folder)
    if options.json:
        print(json.dumps(as_json(report, options.rounds, options.jobs), indent=2))
    else:
        print_report(report, options.rounds, _console())


if __name__ == "__main__":
    main()
