"""Checks the sources that the vault follows, and creates jobs for posts that are new and wanted.

Checks go easy on sites: they count towards the site's limits, depend on how often the source posts,
try the cheapest way first, and only one worker checks a source at a time. Results are stored so
that after a kill at any point a step is repeated and none is lost: a job is stored before its entry
is marked as taken, and a post that several sources list is one job.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from mediavault.core.clock import Clock
from mediavault.core.failures import (
    ExtractorBroken,
    Failure,
    JobNotFound,
    LeaseLost,
    MediavaultError,
    NotAVideo,
    NotFound,
)
from mediavault.core.job import Job, NewJob
from mediavault.core.listings import Entry, Listing, post_key
from mediavault.core.logs import get_logger
from mediavault.core.marks import MarkKind
from mediavault.core.media import LANGUAGE, MAX_PICTURE_BYTES, Extraction, picture_suffix
from mediavault.core.urls import EgressScope, parse_http_url
from mediavault.egress.port import Timeouts
from mediavault.features.following import records as stored
from mediavault.features.following.background.list_reading import (
    FALL_BACK_AFTER,
    FEW,
    ReadListed,
    SourceListing,
    SourceListReader,
)
from mediavault.features.following.decisions import (
    Decision,
    fill_interval,
    interval,
    jittered,
    reason_after_check,
    shows_removals,
    usual_gap,
)
from mediavault.features.following.filters import Reason
from mediavault.features.following.model import (
    EntryState,
    SeenEntry,
    Source,
    SourceCheck,
    SourceState,
    with_check,
)
from mediavault.features.following.records import AcquiredSource, Followed, put_picture
from mediavault.features.following.taking import entry_key, seen_entry, take
from mediavault.platforms import registry
from mediavault.store.holds import all_holds
from mediavault.store.port import Store
from mediavault.store.removed_posts import removed
from mediavault.worker.context import WorkerContext
from mediavault.worker.site_limits import NotAllowedYet

ROUND_S = 15.0
# a site may take minutes to answer, and the sources of other sites need not wait for it
ROUNDS_AT_ONCE = 3
CHECKS_IN_A_ROUND = 20
RECENT = 200
DATES = 20
YIELD_FOR, YIELD_AT_MOST = timedelta(minutes=1), timedelta(hours=1)
ENOUGH_WAITING = 5  # jobs of a site or host: while there are more, no earlier post is added

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Follower:
    """The worker's half of following. ``read`` reads the URL of a post that a list names."""

    context: WorkerContext
    read: ReadListed

    async def round(self) -> None:
        """Check the sources that are due, the longest due first, and take the next earlier posts.

        A hold on a site's jobs holds back its checks too. Raises StoreError.
        """
        store, clock = self.context.store, self.context.clock
        now = clock.now()
        holds = await all_holds(store.records)
        if any(hold.site is None for hold in holds):
            return
        held_back = {hold.site for hold in holds}
        sources = [
            one
            for one in await stored.with_work(store.tables, now)
            if one.source.platform not in held_back
        ]
        if not sources:
            return
        waiting = (await store.catalogue.report()).waiting
        due = sorted(
            (source for source in sources if source.is_due(now)),
            key=lambda one: _due_since(one, now),
        )
        for followed in due[:CHECKS_IN_A_ROUND]:
            if _yields(followed, waiting, now):
                await stored.change_state(
                    store.tables,
                    followed.source.id,
                    lambda state: replace(state, next_check_at=now + YIELD_FOR),
                )
            elif (held := await stored.acquire(store.tables, clock, followed)) is not None:
                await self._check(held, followed)
        if due:
            changed = {one.source.id: one for one in await stored.with_work(store.tables, now)}
            sources = [changed[one.source.id] for one in sources if one.source.id in changed]
        await self._take_waiting(sources, waiting)

    # --- one check --------------------------------------------------------------------------------

    async def _check(self, held: AcquiredSource, followed: Followed) -> None:
        source, clock = held.source, self.context.clock
        try:
            read, cheap_failures = await SourceListReader(self.context, self.read).read_list(
                followed
            )
            state = replace(followed.state, cheap_failures=cheap_failures)
            if (
                not read.listing.entries
                and not read.listing.is_unchanged
                and held.before.usual_entries
            ):
                raise ExtractorBroken(
                    "The list is empty now.", help="It will be checked again; nothing is deleted."
                )
            state = await self._apply(read, followed, state)
        except NotAllowedYet as exc:
            state = replace(
                held.before, next_check_at=max(exc.at, clock.now() + timedelta(seconds=ROUND_S))
            )
        except Failure as failure:
            log.info(
                "source_not_read", source=source.id, error_code=failure.code, error=failure.message
            )
            state = self._after_failure(followed, failure)
        else:
            log.info(
                "source_read", source=source.id, method=state.method, new=state.new_at_last_check
            )
            state = await with_picture(source, state, self.context)
        await stored.release(self.context.store.tables, held, state)

    def _after_failure(self, followed: Followed, failure: Failure) -> SourceState:
        now, state = self.context.clock.now(), followed.state
        failures = state.failures + 1
        # not before another way to read the list was tried
        slows_down = max(0, failures - FALL_BACK_AFTER + 1)
        span = jittered(
            self._interval(followed.source, replace(state, failures=slows_down)),
            self.context.retry.jitter(),
        )
        return replace(
            state,
            next_check_at=now + max(span, failure.retry_after or timedelta()),
            failures=failures,
            failing_since=state.failing_since or now,
            error=failure.message,
            help=failure.help,
            cheap_failures=state.cheap_failures + 1,
            history=with_check(state.history, SourceCheck(now, error=failure.message)),
        )

    def _interval(
        self, source: Source, state: SourceState, fresh_for: timedelta | None = None
    ) -> timedelta:
        newest = max(state.published, default=None)
        return interval(
            source,
            gap=usual_gap(state.published),
            quiet_for=self.context.clock.now() - newest if newest else None,
            failures=state.failures,
            fresh_for=fresh_for,
            uses_account=state.uses_account,
        )

    # --- what becomes of entries ------------------------------------------------------------------

    async def _apply(
        self, read: SourceListing, followed: Followed, state: SourceState
    ) -> SourceState:
        """Take, skip or put back what a check has found; return the source's new state."""
        now, source, records = self.context.clock.now(), followed.source, self.context.store.records
        found = read.listing
        decisions = await stored.decisions(
            records, followed, read.posts, read.known, now, is_newest_first=found.is_newest_first
        )
        changes = [decision for decision in decisions if decision.is_change]
        for are_news in (True, False):
            taken = [
                decision.post
                for decision in changes
                if decision.state is EntryState.SAVED and decision.is_from_before is not are_news
            ]
            entries = {post.key: post.entry for post in taken}
            await self._take(
                [(post.key, read.jobs[post.key]) for post in taken],
                source,
                entries,
                are_news=are_news,
            )
        later = [decision for decision in changes if decision.state is EntryState.WAITING]
        if later:  # news go before what was there before
            later.sort(key=lambda decision: decision.is_from_before)
            waiting = [
                (
                    each.post.key,
                    replace(
                        seen_entry(each.post.entry, EntryState.WAITING, now),
                        is_new_post=not each.is_from_before,
                    ),
                )
                for each in later
            ]
            await stored.put_waiting(self.context.store.tables, source.id, now, waiting)
        skipped = [decision for decision in changes if decision.state is EntryState.SKIPPED]
        if skipped:
            seen = {
                each.post.key: seen_entry(each.post.entry, EntryState.SKIPPED, now, each.reason)
                for each in skipped
            }
            await stored.put_seen(self.context.store.tables, source.id, seen)
        with_facts = _with_facts(state, found, now, decisions)
        state = replace(
            await self._with_unlisted(found, followed, with_facts, decisions),
            started=source.start_number,
            waiting=await stored.count_waiting(self.context.store.tables, source.id),
            skipped=await stored.count_skipped(self.context.store.tables, source.id)
            if changes
            else state.skipped,
        )
        span = jittered(self._interval(source, state, found.fresh_for), self.context.retry.jitter())
        return replace(state, next_check_at=now + max(span, found.fresh_for or timedelta()))

    async def _with_unlisted(
        self,
        listing: Listing,
        followed: Followed,
        state: SourceState,
        decisions: Sequence[Decision],
    ) -> SourceState:
        """Record which entries are missing from the list and which are back,
        and return the state with the number missing.
        """
        tables, source_id = self.context.store.tables, followed.source.id
        returned = [
            each.post.key
            for each in decisions
            if each.former is not None and each.former.unlisted_at is not None
        ]
        is_evidence = shows_removals(listing, followed.state)
        if returned:
            await stored.take_back(tables, source_id, returned)
        if is_evidence:
            listed = [each.post.key for each in decisions]
            now = self.context.clock.now()
            await stored.compare_with_list(
                tables, source_id, listed, now, is_restart=followed.wants_backlog
            )
        elif not returned:
            return state
        return replace(state, unlisted=await stored.count_unlisted(tables, source_id))

    async def _take(
        self,
        posts: Sequence[tuple[str, NewJob]],
        source: Source,
        entries: Mapping[str, Entry | SeenEntry],
        *,
        are_news: bool,
    ) -> None:
        context = self.context
        settings = None if context.live is None else await context.live()
        await take(
            context.store, context.clock, settings, source, posts, entries, are_news=are_news
        )

    # --- earlier posts ----------------------------------------------------------------------------

    async def _take_waiting(self, sources: Sequence[Followed], waiting: Mapping[str, int]) -> None:
        """Take one earlier post of each site or host that has no other job to do,
        if its turn has come.
        """
        now, records = self.context.clock.now(), self.context.store.records
        with_posts = [
            source for source in sources if source.state.waiting and not source.source.is_paused
        ]
        ready: dict[str, list[Followed]] = {}
        for one in with_posts:
            if (one.state.fill_at or now) <= now:
                ready.setdefault(one.source.served_by, []).append(one)
        turns = await stored.fill_turns(records, ready) if ready else {}
        # Jobs are counted by platform. Where that is a name for many hosts, each of them may have
        # as many.
        hosts = Counter(
            platform
            for _, platform in {(one.source.served_by, one.source.platform) for one in with_posts}
        )
        for served_by, rivals in ready.items():
            platform, at = registry.platform(rivals[0].source.platform), turns.get(served_by)
            has_enough = waiting.get(platform.name, 0) > ENOUGH_WAITING * hosts[platform.name]
            if has_enough or (at is not None and at > now):
                continue
            then = now + fill_interval(platform.pace.account_daily_cap)
            if await stored.take_fill_turn(records, served_by, at, then):
                await self._take_next(
                    min(rivals, key=lambda one: (one.state.fill_at or now, one.source.id))
                )

    async def _take_next(self, followed: Followed) -> None:
        source, store, now = followed.source, self.context.store, self.context.clock.now()
        for post, entry in (await stored.next_waiting(store.tables, source.id)).items():
            await self._take_one(post, entry, source)
        left = await stored.count_waiting(store.tables, source.id)
        share = timedelta(days=1) / source.per_day if source.per_day else timedelta()
        await stored.change_state(
            store.tables,
            source.id,
            lambda state: replace(
                state, waiting=left, fill_at=now + max(share, timedelta(seconds=1))
            ),
        )

    async def _take_one(self, post: str, entry: SeenEntry, source: Source) -> None:
        store = self.context.store
        try:
            new = self.read(entry.url, listed_by=parse_http_url(source.url).origin)
        except MediavaultError:
            new = None
        if new is None or await removed(store.records, [post_key(new.canonical_url)]):
            reason = Reason.UNREADABLE if new is None else Reason.REMOVED
            skipped = replace(entry, state=EntryState.SKIPPED, reason=reason)
            await stored.put_seen(store.tables, source.id, {post: skipped})
            return
        await self._take([(post, new)], source, {post: entry}, are_news=entry.is_new_post)


