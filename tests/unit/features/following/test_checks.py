"""Looking at sources: what is new becomes a job once, at the right time,
and what is not wanted is passed over.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mediavault.core.clock import AT_ONCE
from mediavault.core.failures import (
    ExtractorBroken,
    Failure,
    HttpError,
    LeaseLost,
    NotFound,
    RateLimited,
    Unsupported,
)
from mediavault.core.job import Job, JobStatus, NewJob, Priority, new_worker_id
from mediavault.core.listings import Entry, ListCheck, Listing, Validators, enclosed_in
from mediavault.core.marks import MarkKind, collection, from_source
from mediavault.core.media import EnclosedFile, Expected, Item, Post
from mediavault.core.platform import ENCLOSURE, Platform, YtdlpRules
from mediavault.core.settings import Settings
from mediavault.core.submission import Submission
from mediavault.core.typed_records import from_named_json, to_named_json
from mediavault.core.urls import EgressScope, is_exemptible, parse_http_url
from mediavault.core.users import OWNER
from mediavault.egress.guard import EgressGuard
from mediavault.extraction.api_extractor import EnclosureExtractor
from mediavault.extraction.ytdlp_reading import read_answer
from mediavault.features.following import decisions as following_decisions
from mediavault.features.following import records as stored
from mediavault.features.following.background.checks import Follower, refuse_unwanted
from mediavault.features.following.decisions import NEWEST_AT_ONCE, NEWS_AT_ONCE
from mediavault.features.following.filters import Filters, Reason, reason_against
from mediavault.features.following.inbox import read_inbox
from mediavault.features.following.model import (
    MOST_CHECKS,
    EntryState,
    Source,
    SourceCheck,
    SourceState,
    Start,
    with_check,
)
from mediavault.features.following.records import Followed
from mediavault.features.following.service import Chosen, Following
from mediavault.features.following.taking import entry_key
from mediavault.platforms import registry
from mediavault.platforms.registry import identify
from mediavault.store import holds
from mediavault.store.bulk import enqueue_for_user
from mediavault.store.live_settings import LiveSettings
from mediavault.store.port import JobQuery
from mediavault.store.tables import SOURCE_ENTRIES, SOURCES, Table, TableRow
from mediavault.store.trash import move_to_trash, new_batch, no_paths
from mediavault.worker.context import WorkerContext, for_attempt
from mediavault.worker.hooks import Hooks
from mediavault.worker.pipeline import process_one_cycle
from mediavault.worker.stages.route import route_job_by_domain
from tests.fakes import START, FakeClock
from tests.memory_store import MemoryJobStore
from tests.stubs import StubDownloader, StubExtractor, candidate, extraction, make_context, new_job

CHANNEL = "https://www.youtube.com/channel/UCaaaaaaaaaaaaaaaaaaaaaa"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def video_id(number: int) -> str:
    return f"video{number:06d}"


def video(number: int, **facts: Any) -> Entry:
    return replace(
        Entry(
            f"https://www.youtube.com/watch?v={video_id(number)}",
            video_id(number),
            title=f"Video {number}",
        ),
        **facts,
    )


@dataclass
class StubLister:
    """A list that the test changes, or a failure. ``newest`` is how many entries it shows."""

    entries: list[Entry] = field(default_factory=list)
    name: str = "feed"
    signed_in: bool = False
    shows: int | None = None
    failure: Failure | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    checks: list[ListCheck] = field(default_factory=list)
    during: Callable[[], Any] | None = None

    async def list_entries(
        self, check: ListCheck, platform: Platform, *, within_s: float
    ) -> Listing:
        self.checks.append(check)
        if self.during is not None:
            await self.during()
        if self.failure is not None:
            raise self.failure
        shown = self.entries[: self.shows]
        facts = {
            "title": "A channel",
            "stable_id": "UCa",
            "is_whole": len(shown) == len(self.entries),
            **self.facts,
        }
        return Listing(tuple(shown), **facts)


class Vault:
    """A vault that follows, with a clock that the test moves."""

    def __init__(self, tmp_path: Path) -> None:
        self.clock = FakeClock(auto=True)
        self.store = MemoryJobStore(self.clock)
        self.guard = EgressGuard()
        self.feed = StubLister()
        self.listers = [self.feed]
        on_read = partial(refuse_unwanted, self.store, self.clock)
        self.context = replace(
            make_context(self.store, self.clock, tmp_path), hooks=Hooks(on_read=on_read)
        )

    @property
    def submission(self) -> Submission:
        return Submission(
            identify,
            self.guard.check_submitted,
            self.clock,
        )

    @property
    def follower(self) -> Follower:
        return Follower(replace(self.context, listers=self.listers), self.submission.read)

    async def follow(self, **facts: Any) -> Source:
        source = replace(Source("s-1", CHANNEL, "youtube", self.clock.now()), **facts)
        return await stored.follow(self.store.tables, source)

    async def check(self, *, after: timedelta = timedelta()) -> None:
        """Advance the time, then let all sources be looked at, whether due or not."""
        self.clock.advance(after)
        for one in await stored.followed(self.store.tables):
            await stored.check_now(self.store.tables, one.source.id)
        for _ in range(2):  # two sources of a site take turns
            await self.follower.round()
            self.clock.advance(15)

    async def run(
        self, span: timedelta, step: timedelta = timedelta(minutes=5), *, finish: bool = False
    ) -> None:
        """Let rounds pass; with ``finish`` the jobs end in between."""
        ends = self.clock.now() + span
        while self.clock.now() < ends:
            self.clock.advance(step)
            await self.follower.round()
            for job in await self.jobs() if finish else ():
                await self.store.queue.cancel(job.id)

    async def jobs(self) -> list[Job]:
        return list((await self.store.catalogue.jobs(JobQuery(limit=500))).jobs)

    async def numbers(self) -> list[int]:
        """The numbers of the videos that have jobs."""
        return sorted(int(job.canonical_url[-6:]) for job in await self.jobs())

    async def one(self, source_id: str = "s-1") -> Followed:
        return await stored.find_followed(self.store.tables, source_id)

    async def reasons(self, source_id: str = "s-1") -> dict[int, Reason | None]:
        seen = await stored.all_seen(self.store.tables, source_id, limit=1000)
        return {int(e.url[-6:]): e.reason for e in seen.values() if e.state is EntryState.SKIPPED}


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path)


class KeyedLock:
    """Counts what is done in each turn of the event loop."""

    def __init__(self) -> None:
        self.now = 0
        self.most: Counter[str] = Counter()
        self.total: Counter[str] = Counter()
        self._done: Counter[tuple[str, int]] = Counter()

    def counted(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            self._done[name, self.now] += 1
            self.total[name] += 1
            self.most[name] = max(self.most[name], self._done[name, self.now])
            return function(*args, **options)

        return call

    async def turn(self) -> None:
        while True:
            self.now += 1
            await asyncio.sleep(0)


async def test_a_long_list_never_holds_the_event_loop(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages are served by the same loop. All that is done for each entry is done for few of them at
    a time.
    """
    turns, length = KeyedLock(), 1_000
    monkeypatch.setattr(stored, "to_named_json", turns.counted("write", to_named_json))
    monkeypatch.setattr(stored, "from_named_json", turns.counted("read", from_named_json))
    monkeypatch.setattr(
        following_decisions, "reason_against", turns.counted("decide", reason_against)
    )
    follower = Follower(
        replace(vault.context, listers=vault.listers), turns.counted("name", vault.submission.read)
    )
    vault.feed.entries = [video(number) for number in range(length, 0, -1)]
    await vault.follow(start=Start.EVERYTHING)
    turning = asyncio.create_task(turns.turn())
    try:
        await follower.round()
        await stored.change_source(
            vault.store.tables,
            "s-1",
            lambda source: replace(source, filters=Filters(lacking=("Video",))),
        )
        vault.clock.advance(timedelta(days=1))
        await follower.round()
    finally:
        turning.cancel()

    assert all(turns.total[name] >= length for name in ("write", "read", "decide", "name"))
    # the end of one step and the beginning of the next
    assert max(turns.most.values()) <= 2 * AT_ONCE


