"""Opens what commands need, the settings and the store that they name,
and runs them so that Ctrl-C ends them in order.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from mediavault.core.holds import Hold
    from mediavault.core.job import JobId
    from mediavault.core.settings import Settings
    from mediavault.features.jobs.service import Jobs
    from mediavault.store.port import Store
import asyncio
import os
import signal
from collections.abc import Coroutine
from typing import Any

T = TypeVar("T")


def quiet_settings() -> Settings:
    """Read the settings, and log only warnings and errors from now on."""
    from mediavault.core.logs import configure_logs
    from mediavault.core.settings import load_settings

    settings = load_settings()
    configure_logs("debug" if settings.log_level == "debug" else "error")
    return settings


def set_aside_damaged(settings: Settings) -> None:
    """Move a damaged database aside and print where it is now. Raises BadInput, StoreError."""
    from mediavault.app import one_shot
    from mediavault.cli.output import err

    aside = one_shot.set_aside(settings)
    message = (
        "The database is not damaged and stays."
        if aside is None
        else (
            f"The damaged database is kept as {aside}. Jobs that were not saved yet are only in it"
            " and in backups."
        )
    )
    err().print(message, markup=False, soft_wrap=True)


async def refuse_running_workers(store: Store) -> None:
    """Raise BadInput while a worker is running."""
    from mediavault.core.failures import BadInput
    from mediavault.core.fleet import ALIVE_WITHIN

    if await store.workers.alive(seen_within=ALIVE_WITHIN):
        raise BadInput(
            "Workers are running.", help="Stop `mediavault serve` and all workers first."
        )


async def current_holds(store: Store, settings: Settings) -> tuple[Hold, ...]:
    """Return what holds queued jobs back now."""
    from mediavault.core.clock import SystemClock
    from mediavault.store.holds import holds_in_force
    from mediavault.store.live_settings import LiveSettings

    clock = SystemClock()
    return await holds_in_force(
        store.records, LiveSettings(settings, store.records, clock), clock.now()
    )


async def with_jobs(use: Callable[[Jobs], Awaitable[T]]) -> T:
    """Open the store that the settings name, return what ``use`` returns, and close it."""
    from mediavault.app import composition, storage

    settings = quiet_settings()
    async with storage.open_store(settings) as store:
        return await use(composition.make_jobs(settings, store))


async def with_found(
    texts: Sequence[str], use: Callable[[Store, Sequence[JobId]], Awaitable[T]]
) -> T:
    """Like ``with_jobs``, for the jobs that a user has named (``Jobs.find``)."""

    async def find_and_use(jobs: Jobs) -> T:
        return await use(jobs.store, [await jobs.find(text) for text in texts])

    return await with_jobs(find_and_use)


async def with_store(settings: Settings, use: Callable[[Store], Awaitable[T]]) -> T:
    """Open the store that the settings name, return what ``use`` returns, and close it."""
    from mediavault.app import storage

    async with storage.open_store(settings) as store:
        return await use(store)


EXIT_INTERRUPTED = 128 + signal.SIGINT  # as shells report it


def run(work: Coroutine[Any, Any, T]) -> T:
    """Like ``asyncio.run``, but a second Ctrl-C ends the process at once.

    Raises KeyboardInterrupt after a first Ctrl-C has cancelled ``work`` and it has ended in order.
    asyncio would raise the second one wherever the loop happens to be, and a result that is lost
    there can leave a wait that never ends. Ending the process is like killing it: recovery takes
    care of its job.
    """
    return asyncio.run(_interruptible(work))


async def _interruptible(work: Coroutine[Any, Any, T]) -> T:
    task = asyncio.create_task(work)
    pressed = 0

    def on_interrupt() -> None:
        nonlocal pressed
        pressed += 1
        if pressed > 1:
            os._exit(EXIT_INTERRUPTED)
        task.cancel()

    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, on_interrupt)
    try:
        return await task
    except asyncio.CancelledError:
        if pressed:
            raise KeyboardInterrupt from None
        raise
