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
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.live import Live

from mediavault.core.clock import Clock, SystemClock
from mediavault.core.job import Job, JobStatus, NewJob
from mediavault.core.settings import Settings, load_settings
from mediavault.demo.expectations import SavedVideo, check, has_ended
from mediavault.demo.faults import FAULTS
from mediavault.demo.media import fingerprint, has_sound
from mediavault.demo.site import PracticeSite, practice_site
from mediavault.demo.table import Row, as_json_object, complaints, draw
from mediavault.store.port import JobCatalogue, Store

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