async def test_from_now_on_only_new_posts_are_taken(vault: Vault) -> None:
    vault.feed.entries = [video(2), video(1)]
    await vault.follow()
    await vault.check()
    assert await vault.numbers() == []

    vault.feed.entries = [video(4), video(3), *vault.feed.entries]
    await vault.check(after=HOUR)

    assert await vault.numbers() == [3, 4]
    assert await vault.reasons() == {1: Reason.BEFORE, 2: Reason.BEFORE}
    state = (await vault.one()).state
    assert (state.title, state.stable_id, state.new_at_last_check, state.seen, state.skipped) == (
        "A channel",
        "UCa",
        2,
        4,
        2,
    )


async def test_a_site_that_takes_long_to_answer_holds_up_no_other_source(vault: Vault) -> None:
    """Several rounds run at once, and one source is looked at by one of them."""
    answers, slow = asyncio.Event(), asyncio.Event()

    async def answer_late_once() -> None:
        if not slow.is_set():
            slow.set()
            await answers.wait()

    vault.feed.entries, vault.feed.during = [video(1)], answer_late_once
    await vault.follow()
    await vault.follow(id="s-2", url=f"{CHANNEL}/b", platform="generic")
    first = asyncio.create_task(vault.follower.round())
    await slow.wait()
    await vault.follower.round()
    checks = [(await vault.one(source)).state.checks for source in ("s-1", "s-2")]
    answers.set()
    await first

    assert sorted(checks) == [0, 1]
    assert [(await vault.one(source)).state.checks for source in ("s-1", "s-2")] == [1, 1]
    assert len(vault.feed.checks) == 2


async def test_jobs_of_a_source_come_after_those_of_users_and_name_their_source(
    vault: Vault,
) -> None:
    await vault.follow(collection="Trains")
    await vault.check()
    vault.feed.entries = [video(1)]
    await vault.check(after=HOUR)
    (job,) = await vault.jobs()

    assert job.priority is Priority.LATER
    assert {mark.name for mark in (await vault.store.marks.of_jobs([job.id]))[job.id]} == {
        from_source("s-1"),
        collection("Trains"),
        MarkKind.FOLLOWED,
        MarkKind.NEWS,
    }


# --- allowed private hosts ------------------------------------------------------------------------

PRIVATE = "http://10.99.0.1:8080"


async def followed_feed(vault: Vault, feed: str, *posts: str) -> list[Job]:
    """Return the jobs that a feed with these posts leads to,
    where the settings allow the host of PRIVATE.
    """
    vault.guard = EgressGuard(["10.99.0.1:8080"])
    vault.feed.entries = [Entry(url, url) for url in posts]
    await vault.follow(url=feed, platform="generic", start=Start.EVERYTHING)
    await vault.run(timedelta(days=1), timedelta(minutes=30), finish=True)
    return await vault.jobs()


async def test_a_strangers_feed_names_no_posts_on_an_allowed_private_host(vault: Vault) -> None:
    """They would be its author's requests: to any path of that host,
    from our client and our browser.
    """
    jobs = await followed_feed(
        vault, "http://feed.example/rss", f"{PRIVATE}/reboot?now=1", "http://feed.example/1"
    )

    assert [job.post_url for job in jobs] == ["http://feed.example/1"]


async def test_a_feed_on_an_allowed_private_host_names_posts_on_its_own_server(
    vault: Vault,
) -> None:
    (job,) = await followed_feed(vault, f"{PRIVATE}/rss", f"{PRIVATE}/1", "http://10.99.0.1:9090/2")

    assert (job.post_url, job.listed_by) == (f"{PRIVATE}/1", PRIVATE)