def _due_since(followed: Followed, now: datetime) -> datetime:
    return followed.state.next_check_at or min(followed.source.followed_at, now)


def _yields(followed: Followed, waiting: Mapping[str, int], now: datetime) -> bool:
    """Whether the jobs of the source's site go first; but not forever,
    since a site may have jobs for days.
    """
    if followed.state.next_check_at is None or not waiting.get(followed.source.platform):
        return False
    seen = followed.state.checked_at
    return seen is not None and now - seen < 2 * YIELD_AT_MOST


def _with_facts(
    state: SourceState, listing: Listing, now: datetime, decisions: Sequence[Decision]
) -> SourceState:
    """Return the state with what a successful check has found out about the source."""
    news = sum(
        each.is_change and not each.is_from_before and each.state is not EntryState.SKIPPED
        for each in decisions
    )
    ids = (
        [entry.post_id for entry in listing.entries if entry.post_id]
        if listing.is_newest_first
        else []
    )
    dates = [
        entry.published_at
        for entry in listing.entries
        if entry.published_at and entry.published_at <= now
    ]
    if not dates and state.checks:  # a list without dates: when its news came
        dates = [now] * bool(news)
    listed = min(len(listing.entries), FEW)  # a check that reads everything is not a usual one
    return replace(
        state,
        stable_id=listing.stable_id or state.stable_id,
        title=listing.title or state.title,
        handle=listing.handle or state.handle,
        picture_url=listing.picture_url or state.picture_url,
        checked_at=now,
        checks=state.checks + 1,
        method=listing.method or state.method,
        uses_account=listing.uses_account,
        validators=listing.validators,
        failures=0,
        failing_since=None,
        error=None,
        help="",
        recent_ids=tuple(dict.fromkeys((*ids, *state.recent_ids)))[:RECENT],
        published=tuple(sorted({*dates, *state.published})[-DATES:]),
        usual_entries=max(listed, state.usual_entries // 2) if listed else state.usual_entries,
        is_short=state.is_short if listing.is_unchanged else 2 * listed < state.usual_entries,
        whole_entries=max(len(listing.entries), state.whole_entries // 2)
        if listing.is_whole and listing.entries
        else state.whole_entries,
        seen=state.seen + sum(decision.former is None for decision in decisions),
        new_at_last_check=news,
        history=with_check(state.history, SourceCheck(now, news)),
        newest_at=max((*dates, *((state.newest_at,) if state.newest_at else ())), default=None),
    )


# --- after the post was read ----------------------------------------------------------------------


async def refuse_unwanted(store: Store, clock: Clock, job: Job, extraction: Extraction) -> None:
    """Remove a job that, now that its post has been read, none of its sources wants, and raise
    LeaseLost then.

    A list does not know all that filters ask for. A job that a user has asked for too, or moved in
    the queue, stays.
    """
    if not job.is_wanted_by_lists_only:
        return
    now = clock.now()
    marks = (await store.marks.of_jobs([job.id])).get(job.id, ())
    sources = [mark.name.partition("/")[2] for mark in marks if mark.kind == MarkKind.SOURCE]
    entry, post = _entry_of(job, extraction), entry_key(job.canonical_url)
    skipped: dict[str, SeenEntry] = {}
    for source_id in sources:
        try:
            source = (await stored.find_followed(store.tables, source_id)).source
        except NotFound:
            return
        if (reason := reason_after_check(entry, source, now)) is None:
            return
        seen = seen_entry(entry, EntryState.SKIPPED, now, reason)
        skipped[source_id] = replace(seen, is_read=True)
    current = await store.catalogue.get(job.id)
    if not skipped or not current.is_wanted_by_lists_only:
        return
    for source_id, seen in skipped.items():
        await stored.put_seen(store.tables, source_id, {post: seen})
    with suppress(JobNotFound):
        await store.catalogue.remove(job.id, as_of=current.updated_at)
        log.info(
            "post_skipped", sources=sorted(skipped), reason=next(iter(skipped.values())).reason
        )
        raise LeaseLost("None of its sources wants this post.")


def _entry_of(job: Job, extraction: Extraction) -> Entry:
    """Return the facts that a source's filters need, as the post itself states them."""
    lengths = [item.expected.duration_s for item in extraction.videos if item.expected.duration_s]
    return Entry(
        job.post_url,
        extraction.post.post_id or "",
        title=extraction.title,
        text=extraction.text or "",
        published_at=extraction.published_at,
        duration_s=max(lengths, default=None),
        language=extraction.metadata.get(LANGUAGE),
    )


REFRESHED_AFTER, TRIED_AGAIN_AFTER = timedelta(days=7), timedelta(days=1)
LONGEST_PX = 192
MAX_KEPT_BYTES = 64 << 10  # of a record; a JPEG of that size has some ten thousand
TIMEOUTS = Timeouts(connect_s=5, read_s=5, total_s=10)


async def with_picture(source: Source, state: SourceState, context: WorkerContext) -> SourceState:
    """Keep the picture of a source if it is due, and return the state with that."""
    now = context.clock.now()
    if not state.picture_url or (state.picture_due is not None and state.picture_due > now):
        return state
    try:
        picture = await _small_picture(state.picture_url, source, context)
        await put_picture(context.store.records, source.id, picture)
    except (MediavaultError, OSError) as exc:
        log.info("source_picture_not_saved", source=source.id, error=str(exc)[:200])
        return replace(state, picture_due=now + TRIED_AGAIN_AFTER)
    return replace(state, has_picture=True, picture_due=now + REFRESHED_AFTER)


async def _small_picture(url: str, source: Source, context: WorkerContext) -> bytes:
    async with context.client.get(
        url, scope=EgressScope(source.url), timeouts=TIMEOUTS
    ) as response:
        body = await response.read(limit=MAX_PICTURE_BYTES)
        if response.status != 200 or picture_suffix(body) is None:
            raise NotAVideo(
                "The URL did not return an image.",
                http_status=response.status,
                bytes_received=len(body),
            )
    with tempfile.TemporaryDirectory(prefix="mediavault-picture-") as name:
        path, into = Path(name) / "picture", Path(name) / "small.jpg"
        await asyncio.to_thread(path.write_bytes, body)
        small = await context.probe.shrink(path, into=into, longest_px=LONGEST_PX)
        picture = b"" if small is None else await asyncio.to_thread(small.read_bytes)
    if not 0 < len(picture) <= MAX_KEPT_BYTES:
        raise NotAVideo("The image could not be made smaller.", bytes_received=len(body))
    return picture
