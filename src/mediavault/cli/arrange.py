"""``arrange``: brings the library into the layout of the settings. Exit code 1 when videos had to stay where they are."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from mediavault.cli.errors import EXIT_JOB_FAILED, Exit

if TYPE_CHECKING:
    from mediavault.core.settings import Settings
    from mediavault.maintenance.arranging import Arranged, Move

DryRun = Annotated[bool, typer.Option("--dry-run", help="List what would be moved and written, and change nothing.")]
AsJsonLines = Annotated[
    bool, typer.Option("--json", help="Print one JSON object per move and a summary, one per line.")
]


def arrange(*, dry_run: DryRun = False, as_json: AsJsonLines = False) -> None:
    """Move the videos into the layout of the settings, and write missing files for media servers.

    Can be interrupted and repeated.
    """
    from mediavault.cli.context import quiet_settings

    done = asyncio.run(_arrange(quiet_settings(), dry_run=dry_run, as_json=as_json))
    _sum_up(done, dry_run=dry_run, as_json=as_json)
    if done.missing or done.left:
        raise Exit(EXIT_JOB_FAILED)


async def _arrange(settings: Settings, *, dry_run: bool, as_json: bool) -> Arranged:
    from mediavault.app import storage
    from mediavault.cli.context import refuse_running_workers
    from mediavault.cli.progress import steps
    from mediavault.core.clock import SystemClock
    from mediavault.features.media_servers.records import note_saved
    from mediavault.maintenance.arranging import Arrangement
    from mediavault.maintenance.moving import count_jobs
    from mediavault.store.live_settings import LiveSettings

    async with storage.open_store(settings) as store:
        if not dry_run:
            await refuse_running_workers(store)
        now = await LiveSettings(settings, store.records, SystemClock()).current()
        with steps(silent=as_json) as onlooker:
            library = await storage.open_library(settings, store)
            onlooker.start("Arranging", await count_jobs(store.catalogue))
            arrangement = Arrangement(
                store,
                library,
                now,
                can_move=settings.vault_url is None,
                dry_run=dry_run,
                on_jobs=onlooker.advance,
            )
            async for move in arrangement.run():
                _print(move, as_json=as_json)
            if settings.media_server and not dry_run and (arrangement.done.moved or arrangement.done.written):
                await note_saved(store.records, SystemClock())  # the next worker makes the call
            return arrangement.done


def _print(move: Move, *, as_json: bool) -> None:
    from mediavault.cli.output import out, print_json_line
    from mediavault.presentation.labels import one_line

    if as_json:
        print_json_line({"job": move.job, "from": move.source, "to": move.target})
    else:
        out().print(f"{one_line(move.source)} -> {one_line(move.target)}", markup=False, soft_wrap=True)


def _sum_up(done: Arranged, *, dry_run: bool, as_json: bool) -> None:
    from mediavault.cli.output import out, print_json_line
    from mediavault.core.messages import counted

    if as_json:
        counts = {"moved": done.moved, "written": done.written, "missing": done.missing, "left": done.left}
        print_json_line({"ok": not done.missing and not done.left, "dry_run": dry_run, "jobs": done.jobs, **counts})
        return
    moved, written = counted(done.moved, "video"), counted(done.written, "file")
    line = f"{moved} moved, {written} for media servers written, of {counted(done.jobs, 'job')}."
    out().print(f"Nothing was changed. Without --dry-run: {line}" if dry_run else line, markup=False, soft_wrap=True)
    if done.missing:
        out().print(f"{counted(done.missing, 'video')} not in the library: see `mediavault verify`.", style="red")
    if done.left:
        words = "left where it is: its post is not completed, or it is in a bucket."
        out().print(f"{counted(done.left, 'video')} {words}", style="red")
