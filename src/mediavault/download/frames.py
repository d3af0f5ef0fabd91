"""A picture of a video that is not saved, so that a user can tell several apart: the one that its
page shows, else one from its own beginning.

It is made when it is first asked for, and cached with what players show. Few are made at a time,
each within seconds and megabytes, and decoded in a confined child. Requests carry no cookies, as
those of the strategy ``plain`` in an attempt that reuses a checkpoint.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mediavault.core.failures import MediavaultError
from mediavault.core.logs import get_logger
from mediavault.core.media import picture_suffix
from mediavault.download.beginning import BeginningFetcher, NoBeginningError
from mediavault.download.port import MediaRequest
from mediavault.egress.port import HttpClient, Timeouts
from mediavault.media.extras import FRAMES, ExtrasCache, forget_extras

AT_ONCE = 2
MAX_WAITING = 24
LIMIT_S = 12.0  # for one picture
WAIT_S = 10.0  # so long a page waits for it
AT_S = 1.0  # after the black pictures at the start of many videos
MAX_FAILED = 1_000  # that are remembered
MAX_POSTER_BYTES = 5 << 20

_POSTER_TIMEOUTS = Timeouts(connect_s=3, read_s=3, total_s=4)
_POSTER_HEADERS = frozenset({"referer", "user-agent"})

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FrameRequest:
    """A video that a user may choose. ``thumbnail_url``:
    the picture that its page shows before it plays.
    """

    media: MediaRequest
    thumbnail_url: str | None = None


class Stills(Protocol):
    """The part of the probe that makes a picture of a video."""

    async def still(self, video: Path, *, into: Path, at_s: float) -> Path | None:
        """Write a JPEG of the picture at ``at_s`` seconds; None when that fails."""


class CandidateFrames:
    """Makes the pictures, and caches them in ``folder``."""

    def __init__(
        self, client: HttpClient, beginnings: BeginningFetcher, stills: Stills, folder: Path
    ) -> None:
        self._client, self._beginnings, self._stills, self._folder = (
            client,
            beginnings,
            stills,
            folder,
        )
        self._cache = ExtrasCache(folder)
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._running: dict[str, asyncio.Task[bytes | None]] = {}
        self._failed: dict[str, None] = {}

    async def frame(self, job_id: str, request: FrameRequest) -> bytes | None:
        """Return a JPEG, PNG or WebP; None when there is none, or when making it takes longer than
        WAIT_S.

        It is made to the end also when the one who asked leaves, and then it is in the cache.
        """
        key = frame_key(job_id, request.media.url)
        known = await asyncio.to_thread(self._cache.picture, key)
        if known is not None or key in self._failed:
            return known
        running = self._running.get(key)
        if running is None:
            if len(self._running) >= MAX_WAITING:
                return None
            running = asyncio.create_task(self._make(key, request), name=f"frame {key}")
            self._running[key] = running
            running.add_done_callback(lambda _: self._running.pop(key, None))
        await asyncio.wait([running], timeout=WAIT_S)
        return running.result() if running.done() and not running.cancelled() else None

    async def forget(self, job_id: str) -> None:
        """Remove the pictures of a job's candidates. A failure to make one is forgotten as well."""
        for key in [key for key in self._failed if key.startswith(f"{job_id}.")]:
            del self._failed[key]
        await asyncio.to_thread(forget_extras, self._folder, job_id, kind=FRAMES)

    async def aclose(self) -> None:
        """Cancel what is being made."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _make(self, key: str, request: FrameRequest) -> bytes | None:
        try:
            async with self._slots, asyncio.timeout(LIMIT_S):
                picture = await self._poster(request) or await self._first_picture(request.media)
                if picture is not None:
                    await asyncio.to_thread(self._keep, key, picture)
                    return picture
                why = "nothing decodes"
        except (MediavaultError, NoBeginningError, OSError) as exc:  # a TimeoutError is an OSError
            why = str(exc) or type(exc).__name__
        log.info("frame_not_made", error=why[:200])
        self._failed[key] = None
        while len(self._failed) > MAX_FAILED:
            del self._failed[next(iter(self._failed))]
        return None

    async def _poster(self, request: FrameRequest) -> bytes | None:
        if request.thumbnail_url is None:
            return None
        media = request.media
        headers = {
            name: text for name, text in media.headers.items() if name.lower() in _POSTER_HEADERS
        }
        try:
            answer = self._client.get(
                request.thumbnail_url, scope=media.scope, headers=headers, timeouts=_POSTER_TIMEOUTS
            )
            async with answer as response:
                body = (
                    await response.read(limit=MAX_POSTER_BYTES) if response.status == 200 else b""
                )
        except MediavaultError:
            return None
        return body if picture_suffix(body) else None

    async def _first_picture(self, media: MediaRequest) -> bytes | None:
        # not the cache: a file may have holes
        with tempfile.TemporaryDirectory(prefix="mediavault-frame-") as name:
            video, into = Path(name) / "video", Path(name) / "frame.jpg"
            await self._beginnings.fetch(media, video)
            for at_s in (AT_S, 0.0):
                if (picture := await self._stills.still(video, into=into, at_s=at_s)) is not None:
                    return await asyncio.to_thread(picture.read_bytes)
            return None

    def _keep(self, key: str, picture: bytes) -> None:
        draft = self._cache.draft(key)
        draft.write_bytes(picture)
        self._cache.keep_picture(key, draft)


def frame_key(job_id: str, url: str) -> str:
    """Return the name of a picture in the cache. It names the candidate by its URL:
    numbers change with each extraction.
    """
    return f"{job_id}.{FRAMES}{hashlib.sha256(url.encode('utf-8', 'replace')).hexdigest()[:32]}"
