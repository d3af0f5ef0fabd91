"""The helper processes that read media files, shared by whatever examines and joins them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mediavault.core.clock import Clock
from mediavault.sandbox.standing import ChildPool

CHILD = "mediavault.media.child"
MAX_HELPERS = 2


@asynccontextmanager
async def open_helpers(clock: Clock, *, count: int = MAX_HELPERS) -> AsyncIterator[ChildPool]:
    """Provide at most ``count`` helpers, which start when they are first used, and end them afterwards."""
    helpers = ChildPool(CHILD, clock, size=count)
    try:
        yield helpers
    finally:
        await helpers.close()
