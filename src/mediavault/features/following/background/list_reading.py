"""Reads the lists of sources in the cheapest way that works, within the sites' limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from mediavault.core.failures import Failure, LoginRequired, Unsupported
from mediavault.core.job import JobId, NewJob
from mediavault.core.listings import Entry, ListCheck, Listing, Validators, post_key
from mediavault.core.messages import Message
from mediavault.core.platform import Platform
from mediavault.core.site_limits import Permit
from mediavault.core.urls import parse_http_url
from mediavault.extraction.port import Lister
from mediavault.features.following import records as stored
from mediavault.features.following.decisions import ListedPost, named_posts
from mediavault.features.following.model import SeenEntry, Start
from mediavault.features.following.records import Followed
from mediavault.platforms import registry
from mediavault.worker import site_limits
from mediavault.worker.context import WorkerContext

CHECK_WITHIN_S = 180.0  # by each way
# entries that a usual check reads at most, and the one that reads the earlier posts
FEW, MANY = 100, 20_000
STOP_AFTER_KNOWN = 20  # in a row: younger ones may be pinned below older ones, or have come later
# failures of the cheapest way in a row: a single one may be over at the next check
FALL_BACK_AFTER = 2


class ReadListed(Protocol):
    """Returns the job for the URL of a post that the list of the origin ``listed_by`` names:
    see ``core.submission``.
    """

    def __call__(self, text: str, *, listed_by: str) -> NewJob: ...


@dataclass(frozen=True, slots=True)
class SourceListing:
    """A source's list that was read, with its posts.

    By the posts' keys, ``jobs`` has a job for each post whose URL can be read, and ``known`` the
    earlier decision about each post that the source had seen before.
    """

    listing: Listing
    posts: Sequence[ListedPost]
    jobs: Mapping[str, NewJob]
    known: Mapping[str, SeenEntry]


@dataclass(frozen=True, slots=True)
class SourceListReader:
    """Asks the listers in their order. ``read`` reads the URL of a post that a list names.

    ``most`` is how many earlier posts are read at most, ``within_s`` how long each way may take.
    """

    context: WorkerContext
    read: ReadListed
    most: int = MANY
    within_s: float = CHECK_WITHIN_S

    async def read_list(self, followed: Followed) -> tuple[SourceListing, int]:
        """Return the source's list, and how many times in a row the cheapest way has failed.

        Raises Failure, and NotAllowedYet when it is not the site's turn.
        """
        platform = registry.platform(followed.source.platform)
        failure: Failure | None = None
        best: SourceListing | None = None
        permit: Permit | None = None
        cheap_failures = followed.state.cheap_failures
        is_signed_in = platform.name in await self.context.signed_in()
        for number, lister in enumerate(self.context.listers):
            if lister.signed_in and not is_signed_in:
                continue
            check = self._check(followed, conditional=best is None and failure is None)
            try:
                permit = await self._permit(followed, platform, lister, before=permit)
                found = await lister.list_entries(check, platform, within_s=self.within_s)
            except Unsupported:
                continue
            except Failure as exc:
                await self._report(platform, permit, exc)
                failure = failure or exc
                cheap_failures += number == 0
                if number == 0 and cheap_failures < FALL_BACK_AFTER and not followed.wants_backlog:
                    break
                continue
            await self._report(platform, permit, None)
            cheap_failures = 0 if number == 0 else cheap_failures
            found = replace(
                found, method=found.method or lister.name, uses_account=lister.signed_in
            )
            if best is None or len(found.entries) > len(best.listing.entries):
                best = await self._with_posts(followed, found)
            if not self._is_short(followed, best):
                break
        if best is None:
            raise failure or Unsupported(
                Message("This list on %(site)s can't be read.", site=platform.title),
                help=(
                    "Sign in if the site shows the list only to signed-in users, or follow its RSS"
                    " feed."
                ),
            )
        return best, cheap_failures

    def _check(self, followed: Followed, *, conditional: bool) -> ListCheck:
        source, state = followed.source, followed.state
        everything = followed.wants_backlog and source.start is not Start.NOW
        return ListCheck(
            url=source.url,
            stable_id=state.stable_id,
            known=state.recent_ids,
            stop_after_known=None if followed.wants_backlog else STOP_AFTER_KNOWN,
            limit=self.most if everything else FEW,
            kinds=source.filters.kinds,
            reposts=source.filters.reposts,
            validators=Validators()
            if followed.wants_backlog or not conditional
            else state.validators,
        )

    async def _permit(
        self, followed: Followed, platform: Platform, lister: Lister, *, before: Permit | None
    ) -> Permit | None:
        return await site_limits.acquire_permit(
            JobId(followed.source.id),
            platform,
            self.context,
            with_account=lister.signed_in,
            before=before,
        )

    async def _report(
        self, platform: Platform, permit: Permit | None, failure: Failure | None
    ) -> None:
        """Report a check's outcome to the site's limits:
        a list that is shown only after a sign-in says nothing about posts.
        """
        if not isinstance(failure, LoginRequired) or (permit is not None and permit.is_probe):
            await site_limits.report_outcome(platform, permit, failure, self.context)

    async def _with_posts(self, followed: Followed, listing: Listing) -> SourceListing:
        # Another lister may be asked before this list is used, for minutes. During that a waiting
        # entry may be taken, or one that was taken may be skipped: no check decides about those.
        # Only this check changes the others.
        read = partial(self.read, listed_by=parse_http_url(followed.source.url).origin)
        entries = await self._by_former_urls(followed, listing.entries)
        posts, jobs = await named_posts(entries, read, registry.seen_as)
        known = await stored.seen(
            self.context.store.tables, followed.source.id, [post.key for post in posts]
        )
        return SourceListing(listing, posts, jobs, known)

    async def _by_former_urls(self, followed: Followed, entries: Sequence[Entry]) -> list[Entry]:
        """Return the entries, each by the URL by which an earlier version took its post:
        it must not be taken again.
        """
        keys = {
            entry.former_url: post_key(registry.seen_as(entry.former_url))
            for entry in entries
            if entry.former_url
        }
        known = (
            await stored.seen(self.context.store.tables, followed.source.id, keys.values())
            if keys
            else {}
        )
        return [
            replace(e, url=e.former_url) if keys.get(e.former_url) in known else e for e in entries
        ]

    def _is_short(self, followed: Followed, read: SourceListing) -> bool:
        """Whether the list that was read may lack posts that are wanted: earlier ones,
        or more news than it shows.
        """
        found = read.listing
        if found.is_unchanged or found.is_whole or len(found.entries) >= self.most:
            return False
        if followed.wants_backlog:
            return followed.source.start is not Start.NOW or not found.is_newest_first
        return bool(read.jobs) and read.known.keys().isdisjoint(read.jobs)
