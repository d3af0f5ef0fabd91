"""The feed of changes to all jobs, sent to every listener.

The store is polled only while there are listeners. A listener that reads slower than jobs change is
dropped; its EventSource reconnects with ``Last-Event-ID`` and is sent what it missed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Collection
from datetime import datetime, timedelta

from mediavault.core.clock import Clock
from mediavault.core.failures import ErrorCode, StoreError
from mediavault.core.job import Job, JobId
from mediavault.core.logs import get_logger
from mediavault.presentation.preferences import current, use
from mediavault.presentation.views import job_view
from mediavault.server.errors import HttpRefusal
from mediavault.store.bulk import changed_pages
from mediavault.store.port import JobCatalogue

log = get_logger(__name__)

POLL_S = 0.5  # while there are listeners
MAX_LISTENERS = 1_000
# streams; as specified. A browser makes six connections to a server, so one is left for its
# pages
MAX_STREAMS_PER_CLIENT = 5
LATER_MS = 60_000
MAX_WRITE_BYTES = 65_536  # in one write to a listener
MAX_QUEUED_EVENTS = 512  # events that a listener may lag behind
PAGE = 500
# Writers stamp a change before they commit it: a later stamp may be seen first, so each poll
# overlaps the one before.
OVERLAP = timedelta(seconds=5)
# ours may be ahead of the store's, by which changes are stamped
CLOCKS_DIFFER = timedelta(seconds=10)


# The last event of a stream that makes room for a newer one of its client; an EventSource
# reconnects automatically.
LATER = f"retry: {LATER_MS}\nevent: later\ndata: {{}}\n\n".encode()


class FeedListener:
    """One open stream of the client ``who``, in the language of its request.
    ``next`` returns None when it is over.
    """

    def __init__(self, who: str = "") -> None:
        self.who = who
        self.appearance = current()
        self._waiting: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.finished = False

    async def next(self) -> bytes | None:
        return await self._waiting.get()

    def more(self) -> bytes:
        """Return further queued events, up to ``MAX_WRITE_BYTES``:
        one write of many costs hardly more than of one.
        """
        events = []
        left = MAX_WRITE_BYTES
        while left > 0 and not self.finished and not self._waiting.empty():
            event = self._waiting.get_nowait() or b""
            left -= len(event)
            events.append(event)
        return b"".join(events)

    def offer(self, event: bytes) -> bool:
        """Queue an event. Returns False when the listener lags too far behind."""
        if self._waiting.qsize() >= MAX_QUEUED_EVENTS:
            return False
        self._waiting.put_nowait(event)
        return True

    def end(self, last_word: bytes | None = None) -> None:
        """Discard the queued events, and end the stream with ``last_word``."""
        self.finished = True
        while not self._waiting.empty():
            self._waiting.get_nowait()
        if last_word is not None:
            self._waiting.put_nowait(last_word)
        self._waiting.put_nowait(None)


class Feed:
    """Polls the store and sends changes to the listeners. One per application,
    used in the event loop's thread only.
    """

    def __init__(self, catalogue: JobCatalogue, clock: Clock) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self._listeners: dict[FeedListener, None] = {}  # oldest first
        self._poller: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._closed = False
        self._cursor = clock.now()
        # what was sent within the overlap with the next poll
        self._seen: dict[JobId, datetime] = {}

    def join(self, who: str) -> FeedListener:
        """Return a new listener, which gets every change from now on, and perhaps some earlier
        ones.

        The oldest stream of ``who`` ends when it has more than ``MAX_STREAMS_PER_CLIENT``. Raises
        HttpRefusal at MAX_LISTENERS.
        """
        self._make_room_for(who)
        if len(self._listeners) >= MAX_LISTENERS:
            raise HttpRefusal(
                503, ErrorCode.TOO_MANY, "Too many listeners.", headers={"Retry-After": "30"}
            )
        listener = FeedListener(who)
        if self._closed:
            listener.end()
            return listener
        self._listeners[listener] = None
        if self._poller is None:
            self._cursor, self._seen = self._clock.now() - CLOCKS_DIFFER, {}
            self._poller = asyncio.create_task(self._poll_while_listeners())
        return listener

    def leave(self, listener: FeedListener) -> None:
        """Remove a listener, and end its stream. Safe to call twice."""
        self._listeners.pop(listener, None)
        if not listener.finished:
            listener.end()
        self._wake.set()  # the poller ends when no listener is left

    async def missed_since(self, moment: datetime) -> list[bytes]:
        """Return the changes from ``moment`` on as events; the latest of each job."""
        return [encode(job) for job in await self._catalogue.changed_since(moment, limit=PAGE)]

    def wake(self) -> None:
        """Poll for changes now, because this process has made one."""
        self._wake.set()

    def removed(self, job_id: JobId) -> None:
        """Announce a removed job, which leaves no row that a poll could find."""
        self._publish(f"event: removed\ndata: {json.dumps({'id': job_id})}\n\n".encode())

    async def poll(self) -> int:
        """Send the changes since the last poll. Returns the number of changed jobs."""
        changed = await self._changes()
        for job in changed:
            self._publish_job(job)
        return len(changed)

    def close(self) -> None:
        """End every stream, so that the server can stop without waiting for listeners.
        Safe to call twice.
        """
        self._closed = True
        for listener in list(self._listeners):
            self.leave(listener)

    async def aclose(self) -> None:
        """As ``close``, and wait for the poller to end."""
        self.close()
        if self._poller is not None:
            await asyncio.wait([self._poller])

    def _make_room_for(self, who: str) -> None:
        """End the oldest stream at the limit: the window that was opened last is the one in use."""
        theirs = [listener for listener in self._listeners if listener.who == who]
        for oldest in theirs[: max(0, len(theirs) - MAX_STREAMS_PER_CLIENT + 1)]:
            oldest.end(LATER)
            self.leave(oldest)

    async def _poll_while_listeners(self) -> None:
        try:
            while self._listeners:
                self._wake.clear()
                with contextlib.suppress(StoreError):  # logged by the store; the next poll may work
                    await self.poll()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(POLL_S):
                        await self._wake.wait()
        finally:
            self._poller = None
            # only after a bug: they reconnect and start a new poller
            for listener in list(self._listeners):
                self.leave(listener)

    async def _changes(self) -> list[Job]:
        fresh: list[Job] = []
        async for page in changed_pages(self._catalogue, self._cursor - OVERLAP, limit=PAGE):
            fresh += [job for job in page if self._is_news(job)]
        horizon = self._cursor - OVERLAP
        self._seen = {job_id: at for job_id, at in self._seen.items() if at >= horizon}
        return fresh

    def _is_news(self, job: Job) -> bool:
        if self._seen.get(job.id) == job.updated_at:
            return False
        self._seen[job.id] = job.updated_at
        # a row with a time in the future, such as a rebuilt one, must not hide the changes until
        # then
        self._cursor = max(self._cursor, min(job.updated_at, self._clock.now() + CLOCKS_DIFFER))
        return True

    def _publish_job(self, job: Job) -> None:
        """Send a job's change, encoded once for each language of the listeners,
        with and without secrets.
        """
        alike: dict[tuple[str, bool], set[FeedListener]] = {}
        for listener in self._listeners:
            shown = listener.appearance
            alike.setdefault((shown.locale, shown.with_secrets), set()).add(listener)
        for listeners in alike.values():
            use(next(iter(listeners)).appearance)
            self._publish(encode(job), to=listeners)

    def _publish(self, event: bytes, *, to: Collection[FeedListener] | None = None) -> None:
        for listener in list(self._listeners if to is None else to):
            if not listener.offer(event):
                log.info("slow_listener_dropped", waiting=MAX_QUEUED_EVENTS)
                self.leave(listener)


def encode(job: Job) -> bytes:
    """Return a job's change as one event. Its id is the moment of the change, which
    ``Last-Event-ID`` sends back.
    """
    view = job_view(job)
    moment = view.updated_at.isoformat().replace("+00:00", "Z")
    return f"id: {moment}\nevent: job\ndata: {view.model_dump_json()}\n\n".encode()
