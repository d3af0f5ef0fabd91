"""``get URL``: add a post, wait, and print the result. Exit code 0 saved, 1 failed, 2 refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mediavault.cli.context import run
from mediavault.cli.options import EXIT_JOB_FAILED, AsJson, Exit
from mediavault.core.job import JobStatus

if TYPE_CHECKING:
    from mediavault.core.job import Job

DEFAULT_PATIENCE_S = 30.0


def get(
    url: Annotated[str, typer.Argument(metavar="URL", help="URL of a post.", show_default=False)],
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Save it again, as a new version.")
    ] = False,
    patience: Annotated[
        float, typer.Option(min=0, help="Wait for a retry that is due within this many seconds.")
    ] = DEFAULT_PATIENCE_S,
    as_json: AsJson = False,
) -> None:
    """Save one post and wait for it."""
    from mediavault.cli.context import quiet_settings
    from mediavault.cli.output import print_json
    from mediavault.cli.waiting import save_and_wait
    from mediavault.core.clock import SystemClock
    from mediavault.presentation.views import job_view

    settings = quiet_settings()
    job = run(
        save_and_wait(
            settings, url, SystemClock(), force=force, patience_s=patience, silent=as_json
        )
    )
    if as_json:
        print_json(job_view(job))
    else:
        _print(job)
    if job.status is not JobStatus.COMPLETED:
        raise Exit(EXIT_JOB_FAILED)


def _print(job: Job) -> None:
    from mediavault.cli.output import err, moment_words, out
    from mediavault.presentation.labels import format_duration, format_size, one_line
    from mediavault.presentation.views import job_view

    if job.status is JobStatus.COMPLETED:
        facts = ", ".join(filter(None, (format_size(job.bytes), format_duration(job.duration_s))))
        out().print(f"Saved {job.output_path} ({facts})", markup=False, soft_wrap=True)
        return
    view, console = job_view(job), err()
    console.print(f"{view.display.state}: {one_line(job.error or '')}".rstrip(": "), markup=False)
    if view.help:
        console.print(view.help, markup=False)
    if job.status is JobStatus.QUEUED:
        console.print("It is held back in the queue; `mediavault resume` ends a pause.")
    if job.retry_at:
        console.print(f"Next attempt at {moment_words(job.retry_at)}, if the vault is running.")
    console.print(f"mediavault show {job.id} says what was tried.", style="dim")
