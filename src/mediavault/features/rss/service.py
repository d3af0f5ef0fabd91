"""What users do with RSS feeds: make, list and revoke them. And what a feed's address opens for an
app.

A feed's secret follows from its id and a key in the state folder. So its address can be shown
again, while the database and its backups hold only a digest that opens nothing. A machine without
that key serves the feed, and can't show its address.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

from mediavault.auth.derived_keys import DerivedKeys
from mediavault.auth.errors import TooManyTries
from mediavault.auth.grants import Grants, new_name
from mediavault.auth.login_throttle import LoginThrottle
from mediavault.core.clock import Clock
from mediavault.core.job import Job, JobStatus
from mediavault.core.users import OWNER
from mediavault.features.jobs.library_filter import to_params, to_query
from mediavault.features.rss.model import MOST_ITEMS, RssFeed, RssFeedView, read_feed_filter
from mediavault.presentation.preferences import current
from mediavault.presentation.views import moving_files
from mediavault.server.authentication import FEEDS_PREFIX
from mediavault.store.port import JobQuery, Store

KEY_FILE = "feeds.key"
RSS_NAME, ATOM_NAME, COVER_NAME = "rss.xml", "atom.xml", "cover.png"
MOST = 100  # of a user
# posts: those that have only pictures have no items, and there may be many of them
MOST_READ = 2_000
# unknown secrets a minute: enough for an app that still asks for the files of a revoked feed
GUESSES = 100
_PAGE = 100
_TICK = timedelta(microseconds=1)  # the precision of the stores' times


class RssFeeds(Grants[RssFeed]):
    of = RssFeed

    def __init__(
        self,
        store: Store,
        clock: Clock,
        state_dir: Path,
        *,
        on_ended: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(store.records, clock, on_ended=on_ended)
        self._catalogue = store.catalogue
        self._keys = DerivedKeys(state_dir / KEY_FILE)
        self._guesses = LoginThrottle(clock, per_address=GUESSES, per_user=GUESSES, total=GUESSES)

    async def add(self, name: str, filter_: str, *, base: str = "", user: str = OWNER) -> RssFeed:
        """Make a feed of a filter, in the user's language, and return its record.

        Raises BadInput for the name and the filter, StorageFailure for the key's file.
        """
        asked, appearance = read_feed_filter(filter_), current()
        # raises BadInput for what can't be a tag or a collection
        to_query(asked, appearance.zone, user, limit=1)
        name = new_name(name, await self.all(user), most=MOST)
        uid = str(uuid.uuid4())
        return await self._add(
            await self._keys.make(uid),
            uid=uid,
            name=name,
            user=user,
            filter=urlencode(to_params(asked)),
            locale=appearance.locale,
            zone=str(appearance.zone or ""),
            base=base,
        )

    async def secret_of(self, feed: RssFeed) -> str | None:
        """Return the secret of the feed's address; None if another key made it.
        Raises StorageFailure.
        """
        return await self._keys.of(feed.uid, feed.key)

    async def view(self, feed: RssFeed, base: str) -> RssFeedView:
        """Return a feed with its addresses; ``base`` is the vault's,
        with a slash at the end. Raises StorageFailure.
        """
        secret = await self.secret_of(feed)
        folder = None if secret is None else folder_of(base, secret)
        return RssFeedView(
            id=feed.id,
            name=feed.name,
            filter=feed.filter,
            made_at=feed.made_at,
            fetched_at=feed.used_at,
            rss=folder and f"{folder}{RSS_NAME}",
            atom=folder and f"{folder}{ATOM_NAME}",
        )

    async def views(self, base: str, user: str) -> list[RssFeedView]:
        """Return the user's feeds, by name. Raises as ``view``."""
        return [await self.view(feed, base) for feed in await self.all(user)]

    async def open(self, secret: str, address: str, *, is_use: bool) -> RssFeed | None:
        """Return the feed with this secret; None when it was revoked. ``address``: the client's.

        Raises TooManyTries when that address, or all together, have asked for too many that do not
        exist.
        """
        feed = await self.find(secret, is_use=is_use)
        if feed is None and (wait_s := self._guesses.begin(address)) is not None:
            raise TooManyTries(wait_s)
        return feed

    async def posts(self, query: JobQuery) -> list[Job]:
        """Return the newest posts of a feed's query, as many as its document has items for.
        Raises StoreError.
        """
        found: list[Job] = []
        items = 0
        for _number in range(MOST_READ // MOST_ITEMS):
            page = await self._catalogue.jobs(query)
            found += page.jobs
            items += sum(len(moving_files(job)) for job in page.jobs)
            if items >= MOST_ITEMS or page.next_cursor is None:
                break
            query = replace(query, cursor=page.next_cursor)
        return found

    async def holds(self, query: JobQuery, job: Job) -> bool:
        """Whether a feed's query finds the job, however old:
        an app may have what is no longer in the document.
        """
        if job.status is not JobStatus.COMPLETED:
            return False
        moment = job.created_at
        if not (query.since or moment) <= moment < (query.until or moment + _TICK):
            return False
        same_moment = replace(query, since=moment, until=moment + _TICK, limit=_PAGE)
        while True:
            page = await self._catalogue.jobs(same_moment)
            if any(found.id == job.id for found in page.jobs):
                return True
            if page.next_cursor is None:
                return False
            same_moment = replace(same_moment, cursor=page.next_cursor)


def folder_of(base: str, secret: str) -> str:
    """Return the address of the documents and files of the feed with this secret,
    with a slash at the end.
    """
    return f"{base}{FEEDS_PREFIX.strip('/')}/{secret}/"
