"""``migrate``: update the database to this version's schema, or move everything to another database."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from mediavault.cli.errors import EXIT_JOB_FAILED, Exit
from mediavault.cli.options import AsJson

if TYPE_CHECKING:
    from mediavault.core.settings import Settings
    from mediavault.maintenance.comparing import Comparison
    from mediavault.maintenance.moving import Copied
    from mediavault.store.port import StoreReport

To = Annotated[
    str | None,
    typer.Option(
        "--to",
        metavar="URL",
        help="Copy everything into this database and compare. May be repeated.",
        show_default=False,
    ),
]
WhileRunning = Annotated[
    bool,
    typer.Option("--while-running", help="Copy while workers run, wait until they are stopped, copy what changed."),
]


def migrate(*, to: To = None, while_running: WhileRunning = False, as_json: AsJson = False) -> None:
    """Apply pending migrations and print the database's state; with --to, move everything to another database."""
    from mediavault.cli.context import quiet_settings
    from mediavault.cli.output import out, print_json
    from mediavault.core.messages import counted

    settings = quiet_settings()
    if to is not None:
        copied, comparison = asyncio.run(_move(settings, to, while_running=while_running, silent=as_json))
        print_comparison(copied, comparison, as_json=as_json)
        if not as_json:
            out().print(
                "Set MEDIAVAULT_DATABASE_URL to the new address before you start mediavault again.", soft_wrap=True
            )
        return
    report = asyncio.run(_open_and_report(settings))
    if as_json:
        print_json({"engine": report.engine, "schema_version": report.schema_version, "counts": dict(report.counts)})
    else:
        out().print(f"{report.engine}: schema {report.schema_version}, {counted(sum(report.counts.values()), 'job')}.")


async def _open_and_report(settings: Settings) -> StoreReport:
    from mediavault.app import storage

    async with storage.open_store(settings) as store:  # opening migrates
        return await store.catalogue.report()


async def _move(settings: Settings, url: str, *, while_running: bool, silent: bool) -> tuple[Copied, Comparison]:
    from mediavault.app import storage
    from mediavault.cli.progress import steps
    from mediavault.core.clock import SystemClock
    from mediavault.core.failures import BadInput
    from mediavault.core.fleet import ALIVE_WITHIN
    from mediavault.maintenance.moving import move

    if url == settings.effective_database_url:
        raise BadInput("That is the database that this vault uses.", help="Name another one with --to.")
    unprotected = settings.allow_unprotected_database
    async with (
        storage.open_store(settings) as source,
        storage.open_store_at(url, allow_unprotected=unprotected) as target,
    ):
        with steps(silent=silent) as onlooker:
            return await move(
                source, target, onlooker, SystemClock(), alive_within=ALIVE_WITHIN, while_running=while_running
            )


def print_comparison(copied: Copied, comparison: Comparison, *, as_json: bool) -> None:
    """Print the comparison. Raises Exit with code 1 when something is missing or different."""
    from mediavault.cli.output import print_json

    if as_json:
        print_json(
            {
                "whole": comparison.is_whole,
                "copied": {"new": copied.new, "renewed": copied.renewed, "there_already": copied.kept},
                "same": comparison.same,
                "different": comparison.different,
                "missing": comparison.missing,
                "only_in_target": comparison.only_in_target,
                "counts": {"source": dict(comparison.source_counts), "target": dict(comparison.target_counts)},
                "differences": [{"job": difference.job, "what": difference.what} for difference in comparison.named],
                "missing_gates": list(comparison.missing_gates),
                "missing_agreed": list(comparison.missing_agreed),
                "missing_records": list(comparison.missing_records),
            }
        )
    else:
        _print(copied, comparison)
    if not comparison.is_whole:
        raise Exit(EXIT_JOB_FAILED)


def _print(copied: Copied, comparison: Comparison) -> None:
    from mediavault.cli.output import err, out
    from mediavault.core.messages import counted

    already = counted(copied.kept, "was", "were")
    out().print(
        f"{counted(copied.new, 'job')} copied, {copied.renewed:,} copied again, {already} there already.", markup=False
    )
    for status, count in comparison.source_counts.items():
        out().print(
            f"  {status}: {count} in the source, {comparison.target_counts.get(status, 0)} in the target", markup=False
        )
    if comparison.only_in_target:
        out().print(f"  {counted(comparison.only_in_target, 'job')} only in the target", markup=False)
    if comparison.is_whole:
        same = counted(comparison.same, "job is", "jobs are")
        every = "" if comparison.same == 1 else "all "
        out().print(f"Compared field by field: {every}{same} the same in the target.", style="green")
        return
    for difference in comparison.named:
        err().print(f"{difference.job}: {difference.what}", markup=False, soft_wrap=True)
    for name in (*comparison.missing_gates, *comparison.missing_agreed, *comparison.missing_records):
        err().print(f"{name}: not in the target", markup=False)
    if comparison.different:
        wrong = counted(comparison.different, "job is", "jobs are")
        err().print(f"{wrong} missing or different in the target. The source is as it was.", style="red")
    else:
        err().print("The source has changed. Stop everything that uses this vault and repeat.", style="red")
