"""``get URL…``: add posts, wait, and print where they are. Exit code 0 saved, 1 failed,
2 refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from mediavault.cli.context import run
from mediavault.cli.jobs import LinkFile, Links, ProfileName, read_urls
from mediavault.cli.options import EXIT_JOB_FAILED, EXIT_REFUSED, AsJson, Exit
from mediavault.core.job import JobStatus

if TYPE_CHECKING:
    from mediavault.core.job import Job
    from mediavault.core.settings import Settings
    from mediavault.core.submission import RefusedAddress

DEFAULT_PATIENCE_S = 30.0
SOUND_PROFILE = "audio"  # a built-in one


def get(
    urls: Links = None,
    *,
    file: LinkFile = None,
    profile: ProfileName = None,
    audio: Annotated[
        bool, typer.Option("--audio", help=f"Save the sound only: --profile {SOUND_PROFILE}.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Save posts again that were saved, as a new version.")
    ] = False,
    patience: Annotated[
        float, typer.Option(min=0, help="Wait for a retry that is due within this many seconds.")
    ] = DEFAULT_PATIENCE_S,
    as_json: AsJson = False,
) -> None:
    """Save posts and wait for them."""
    from mediavault.cli.context import quiet_settings
    from mediavault.cli.output import err, print_json
    from mediavault.cli.waiting import Saving, save_and_wait
    from mediavault.core.clock import SystemClock
    from mediavault.core.failures import BadInput
    from mediavault.presentation.labels import one_line
    from mediavault.presentation.views import job_view

    if audio and profile is not None:
        raise BadInput("--audio and --profile exclude each other.")
    texts = read_urls(urls or [], file)
    settings, done = quiet_settings(), list["Job"]()

    def report(job: Job) -> None:
        done.append(job)
        if not as_json:
            _print(job, settings, is_one_of_several=len(texts) > 1)

    saving = Saving(SOUND_PROFILE if audio else profile, force, patience, as_json)
    refused = run(save_and_wait(settings, texts, SystemClock(), saving, report))
    if as_json and len(urls or []) == len(texts) == 1 and file is None:
        print_json(job_view(done[0]))
    elif as_json:
        print_json(
            {"jobs": [job_view(job) for job in done], "refused": list(map(_refusal, refused))}
        )
    else:
        for address in refused:
            why = f"{address.text}: {address.error.message} {address.error.help}"
            err().print(one_line(why), markup=False, soft_wrap=True)
    if refused:
        raise Exit(EXIT_REFUSED)
    if any(job.status is not JobStatus.COMPLETED for job in done):
        raise Exit(EXIT_JOB_FAILED)


def _refusal(address: RefusedAddress) -> dict[str, str]:
    error = address.error
    return {
        "url": address.text,
        "code": error.code,
        "message": error.message,
        "help": error.help,
    }


def _print(job: Job, settings: Settings, *, is_one_of_several: bool) -> None:
    """Print the result: on a terminal what helps on further lines, elsewhere all on one."""
    from mediavault.cli.output import err, moment_words, out
    from mediavault.presentation.labels import format_duration, format_size, one_line
    from mediavault.presentation.views import job_view

    if job.status is JobStatus.COMPLETED:
        facts = ", ".join(filter(None, (format_size(job.bytes), format_duration(job.duration_s))))
        path = _location(job.output_path or "", settings)
        out().print(f"Saved {path} ({facts})", markup=False, soft_wrap=True)
        return
    view, console = job_view(job), err()
    post = f"{one_line(job.post_url)}: " if is_one_of_several else ""
    result = f"{post}{view.display.state}: {one_line(job.error or '')}".rstrip(": ")
    lines = [result, view.help]
    if job.status is JobStatus.QUEUED:
        lines.append("It is held back in the queue; `mediavault resume` ends a pause.")
    if job.retry_at:
        lines.append(f"Next attempt at {moment_words(job.retry_at)}, if the vault is running.")
    lines.append(f"`mediavault show {job.id}` says what was tried.")
    separator = "\n" if console.is_terminal else " "
    console.print(separator.join(filter(None, lines)), markup=False, soft_wrap=True)


def _location(path: str, settings: Settings) -> str:
    """Return where a saved file is: an absolute path, or its address in a bucket."""
    if settings.vault_url is not None:
        bucket = urlsplit(settings.vault_url)
        return f"{bucket.scheme}://{bucket.hostname}{bucket.path.rstrip('/')}/{path}"
    return str(Path(settings.download_dir).absolute() / path)
