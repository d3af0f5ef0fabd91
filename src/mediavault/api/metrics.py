"""``GET /metrics``: the vault in numbers, for Prometheus and what reads its format."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import suppress
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from mediavault.api.dependencies import errors
from mediavault.api.prometheus import CONTENT_TYPE, exposition, metrics_of
from mediavault.api.services import ApiServices
from mediavault.core.fleet import ALIVE_WITHIN

router = APIRouter(tags=["health"])

FRESH_FOR_S = 10.0  # counting reads whole indexes; however often it is asked, the store is so often at most


class Measurements:
    """The last answer, and when it was made."""

    def __init__(self, services: ApiServices) -> None:
        self._services = services
        self._one_at_a_time = asyncio.Lock()
        self._text, self._until = "", float("-inf")

    async def text(self) -> str:
        """Raises StoreError."""
        async with self._one_at_a_time:
            now = self._services.clock.monotonic()
            if now >= self._until:
                self._text, self._until = await self._measure(), now + FRESH_FOR_S
            return self._text

    async def _measure(self) -> str:
        store, settings = self._services.store, self._services.settings
        report, workers = await store.report(), await store.workers(seen_within=ALIVE_WITHIN)
        folders = {"state": settings.state_dir, "downloads": settings.download_dir}
        free = await asyncio.to_thread(_free_bytes, folders)
        return exposition(metrics_of(report, workers, await store.gates(), free, self._services.clock.now()))


def _free_bytes(folders: dict[str, Path]) -> dict[str, int]:
    """Folders that are not there are left out."""
    found = {}
    for name, folder in folders.items():
        with suppress(OSError):
            found[name] = shutil.disk_usage(folder).free
    return found


@router.get("/metrics", response_class=PlainTextResponse, responses=errors(401, 503))
async def metrics(request: Request) -> Response:
    """Jobs by state, the queue's age, workers and what they have done, gates, free space; at most ten seconds old."""
    measurements: Measurements = request.app.state.measurements
    return Response(await measurements.text(), media_type=CONTENT_TYPE)
