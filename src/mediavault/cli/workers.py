"""``workers``: the live workers, their machines, and the jobs that no worker claims."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mediavault.cli.errors import EXIT_JOB_FAILED, Exit
from mediavault.cli.options import AsJson

if TYPE_CHECKING:
    from mediavault.presentation.schemas import FleetView
    from mediavault.store.port import Store


def workers(*, as_json: AsJson = False) -> None:
    """List the workers of all machines that were seen within 90 seconds; exit code 1 when there is none."""
    from mediavault.cli.context import quiet_settings, with_store
    from mediavault.cli.output import print_json

    fleet = asyncio.run(with_store(quiet_settings(), _fleet))
    if as_json:
        print_json(fleet)
    else:
        _print(fleet)
    if not fleet.workers:
        raise Exit(EXIT_JOB_FAILED)


async def _fleet(store: Store) -> FleetView:
    from mediavault.core.fleet import ALIVE_WITHIN
    from mediavault.presentation.views import fleet_view

    return fleet_view(await store.catalogue.report(), await store.workers.alive(seen_within=ALIVE_WITHIN))


def _print(fleet: FleetView) -> None:
    from mediavault.cli.output import out, print_workers

    if fleet.workers:
        print_workers(fleet.workers)
    else:
        out().print("No worker is running. `mediavault serve` or `mediavault worker` starts one.")
    if len(fleet.versions) > 1:
        out().print(f"Versions differ ({', '.join(fleet.versions)}): an upgrade is under way.", style="yellow")
    for unserved in fleet.unserved:
        out().print(f"{unserved.message}.", style="yellow")
