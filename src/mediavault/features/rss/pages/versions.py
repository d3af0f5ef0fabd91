"""Whether an RSS feed is still as it was sent, without reading its posts.

The store knows cheaply what has changed: the saved posts that changed since, the library's sums, and of each mark that the
filter asks for how many there are and which is the newest. While all of this is the same, so is the feed, unless it is of a
search: the words of subtitles and comments are stored without a change of their post.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta

from mediavault.api.feed import CLOCKS_DIFFER, OVERLAP
from mediavault.core.clock import Clock
from mediavault.core.job import JobStatus
from mediavault.store.port import JobQuery, Store

MOST = 1_000  # feeds whose last version is remembered
_PAGE = 100  # posts that changed: with more of them the feed is read again
_SECOND = timedelta(seconds=1)  # the precision of HTTP dates

Stamp = Hashable


@dataclass(frozen=True, slots=True)
class RssVersion:
    """A document as it was sent: its ETag and time. ``stamp`` is what the store had when it was read."""

    etag: str
    modified: datetime
    since: datetime
    stamp: Stamp


class RssVersions:
    """The last version of each document that this process has sent. Used in the event loop's thread only."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._sent: OrderedDict[Hashable, RssVersion] = OrderedDict()

    async def current(self, document: Hashable, query: JobQuery) -> RssVersion | None:
        """Return the version that was sent last, if nothing has changed since; else None."""
        version = self._sent.get(document)
        if version is None or version.stamp is None:
            return None
        return version if await self._stamp(query, version.since) == version.stamp else None

    async def begin(self, query: JobQuery) -> tuple[datetime, Stamp]:
        """Return what ``sent`` needs. Call it before the posts are read: a change in between is then seen later."""
        since = self._clock.now() - CLOCKS_DIFFER - OVERLAP
        return since, await self._stamp(query, since)

    def sent(self, document: Hashable, body: bytes, since: datetime, stamp: Stamp) -> RssVersion:
        """Remember the document's version and return it. Its time grows with each change, and only then."""
        etag, before = f'"{hashlib.sha256(body).hexdigest()[:32]}"', self._sent.get(document)
        modified = self._clock.now().replace(microsecond=0)
        if before is not None:
            modified = before.modified if before.etag == etag else max(modified, before.modified + _SECOND)
        version = RssVersion(etag, modified, since, stamp)
        self._sent[document] = version
        self._sent.move_to_end(document)
        while len(self._sent) > MOST:
            self._sent.popitem(last=False)
        return version

    async def _stamp(self, query: JobQuery, since: datetime) -> Stamp:
        """Return a value that differs when the query's saved posts may; None where that can't be known."""
        if query.text:
            return None
        changed = await self._store.catalogue.changed_since(since, limit=_PAGE)
        if len(changed) == _PAGE:
            return None
        saved = frozenset((job.id, job.updated_at) for job in changed if job.status is JobStatus.COMPLETED)
        totals = await self._store.catalogue.library_totals()
        sums = tuple((site.platform, site.kept, site.bytes, site.duration_s) for site in totals.platforms)
        marks = [await self._mark_stamp(name) for name in sorted({*query.marks, *query.without})]
        return saved, sums, tuple(marks)

    async def _mark_stamp(self, name: str) -> Stamp:
        counts = [count.jobs for count in await self._store.marks.names(name) if count.name == name]
        newest = await self._store.marks.marked(name, limit=1, newest_first=True)
        return name, tuple(counts), tuple((mark.job_id, mark.place) for mark in newest)