async def test_a_job_of_a_list_keeps_that_in_each_attempt_until_a_user_submits_its_post(
    vault: Vault,
) -> None:
    """A name may lead to a private host although its text doesn't say so:
    the egress guard judges it in each attempt.
    """
    url = "http://nas.example/1"
    extractor, downloader = StubExtractor(), StubDownloader(HttpError("no", http_status=403))
    context = replace(vault.context, extractors={"browser": extractor}, downloader=downloader)
    await followed_feed(vault, "http://feed.example/rss?token=secret", url)

    async def scopes() -> set[EgressScope]:
        """The scopes of an attempt's requests."""
        (job,) = await vault.jobs()
        await vault.store.queue.retry(job.id)
        (claim,) = await vault.store.queue.claim(new_worker_id(), limit=1, lease=HOUR)
        await process_one_cycle(claim, context)
        return {extractor.posts[-1].scope, downloader.requests[-1].scope}

    assert [await scopes(), await scopes()] == 2 * [{EgressScope(url, "http://feed.example")}]
    (result,) = await enqueue_for_user(vault.store.queue, [vault.submission.read(url)])
    assert (result.created, result.job.listed_by) == (False, None)
    assert await scopes() == {EgressScope(url)}


async def arrivals(vault: Vault) -> list[tuple[int, bool]]:
    """The numbers of the videos in the inbox, the last that came first,
    and whether they are news.
    """
    found = await read_inbox(vault.store, "owner", cursor=None, limit=100)
    return [
        (int(arrival.job.canonical_url[-6:]), arrival.is_new_post) for arrival in found.arrivals
    ]


async def test_the_inbox_has_what_sources_brought_and_not_what_a_user_had_asked_for(
    vault: Vault,
) -> None:
    await enqueue_for_user(vault.store.queue, [vault.submission.read(video(9).url)])
    vault.feed.entries = [video(1)]
    await vault.follow(start=Start.EVERYTHING)
    await vault.check()
    vault.feed.entries = [video(9), video(2), video(1)]
    await vault.check(after=HOUR)

    assert await vault.numbers() == [1, 2, 9]
    assert await arrivals(vault) == [(2, True), (1, False)]


async def test_a_post_whose_look_was_killed_before_it_was_in_the_inbox_gets_there(
    vault: Vault,
) -> None:
    await vault.follow()
    await vault.check()
    brought = vault.submission.read(video(1).url, listed_by=CHANNEL)
    await vault.store.queue.enqueue([replace(brought, priority=Priority.LATER)])
    vault.feed.entries = [video(1)]
    await vault.check(after=HOUR)

    assert await arrivals(vault) == [(1, True)]


async def test_news_that_wait_since_they_are_many_are_news_when_they_come(vault: Vault) -> None:
    await vault.follow()
    await vault.check()
    vault.feed.entries = [video(number) for number in range(NEWS_AT_ONCE + 1, 0, -1)]
    await vault.check(after=HOUR)
    await vault.run(timedelta(hours=1), finish=True)

    assert len(await arrivals(vault)) == NEWS_AT_ONCE + 1
    assert all(is_new_post for _, is_new_post in await arrivals(vault))


async def test_a_post_of_two_sources_is_one_job(vault: Vault) -> None:
    await vault.follow()
    await vault.follow(id="s-2", url=CHANNEL + "/videos")
    await vault.check()
    vault.feed.entries = [video(1)]
    await vault.run(6 * HOUR)
    (job,) = await vault.jobs()

    names = {mark.name for mark in (await vault.store.marks.of_jobs([job.id]))[job.id]}
    assert names == {from_source("s-1"), from_source("s-2"), MarkKind.FOLLOWED, MarkKind.NEWS}


async def test_what_a_user_deleted_stays_deleted_whatever_source_names_it(
    vault: Vault, tmp_path: Path
) -> None:
    await vault.follow()
    await vault.check()
    vault.feed.entries = [video(1)]
    await vault.check(after=HOUR)
    (job,) = await vault.jobs()
    await move_to_trash(
        vault.store, vault.context.library, vault.clock, job.id, no_paths, batch=new_batch()
    )
    await vault.follow(id="s-2", url=CHANNEL + "/videos", start=Start.EVERYTHING)
    await vault.check(after=HOUR)
    await vault.run(HOUR)

    assert await vault.jobs() == []
    assert await vault.reasons("s-2") == {1: Reason.REMOVED}


async def test_everything_is_taken_in_turn_and_new_posts_at_once(vault: Vault) -> None:
    vault.feed.entries = [video(number) for number in range(30, 0, -1)]
    await vault.follow(start=Start.EVERYTHING)
    await vault.check()
    assert (await vault.one()).state.waiting == 29  # the first is taken at once

    vault.feed.entries.insert(0, video(31))
    await vault.check(after=timedelta(minutes=1))
    assert await vault.numbers() == [30, 31]

    await vault.run(6 * HOUR, finish=True)
    assert await vault.numbers() == list(range(1, 32))
    assert (await vault.one()).state.waiting == 0


async def test_a_number_of_posts_a_day_is_kept(vault: Vault) -> None:
    vault.feed.entries = [video(number) for number in range(30, 0, -1)]
    await vault.follow(start=Start.EVERYTHING, per_day=4)
    await vault.check()
    await vault.run(2 * DAY, timedelta(minutes=30), finish=True)

    assert 8 <= len(await vault.numbers()) <= 9


class ListPerHost(StubLister):
    """Each source's list has ``count`` posts of its own host, the newest first;
    tests may pass over known ones.
    """

    count = 30

    async def list_entries(
        self, check: ListCheck, platform: Platform, *, within_s: float
    ) -> Listing:
        self.entries = [
            Entry(f"{check.url}/{number}", str(number)) for number in range(self.count, 0, -1)
        ]
        return await StubLister.list_entries(self, check, platform, within_s=within_s)


async def follow_feed(vault: Vault, number: int, *, path: str = "rss", **facts: Any) -> None:
    """Follow a feed at the ``number``-th host of a site that is not known."""
    url = f"https://feeds{number}.example/{path}"
    await vault.follow(id=f"s-{number}-{path}", url=url, platform="generic", **facts)


async def taken_by_host(vault: Vault) -> dict[str, int]:
    return dict(Counter(job.canonical_url.split("/")[2] for job in await vault.jobs()))


