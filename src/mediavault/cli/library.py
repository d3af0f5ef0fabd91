"""Commands on the saved files: verify them, restore jobs from them, and move them into a layout."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from mediavault.cli.options import EXIT_JOB_FAILED, Exit, SetAside

if TYPE_CHECKING:
    from mediavault.core.settings import Settings
    from mediavault.maintenance.arranging import Arranged, Move
    from mediavault.maintenance.findings import Finding
    from mediavault.maintenance.rebuilding import Rebuilt, Refused
    from mediavault.maintenance.verifying import Verified


DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="List what would be moved and written, and change nothing."),
]
ArrangeAsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON object per move and a summary, one per line.")
]


def arrange(*, dry_run: DryRun = False, as_json: ArrangeAsJson = False) -> None:
    """Move the videos into the layout of the settings, and write missing files for media servers.

    Can be interrupted and repeated.
    """
    from mediavault.cli.context import quiet_settings

    done = asyncio.run(_arrange(quiet_settings(), dry_run=dry_run, as_json=as_json))
    _sum_up_moves(done, dry_run=dry_run, as_json=as_json)
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
                _print_move(move, as_json=as_json)
            if (
                settings.media_server
                and not dry_run
                and (arrangement.done.moved or arrangement.done.written)
            ):
                await note_saved(store.records, SystemClock())  # the next worker makes the call
            return arrangement.done


def _print_move(move: Move, *, as_json: bool) -> None:
    from mediavault.cli.output import out, print_json_line
    from mediavault.presentation.labels import one_line

    if as_json:
        print_json_line({"job": move.job, "from": move.source, "to": move.target})
    else:
        out().print(
            f"{one_line(move.source)} -> {one_line(move.target)}", markup=False, soft_wrap=True
        )


def _sum_up_moves(done: Arranged, *, dry_run: bool, as_json: bool) -> None:
    from mediavault.cli.output import out, print_json_line
    from mediavault.core.messages import counted

    if as_json:
        counts = {
            "moved": done.moved,
            "written": done.written,
            "missing": done.missing,
            "left": done.left,
        }
        print_json_line(
            {
                "ok": not done.missing and not done.left,
                "dry_run": dry_run,
                "jobs": done.jobs,
                **counts,
            }
        )
        return
    moved, written = counted(done.moved, "video"), counted(done.written, "file")
    line = f"{moved} moved, {written} for media servers written, of {counted(done.jobs, 'job')}."
    out().print(
        f"Nothing was changed. Without --dry-run: {line}" if dry_run else line,
        markup=False,
        soft_wrap=True,
    )
    if done.missing:
        out().print(
            f"{counted(done.missing, 'video')} not in the library: see `mediavault verify`.",
            style="red",
        )
    if done.left:
        words = "left where it is: its post is not completed, or it is in a bucket."
        out().print(f"{counted(done.left, 'video')} {words}", style="red")


SizesOnly = Annotated[
    bool, typer.Option("--sizes-only", help="Accept a file of the right size without reading it.")
]
RebuildAsJson = Annotated[
    bool,
    typer.Option(
        "--json", help="Print one JSON object per refused sidecar and a summary, one per line."
    ),
]


def rebuild(
    *, sizes_only: SizesOnly = False, set_aside: SetAside = False, as_json: RebuildAsJson = False
) -> None:
    """Restore the jobs of all videos that match their sidecar."""
    from mediavault.cli.context import quiet_settings, set_aside_damaged

    settings = quiet_settings()
    if set_aside:
        set_aside_damaged(settings)
    done = asyncio.run(_rebuild(settings, read_data=not sizes_only, as_json=as_json))
    _sum_up_rebuild(done, as_json=as_json)
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
            async with storage.open_examiner(
                settings, library, SystemClock(), helpers=2
            ) as examiner:
                rebuild = Rebuild(
                    store,
                    library,
                    read_data=read_data,
                    examiner=examiner,
                    on_sidecars=onlooker.advance,
                )
                async for refused in rebuild.run():
                    _print_refused(refused, as_json=as_json)
            return rebuild.done


def _print_refused(refused: Refused, *, as_json: bool) -> None:
    from mediavault.cli.output import out, print_json_line
    from mediavault.presentation.labels import one_line

    if as_json:
        print_json_line(
            {
                "refused": refused.refusal,
                "path": refused.path,
                "job": refused.job,
                "detail": refused.detail,
            }
        )
    else:
        out().print(
            f"{one_line(refused.path)}: {one_line(refused.detail)}", markup=False, soft_wrap=True
        )


def _sum_up_rebuild(done: Rebuilt, *, as_json: bool) -> None:
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
        f"{counted(done.sidecars, 'sidecar')}: {counted(done.new, 'job')} new, {done.renewed:,}"
        " completed here by what the library has, "
        f"{done.known:,} known already; {done.refused:,} not taken as completed, {done.damaged:,}"
        " damaged.",
        markup=False,
        soft_wrap=True,
    )


ReadData = Annotated[
    bool,
    typer.Option(
        "--read-data",
        help=(
            "Read every byte, compare hashes, and examine whether each file plays: finds silent"
            " damage, but takes long."
        ),
    ),
]
VerifyAsJson = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON object per finding and a summary, one per line."),
]


def verify(*, read_data: ReadData = False, as_json: VerifyAsJson = False) -> None:
    """Find files that are missing, damaged or without a job."""
    from mediavault.cli.context import quiet_settings

    done = asyncio.run(_verify(quiet_settings(), read_data=read_data, as_json=as_json))
    _sum_up_findings(done, read_data=read_data, as_json=as_json)
    if done.findings:
        raise Exit(EXIT_JOB_FAILED)


async def _verify(settings: Settings, *, read_data: bool, as_json: bool) -> Verified:
    from mediavault.app import storage
    from mediavault.cli.progress import steps
    from mediavault.core.clock import SystemClock
    from mediavault.maintenance.moving import count_jobs
    from mediavault.maintenance.verifying import Verification

    async with storage.open_store(settings) as store:
        with steps(silent=as_json) as onlooker:
            library = await storage.open_library(settings, store)
            onlooker.start(
                "Reading every file" if read_data else "Checking file sizes",
                await count_jobs(store.catalogue),
            )
            async with storage.open_examiner(
                settings, library, SystemClock(), helpers=2
            ) as examiner:
                verification = Verification(
                    store, library, read_data=read_data, examiner=examiner, on_jobs=onlooker.advance
                )
                async for finding in verification.run():
                    _print_finding(finding, as_json=as_json)
            return verification.done


def _print_finding(finding: Finding, *, as_json: bool) -> None:
    from mediavault.cli.output import out, print_json_line
    from mediavault.maintenance.findings import LABELS
    from mediavault.presentation.labels import one_line

    if as_json:
        print_json_line(
            {
                "finding": finding.kind,
                "path": finding.path,
                "job": finding.job,
                "detail": finding.detail,
            }
        )
        return
    detail = f" ({one_line(finding.detail)})" if finding.detail else ""
    whose = f" [job {finding.job}]" if finding.job else ""
    out().print(
        f"{one_line(finding.path)}: {LABELS[finding.kind]}{detail}{whose}",
        markup=False,
        soft_wrap=True,
    )


def _sum_up_findings(done: Verified, *, read_data: bool, as_json: bool) -> None:
    from mediavault.cli.output import out, print_json_line
    from mediavault.core.messages import counted
    from mediavault.presentation.labels import format_size

    if as_json:
        print_json_line(
            {
                "ok": not done.findings,
                "jobs": done.jobs,
                "videos": done.videos,
                "files": done.files,
                "bytes_read": done.bytes_read,
                "findings": dict(done.findings),
            }
        )
        return
    how = (
        f"{format_size(done.bytes_read)} read"
        if read_data
        else "sizes only; --read-data reads every file"
    )
    out().print(
        (
            f"{counted(done.videos, 'video')} of {counted(done.jobs, 'job')},"
            f" {counted(done.files, 'file')} in the library: {how}."
        ),
        markup=False,
        soft_wrap=True,
    )
    if done.findings:
        listed = ", ".join(f"{count} {trouble}" for trouble, count in sorted(done.findings.items()))
        out().print(f"Findings: {listed}. Nothing was changed.", style="red")
    else:
        out().print("Everything is as it should be.", style="green")
