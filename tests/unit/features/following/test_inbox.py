"""The inbox: what sources brought, in its order, and what of it is new for whom."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mediavault.core.failures import BadInput
from mediavault.core.job import Job, NewJob, new_job_id
from mediavault.features.following import inbox
from mediavault.features.following import records as following
from mediavault.features.following.model import Source
from tests.fakes import START, FakeClock
from tests.memory_store import MemoryJobStore

MINUTE = timedelta(minutes=1)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(clock: FakeClock) -> MemoryJobStore:
    return MemoryJobStore(clock)


def new_job(url: str) -> NewJob:
    return NewJob(new_job_id(START), "0" * 32, url, url, "generic")


async def brought(
    store: MemoryJobStore, clock: FakeClock, name: str, *, are_news: bool = True
) -> Job:
    """Store a post that the source s-1 brings a minute after the last one."""
    clock.advance(MINUTE)
    (result,) = await store.queue.enqueue([new_job(f"https://videos.example/{name}")])
    await following.mark_posts(store, "s-1", [result.job.id])
    await inbox.note_arrivals(store, [result.job.id], are_news=are_news)
    return result.job


async def names(
    store: MemoryJobStore, user: str = "jane", **options: bool
) -> list[tuple[str, bool]]:
    found = await inbox.read_inbox(store, user, cursor=None, limit=50, **options)
    return [
        (arrival.job.canonical_url.rpartition("/")[2], arrival.is_new) for arrival in found.arrivals
    ]


async def test_what_came_last_is_first_and_only_news_are_new(
    store: MemoryJobStore, clock: FakeClock
) -> None:
    await brought(store, clock, "a")
    await brought(store, clock, "old", are_news=False)
    await brought(store, clock, "b")

    assert await names(store) == [("b", True), ("old", False), ("a", True)]
    assert await names(store, only_news=True) == [("b", True), ("a", True)]
    assert await inbox.count_news(store, "jane") == 2


async def test_what_a_user_has_seen_is_new_for_others_only(
    store: MemoryJobStore, clock: FakeClock
) -> None:
    await brought(store, clock, "a")
    (arrival,) = (await inbox.read_inbox(store, "jane", cursor=None, limit=1)).arrivals
    await brought(store, clock, "b")
    await inbox.mark_seen(store, "jane", arrival.came_at)

    assert await names(store) == [("b", True), ("a", False)]
    assert (await inbox.count_news(store, "jane"), await inbox.count_news(store, "sam")) == (1, 2)


async def test_nothing_becomes_new_again(store: MemoryJobStore, clock: FakeClock) -> None:
    await brought(store, clock, "a")
    await inbox.mark_seen(store, "jane", clock.now() + MINUTE)
    await inbox.mark_seen(store, "jane", START)

    assert await inbox.count_news(store, "jane") == 0


async def test_a_post_that_a_second_source_names_stays_at_its_place(
    store: MemoryJobStore, clock: FakeClock
) -> None:
    first = await brought(store, clock, "a")
    await brought(store, clock, "b")
    clock.advance(MINUTE)
    await inbox.mark_seen(store, "jane", clock.now())
    await inbox.note_arrivals(store, [first.id], are_news=True)

    assert await names(store) == [("b", False), ("a", False)]


async def test_a_post_names_the_sources_that_are_still_followed(
    store: MemoryJobStore, clock: FakeClock
) -> None:
    job = await brought(store, clock, "a")
    await following.mark_posts(store, "s-gone", [job.id])
    await following.follow(
        store.tables, Source("s-1", "https://videos.example/feed", "generic", START)
    )
    (arrival,) = (await inbox.read_inbox(store, "jane", cursor=None, limit=1)).arrivals

    assert arrival.sources == {"s-1": "https://videos.example/feed"}


async def test_pages_go_on_where_the_last_one_ended(
    store: MemoryJobStore, clock: FakeClock
) -> None:
    for name in "abcde":
        await brought(store, clock, name)
    first = await inbox.read_inbox(store, "jane", cursor=None, limit=3)
    second = await inbox.read_inbox(store, "jane", cursor=first.next_cursor, limit=3)

    urls = [arrival.job.canonical_url[-1] for page in (first, second) for arrival in page.arrivals]
    assert (urls, second.next_cursor) == (list("edcba"), None)
    with pytest.raises(BadInput):
        await inbox.read_inbox(store, "jane", cursor="nothing", limit=3)


async def test_the_count_reads_what_is_new_and_never_more_than_it_says(
    store: MemoryJobStore, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [new_job(f"https://videos.example/{number}") for number in range(150)]
    results = await store.queue.enqueue(jobs)
    await inbox.note_arrivals(store, [result.job.id for result in results], are_news=True)
    read: list[int] = []
    marked = store.marks.marked

    async def counted(*args: object, **options: object) -> object:
        found = await marked(*args, **options)  # type: ignore[arg-type]
        read.append(len(found))
        return found

    monkeypatch.setattr(store.marks, "marked", counted)
    assert await inbox.count_news(store, "jane") == inbox.MOST_COUNTED
    await inbox.mark_seen(store, "jane", clock.now() + MINUTE)
    assert await inbox.count_news(store, "jane") == 0
    assert read == [inbox.MOST_COUNTED, 0]