async def test_earlier_posts_of_unknown_sites_take_turns_by_host(vault: Vault) -> None:
    """A podcast's host has nothing to do with another's, and all of them are one platform."""
    vault.listers = [ListPerHost()]
    for number in range(12):
        await follow_feed(vault, number, start=Start.EVERYTHING)
    await follow_feed(vault, 0, path="other", start=Start.EVERYTHING)
    await vault.follower.round()
    at_first = await taken_by_host(vault)
    await vault.run(timedelta(minutes=9), timedelta(minutes=3))
    before_their_turn = await taken_by_host(vault)
    await vault.run(timedelta(minutes=3), timedelta(minutes=3))

    assert at_first == before_their_turn == {f"feeds{number}.example": 1 for number in range(12)}
    assert await taken_by_host(vault) == {f"feeds{number}.example": 2 for number in range(12)}


async def test_posts_of_an_unknown_host_wait_while_such_hosts_have_enough_to_do(
    vault: Vault,
) -> None:
    vault.listers = [ListPerHost()]
    for number in range(2):
        await follow_feed(vault, number, start=Start.EVERYTHING)
    await vault.run(5 * DAY, timedelta(minutes=30))

    assert 10 <= len(await vault.jobs()) <= 13


async def test_the_newest_posts_of_a_new_source_of_an_unknown_site_come_at_once(
    vault: Vault,
) -> None:
    vault.listers = [ListPerHost()]
    await follow_feed(vault, 1, start=Start.NEWEST, newest=3)
    await vault.follower.round()

    assert await taken_by_host(vault) == {"feeds1.example": 3}
    assert (await vault.one("s-1-rss")).state.waiting == 0
    inbox = await read_inbox(vault.store, "owner", cursor=None, limit=100)
    assert [arrival.is_new_post for arrival in inbox.arrivals] == [False] * 3
    assert (await vault.one("s-1-rss")).state.new_at_last_check == 0


@pytest.mark.parametrize(
    ("facts", "at_once"),
    [
        ({"start": Start.NEWEST, "newest": 25}, NEWEST_AT_ONCE),
        ({"start": Start.NEWEST, "newest": 3, "per_day": 2}, 0),  # the user has asked for a pace
        ({"start": Start.EVERYTHING}, 0),
        # it locks accounts
        ({"start": Start.NEWEST, "newest": 3, "platform": "youtube", "url": CHANNEL}, 0),
    ],
)
async def test_the_rest_of_the_earlier_posts_takes_its_turn(
    vault: Vault, facts: dict[str, Any], at_once: int
) -> None:
    vault.feed.entries = [video(number) for number in range(30, 0, -1)]
    await vault.follow(**{"url": "https://feeds1.example/rss", "platform": "generic", **facts})
    await vault.follower.round()

    taken_in_turn = 1
    assert len(await vault.jobs()) == at_once + taken_in_turn


async def test_posts_from_before_wait_while_the_site_has_enough_to_do(vault: Vault) -> None:
    vault.feed.entries = [video(number) for number in range(30, 0, -1)]
    await vault.follow(start=Start.EVERYTHING)
    await vault.check()
    await vault.run(5 * DAY, timedelta(minutes=30))

    assert len(await vault.numbers()) <= 7


async def test_the_newest_are_those_that_pass_the_filters(vault: Vault) -> None:
    vault.feed.entries = [video(9), video(8, title="Trailer"), video(7), video(6)]
    await vault.follow(start=Start.NEWEST, newest=2, filters=Filters(lacking=("trailer",)))
    await vault.check()
    await vault.run(2 * HOUR)

    assert await vault.numbers() == [7, 9]
    assert await vault.reasons() == {8: Reason.WORDS, 6: Reason.BEFORE}


async def test_a_start_that_is_changed_later_reaches_back(vault: Vault) -> None:
    vault.feed.entries = [video(2), video(1)]
    await vault.follow()
    await vault.check()
    await stored.change_source(
        vault.store.tables, "s-1", lambda source: replace(source, start=Start.EVERYTHING)
    )
    await vault.run(HOUR)

    assert await vault.numbers() == [1, 2]
    assert (await vault.one()).state.skipped == 0


async def test_a_post_that_was_passed_over_is_taken_when_it_passes(vault: Vault) -> None:
    await vault.follow()
    await vault.check()
    vault.feed.entries = [video(1, members_only=True)]
    await vault.check(after=HOUR)
    assert await vault.numbers() == []

    vault.feed.entries = [video(1, members_only=False)]
    await vault.check(after=HOUR)
    assert await vault.numbers() == [1]


async def test_a_feed_that_fails_is_asked_again_at_the_usual_time_and_then_another_way(
    vault: Vault,
) -> None:
    other = StubLister(name="ytdlp")
    vault.listers.append(other)
    await vault.follow(interval_minutes=60)
    await vault.check()
    vault.feed.failure = ExtractorBroken("404")
    other.entries = [video(1)]
    await vault.check(after=HOUR)
    asked_at, state = vault.clock.now(), (await vault.one()).state
    assert (state.failures, len(other.checks)) == (1, 0)
    assert state.next_check_at is not None
    assert state.next_check_at - asked_at <= 1.1 * HOUR

    await vault.run(1.2 * HOUR)
    assert await vault.numbers() == [1]
    assert (await vault.one()).state.failures == 0
    vault.feed.failure = None
    vault.feed.entries = [video(2), video(1)]
    await vault.check(after=HOUR)
    assert await vault.numbers() == [1, 2]
    assert len(other.checks) == 1


async def test_failures_are_told_after_a_day_and_slow_down_the_looks(vault: Vault) -> None:
    await vault.follow(interval_minutes=60)
    await vault.check()
    vault.feed.failure = ExtractorBroken("The feed is gone (404).")
    await vault.run(20 * HOUR)
    early = (await vault.one()).state
    checks = len(vault.feed.checks)
    await vault.run(30 * HOUR)
    late = (await vault.one()).state

    assert not early.is_failing(vault.clock.now() - 30 * HOUR)
    assert late.is_failing(vault.clock.now())
    assert late.error == "The feed is gone (404)."
    assert checks <= 6


