"""Commands on the database: backup and restore, and its migrations."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mediavault.cli.options import EXIT_JOB_FAILED, AsJson, Exit, SetAside
from mediavault.core.failures import BadInput

if TYPE_CHECKING:
    from mediavault.core.settings import Settings
    from mediavault.maintenance.comparing import Comparison
    from mediavault.maintenance.moving import Copied
    from mediavault.store.port import StoreReport


NewFile = Annotated[
    Path | None, typer.Argument(metavar="[FILE]", help="The file to write.", show_default=False)
]
Folder = Annotated[
    Path | None,
    typer.Option(
        "--to", metavar="FOLDER", help="Write a file with a dated name into it.", show_default=False
    ),
]
Keep = Annotated[
    int | None,
    typer.Option(
        "--keep",
        min=1,
        help="Then keep only this number of dated files, the newest.",
        show_default=False,
    ),
]
File = Annotated[Path, typer.Argument(metavar="FILE", help="A SQLite file.", show_default=False)]


def backup(
    file: NewFile = None, *, to: Folder = None, keep: Keep = None, as_json: AsJson = False
) -> None:
    """Write the whole database into a new file, while the vault runs."""
    from mediavault.app import one_shot
    from mediavault.cli.context import quiet_settings
    from mediavault.cli.output import out, print_json
    from mediavault.cli.progress import steps
    from mediavault.core.clock import SystemClock
    from mediavault.maintenance.backups import dated_name, remove_older
    from mediavault.presentation.labels import format_size

    if (file is None) == (to is None):
        raise BadInput("Name either a file or, with --to, a folder for dated files.")
    if keep is not None and to is None:
        raise BadInput("--keep counts the dated files of a folder: name it with --to.")
    settings = quiet_settings()
    file = (file or Path(to or ".", dated_name(SystemClock().now()))).absolute()
    with steps(silent=as_json) as onlooker:
        asyncio.run(one_shot.back_up(settings, file, onlooker))
    removed = remove_older(file.parent, keep) if keep is not None else []
    size = file.stat().st_size
    if as_json:
        print_json({"file": str(file), "bytes": size, "removed": list(map(str, removed))})
        return
    out().print(f"Written: {file} ({format_size(size)})", markup=False, soft_wrap=True)
    for older in removed:
        out().print(f"Removed: {older}", markup=False, soft_wrap=True)


def restore(file: File, *, set_aside: SetAside = False, as_json: AsJson = False) -> None:
    """Add what a backup has and the configured database lacks. May be repeated."""
    from mediavault.cli.context import quiet_settings

    copied, comparison = asyncio.run(
        _restore(quiet_settings(), file.absolute(), set_aside=set_aside, silent=as_json)
    )
    print_comparison(copied, comparison, as_json=as_json)


async def _restore(
    settings: Settings, file: Path, *, set_aside: bool, silent: bool
) -> tuple[Copied, Comparison]:
    from mediavault.app import storage
    from mediavault.cli.context import set_aside_damaged
    from mediavault.cli.progress import steps
    from mediavault.core.fleet import ALIVE_WITHIN
    from mediavault.maintenance import moving

    async with storage.open_backup(settings, file) as (source, largest_row):
        if set_aside:  # only after the backup was checked
            set_aside_damaged(settings)
        async with storage.open_store(settings, may_replace=True) as target:
            with steps(silent=silent) as onlooker:
                return await moving.restore(
                    source, target, onlooker, alive_within=ALIVE_WITHIN, largest_row=largest_row
                )


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
    typer.Option(
        "--while-running",
        help="Copy while workers run, wait until they are stopped, copy what changed.",
    ),
]


def migrate(*, to: To = None, while_running: WhileRunning = False, as_json: AsJson = False) -> None:
    """Apply pending migrations and print the database's state; with --to,
    move everything to another database.
    """
    from mediavault.cli.context import quiet_settings
    from mediavault.cli.output import out, print_json
    from mediavault.core.messages import counted

    settings = quiet_settings()
    if to is not None:
        copied, comparison = asyncio.run(
            _move(settings, to, while_running=while_running, silent=as_json)
        )
        print_comparison(copied, comparison, as_json=as_json)
        if not as_json:
            out().print(
                "Set MEDIAVAULT_DATABASE_URL to the new address before you start mediavault again.",
                soft_wrap=True,
            )
        return
    report = asyncio.run(_open_and_report(settings))
    if as_json:
        print_json(
            {
                "engine": report.engine,
                "schema_version": report.schema_version,
                "counts": dict(report.counts),
            }
        )
    else:
        out().print(
            f"{report.engine}: schema {report.schema_version},"
            f" {counted(sum(report.counts.values()), 'job')}."
        )


async def _open_and_report(settings: Settings) -> StoreReport:
    from mediavault.app import storage

    async with storage.open_store(settings) as store:  # opening migrates
        return await store.catalogue.report()


async def _move(
    settings: Settings, url: str, *, while_running: bool, silent: bool
) -> tuple[Copied, Comparison]:
    from mediavault.app import storage
    from mediavault.cli.progress import steps
    from mediavault.core.clock import SystemClock
    from mediavault.core.failures import BadInput
    from mediavault.core.fleet import ALIVE_WITHIN
    from mediavault.maintenance.moving import move

    if url == settings.effective_database_url:
        raise BadInput(
            "That is the database that this vault uses.", help="Name another one with --to."
        )
    unprotected = settings.allow_unprotected_database
    async with (
        storage.open_store(settings) as source,
        storage.open_store_at(url, allow_unprotected=unprotected) as target,
    ):
        with steps(silent=silent) as onlooker:
            return await move(
                source,
                target,
                onlooker,
                SystemClock(),
                alive_within=ALIVE_WITHIN,
                while_running=while_running,
            )


def print_comparison(copied: Copied, comparison: Comparison, *, as_json: bool) -> None:
    """Print the comparison. Raises Exit with code 1 when something is missing or different."""
    from mediavault.cli.output import print_json

    if as_json:
        print_json(
            {
                "whole": comparison.is_whole,
                "copied": {
                    "new": copied.new,
                    "renewed": copied.renewed,
                    "there_already": copied.kept,
                },
                "same": comparison.same,
                "different": comparison.different,
                "missing": comparison.missing,
                "only_in_target": comparison.only_in_target,
                "counts": {
                    "source": dict(comparison.source_counts),
                    "target": dict(comparison.target_counts),
                },
                "differences": [
                    {"job": difference.job, "what": difference.what}
                    for difference in comparison.named
                ],
                "missing_site_limits": list(comparison.missing_site_limits),
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
        (
            f"{counted(copied.new, 'job')} copied, {copied.renewed:,} copied again, {already} there"
            " already."
        ),
        markup=False,
    )
    for status, count in comparison.source_counts.items():
        out().print(
            (
                f"  {status}: {count} in the source, {comparison.target_counts.get(status, 0)} in"
                " the target"
            ),
            markup=False,
        )
    if comparison.only_in_target:
        out().print(
            f"  {counted(comparison.only_in_target, 'job')} only in the target", markup=False
        )
    if comparison.is_whole:
        same = counted(comparison.same, "job is", "jobs are")
        every = "" if comparison.same == 1 else "all "
        out().print(
            f"Compared field by field: {every}{same} the same in the target.", style="green"
        )
        return
    for difference in comparison.named:
        err().print(f"{difference.job}: {difference.what}", markup=False, soft_wrap=True)
    for name in (
        *comparison.missing_site_limits,
        *comparison.missing_agreed,
        *comparison.missing_records,
    ):
        err().print(f"{name}: not in the target", markup=False)
    if comparison.different:
        wrong = counted(comparison.different, "job is", "jobs are")
        err().print(
            f"{wrong} missing or different in the target. The source is as it was.", style="red"
        )
    else:
        err().print(
            "The source has changed. Stop everything that uses this vault and repeat.", style="red"
        )
