"""The contract of the further words of every store:
what a post is found by apart from its own texts.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from mediavault.core.job import JobId, WorkerId
from mediavault.store import search_words
from mediavault.store.port import JobQuery, Store, StoredJob
from mediavault.store.search_words import GAP, WordSource, distinct_line
from tests.contract.shelves import adopt, job_of
from tests.contract.stores import LEASE, NOTHING_FOUND, numbered_job
from tests.fakes import FakeClock
from tests.memory_store import MemoryJobStore

SUBTITLES, COMMENTS = WordSource.SUBTITLES, WordSource.COMMENTS
SAID = distinct_line(["We went to the sea,", "and the SEA was blue. 東京タワーへ"])


async def post(store: Store, number: int = 1) -> JobId:
    new = numbered_job(number, f"https://videos.example/{number}")
    return (await store.queue.enqueue([new]))[0].job.id


async def found(store: Store, text: str) -> list[JobId]:
    query = JobQuery(text=text)
    jobs = [job.id for job in (await store.catalogue.jobs(query)).jobs]
    assert await store.catalogue.count(query) == len(jobs)
    return jobs


async def test_a_post_is_found_by_its_further_words_and_by_its_own(store: Store) -> None:
    job = await post(store)
    await post(store, 2)

    assert await found(store, "blue") == []
    assert await store.catalogue.put_words(job, SUBTITLES, SAID)
    for text in (
        "blue",
        "bl",
        "blue videos.example",
        "the sea",
        "東京タワー",
        "タワー",
        "東京 videos",
    ):
        assert await found(store, text) == [job], text
    for text in ("lue", "green", "blue green", "タワー東京"):
        assert await found(store, text) == [], text


async def test_the_words_of_each_source_replace_only_its_own(store: Store) -> None:
    job = await post(store)
    await store.catalogue.put_words(job, SUBTITLES, SAID)
    await store.catalogue.put_words(job, COMMENTS, distinct_line(["Lovely"]))

    assert await found(store, "lovely blue") == [job]
    assert await store.catalogue.words_of([job]) == {job: {SUBTITLES: SAID, COMMENTS: " lovely"}}

    await store.catalogue.put_words(job, SUBTITLES, distinct_line(["grey"]))
    assert (await found(store, "blue"), await found(store, "grey lovely")) == ([], [job])

    await store.catalogue.put_words(job, COMMENTS, "")
    assert await store.catalogue.words_of([job, JobId("nobody")]) == {job: {SUBTITLES: " grey"}}
    await store.catalogue.put_words(job, SUBTITLES, "")
    assert await store.catalogue.words_of([job]) == {}
    assert (await found(store, "grey"), await found(store, "videos.example")) == ([], [job])


async def test_words_are_no_change_of_the_job_and_need_one(store: Store, clock: FakeClock) -> None:
    job = await post(store)
    before, history = await store.catalogue.get(job), await store.catalogue.history(job)
    clock.advance(60)

    assert await store.catalogue.put_words(job, SUBTITLES, SAID)
    assert not await store.catalogue.put_words(JobId("nobody"), SUBTITLES, SAID)
    assert (await store.catalogue.get(job), await store.catalogue.history(job)) == (before, history)


async def test_words_survive_what_an_attempt_writes_later(store: Store) -> None:
    job = await post(store)
    await store.catalogue.put_words(job, SUBTITLES, SAID)
    await store.catalogue.put_words(job, COMMENTS, " lovely")
    [claim] = await store.queue.claim(WorkerId("ann"), limit=1, lease=LEASE)
    await store.queue.checkpoint(claim, replace(NOTHING_FOUND, metadata={"title": "Holidays"}))

    assert await found(store, "holidays blue lovely") == [job]
    assert await found(store, "holidays 東京タワー") == [job]
    await store.queue.release(claim)
    assert await found(store, "holidays blue") == [job]


async def test_words_go_when_the_job_is_removed(store: Store) -> None:
    job = await post(store)
    await store.catalogue.put_words(job, SUBTITLES, SAID)
    stored = StoredJob(await store.catalogue.remove(job))

    assert (await found(store, "blue"), await store.catalogue.words_of([job])) == ([], {})
    await store.catalogue.import_jobs([stored])
    assert (await found(store, "blue"), await store.catalogue.words_of([job])) == ([], {})


async def test_imported_jobs_bring_their_words(store: Store, clock: FakeClock) -> None:
    elsewhere = MemoryJobStore(clock)
    jobs = [await elsewhere.catalogue.get(await post(elsewhere, number)) for number in (1, 2)]

    await store.catalogue.import_jobs(
        [StoredJob(jobs[0], words={SUBTITLES: SAID}), StoredJob(jobs[1])]
    )
    assert await found(store, "blue") == [jobs[0].id]
    assert await store.catalogue.words_of([job.id for job in jobs]) == {
        jobs[0].id: {SUBTITLES: SAID}
    }


@pytest.mark.parametrize(
    "line",
    [
        "it's 'a' \\ $where.x % _ * \" \x00 \ud800 :* & | ! <->",
        GAP * 3,
        "x" * 200_000,
        " é" * 90_000,
    ],
)
async def test_a_line_that_no_release_wrote_does_no_harm(store: Store, line: str) -> None:
    job = await post(store)

    assert await store.catalogue.put_words(job, SUBTITLES, line)
    assert await found(store, "videos.example") == [job]


async def test_the_longest_lines_are_stored_and_found(store: Store) -> None:
    job = job_of(1, title="Holidays")
    await adopt(store, [job])
    for source, sign in ((SUBTITLES, "𐐨"), (COMMENTS, "字")):
        many = [f"{sign * (number % 30 + 1)} w{number}{source}" for number in range(20_000)]
        await store.catalogue.put_words(job.id, source, distinct_line(many))

    assert await found(store, "holidays w1subtitles w1comments") == [job.id]


async def test_neighbours_and_counts_know_the_words(store: Store, clock: FakeClock) -> None:
    first = await post(store, 1)
    clock.advance(timedelta(seconds=1).total_seconds())
    second = await post(store, 2)
    for job in (first, second):
        await store.catalogue.put_words(job, SUBTITLES, SAID)

    neighbours = await store.catalogue.neighbours(first, JobQuery(text="blue"))
    assert (neighbours.newer and neighbours.newer.id, neighbours.older) == (second, None)


def test_a_line_has_each_word_once_and_its_own_parts_give_it_again() -> None:
    assert f" and blue sea the to was we went {GAP} 東 京 タ ワ ー へ" == SAID
    assert distinct_line(SAID.split(GAP)) == SAID
    long = distinct_line(f"{number:x}" for number in range(100_000))
    assert len(long.split()) == search_words.MAX_SOURCE_WORDS
    assert (
        len(distinct_line(f"{number:064}" for number in range(100_000)))
        <= search_words.MAX_SOURCE_CHARS
    )