async def test_the_last_checks_of_a_source_are_kept(vault: Vault) -> None:
    await vault.follow(interval_minutes=60)
    await vault.check()
    vault.feed.entries = [video(1)]
    await vault.check(after=HOUR)
    vault.feed.failure = ExtractorBroken("404")
    await vault.check(after=HOUR)
    history = (await vault.one()).state.history

    assert [(check.new, str(check.error or "")) for check in history] == [
        (0, "404"), (1, ""), (0, ""),
    ]  # fmt: skip
    for number in range(MOST_CHECKS):
        history = with_check(history, SourceCheck(vault.clock.now(), number))
    assert [check.new for check in history] == [*range(MOST_CHECKS)][::-1]


async def test_a_skipped_post_that_a_user_chooses_is_saved_and_stays_so(vault: Vault) -> None:
    vault.feed.entries = [video(3), video(2), video(1)]
    await vault.follow(collection="Trains", profile="audio")
    await vault.check()
    store, submission = vault.store, Submission(identify, lambda *_: None, vault.clock)
    live = LiveSettings(Settings(), store.records, vault.clock)
    sources = Following(store, vault.clock, submission, live)
    key = entry_key(video(1).url)

    assert await sources.save("s-1", Chosen([key]), user="jane") == 1
    assert await sources.save("s-1", Chosen([entry_key(video(3).url)])) == 1
    jobs = (await store.catalogue.jobs(JobQuery())).jobs
    assert sorted(int(job.post_url[-6:]) for job in jobs) == [1, 3]
    assert {(job.priority, job.profile, job.is_wanted_by_lists_only) for job in jobs} == {
        (Priority.NORMAL, "audio", False)
    }
    marks = await store.marks.of_jobs([job.id for job in jobs])
    assert {collection("Trains"), "added/jane"} <= {
        mark.name for of_job in marks.values() for mark in of_job
    }
    assert (await read_inbox(store, OWNER, cursor=None, limit=9)).arrivals == ()
    state = (await vault.one()).state
    assert (state.seen, state.skipped) == (3, 1)

    await vault.check(after=HOUR)
    assert await vault.reasons() == {2: Reason.BEFORE}
    with pytest.raises(NotFound, match="isn't on the source's list"):
        await sources.save("s-1", Chosen(["unknown", key]))


async def test_a_source_that_never_worked_is_failing_at_once(vault: Vault) -> None:
    """Its user has just entered it, perhaps with a typing mistake, and waits for the result."""
    vault.feed.failure = ExtractorBroken("The feed does not exist (404).")
    await vault.follow()
    assert not (await vault.one()).state.is_failing(vault.clock.now())
    await vault.check()
    first = (await vault.one()).state
    await stored.check_now(vault.store.tables, "s-1")
    asked = (await vault.one()).state

    assert first.is_failing(vault.clock.now())
    assert first.error == "The feed does not exist (404)."
    assert (asked.is_failing(vault.clock.now()), asked.error) == (True, first.error)
    vault.feed.failure, vault.feed.entries = None, [video(1)]
    await vault.check()
    assert not (await vault.one()).state.is_failing(vault.clock.now())


async def test_an_empty_list_is_a_failure_and_forgets_nothing(vault: Vault) -> None:
    vault.feed.entries = [video(1)]
    await vault.follow()
    await vault.check()
    vault.feed.entries = []
    await vault.check(after=HOUR)
    assert (await vault.one()).state.failures == 1

    vault.feed.entries = [video(2), video(1)]
    await vault.check(after=HOUR)
    assert await vault.numbers() == [2]


async def test_an_answer_with_less_than_half_of_the_usual_entries_is_in_doubt(vault: Vault) -> None:
    vault.feed.entries = [video(number) for number in range(10)]
    await vault.follow()
    assert (await vault.one()).state.is_doubtful
    await vault.check()
    assert not (await vault.one()).state.is_doubtful

    vault.feed.shows = 4
    await vault.check(after=HOUR)
    assert (await vault.one()).state.is_doubtful

    vault.feed.facts = {"is_unchanged": True}
    vault.feed.shows = 0
    await vault.check(after=HOUR)
    assert (await vault.one()).state.is_doubtful

    vault.feed.facts, vault.feed.shows = {}, None
    await vault.check(after=HOUR)
    assert not (await vault.one()).state.is_doubtful


async def test_a_source_without_posts_yet_is_no_failure(vault: Vault) -> None:
    await vault.follow()
    await vault.check()
    await vault.check(after=HOUR)

    assert (await vault.one()).state.failures == 0


async def test_a_short_feed_that_knows_nothing_of_what_was_seen_is_completed_another_way(
    vault: Vault,
) -> None:
    vault.feed.shows = 2
    other = StubLister(name="ytdlp")
    vault.listers.append(other)
    vault.feed.entries = other.entries = [video(2), video(1)]
    await vault.follow()
    await vault.check()
    vault.feed.entries = other.entries = [video(number) for number in range(6, 0, -1)]
    await vault.check(after=DAY)

    assert await vault.numbers() == [3, 4, 5, 6]
    assert other.checks[0].stop_after_known
    assert set(other.checks[0].known) == {video_id(1), video_id(2)}


