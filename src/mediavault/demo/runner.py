"""``mediavault demo``: saves the posts of a practice site with a complete vault, without the
internet.

Everything is in a temporary folder that is removed at the end: no setting, job or video of the user
is touched.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from rich import box
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from mediavault.core.clock import Clock, SystemClock
from mediavault.core.job import HistoryRecord, Job, JobStatus, NewJob
from mediavault.core.settings import Settings, load_settings
from mediavault.demo.expectations import ExpectedStep, SavedVideo, check, has_ended, steps
from mediavault.demo.faults import FAULTS
from mediavault.demo.media import fingerprint, has_sound
from mediavault.demo.posts import PracticePost
from mediavault.demo.site import PracticeSite, practice_site
from mediavault.store.port import JobCatalogue, Store

# --- table ----------------------------------------------------------------------------------------
# The demo's table and its JSON: the state and result of each post.


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


# --- runner ---------------------------------------------------------------------------------------


# without any change; an unfinished post then counts as wrong, however slow the machine is
STILL_S = 60.0
CHECK_INTERVAL_S = 0.25
MAX_ATTEMPTS = 2  # "come back later" needs a second attempt; a third would only take time

OnRows = Callable[[Sequence[Row]], None]


class DemoVault(Protocol):
    """The part of the application that the demo uses."""

    @property
    def store(self) -> Store: ...

    def submit(self, url: str) -> NewJob:
        """Read a URL; nothing is stored yet. Raises BadInput."""


App = Callable[[Settings], AbstractAsyncContextManager[DemoVault]]


async def run_demo(console: Console, *, as_json: bool, open_app: App | None = None) -> int:
    """Save every practice post and print the results, as a table or as one JSON object.

    Returns 0 when all ended as expected, else 1. ``open_app`` opens a vault whose worker runs in
    this process until the context ends.
    """
    clock = SystemClock()
    with tempfile.TemporaryDirectory(
        prefix="mediavault-demo-", ignore_cleanup_errors=True
    ) as folder:
        root = Path(folder)
        if not as_json:
            console.print("Making a practice site with a post for every kind of trouble …")
        async with practice_site(root / "media", clock=clock) as site:
            began = clock.monotonic()
            settings = demo_settings(root, site.origin)
            async with (open_app or _open_default_vault)(settings) as vault:
                with _screen(console, as_json=as_json) as show:
                    rows = await save_all(site, vault, settings.download_dir, clock, show=show)
            seconds = clock.monotonic() - began
    return _report(console, rows, seconds, as_json=as_json)


def demo_settings(root: Path, origin: str) -> Settings:
    """Return settings for a fast vault below ``root``;
    only the browser and the log level come from the environment.
    """
    return load_settings(
        state_dir=root / "state",
        download_dir=root / "library",
        vault_url=None,
        database_url=f"sqlite:///{root / 'state' / 'mediavault.db'}",
        host="127.0.0.1",
        port=0,
        token=None,
        concurrency=3,
        poll_interval_s=0.25,
        heartbeat_interval_s=5.0,
        lease_s=90.0,
        extraction_timeout_s=60.0,
        max_attempts=MAX_ATTEMPTS,
        retry_base_s=0.5,
        shutdown_grace_s=5.0,
        max_file_gb=1.0,
        reserve_mb=20,
        stall_timeout_s=10.0,
        segment_concurrency=4,
        allow_private=(origin.removeprefix("http://"),),
    )


async def save_all(
    site: PracticeSite,
    vault: DemoVault,
    library: Path,
    clock: Clock,
    *,
    show: OnRows,
    still_s: float = STILL_S,
) -> tuple[Row, ...]:
    """Submit every post, wait until each job has ended or none has moved for ``still_s``, and judge
    them.

    ``show`` gets each change.
    """
    stored = await vault.store.queue.enqueue([vault.submit(site.url(post)) for post in site.posts])
    rows = tuple(Row(post, enqueued.job) for post, enqueued in zip(site.posts, stored, strict=True))
    moved_at, before = clock.monotonic(), [_progress_of(row) for row in rows]
    while True:
        rows = tuple([await _updated(row, vault.store.catalogue, site, library) for row in rows])
        show(rows)
        if (now := [_progress_of(row) for row in rows]) != before:
            moved_at, before = clock.monotonic(), now
        if all(row.problems is not None for row in rows):
            return rows
        if clock.monotonic() >= moved_at + still_s:
            rows = tuple([await asyncio.to_thread(judged, row, site, library) for row in rows])
            show(rows)
            return rows
        await clock.sleep(CHECK_INTERVAL_S)


def _progress_of(row: Row) -> tuple[object, ...]:
    job = row.job
    return job.status, job.stage, job.progress_pct, job.attempt_count, len(row.history)


async def _updated(row: Row, catalogue: JobCatalogue, site: PracticeSite, library: Path) -> Row:
    """Return the row with the job's current state; a job that has ended is judged, once."""
    if row.problems is not None:
        return row
    job = await catalogue.get(row.job.id)
    now = replace(row, job=job, history=tuple(await catalogue.history(job.id)))
    return await asyncio.to_thread(judged, now, site, library) if has_ended(job) else now


def judged(row: Row, site: PracticeSite, library: Path) -> Row:
    """Return the row with its problems. Reads the saved file: call it in a thread."""
    post, job = row.post, row.job
    if row.problems is not None:
        return row
    problems = check(
        post,
        job,
        row.history,
        clip=site.clip(post),
        saved=saved_video(job, library),
        troubles_met=site.troubles_met(post.slug) if post.slug in FAULTS else None,
    )
    return replace(row, problems=tuple(problems))


def saved_video(job: Job, library: Path) -> SavedVideo | None:
    """Return the saved video of a completed job; None for any other job."""
    if job.status is not JobStatus.COMPLETED:
        return None
    path = library / (job.output_path or "")
    if not path.is_file():
        return SavedVideo(None, None, has_sound=False, has_thumbnail=False, has_sidecar=False)
    return SavedVideo(
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        fingerprint=fingerprint(path),
        has_sound=has_sound(path),
        has_thumbnail=job.thumbnail_path is not None and (library / job.thumbnail_path).is_file(),
        has_sidecar=path.with_suffix(".info.json").is_file(),
    )


@contextmanager
def _screen(console: Console, *, as_json: bool) -> Iterator[OnRows]:
    """Draw rows: repeatedly in a terminal, else once at the end; never for JSON."""
    if as_json:
        yield lambda _: None
        return
    with Live(console=console, auto_refresh=False) as live:
        yield lambda rows: live.update(draw(rows), refresh=True)


def _report(console: Console, rows: Sequence[Row], seconds: float, *, as_json: bool) -> int:
    answer = as_json_object(rows, seconds=seconds)
    if as_json:
        console.file.write(json.dumps(answer) + "\n")
        return 0 if answer["ok"] else 1
    console.line()
    for line in complaints(rows):
        console.print(line, style="red" if not line.startswith(" ") else "dim", markup=False)
    right = sum(row.is_right for row in rows)
    console.print(f"{right} of {len(rows)} posts ended as they should, in {seconds:.0f} seconds.")
    console.print(
        "They were saved in a temporary folder, now deleted: your vault is untouched.", style="dim"
    )
    return 0 if answer["ok"] else 1


def _open_default_vault(settings: Settings) -> AbstractAsyncContextManager[DemoVault]:
    # loads almost everything, so only when a vault is needed
    from mediavault.app.composition import open_app

    return open_app(settings, worker=True)
