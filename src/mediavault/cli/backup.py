"""``backup`` and ``restore``: the jobs and their history as one file, while the vault runs. Videos are not included."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mediavault.cli.options import AsJson, SetAside
from mediavault.core.failures import BadInput

if TYPE_CHECKING:
    from mediavault.core.settings import Settings
    from mediavault.maintenance.comparing import Comparison
    from mediavault.maintenance.moving import Copied

NewFile = Annotated[Path | None, typer.Argument(metavar="[FILE]", help="The file to write.", show_default=False)]
Folder = Annotated[
    Path | None,
    typer.Option("--to", metavar="FOLDER", help="Write a file with a dated name into it.", show_default=False),
]
Keep = Annotated[
    int | None,
    typer.Option("--keep", min=1, help="Then keep only this number of dated files, the newest.", show_default=False),
]
File = Annotated[Path, typer.Argument(metavar="FILE", help="A SQLite file.", show_default=False)]


def backup(file: NewFile = None, *, to: Folder = None, keep: Keep = None, as_json: AsJson = False) -> None:
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
    from mediavault.cli.migrate import print_comparison

    copied, comparison = asyncio.run(_restore(quiet_settings(), file.absolute(), set_aside=set_aside, silent=as_json))
    print_comparison(copied, comparison, as_json=as_json)


async def _restore(settings: Settings, file: Path, *, set_aside: bool, silent: bool) -> tuple[Copied, Comparison]:
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
