"""``drain``: let workers finish their jobs, claim nothing more, and exit."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from mediavault.cli.errors import EXIT_JOB_FAILED, Exit
from mediavault.cli.options import AsJson

if TYPE_CHECKING:
    from mediavault.core.clock import Clock
    from mediavault.core.job import WorkerBeat
    from mediavault.store.port import Store, Workers

LOOK_EVERY_S = 0.5

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[WORKER…]",
        help="Machines, MACHINE:PROCESS or ids of workers, as `workers` shows them. Default: all of this machine.",
        show_default=False,
    ),
]
All = Annotated[bool, typer.Option("--all", help="All workers of all machines.")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until they have exited.")]


def drain(names: Names = None, *, everybody: All = False, wait: Wait = True, as_json: AsJson = False) -> None:
    """Let workers finish their jobs, claim nothing more, and exit; exit code 1 when there is no worker."""
    from mediavault.cli.context import quiet_settings, with_store
    from mediavault.cli.output import out, print_json
    from mediavault.core.clock import SystemClock

    async def ask(store: Store) -> list[WorkerBeat]:
        asked = await _asked(store.workers, names or [], everybody=everybody)
        if wait:
            await until_left(store.workers, asked, SystemClock(), silent=as_json)
        return asked

    asked = asyncio.run(with_store(quiet_settings(), ask))
    if as_json:
        print_json({"workers": [one.worker for one in asked], "left": wait})
    elif asked:
        out().print("They have left." if wait else "They leave as soon as nothing runs on them.")
    else:
        out().print("No worker is running.")
    if not asked:
        raise Exit(EXIT_JOB_FAILED)


async def _asked(workers: Workers, names: Sequence[str], *, everybody: bool) -> list[WorkerBeat]:
    from mediavault.core.fleet import ALIVE_WITHIN

    alive = await workers.alive(seen_within=ALIVE_WITHIN)
    chosen = alive if everybody else named(alive, names or [socket.gethostname()], must_be_there=bool(names))
    await workers.request_drain([one.worker for one in chosen])
    return chosen


def named(alive: Sequence[WorkerBeat], names: Sequence[str], *, must_be_there: bool) -> list[WorkerBeat]:
    """Return the workers with these names. With ``must_be_there``, an unknown name raises BadInput."""
    from mediavault.core.failures import BadInput

    meant = [
        [one for one in alive if name in (one.worker, one.host, f"{one.host}:{one.pid}")]
        for name in dict.fromkeys(names)
    ]
    for name, found in zip(dict.fromkeys(names), meant, strict=True):
        if must_be_there and not found:
            there = ", ".join(f"{one.host}:{one.pid}" for one in alive) or "none"
            raise BadInput(f"No worker is called {name}.", help=f"Those that there are: {there}.")
    return list({one.worker: one for found in meant for one in found}.values())


async def until_left(workers: Workers, asked: Sequence[WorkerBeat], clock: Clock, *, silent: bool) -> None:
    """Wait until the workers have exited. One that was killed counts as gone once its heartbeat is too old."""
    from mediavault.cli.output import err
    from mediavault.core.fleet import ALIVE_WITHIN

    waited_for, said = {one.worker for one in asked}, ""
    while left := [one for one in await workers.alive(seen_within=ALIVE_WITHIN) if one.worker in waited_for]:
        words = ", ".join(f"{one.host}:{one.pid} has {one.running_jobs} running" for one in left)
        if not silent and words != said:
            err().print(words, markup=False)
            said = words
        await clock.sleep(LOOK_EVERY_S)
