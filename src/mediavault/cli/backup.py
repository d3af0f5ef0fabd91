"""``backup`` and ``restore``: the jobs and their history as one file, while the vault runs. Videos are not included."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mediavault.cli.options import AsJson, SetAside

if TYPE_CHECKING:
    from mediavault.core.settings import Settings
    from mediavault.maintenance.comparing import Comparison
    from mediavault.maintenance.moving import Copied

File = Annotated[Path, typer.Argument(metavar="FILE", help="A SQLite file.", show_default=False)]


def backup(file: File, *, as_json: AsJson = False) -> None:
    """Write the whole database into a new file, while the vault runs."""
    from mediavault.app import one_shot
    from mediavault.cli.context import quiet_settings
    from mediavault.cli.output import out, print_json
    from mediavault.cli.progress import steps
    from mediavault.presentation.labels import format_size

    settings, file = quiet_settings(), file.absolute()
    with steps(silent=as_json) as onlooker:
        asyncio.run(one_shot.back_up(settings, file, onlooker))
    size = file.stat().st_size
    if as_json:
        print_json({"file": str(file), "bytes": size})
    else:
        out().print(f"Written: {file} ({format_size(size)})", markup=False, soft_wrap=True)


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
        async with storage.open_store(settings) as target:
            with steps(silent=silent) as onlooker:
                return await moving.restore(
                    source, target, onlooker, alive_within=ALIVE_WITHIN, largest_row=largest_row
                )
