"""Queries of the library pages: orders, filters, search, accounts, totals,
neighbours and failures, on every store.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from mediavault.core.clock import is_plausible, plausible
from mediavault.core.failures import AccountNotFound, BadInput, ErrorCode, JobNotFound
from mediavault.core.job import JobId, JobStatus, WorkerId
from mediavault.core.marks import Mark, favourite, position, watched
from mediavault.core.media import SavedFile, account
from mediavault.core.users import OWNER
from mediavault.store.port import (
    AccountQuery,
    AccountSummary,
    JobOrder,
    JobQuery,
    LibraryTotals,
    Store,
)
from mediavault.store.queries import cursor_at
from tests import browsing
from tests.contract.shelves import adopt, all_pages, job_of, some_library
from tests.contract.stores import LEASE, NOTHING_FOUND, SAVED, numbered_job
from tests.fakes import START, FakeClock

ANN = WorkerId("w-ann")
MINUTE = timedelta(minutes=1)
JANE = account("x", "jane", "Jane Doe")
FIRST_AND_LAST = (
    datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
    datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
)
MIDDLE = START + timedelta(seconds=20)

QUERIES = [
    JobQuery(),
    JobQuery(statuses=[JobStatus.COMPLETED]),
    JobQuery(statuses=[JobStatus.FAILED], platform="x"),
    JobQuery(statuses=[JobStatus.FAILED, JobStatus.QUEUED], account="x/x-jane"),
    JobQuery(platform="tiktok"),
    JobQuery(account="tiktok/tiktok-bob"),
    JobQuery(account="nobody/at-all"),
    JobQuery(since=MIDDLE),
    JobQuery(until=MIDDLE),
    JobQuery(since=MIDDLE, until=MIDDLE),
    JobQuery(since=MIDDLE - MINUTE / 6, until=MIDDLE + MINUTE / 6, shortest_s=4.5, longest_s=60.0),
    JobQuery(shortest_s=0.0),
    JobQuery(longest_s=4.5, platform="generic"),
    JobQuery(text="fox"),
    JobQuery(text="fo", platform="x", statuses=[JobStatus.COMPLETED]),
    JobQuery(text="look fuchs", since=MIDDLE),
    JobQuery(text="jane"),
]


@pytest.mark.parametrize("order", JobOrder)
async def test_every_query_returns_its_jobs_page_by_page_in_every_order(
    store: Store, order: JobOrder
) -> None:
    jobs = some_library(60)
    await adopt(store, jobs)

    for query in QUERIES:
        paged = replace(query, order=order, limit=7)
        wanted = [job.id for job in browsing.in_order(jobs, paged)]
        assert [job.id for job in await all_pages(store, paged)] == wanted, paged


@pytest.mark.parametrize("order", JobOrder)
async def test_a_count_has_the_jobs_of_all_pages(store: Store, order: JobOrder) -> None:
    jobs = some_library(60)
    await adopt(store, jobs)
    cursor = (await store.catalogue.jobs(JobQuery(order=order, limit=3))).next_cursor

    for query in [*QUERIES, JobQuery(text="?!"), JobQuery(statuses=[JobStatus.RUNNING])]:
        asked = replace(query, order=order, limit=2, cursor=cursor)
        assert await store.catalogue.count(asked) == len(
            browsing.in_order(jobs, replace(query, order=order))
        ), asked


async def test_a_count_of_an_empty_store_is_zero(store: Store) -> None:
    assert await store.catalogue.count(JobQuery()) == 0


@pytest.mark.parametrize("moment", FIRST_AND_LAST)
@pytest.mark.parametrize("text", [None, "fox"])
async def test_time_bounds_may_have_any_value(
    store: Store, moment: datetime, text: str | None
) -> None:
    """Bounds far before the first job or after the last match all of them, or none."""
    jobs = some_library(10)
    await adopt(store, jobs)
    every = [job.id for job in browsing.in_order(jobs, JobQuery(text=text))]
    is_early = moment < START

    since = await store.catalogue.jobs(JobQuery(text=text, since=moment))
    until = await store.catalogue.jobs(JobQuery(text=text, until=moment))

    assert [job.id for job in since.jobs] == (every if is_early else [])
    assert [job.id for job in until.jobs] == ([] if is_early else every)


@pytest.mark.parametrize("moment", FIRST_AND_LAST)
async def test_jobs_with_an_impossible_time_are_read_with_a_possible_one(
    store: Store, moment: datetime
) -> None:
    """Another release, or another program, may have stored them."""
    await adopt(store, [job_of(1, at=moment), job_of(2)])

    found = (await store.catalogue.jobs(JobQuery())).jobs
    totals = await store.catalogue.library_totals()
    accounts = await store.catalogue.accounts(AccountQuery())

    assert sorted(job.created_at for job in found) == sorted(
        [plausible(moment), job_of(2).created_at]
    )
    assert totals.latest_at == max(job.created_at for job in found)
    assert all(is_plausible(account.latest_at) for account in accounts.accounts)


async def test_orders_put_jobs_without_a_value_last_and_equal_ones_newest_first(
    store: Store,
) -> None:
    values: list[dict[str, Any]] = [
        {"duration_s": 2.0, "bytes": 5, "published_at": "2020-05-01T00:00:00Z"},
        {},
        {"duration_s": 9.5, "bytes": 1, "published_at": "2199-05-01T00:00:00Z"},
        {"duration_s": 2.0, "published_at": "2020-05-01T02:00:00+02:00"},
        {"published_at": "2020-05-01T00:00:00.000001Z"},
    ]
    await adopt(store, [job_of(number, **facts) for number, facts in enumerate(values)])

    async def numbers(order: JobOrder) -> list[int]:
        return [
            int(job.post_url.rpartition("/")[2])
            for job in await all_pages(store, JobQuery(order=order, limit=2))
        ]

    assert await numbers(JobOrder.NEWEST) == [4, 3, 2, 1, 0]
    assert await numbers(JobOrder.OLDEST) == [0, 1, 2, 3, 4]
    assert await numbers(JobOrder.PUBLISHED) == [2, 1, 4, 3, 0]
    assert await numbers(JobOrder.EARLIEST) == [0, 3, 4, 1, 2]
    assert await numbers(JobOrder.LONGEST) == [2, 3, 0, 4, 1]
    assert await numbers(JobOrder.LARGEST) == [0, 2, 4, 3, 1]


async def test_titles_are_sorted_regardless_of_case_diacritics_and_punctuation(
    store: Store,
) -> None:
    """Of equal ones the newest is first, and what has no words is last."""
    titles = [
        "part 10", "", "“Zebra”", "Éclair", "PART 2", "東京", "eclair!", None, "?!", "x" * 70,
        "x" * 70 + "y",
    ]  # fmt: skip
    jobs = [job_of(number, title=title) for number, title in enumerate(titles)]
    jobs.append(job_of(len(jobs), text="Dune, without a title"))
    await adopt(store, jobs)

    for query in (JobQuery(), JobQuery(text="videos"), JobQuery(platform="generic")):
        found = await all_pages(store, replace(query, order=JobOrder.TITLE, limit=2))
        numbers = [jobs.index(job) for job in found]
        assert numbers == [11, 6, 3, 4, 0, 10, 9, 2, 5, 8, 7, 1], query


async def test_a_post_takes_its_place_by_title_when_that_is_found(store: Store) -> None:
    new = [numbered_job(number, f"https://videos.example/{number}") for number in range(2)]
    await store.queue.enqueue(new)
    [claim] = await store.queue.claim(ANN, limit=1, lease=LEASE)
    query = JobQuery(order=JobOrder.TITLE, limit=1)
    assert [job.id for job in await all_pages(store, query)] == [new[1].id, new[0].id]

    await store.queue.checkpoint(claim, replace(NOTHING_FOUND, metadata={"title": "Zebra"}))
    assert [job.id for job in await all_pages(store, query)] == [new[0].id, new[1].id]


async def test_what_a_user_has_watched_is_sorted_by_when_that_was(store: Store) -> None:
    """A post may be begun again after it was watched: the later one counts."""
    jobs = [job_of(number, title="fox" if number % 2 else "owl") for number in range(8)]
    await adopt(store, jobs)
    await store.marks.put(
        [
            Mark(jobs[0].id, watched("ann"), place=10),
            Mark(jobs[0].id, position("ann"), "[20.0,60.0,0]", place=60),
            Mark(jobs[1].id, watched("ann"), place=50),
            Mark(jobs[2].id, position("ann"), "[20.0,60.0,0]", place=50),
            Mark(jobs[3].id, watched("bob"), place=99),
            Mark(jobs[4].id, favourite("ann"), place=99),
            Mark(jobs[5].id, watched("ann"), place=-7),
            Mark(jobs[7].id, watched("ann"), place=20),
        ]
    )
    marks = {
        job_id: {mark.name: mark for mark in noted}
        for job_id, noted in (await store.marks.of_jobs([job.id for job in jobs])).items()
    }

    async def numbers(query: JobQuery) -> list[int]:
        asked = replace(query, order=JobOrder.WATCHED, limit=1)
        found = await all_pages(store, asked)
        assert found == browsing.in_order(jobs, asked, marks)
        assert await store.catalogue.count(asked) == len(found)
        for job in jobs:
            assert await store.catalogue.neighbours(job.id, asked) == browsing.neighbours(
                job, jobs, asked, marks
            )
        return [jobs.index(job) for job in found]

    assert await numbers(JobQuery(watched_by="ann")) == [0, 2, 1, 7, 5]
    assert await numbers(JobQuery(watched_by="ann", text="fox")) == [1, 7, 5]
    assert await numbers(JobQuery(watched_by="ann", marks=[watched("ann")])) == [0, 1, 7, 5]
    assert await numbers(JobQuery(watched_by="ann", without=[watched("ann")])) == [2]
    assert await numbers(JobQuery(watched_by="bob")) == [3]
    assert await numbers(JobQuery()) == []  # the owner's


async def test_a_page_of_what_was_watched_goes_on_where_the_last_one_ended(store: Store) -> None:
    """Also when the last post of the page is watched again in between."""
    jobs = [job_of(number) for number in range(4)]
    await adopt(store, jobs)
    await store.marks.put([Mark(job.id, watched(OWNER), place=n) for n, job in enumerate(jobs)])
    query = JobQuery(order=JobOrder.WATCHED, limit=2)
    first = await store.catalogue.jobs(query)
    await store.marks.put([Mark(jobs[2].id, watched(OWNER), place=9)])

    second = await store.catalogue.jobs(replace(query, cursor=first.next_cursor))
    assert [job.id for job in (*first.jobs, *second.jobs)] == [job.id for job in reversed(jobs)]


async def test_a_post_takes_its_place_when_its_date_is_found_or_came_with_it(
    store: Store,
) -> None:
    """Until extraction has found when a post was published, it is where it was submitted."""
    late, early = "2021-01-01T00:00:00Z", "2020-01-01T00:00:00Z"
    new = [numbered_job(number, f"https://videos.example/{number}") for number in range(3)]
    new[2] = replace(new[2], metadata={"published_at": late})
    await store.queue.enqueue(new)

    async def ids() -> list[JobId]:
        query = JobQuery(order=JobOrder.PUBLISHED, limit=1)
        return [job.id for job in await all_pages(store, query)]

    assert await ids() == [new[1].id, new[0].id, new[2].id]
    [claim] = await store.queue.claim(ANN, limit=1, lease=LEASE)
    await store.queue.checkpoint(claim, replace(NOTHING_FOUND, metadata={"published_at": early}))
    assert await ids() == [new[1].id, new[2].id, new[0].id]
    await store.queue.checkpoint(claim, NOTHING_FOUND)
    assert await ids() == [new[1].id, new[0].id, new[2].id]


async def test_a_cursor_at_a_moment_begins_with_the_next_job_in_its_order(store: Store) -> None:
    at = [START + timedelta(days=days) for days in range(3)]
    dates = [None, at[0].isoformat(), at[1].isoformat()]
    jobs = [job_of(number, at=at[number], published_at=dates[number]) for number in range(3)]
    await adopt(store, jobs)

    for order, moment, wanted in (
        (JobOrder.NEWEST, at[1], [0]),
        (JobOrder.OLDEST, at[1], [1, 2]),
        (JobOrder.PUBLISHED, at[1], [1, 0]),
        (JobOrder.EARLIEST, at[1], [2]),
        (JobOrder.EARLIEST, at[0], [0, 1, 2]),
    ):
        query = JobQuery(order=order, cursor=cursor_at(moment, order))
        found = [job.id for job in (await store.catalogue.jobs(query)).jobs]
        assert found == [jobs[number].id for number in wanted], order


async def test_a_cursor_belongs_to_its_order(store: Store) -> None:
    jobs = [job_of(number, duration_s=1.5, bytes=7) for number in range(3)]
    await adopt(store, jobs)
    await store.marks.put([Mark(job.id, watched(OWNER)) for job in jobs])
    cursors = {
        order: (await store.catalogue.jobs(JobQuery(order=order, limit=1))).next_cursor
        for order in JobOrder
    }

    for order in JobOrder:
        for other, cursor in cursors.items():
            if other is order:
                assert (
                    len((await store.catalogue.jobs(JobQuery(order=order, cursor=cursor))).jobs)
                    == 2
                )
            else:
                with pytest.raises(BadInput):
                    await store.catalogue.jobs(JobQuery(order=order, cursor=cursor))


CURSORS = [
    "longest~nan~1.a", "longest~1e999~1.a", "longest~-5~1.a", "longest~1-2~1.a", "longest~1.a",
    "largest~1.5~1.a", "largest~99999999999999999999~1.a", "longest~1~1.'", "oldest~1~1.a",
    "newest~1.a", "5.a", "published~1~1.a", "watched~a~1.a", "watched~99999999999999999999~1.a",
    "title~6~1.a", "title~ff~1.a", "title~6100~1.a", "title~eda080~1.a", "title~-1~1.a",
    "title~1.a", f"title~{'61' * 65}~1.a",
]  # fmt: skip


async def test_a_cursor_that_no_page_returned_is_refused(store: Store) -> None:
    for cursor in CURSORS:
        for order in (JobOrder.LONGEST, JobOrder.LARGEST, JobOrder.TITLE, JobOrder.WATCHED):
            with pytest.raises(BadInput):
                await store.catalogue.jobs(JobQuery(order=order, cursor=cursor))


# --- what a search matches ------------------------------------------------------------------------


SEARCHES = [
    ("fox", True), ("FO", True), ("fox quick", True), ("ox", False), ("fox slow", False),
    ("füch", True), ("FUCHSLEIN", True), ("Crème", True), ("creme brulee", True), ("strasse", True),
    ("STRAẞE", True), ("5 min", True), ("東京", True), ("タワー", True), ("京タ", True),
    ("東タ", False), ("夜景 fox", True), ("моск", True), ("שלום", True), ("قهوه", False),
    ("قَهوة", True), ("เทศ", True), ("한국", True), ("하", True), ("😀", True), ("😀😀", True),
    ("😀😀😀", False), ("jane", True), ("@jane", True), ("doe", True), ("videos.example", True),
    ("https://videos.example/watch/1", True), ("watch/2", False), ("", True), ("   ", True),
    ("%", False), ('"', False), ("-- ;", False), ("'*'", False), ('fox" OR "dog', False),
    ("fox*", True), ("fox AND quick", False), ("NOT", False), ("title:fox", False), ("(fox)", True),
    ("fox\0quick", True), ("\ue000", False), ("\ud800", False), ("x" * 10_000, False),
    ("fox " * 2_500, True), ("'" * 10_000, False), ("🏳️‍🌈", False), ("\u202efox", True),
    ("fo\u0301x", True), (":*", False), ("fox:*", True), ("!fox", True), ("fox<->quick", True),
    ("\\", False), ("^fox", True), ("{fox}", True), ("$where", False), (".*", False),
    ("f.x", False),
]  # fmt: skip


async def test_a_search_matches_the_beginning_of_every_word_and_survives_any_text(
    store: Store,
) -> None:
    title = "The Quick Brown Fox: Ein Füchslein, crème brûlée, 東京タワーの夜景, Прогулка по Москве"
    words = "שלום عالم قهوة ประเทศไทย 한국어 straße in 5 minutes 😀😀"
    await adopt(store, [job_of(1, title=title, text=words, account=JANE)])

    for text, matches in SEARCHES:
        assert bool((await store.catalogue.jobs(JobQuery(text=text))).jobs) is matches, text[:100]


async def test_a_search_does_not_match_across_two_fields(store: Store) -> None:
    await adopt(store, [job_of(1, title="東", text="京")])

    assert (await store.catalogue.jobs(JobQuery(text="東京"))).jobs == ()
    assert len((await store.catalogue.jobs(JobQuery(text="東 京"))).jobs) == 0
    assert len((await store.catalogue.jobs(JobQuery(text="京"))).jobs) == 1


SECRET_URL = "https://podcasts.example/ann/e12.mp3?token=kestrel9471&part=hill#sig=merlin5"


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("kes", False), ("token kestrel9471", False), ("merlin5", False),
        ("a?token=kestrel9471", False), ("e12 hill", True), (SECRET_URL, True),
        (f"{SECRET_URL} garden", False), (SECRET_URL.replace("9471", ""), True),
    ],
)  # fmt: skip
async def test_a_post_is_not_found_by_a_secret_in_its_url_but_by_the_whole_url(
    store: Store, text: str, matches: bool
) -> None:
    """A search by the beginning of a secret would tell a member, letter by letter,
    what no page shows.
    """
    await store.queue.enqueue([numbered_job(1, SECRET_URL)])
    await adopt(store, [job_of(2, title="Garden")])

    assert bool((await store.catalogue.jobs(JobQuery(text=text))).jobs) is matches


async def test_a_search_sees_changes_immediately(store: Store) -> None:
    """Submitted, extracted, saved and removed jobs: a search right afterwards sees each change."""
    await store.queue.enqueue([numbered_job(1, "https://videos.example/zebra")])
    assert len((await store.catalogue.jobs(JobQuery(text="zeb"))).jobs) == 1
    [claim] = await store.queue.claim(ANN, limit=1, lease=LEASE)
    await store.queue.checkpoint(
        claim, replace(NOTHING_FOUND, metadata={"title": "Old"}, account=JANE)
    )
    assert (
        len((await store.catalogue.jobs(JobQuery(text="old jane zebra", account="x/x-jane"))).jobs)
        == 1
    )
    await store.queue.checkpoint(claim, replace(NOTHING_FOUND, metadata={"title": "New"}))
    assert (await store.catalogue.jobs(JobQuery(text="old"))).jobs == ()
    assert (await store.catalogue.accounts(AccountQuery())).accounts == ()
    await store.queue.complete(claim, SAVED)
    query = JobQuery(
        text="new", statuses=[JobStatus.COMPLETED], longest_s=4.5, order=JobOrder.LONGEST
    )
    assert [job.id for job in (await store.catalogue.jobs(query)).jobs] == [claim.id]
    await store.catalogue.remove(claim.id)

    assert (await store.catalogue.jobs(query)).jobs == ()
    assert await store.catalogue.library_totals() == browsing.totals([])


async def test_a_post_that_is_removed_and_submitted_again_is_found_in_its_current_state(
    store: Store, clock: FakeClock
) -> None:
    for title in ("first", "second", "third"):
        await store.queue.enqueue([numbered_job(1, "https://videos.example/1")])
        [claim] = await store.queue.claim(ANN, limit=1, lease=LEASE)
        await store.queue.checkpoint(claim, replace(NOTHING_FOUND, metadata={"title": title}))
        assert len((await store.catalogue.jobs(JobQuery(text=title))).jobs) == 1
        await store.queue.complete(claim, SAVED)
        await store.catalogue.remove(claim.id)
        clock.advance(1)
    await store.queue.enqueue([numbered_job(2, "https://videos.example/2")])

    assert (await store.catalogue.jobs(JobQuery(text="third"))).jobs == ()
    assert len((await store.catalogue.jobs(JobQuery(text="videos"))).jobs) == 1


# --- neighbours of a job --------------------------------------------------------------------------


@pytest.mark.parametrize("order", JobOrder)
async def test_neighbours_are_the_previous_and_next_jobs_in_the_querys_order(
    store: Store, order: JobOrder
) -> None:
    jobs = some_library(30)
    await adopt(store, jobs)

    for query in (
        JobQuery(),
        JobQuery(statuses=[JobStatus.COMPLETED], text="fox"),
        JobQuery(platform="x", shortest_s=1),
    ):
        ordered = replace(query, order=order, limit=1)
        for job in jobs[::5]:
            assert await store.catalogue.neighbours(job.id, ordered) == browsing.neighbours(
                job, jobs, ordered
            )


async def test_the_first_and_the_last_have_one_neighbour_and_an_unknown_job_is_not_found(
    store: Store,
) -> None:
    first, last = job_of(1), job_of(2)
    await adopt(store, [first, last])

    newest_first, oldest_first = JobQuery(), JobQuery(order=JobOrder.OLDEST)
    adjacent = await store.catalogue.neighbours(first.id, newest_first)
    assert (adjacent.newer, adjacent.older) == (last, None)
    adjacent = await store.catalogue.neighbours(first.id, oldest_first)
    assert (adjacent.newer, adjacent.older) == (None, last)
    with pytest.raises(JobNotFound):
        await store.catalogue.neighbours(JobId("none"), newest_first)


# --- accounts, totals, failures -------------------------------------------------------------------


async def test_accounts_are_counted_and_listed_newest_first_page_by_page(store: Store) -> None:
    jobs = some_library(60)
    await adopt(store, jobs)

    for query in (
        AccountQuery(),
        AccountQuery(platform="x"),
        AccountQuery(text="jane"),
        AccountQuery(text="ゾ"),
        AccountQuery(text="do jan", platform="tiktok"),
        AccountQuery(text="!"),
        AccountQuery(text=" "),
        AccountQuery(text='"\0%_'),
    ):
        wanted = browsing.accounts(jobs, query).accounts
        seen: list[AccountSummary] = []
        cursor = None
        while True:
            page = await store.catalogue.accounts(replace(query, limit=2, cursor=cursor))
            seen += page.accounts
            cursor = page.next_cursor
            if cursor is None:
                break
        assert tuple(seen) == wanted, query
        for expected in wanted:
            assert await store.catalogue.account(expected.key) == expected


async def test_an_account_has_the_name_from_its_newest_job(store: Store) -> None:
    """This holds after that job is removed again; and without jobs there is no account."""
    old = job_of(1, account=JANE, bytes=5, duration_s=1.25)
    new = job_of(
        2, account=replace(JANE, display_name="Jane Roe"), status=JobStatus.FAILED, bytes=5
    )
    await adopt(store, [new, old])

    now = await store.catalogue.account("x/x-jane")
    assert (now.display_name, now.jobs, now.saved, now.bytes, now.duration_s) == (
        "Jane Roe",
        2,
        1,
        5,
        1.25,
    )
    assert now.latest_at == new.created_at
    assert [
        entry.key for entry in (await store.catalogue.accounts(AccountQuery(text="roe"))).accounts
    ] == ["x/x-jane"]
    await store.catalogue.remove(new.id)
    assert (await store.catalogue.account("x/x-jane")).display_name == "Jane Doe"
    assert (await store.catalogue.accounts(AccountQuery(text="roe"))).accounts == ()
    await store.catalogue.remove(old.id)
    with pytest.raises(AccountNotFound):
        await store.catalogue.account("x/x-jane")


async def test_an_account_belongs_to_its_own_site_and_not_to_the_embedding_pages(
    store: Store,
) -> None:
    await adopt(store, [job_of(1, platform="generic", account=account("x", "jane", None))])

    (summary,) = (await store.catalogue.accounts(AccountQuery(platform="x"))).accounts
    assert (summary.key, summary.platform) == ("x/x-jane", "x")


async def test_an_invalid_cursor_of_accounts_is_refused(store: Store) -> None:
    for cursor in ("", "x", "1", "1~", "~a", "-1~a", "1~a b", "9" * 40 + "~a"):
        with pytest.raises(BadInput):
            await store.catalogue.accounts(AccountQuery(cursor=cursor))


async def test_totals_count_every_state_of_every_platform(store: Store) -> None:
    jobs = some_library(60)
    await adopt(store, jobs)
    assert await store.catalogue.library_totals() == browsing.totals(jobs)

    for job in jobs[::3]:
        await store.catalogue.remove(job.id)
    left = [job for index, job in enumerate(jobs) if index % 3]
    assert await store.catalogue.library_totals() == browsing.totals(left)


async def test_totals_of_an_empty_store_are_zero(store: Store) -> None:
    assert await store.catalogue.library_totals() == LibraryTotals(
        counts=dict.fromkeys(JobStatus, 0)
    )


async def test_totals_follow_a_job_through_its_states(store: Store) -> None:
    await store.queue.enqueue([numbered_job(1, "https://videos.example/1")])

    async def counted() -> tuple[dict[JobStatus, int], int, int, float]:
        totals = await store.catalogue.library_totals()
        return (
            {s: n for s, n in totals.counts.items() if n},
            totals.saved,
            totals.bytes,
            totals.duration_s,
        )

    assert await counted() == ({JobStatus.QUEUED: 1}, 0, 0, 0.0)
    [claim] = await store.queue.claim(ANN, limit=1, lease=LEASE)
    assert await counted() == ({JobStatus.RUNNING: 1}, 0, 0, 0.0)
    await store.queue.begin_commit(claim, SAVED)
    assert await counted() == ({JobStatus.RUNNING: 1}, 0, 0, 0.0)
    other = SavedFile("jane/2.mp4", None, 30_000, "cd" * 32, 7.25, 320, 180)
    await store.queue.complete(claim, other)
    assert await counted() == ({JobStatus.COMPLETED: 1}, 1, 30_000, 7.25)


async def test_failures_are_grouped_by_cause_and_platform_largest_group_first(store: Store) -> None:
    jobs = some_library(150)
    await adopt(store, jobs)

    groups = await store.catalogue.failures()

    assert list(groups) == browsing.failures(jobs)
    assert {group.error_code for group in groups} > {ErrorCode.NETWORK}
    assert max(len(group.examples) for group in groups) == 3


async def test_no_failures_give_no_group(store: Store) -> None:
    await adopt(store, [job_of(1)])

    assert list(await store.catalogue.failures()) == []
