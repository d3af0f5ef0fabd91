"""huey on SQLite with its defaults. It deletes a task before it runs it:
a task that a crash interrupts is lost.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from huey import SqliteHuey

from benchmarks.subjects import Cost, Stopwatch, expect, make_jobs


def queue_in(folder: Path) -> Any:
    return SqliteHuey("jobs", filename=str(folder / "huey.db"))


def register(huey: Any, function: Callable[..., object]) -> Any:
    """Return a task whose name is the same in every process,
    also where its module is ``__main__``.
    """
    function.__module__ = __name__
    return huey.task(name="save")(function)


def enqueue(folder: Path, count: int) -> Cost:
    huey = queue_in(folder)
    save = register(huey, lambda *_: None)
    jobs = make_jobs(count)
    watch = Stopwatch()
    for job in jobs:
        save(job.id, job.post_url, job.platform)
    return watch.cost(count)


def drain(folder: Path, count: int) -> Cost:
    """Make the consumer's own calls in a loop, without its threads and its polling."""
    huey = queue_in(folder)
    done: list[str] = []
    save = register(huey, lambda job_id, *_: done.append(job_id))
    for job in make_jobs(count):
        save(job.id, job.post_url, job.platform)
    watch = Stopwatch()
    while (task := huey.dequeue()) is not None:
        huey.execute(task)
    cost = watch.cost(count)
    expect(len(done), count)
    return cost
