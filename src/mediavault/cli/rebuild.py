"""``rebuild``: restores jobs from the library's sidecars. Exit code 1 when one could not be restored as completed, or is damaged."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from mediavault.cli.errors import EXIT_JOB_FAILED, Exit
from mediavault.cli.options import SetAside

if TYPE_CHECKING:
    from mediavault.core.settings import Settings
    from mediavault.maintenance.rebuilding import Rebuilt, Refused

SizesOnly = Annotated[bool, typer.Option("--sizes-only", help="Accept a file of the right size without reading it.")]
AsJsonLines = Annotated[
    bool, typer.Option("--json", help="Print one JSON object per refused sidecar and a summary, one per line.")
]


def rebuild(*, sizes_only: SizesOnly = False, set_aside: SetAside = False, as_json: AsJsonLines = False) -> None:
    """Restore the jobs of all videos that match their sidecar."""
    from mediavault.cli.context import quiet_settings, set_aside_damaged

    settings = quiet_settings()
    if set_aside:
        set_aside_damaged(settings)
    done = asyncio.run(_rebuild(settings, read_data=not sizes_only, as_json=as_json))
    _sum_up(done, as_json=as_json)
    if done.refused or done.damaged:
        raise Exit(EXIT_JOB_FAILED)


async def _rebuild(settings: Settings, *, read_data: bool, as_json: bool) -> Rebuilt:
    from mediavault.app import storage
    from mediavault.cli.context import refuse_running_workers
    from mediavault.cli.progress import steps
    from mediavault.core.clock import SystemClock
    from mediavault.maintenance.rebuilding import Rebuild, count_sidecars

    async with storage.open_store(settings, may_replace=True) as store:
        await refuse_running_workers(store)
        with steps(silent=as_json) as onlooker:
            library = await storage.open_library(settings, store)
            onlooker.start("Reading sidecars", await count_sidecars(library))
            async with storage.open_examiner(settings, library, SystemClock(), helpers=2) as examiner:
                rebuild = Rebuild(store, library, read_data=read_data, examiner=examiner, on_sidecars=onlooker.advance)
                async for refused in rebuild.run():
                    _print(refused, as_json=as_json)
            return rebuild.done


def _print(refused: Refused, *, as_json: bool) -> None:
    from mediavault.cli.output import out, print_json_line
    from mediavault.presentation.labels import one_line

    if as_json:
        print_json_line(
            {"refused": refused.refusal, "path": refused.path, "job": refused.job, "detail": refused.detail}
        )
    else:
        out().print(f"{one_line(refused.path)}: {one_line(refused.detail)}", markup=False, soft_wrap=True)


def _sum_up(done: Rebuilt, *, as_json: bool) -> None:
    from mediavault.cli.output import out, print_json_line
    from mediavault.core.messages import counted

    if as_json:
        print_json_line(
            {
                "ok": not (done.refused or done.damaged),
                "sidecars": done.sidecars,
                "new": done.new,
                "renewed": done.renewed,
                "known": done.known,
                "partial": done.partial,
                "deleted": done.deleted,
                "refused": done.refused,
                "damaged": done.damaged,
            }
        )
        return
    out().print(
        f"{counted(done.sidecars, 'sidecar')}: {counted(done.new, 'job')} new, {done.renewed:,} completed here by what the library has, "
        f"{done.known:,} known already; {done.refused:,} not taken as completed, {done.damaged:,} damaged.",
        markup=False,
        soft_wrap=True,
    )
