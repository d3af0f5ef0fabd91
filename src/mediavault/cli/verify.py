"""``verify``: compares the jobs with the library. Changes nothing. Exit code 1 on findings."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from mediavault.cli.errors import EXIT_JOB_FAILED, Exit

if TYPE_CHECKING:
    from mediavault.core.settings import Settings
    from mediavault.maintenance.findings import Finding
    from mediavault.maintenance.verifying import Verified

ReadData = Annotated[
    bool,
    typer.Option(
        "--read-data",
        help="Read every byte, compare hashes, and examine whether each file plays: finds silent damage, but takes long.",
    ),
]
AsJsonLines = Annotated[
    bool, typer.Option("--json", help="Print one JSON object per finding and a summary, one per line.")
]


def verify(*, read_data: ReadData = False, as_json: AsJsonLines = False) -> None:
    """Find files that are missing, damaged or without a job."""
    from mediavault.cli.context import quiet_settings

    done = asyncio.run(_verify(quiet_settings(), read_data=read_data, as_json=as_json))
    _sum_up(done, read_data=read_data, as_json=as_json)
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
                "Reading every file" if read_data else "Checking file sizes", await count_jobs(store.catalogue)
            )
            async with storage.open_examiner(settings, library, SystemClock(), helpers=2) as examiner:
                verification = Verification(
                    store, library, read_data=read_data, examiner=examiner, on_jobs=onlooker.advance
                )
                async for finding in verification.run():
                    _print(finding, as_json=as_json)
            return verification.done


def _print(finding: Finding, *, as_json: bool) -> None:
    from mediavault.cli.output import out, print_json_line
    from mediavault.maintenance.findings import LABELS
    from mediavault.presentation.labels import one_line

    if as_json:
        print_json_line({"finding": finding.kind, "path": finding.path, "job": finding.job, "detail": finding.detail})
        return
    detail = f" ({one_line(finding.detail)})" if finding.detail else ""
    whose = f" [job {finding.job}]" if finding.job else ""
    out().print(f"{one_line(finding.path)}: {LABELS[finding.kind]}{detail}{whose}", markup=False, soft_wrap=True)


def _sum_up(done: Verified, *, read_data: bool, as_json: bool) -> None:
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
    how = f"{format_size(done.bytes_read)} read" if read_data else "sizes only; --read-data reads every file"
    out().print(
        f"{counted(done.videos, 'video')} of {counted(done.jobs, 'job')}, {counted(done.files, 'file')} in the library: {how}.",
        markup=False,
        soft_wrap=True,
    )
    if done.findings:
        listed = ", ".join(f"{count} {trouble}" for trouble, count in sorted(done.findings.items()))
        out().print(f"Findings: {listed}. Nothing was changed.", style="red")
    else:
        out().print("Everything is as it should be.", style="green")
