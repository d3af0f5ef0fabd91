"""``workers``: the live workers, their machines, and the jobs that no worker claims; ``drain``:
let workers finish and exit.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from mediavault.cli.options import EXIT_JOB_FAILED, AsJson, Exit

if TYPE_CHECKING:
    from mediavault.core.clock import Clock
    from mediavault.core.job import WorkerHeartbeat
    from mediavault.presentation.schemas import FleetView
    from mediavault.store.port import Store, Workers


def workers(*, as_json: AsJson = False) -> None:
    """List the workers of all machines that were seen within 90 seconds;
    exit code 1 when there is none.
    """
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

    return fleet_view(
        await store.catalogue.report(), await store.workers.alive(seen_within=ALIVE_WITHIN)
    )


def _print(fleet: FleetView) -> None:
    from mediavault.cli.output import out, print_workers

    if fleet.workers:
        print_workers(fleet.workers)
    else:
        out().print("No worker is running. `mediavault serve` or `mediavault worker` starts one.")
    if len(fleet.versions) > 1:
        out().print(
            f"Versions differ ({', '.join(fleet.versions)}): an upgrade is under way.",
            style="yellow",
        )
    for unserved in fleet.unserved:
        out().print(f"{unserved.message}.", style="yellow")


CHECK_EVERY_S = 0.5

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[WORKER…]",
        help=(
            "Machines, MACHINE:PROCESS or ids of workers, as `workers` shows them. Default: all of"
            " this machine."
        ),
        show_default=False,
    ),
]
All = Annotated[bool, typer.Option("--all", help="All workers of all machines.")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until they have exited.")]


def drain(
    names: Names = None, *, all_workers: All = False, wait: Wait = True, as_json: AsJson = False
) -> None:
    """Let workers finish their jobs, claim nothing more, and exit;
    exit code 1 when there is no worker.
    """
    from mediavault.cli.context import quiet_settings, with_store
    from mediavault.cli.output import out, print_json
    from mediavault.core.clock import SystemClock

    async def ask(store: Store) -> list[WorkerHeartbeat]:
        drained = await _request_drain(store.workers, names or [], all_workers=all_workers)
        if wait:
            await until_left(store.workers, drained, SystemClock(), silent=as_json)
        return drained

    drained = asyncio.run(with_store(quiet_settings(), ask))
    if as_json:
        print_json({"workers": [worker.worker for worker in drained], "left": wait})
    elif drained:
        out().print(
            "The workers have exited." if wait else "The workers exit when their jobs are done."
        )
    else:
        out().print("No worker is running.")
    if not drained:
        raise Exit(EXIT_JOB_FAILED)


async def _request_drain(
    workers: Workers, names: Sequence[str], *, all_workers: bool
) -> list[WorkerHeartbeat]:
    from mediavault.core.fleet import ALIVE_WITHIN

    alive = await workers.alive(seen_within=ALIVE_WITHIN)
    chosen = (
        alive
        if all_workers
        else named(alive, names or [socket.gethostname()], must_exist=bool(names))
    )
    await workers.request_drain([worker.worker for worker in chosen])
    return chosen


def named(
    alive: Sequence[WorkerHeartbeat], names: Sequence[str], *, must_exist: bool
) -> list[WorkerHeartbeat]:
    """Return the workers with these names. With ``must_exist``, an unknown name raises BadInput."""
    from mediavault.core.failures import BadInput

    matches = [
        [
            worker
            for worker in alive
            if name in (worker.worker, worker.host, f"{worker.host}:{worker.pid}")
        ]
        for name in dict.fromkeys(names)
    ]
    for name, workers in zip(dict.fromkeys(names), matches, strict=True):
        if must_exist and not workers:
            known = ", ".join(f"{worker.host}:{worker.pid}" for worker in alive) or "none"
            raise BadInput(f"No worker is called {name}.", help=f"Running workers: {known}.")
    return list({worker.worker: worker for workers in matches for worker in workers}.values())


async def until_left(
    workers: Workers, asked: Sequence[WorkerHeartbeat], clock: Clock, *, silent: bool
) -> None:
    """Wait until the workers have exited. One that was killed counts as gone once its heartbeat is
    too old.
    """
    from mediavault.cli.output import err
    from mediavault.core.fleet import ALIVE_WITHIN

    waited_for, shown = {worker.worker for worker in asked}, ""
    while left := [
        worker
        for worker in await workers.alive(seen_within=ALIVE_WITHIN)
        if worker.worker in waited_for
    ]:
        words = ", ".join(
            f"{worker.host}:{worker.pid} has {worker.running_jobs} running" for worker in left
        )
        if not silent and words != shown:
            err().print(words, markup=False)
            shown = words
        await clock.sleep(CHECK_EVERY_S)