async def test_a_look_reads_its_urls_and_what_the_source_has_seen_once(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.feed.entries = [video(number) for number in range(9, 0, -1)]
    await vault.follow()
    await vault.check()
    vault.feed.facts = {"is_whole": False}
    some, read, asked = vault.store.tables.some, Submission.read, list[object]()

    async def counted_some(table: Table, keys: Collection[Sequence[str]]) -> list[TableRow]:
        asked.append(table)
        return await some(table, keys)

    def counted_read(submission: Submission, url: str, *, listed_by: str) -> NewJob:
        asked.append(url)
        return read(submission, url, listed_by=listed_by)

    monkeypatch.setattr(vault.store.tables, "some", counted_some)
    monkeypatch.setattr(Submission, "read", counted_read)
    await vault.check(after=HOUR)

    assert asked.count(SOURCE_ENTRIES) == 1
    assert [each for each in asked if not isinstance(each, Table)] == [
        each.url for each in vault.feed.entries
    ]


async def test_a_way_that_does_not_know_the_source_is_skipped_without_a_word(vault: Vault) -> None:
    vault.feed.failure = Unsupported("no feed here")
    vault.listers.append(StubLister([video(1)], name="ytdlp"))
    await vault.follow(start=Start.EVERYTHING)
    await vault.check()

    assert await vault.numbers() == [1]
    assert (await vault.one()).state.method == "ytdlp"


async def test_a_refusal_closes_the_site_and_its_pause_is_kept(vault: Vault) -> None:
    await vault.follow()
    vault.feed.failure = RateLimited("slow down", retry_after=3 * HOUR)
    await vault.check()
    (limit,) = await vault.store.site_limits.all_limits()

    assert limit.is_closed(vault.clock.now() + 2 * HOUR)
    await vault.run(3 * HOUR - timedelta(minutes=10))
    assert len(vault.feed.checks) == 1


async def test_an_unchanged_feed_costs_one_conditional_request(vault: Vault) -> None:
    vault.feed.entries = [video(1)]
    vault.feed.facts = {"validators": Validators('"1"')}
    await vault.follow()
    await vault.check()
    vault.feed.entries = []
    vault.feed.facts = {"validators": Validators('"1"'), "is_unchanged": True}
    await vault.check(after=HOUR)

    assert [check.validators.etag for check in vault.feed.checks] == [None, '"1"']
    assert (await vault.one()).state.failures == 0


async def test_two_workers_never_look_at_one_source_at_the_same_time(vault: Vault) -> None:
    await vault.follow()
    other = replace(vault.follower)
    vault.feed.during = other.round
    await vault.check()

    assert len(vault.feed.checks) == 1


async def test_a_look_that_took_too_long_is_taken_over_and_changes_nothing_afterwards(
    vault: Vault,
) -> None:
    await vault.follow()

    async def take_over() -> None:
        vault.feed.during = None
        vault.clock.advance(stored.ACQUIRED_FOR)
        vault.feed.entries = [video(1)]
        await vault.follower.round()

    vault.feed.during = take_over
    await vault.check()

    assert (await vault.one()).state.checks == 1


async def test_a_paused_source_is_not_looked_at_and_its_posts_wait(vault: Vault) -> None:
    vault.feed.entries = [video(number) for number in range(9, 0, -1)]
    await vault.follow(start=Start.EVERYTHING)
    await vault.check()
    await stored.change_source(
        vault.store.tables, "s-1", lambda source: replace(source, is_paused=True)
    )
    await vault.run(3 * DAY, HOUR)

    assert len(vault.feed.checks) == 1
    assert await vault.numbers() == [9]


async def test_many_news_at_once_wait_for_their_turn(vault: Vault) -> None:
    await vault.follow()
    await vault.check()
    vault.feed.entries = [video(number) for number in range(50, 0, -1)]
    await vault.check(after=HOUR)

    assert len(await vault.numbers()) == NEWS_AT_ONCE + 1  # one whose turn has come
    assert (await vault.one()).state.waiting == 50 - NEWS_AT_ONCE - 1


async def test_an_entry_that_names_no_post_is_passed_over_once(vault: Vault) -> None:
    await vault.follow()
    await vault.check()
    vault.feed.entries = [Entry("javascript:alert(1)"), Entry("https://www.youtube.com/@someone")]
    await vault.check(after=HOUR)
    await vault.check(after=HOUR)
    seen = await stored.all_seen(vault.store.tables, "s-1", limit=10)

    assert {entry.reason for entry in seen.values()} == {Reason.UNREADABLE}
    assert (await vault.one()).state.skipped == 2


async def test_a_source_that_is_no_longer_followed_leaves_its_posts_and_nothing_else(
    vault: Vault,
) -> None:
    vault.feed.entries = [video(2), video(1)]
    await vault.follow(start=Start.EVERYTHING)
    await vault.check()
    (job,) = await vault.jobs()
    await stored.unfollow(vault.store, "s-1")
    await vault.run(HOUR)

    assert await vault.numbers() == [2]
    assert [mark.name for mark in (await vault.store.marks.of_jobs([job.id]))[job.id]] == [
        MarkKind.FOLLOWED
    ]
    assert await stored.all_seen(vault.store.tables, "s-1", limit=10) == {}


async def test_a_change_of_a_source_during_its_check_is_seen_in_the_next_round(
    vault: Vault,
) -> None:
    """The check notes when the next one is due, hours later;
    earlier posts that the user now wants are read at once.
    """
    await vault.follow()
    await vault.check()
    vault.clock.advance(2 * HOUR)
    [one] = await stored.with_work(vault.store.tables, vault.clock.now())
    held = await stored.acquire(vault.store.tables, vault.clock, one)
    assert held is not None
    await stored.change_source(
        vault.store.tables, "s-1", lambda source: replace(source, start=Start.EVERYTHING)
    )
    state = replace(held.before, next_check_at=vault.clock.now() + 6 * HOUR)
    assert await stored.release(vault.store.tables, held, state)

    [again] = await stored.with_work(vault.store.tables, vault.clock.now())
    assert again.is_due(vault.clock.now())


def _become(after: SourceState, _before: SourceState) -> SourceState:
    return after


async def test_a_round_reads_only_sources_that_may_be_due_or_have_posts_waiting(
    vault: Vault,
) -> None:
    now = vault.clock.now()
    for name, state in (
        ("s-later", SourceState(checks=1, started=1, next_check_at=now + HOUR)),
        ("s-due", SourceState(checks=1, started=1, next_check_at=now)),
        ("s-waiting", SourceState(checks=1, started=1, next_check_at=now + HOUR, waiting=2)),
    ):
        await vault.follow(id=name, url=f"{CHANNEL}/{name}")
        await stored.change_state(vault.store.tables, name, partial(_become, state))
    await vault.follow(id="s-paused", url=f"{CHANNEL}/paused", is_paused=True)

    found = await stored.with_work(vault.store.tables, now)
    assert {one.source.id for one in found} == {"s-due", "s-waiting"}


async def test_a_source_that_is_removed_during_a_look_does_not_come_back(vault: Vault) -> None:
    await vault.follow()

    async def remove() -> None:
        await stored.unfollow(vault.store, "s-1")

    vault.feed.during = remove
    await vault.check()

    assert await stored.followed(vault.store.tables) == []


async def test_looks_follow_the_rhythm_of_the_source(vault: Vault) -> None:
    vault.feed.entries = [video(n, published_at=START - n * 7 * DAY) for n in range(1, 6)]
    await vault.follow()
    await vault.run(10 * DAY, timedelta(minutes=15))

    assert 8 <= len(vault.feed.checks) <= 13  # once a day, for a post a week


# --- what only the post itself says ---------------------------------------------------------------


async def read(vault: Vault, **facts: Any) -> None:
    """Let the vault's one job be claimed and its post be read, with what the post says."""
    vault.clock.advance(60)  # the site's pace
    (claim,) = await vault.store.queue.claim(new_worker_id(), limit=1, lease=DAY)
    post = Post(claim.job.post_url, claim.job.canonical_url, "youtube", "1")
    said = replace(extraction(post=post), **{"text": "", **facts})
    await process_one_cycle(
        claim, replace(vault.context, extractors={"browser": StubExtractor(said)})
    )


@pytest.fixture
async def with_one_job(vault: Vault) -> Vault:
    """A vault with a job of a source that wants videos of at least a minute,
    of a list that does not say lengths.
    """
    await vault.follow(filters=Filters(shortest_s=60))
    await vault.check()
    vault.feed.entries = [video(1)]
    await vault.check(after=HOUR)
    return vault


async def test_a_post_that_turns_out_to_be_unwanted_is_passed_over(with_one_job: Vault) -> None:
    vault = with_one_job
    with pytest.raises(LeaseLost):
        await read(vault, items=(Item((candidate(),), expected=Expected(duration_s=12)),))

    assert await vault.jobs() == []
    assert await vault.reasons() == {1: Reason.LENGTH}
    await vault.check(after=HOUR)
    assert await vault.jobs() == []


@pytest.mark.parametrize(
    ("formats", "is_saved"),
    [
        (
            [
                {"language": "en", "language_preference": -1},
                {"language": "de", "language_preference": 10},
            ],
            False,
        ),
        ([{"language": "en-GB"}], True),
        ([{}], True),  # nothing says which language it is
    ],
)
async def test_a_language_that_only_the_post_states_decides_once_it_is_read(
    vault: Vault, formats: list[dict[str, Any]], is_saved: bool
) -> None:
    await vault.follow(filters=Filters(languages=("en",)))
    await vault.check()
    vault.feed.entries = [video(1)]
    await vault.check(after=HOUR)
    info = {
        "id": video_id(1),
        "formats": [
            {"url": "https://cdn.example/1.mp4", "protocol": "https", **f} for f in formats
        ],
    }
    post = Post(video(1).url, video(1).url, "youtube", video_id(1))
    answer = read_answer(
        {"info": info}, post, registry.platform("youtube"), YtdlpRules(("youtube",)), now=START
    )
    attempt = read(vault, metadata=answer.metadata)
    if is_saved:
        await attempt
    else:
        with pytest.raises(LeaseLost):
            await attempt

    assert await vault.reasons() == ({} if is_saved else {1: Reason.LANGUAGE})
    assert [job.status for job in await vault.jobs()] == [JobStatus.COMPLETED] * is_saved


async def test_a_post_that_is_wanted_after_the_look_is_saved(with_one_job: Vault) -> None:
    await read(with_one_job, items=(Item((candidate(),), expected=Expected(duration_s=61)),))

    assert [job.status for job in await with_one_job.jobs()] == [JobStatus.COMPLETED]


async def test_a_post_that_another_source_wants_is_saved(with_one_job: Vault) -> None:
    vault = with_one_job
    await vault.follow(id="s-2", url=CHANNEL + "/videos", start=Start.EVERYTHING)
    await vault.run(6 * HOUR)
    await read(vault, items=(Item((candidate(),), expected=Expected(duration_s=12)),))

    assert [job.status for job in await vault.jobs()] == [JobStatus.COMPLETED]


async def test_a_post_whose_source_was_removed_meanwhile_is_saved(with_one_job: Vault) -> None:
    vault = with_one_job
    await vault.store.tables.remove(SOURCES, {"id": "s-1"})
    await read(vault, items=(Item((candidate(),), expected=Expected(duration_s=12)),))

    assert [job.status for job in await vault.jobs()] == [JobStatus.COMPLETED]


async def test_a_post_that_a_user_asks_for_too_is_saved_whatever_the_filters_say(
    with_one_job: Vault,
) -> None:
    vault = with_one_job
    (job,) = await vault.jobs()
    asked = vault.submission.read(job.post_url)
    (result,) = await enqueue_for_user(vault.store.queue, [asked])
    assert (result.created, result.job.id, result.job.priority) == (False, job.id, Priority.NORMAL)
    await read(vault, items=(Item((candidate(),), expected=Expected(duration_s=12)),))

    assert [job.status for job in await vault.jobs()] == [JobStatus.COMPLETED]


@pytest.mark.parametrize("site", [None, "youtube"])
async def test_a_paused_queue_or_site_is_not_looked_at_either(
    vault: Vault, site: str | None
) -> None:
    vault.feed.entries = [video(2), video(1)]
    await vault.follow(start=Start.EVERYTHING)
    await vault.check()
    await holds.pause(vault.store.records, site)
    await vault.run(2 * DAY, HOUR)
    assert (len(vault.feed.checks), await vault.numbers()) == (1, [2])

    await holds.resume(vault.store.records, site)
    await vault.run(2 * DAY, HOUR)
    assert (len(vault.feed.checks) > 1, await vault.numbers()) == (True, [1, 2])


async def test_an_account_is_used_only_where_one_is_signed_in_and_at_most_every_six_hours(
    vault: Vault,
) -> None:
    vault.feed.failure = Unsupported("no feed here")
    profile = StubLister([video(1)], name="browser", signed_in=True)
    vault.listers.append(profile)
    await vault.follow(interval_minutes=60)
    await vault.check()
    assert (len(profile.checks), (await vault.one()).state.failures) == (0, 1)

    async def signed_in() -> frozenset[str]:
        return frozenset({"youtube"})

    vault.context = replace(vault.context, signed_in=signed_in)
    await vault.check(after=HOUR)
    assert len(profile.checks) == 1
    await vault.run(DAY, timedelta(minutes=30))
    assert len(profile.checks) <= 5


async def test_an_account_that_is_renamed_posts_nothing_twice(vault: Vault) -> None:
    """The URLs of its posts contain its name, and their numbers stay."""
    await vault.follow(url="https://mastodon.social/@jane", platform="mastodon")
    await vault.check()
    vault.feed.entries = [
        Entry("https://mastodon.social/@jane/112233445566778899", "112233445566778899")
    ]
    await vault.check(after=HOUR)
    vault.feed.entries = [
        Entry("https://mastodon.social/@janet/112233445566778899", "112233445566778899")
    ]
    await vault.check(after=HOUR)

    assert [job.canonical_url for job in await vault.jobs()] == [
        "https://mastodon.social/@jane/112233445566778899"
    ]


# --- files that entries enclose -------------------------------------------------------------------

EPISODE = EnclosedFile(
    "https://cdn.example/1.mp3",
    "audio/mpeg",
    title="Kite 1",
    text="Wind & kites",
    published_at=START - timedelta(days=200),
)


async def follow_episode(vault: Vault, *, start: Start = Start.NOW, **facts: Any) -> Job:
    """Return the job of an episode that came after its feed was followed,
    or with ``start`` was there before.
    """
    episode = replace(Entry("https://blog.example/1", title="Kite 1", enclosed=EPISODE), **facts)
    await vault.follow(url="https://blog.example/feed", platform="generic", start=start)
    if start is Start.NOW:
        await vault.check()
    vault.feed.entries = [episode]
    await vault.check(after=HOUR)
    await vault.run(HOUR)
    (job,) = await vault.jobs()
    return job


async def attempt(vault: Vault, context: WorkerContext) -> Job:
    (claim,) = await vault.store.queue.claim(new_worker_id(), limit=1, lease=HOUR)
    await process_one_cycle(claim, await for_attempt(context, claim.job))
    return await vault.store.catalogue.get(claim.id)


@pytest.mark.parametrize("start", [Start.NOW, Start.EVERYTHING])
async def test_the_file_that_an_entry_encloses_is_downloaded_and_no_page_is_read(
    vault: Vault, start: Start
) -> None:
    """The link stays the post's; its title, text and date are the feed's.
    Sound needs no profile for sound.
    """
    queued = await follow_episode(vault, start=start)
    page, downloader = StubExtractor(), StubDownloader()
    context = replace(
        vault.context,
        extractors={ENCLOSURE: EnclosureExtractor(), "page": page, "browser": page},
        downloader=downloader,
    )
    job = await attempt(vault, context)

    assert (queued.post_url, job.status) == ("https://blog.example/1", JobStatus.COMPLETED)
    assert [request.url for request in downloader.requests] == [EPISODE.url]
    assert page.posts == []
    assert [job.metadata[name] for name in ("title", "text")] == ["Kite 1", "Wind & kites"]
    assert datetime.fromisoformat(job.metadata["published_at"]) == EPISODE.published_at


async def test_a_user_who_asks_for_an_episode_opens_its_page_and_not_the_host_that_the_feed_named(
    vault: Vault,
) -> None:
    """An exemption of MEDIAVAULT_ALLOW_PRIVATE for the page's host must not reach what a stranger's
    feed encloses.
    """
    job = await follow_episode(vault)
    await vault.store.queue.enqueue([new_job(job.post_url, clock=vault.clock)])
    route = route_job_by_domain(await vault.store.catalogue.get(job.id))

    page = parse_http_url(job.post_url)
    assert route.post.enclosed == EPISODE
    assert is_exemptible(page, route.post.listed_by)
    assert not is_exemptible(parse_http_url(EPISODE.url), route.post.listed_by)


async def test_a_later_attempt_still_knows_the_enclosed_file_and_the_page_is_read_last(
    vault: Vault,
) -> None:
    await follow_episode(vault)
    page, downloader = StubExtractor(), StubDownloader(HttpError("gone", http_status=404))
    context = replace(
        vault.context,
        extractors={ENCLOSURE: EnclosureExtractor(), "browser": page},
        downloader=downloader,
    )
    job = await attempt(vault, context)
    assert job.status is JobStatus.FAILED
    assert [request.url for request in downloader.requests[:2]] == 2 * [EPISODE.url]
    assert len(page.posts) == 1

    await vault.store.queue.retry(job.id)
    downloader = StubDownloader()
    await attempt(vault, replace(context, downloader=downloader))
    again = await vault.store.catalogue.get(job.id)
    assert again.status is JobStatus.COMPLETED
    assert enclosed_in(again.metadata) == EPISODE


async def test_a_site_that_the_vault_reads_itself_is_read_although_an_entry_encloses_a_file(
    vault: Vault,
) -> None:
    job = await follow_episode(vault, url=video(1).url)

    assert job.metadata == {}


async def test_an_episode_that_was_taken_by_its_former_url_is_not_taken_again(vault: Vault) -> None:
    """Earlier versions took a guid that is not an address for a relative one."""
    former = await follow_episode(vault, url="https://blog.example/x1", enclosed=None)
    new = Entry("https://cdn.example/2.mp3", former_url="https://blog.example/x2", enclosed=EPISODE)
    vault.feed.entries = [
        new,
        Entry(EPISODE.url, former_url="https://blog.example/x1", enclosed=EPISODE),
    ]
    for _ in range(2):
        await vault.check(after=HOUR)

    assert {job.post_url for job in await vault.jobs()} == {former.post_url, new.url}
