"""``mediavault serve`` whose worker meets posts that freeze it:
``python -m tests.faults.frozen_vault SECONDS``.

The settings come from the environment. The process is restarted when its event loop has not run for
SECONDS. Each process starts a child that would outlive it, whose process id is written to
``STATE/children``.
"""

from __future__ import annotations

import asyncio
import functools
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from mediavault.app import composition, processes
from mediavault.app.watchdog import TICKS, restarting_when_frozen
from mediavault.core.clock import Clock
from mediavault.core.logs import configure_logs
from mediavault.core.settings import Settings, load_settings
from mediavault.egress.guard import EgressGuard
from mediavault.library.port import Library
from mediavault.store.live_settings import LiveSettings
from mediavault.store.port import Store
from mediavault.worker.context import WorkerContext
from tests.faults.worker_process import Events, SiteExtractor
from tests.stubs import make_context


@asynccontextmanager
async def open_context(
    settings: Settings,
    store: Store,
    library: Library,
    guard: EgressGuard,
    clock: Clock,
    live: LiveSettings | None = None,
) -> AsyncIterator[WorkerContext]:
    child = await asyncio.create_subprocess_exec("sleep", "600")
    with (settings.state_dir / "children").open("a") as file:
        file.write(f"{child.pid}\n")
    events = Events(settings.state_dir)
    context = make_context(
        store, clock, settings.download_dir, extractor=SiteExtractor(0.0, events)
    )
    try:
        yield replace(context, library=library, live=live.current if live is not None else None)
    finally:
        child.kill()
        await child.wait()
        events.close()


if __name__ == "__main__":
    configure_logs("info")
    composition.open_context = open_context
    processes.restarting_when_frozen = functools.partial(  # type: ignore[attr-defined]
        restarting_when_frozen, tick_s=float(sys.argv[1]) / TICKS
    )
    sys.exit(asyncio.run(processes.serve(load_settings())))
