"""The demo's table and its JSON: the state and result of each post."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from mediavault.core.job import HistoryRecord, Job, JobStatus
from mediavault.demo.expectations import ExpectedStep, has_ended, steps
from mediavault.demo.posts import PracticePost


@dataclass(frozen=True, slots=True)
class Row:
    """A post and its job. ``problems`` is None until it has been judged."""

    post: PracticePost
    job: Job
    history: tuple[HistoryRecord, ...] = ()
    problems: tuple[str, ...] | None = None

    @property
    def is_right(self) -> bool:
        return self.problems == ()


_STATUS_STYLE = {
    JobStatus.QUEUED: "dim",
    JobStatus.RUNNING: "cyan",
    JobStatus.COMPLETED: "green",
    JobStatus.FAILED: "yellow",
    JobStatus.CANCELLED: "red",
}


def draw(rows: Iterable[Row]) -> Table:
    """Draw one line per post, 80 characters wide: what it tests, its job's state,
    the strategies used, and the verdict.
    """
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0)
    for heading in ("post", "what it tests", "outcome"):
        table.add_column(heading, no_wrap=True)
    table.add_column("strategies")
    table.add_column("s", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for row in rows:
        seconds = took_s(row.job, row.history)
        took = f"{seconds:.1f}" if seconds is not None else ""
        strategies = tried_text(steps(row.history))
        table.add_row(
            row.post.slug, row.post.tests, _outcome(row.job), strategies, took, _mark(row)
        )
    return table


def complaints(rows: Iterable[Row]) -> list[str]:
    """Return the problems of each post with its history, which shows the cause."""
    lines: list[str] = []
    for row in rows:
        if row.is_right:
            continue
        lines += [
            f"{row.post.slug}: {problem}" for problem in row.problems or ("it was not judged",)
        ]
        lines += [f"    {record_text(record)}" for record in row.history]
    return lines


def as_json_object(rows: Iterable[Row], *, seconds: float) -> dict[str, Any]:
    """Return the demo's result as one JSON object."""
    listed = list(rows)
    return {
        "ok": bool(listed) and all(row.is_right for row in listed),
        "seconds": round(seconds, 1),
        "posts": [_row_object(row) for row in listed],
    }


def _row_object(row: Row) -> dict[str, Any]:
    post, job = row.post, row.job
    seconds = took_s(job, row.history)
    return {
        "post": post.slug,
        "tests": post.tests,
        "post_url": job.post_url,
        "expected": {
            "status": JobStatus.FAILED if post.code else JobStatus.COMPLETED,
            "error_code": post.code,
            "strategies": sorted(post.strategies) if post.is_saved else [],
        },
        "status": job.status,
        "error_code": job.error_code,
        "tried": [
            {
                "attempt": step.attempt,
                "strategy": step.strategy,
                "ok": step.ok,
                "error_code": step.code,
            }
            for step in steps(row.history)
        ],
        "attempts": job.attempt_count,
        "bytes": job.bytes,
        "seconds": round(seconds, 2) if seconds is not None else None,
        "problems": list(row.problems or ()),
        "ok": row.is_right,
    }


def took_s(job: Job, history: Iterable[HistoryRecord]) -> float | None:
    """Return the seconds from the first claim to the end, including waits between attempts;
    None before the end.
    """
    ended = job.completed_at or job.failed_at
    began = min((record.at for record in history if record.attempt >= 1), default=job.started_at)
    if ended is None or began is None or not has_ended(job):
        return None
    return (ended - began).total_seconds()


def tried_text(tried: Sequence[ExpectedStep]) -> str:
    """Return the strategies of the last attempt, as in ``plain✗ session✓``;
    a ``↻`` in front means earlier attempts.
    """
    if not tried:
        return ""
    last = [step for step in tried if step.attempt == tried[-1].attempt]
    earlier = "↻ " if len(last) < len(tried) else ""
    return earlier + " ".join(f"{step.strategy}{'✓' if step.ok else '✗'}" for step in last)


def record_text(record: HistoryRecord) -> str:
    parts = [
        str(record.attempt),
        record.stage,
        record.strategy or "",
        record.outcome,
        record.error_code or "",
        record.detail,
    ]
    return " ".join(part for part in parts if part)


def _outcome(job: Job) -> Text:
    if job.status is JobStatus.FAILED and job.retry_at is not None:
        return Text("tries again", style="cyan")
    words = {JobStatus.COMPLETED: "saved", JobStatus.FAILED: str(job.error_code)}
    return Text(words.get(job.status, str(job.status)), style=_STATUS_STYLE[job.status])


def _mark(row: Row) -> Text:
    if row.problems is None:
        return Text("")
    return Text("✓", style="bold green") if row.is_right else Text("✗", style="bold red")
