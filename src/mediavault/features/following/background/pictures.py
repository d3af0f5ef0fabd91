"""The picture that a site shows of a source: fetched at most weekly, made small in a confined child, and kept by the vault.

A picture that is missing or broken never fails a look: pages show a letter then, or the picture that was kept before.
"""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from mediavault.core.failures import MediavaultError, NotAVideo
from mediavault.core.logs import get_logger
from mediavault.core.pictures import MAX_PICTURE_BYTES, picture_suffix
from mediavault.core.urls import EgressScope
from mediavault.egress.port import Timeouts
from mediavault.features.following.model import Source, SourceState
from mediavault.features.following.records import put_picture
from mediavault.worker.context import WorkerContext

REFRESHED_AFTER, TRIED_AGAIN_AFTER = timedelta(days=7), timedelta(days=1)
LONGEST_PX = 192
MAX_KEPT_BYTES = 64 << 10  # of a record; a JPEG of that size has some ten thousand
TIMEOUTS = Timeouts(connect_s=5, read_s=5, total_s=10)

log = get_logger(__name__)


async def with_picture(source: Source, state: SourceState, tools: WorkerContext) -> SourceState:
    """Keep the picture of a source if it is due, and return the state with that."""
    now = tools.clock.now()
    if not state.picture_url or (state.picture_due is not None and state.picture_due > now):
        return state
    try:
        picture = await _small_picture(state.picture_url, source, tools)
        await put_picture(tools.store.records, source.id, picture)
    except (MediavaultError, OSError) as exc:
        log.info("source_picture_not_kept", source=source.id, error=str(exc)[:200])
        return replace(state, picture_due=now + TRIED_AGAIN_AFTER)
    return replace(state, has_picture=True, picture_due=now + REFRESHED_AFTER)


async def _small_picture(url: str, source: Source, tools: WorkerContext) -> bytes:
    async with tools.client.get(url, scope=EgressScope(source.url), timeouts=TIMEOUTS) as response:
        body = await response.read(limit=MAX_PICTURE_BYTES)
        if response.status != 200 or picture_suffix(body) is None:
            raise NotAVideo("The URL did not return an image.", http_status=response.status, bytes_received=len(body))
    with tempfile.TemporaryDirectory(prefix="mediavault-picture-") as name:
        path, into = Path(name) / "picture", Path(name) / "small.jpg"
        await asyncio.to_thread(path.write_bytes, body)
        small = await tools.probe.shrink(path, into=into, longest_px=LONGEST_PX)
        picture = b"" if small is None else await asyncio.to_thread(small.read_bytes)
    if not 0 < len(picture) <= MAX_KEPT_BYTES:
        raise NotAVideo("The image could not be made smaller.", bytes_received=len(body))
    return picture
