"""The contract of the marks of every store, sentence by sentence as in ``store/port.py``."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from mediavault.core.clock import to_micros
from mediavault.core.job import JobId
from mediavault.core.marks import Mark, MarkCount
from mediavault.store.port import JobOrder, JobQuery, Store, StoredJob
from tests import browsing
from tests.contract.shelves import adopt, all_pages, some_library
from tests.contract.stores import numbered_job
from tests.fakes import START, FakeClock
from tests.memory_store import MemoryJobStore

CATS, DOGS, LOVED = "tag/cats", "tag/dogs", "favourite/owner"
HOSTILE = "tag/$set.a 'b\" \x00 \ud800 é%_*"
NOW = to_micros(START)


async def posts(store: Store, count: int) -> list[JobId]:
    new = [numbered_job(n, f"https://videos.example/{n}") for n in range(count)]
    return [enqueued.job.id for enqueued in await store.queue.enqueue(new)]


async def test_a_mark_is_returned_with_its_text_and_the_time_as_its_place(store: Store) -> None:
    first, second = await posts(store, 2)

    assert (
        await store.marks.put(
            [Mark(first, CATS, "Cats"), Mark(second, CATS, "Cats"), Mark(first, LOVED)]
        )
        == 3
    )
    assert await store.marks.of_jobs([first, second]) == {
        first: (Mark(first, LOVED, "", NOW + 2), Mark(first, CATS, "Cats", NOW)),
        second: (Mark(second, CATS, "Cats", NOW + 1),),
    }


async def test_a_later_mark_replaces_the_text_and_keeps_the_place_unless_it_has_one(
    store: Store, clock: FakeClock
) -> None:
    [post] = await posts(store, 1)
    await store.marks.put([Mark(post, CATS, "Cats")])
    clock.advance(60)

    assert await store.marks.put([Mark(post, CATS, "cats!")]) == 1
    assert await store.marks.of_jobs([post]) == {post: (Mark(post, CATS, "cats!", NOW),)}
    await store.marks.put([Mark(post, CATS, "cats", 7)])
    assert await store.marks.of_jobs([post]) == {post: (Mark(post, CATS, "cats", 7),)}


async def test_of_the_same_mark_twice_in_one_call_the_last_is_stored(store: Store) -> None:
    first, second = await posts(store, 2)

    assert (
        await store.marks.put([Mark(first, CATS, "a"), Mark(second, CATS), Mark(first, CATS, "b")])
        == 2
    )
    assert await store.marks.marked(CATS) == [
        Mark(first, CATS, "b", NOW),
        Mark(second, CATS, "", NOW + 1),
    ]


async def test_marks_of_unknown_jobs_are_ignored(store: Store) -> None:
    [post] = await posts(store, 1)

    assert await store.marks.put([Mark(JobId("nobody"), CATS), Mark(post, CATS)]) == 1
    assert await store.marks.put([]) == 0
    assert await store.marks.of_jobs([JobId("nobody")]) == {}
    assert await store.marks.of_jobs([]) == {}
    assert [mark.job_id for mark in await store.marks.marked(CATS)] == [post]


async def test_marking_is_no_change_of_the_job(store: Store, clock: FakeClock) -> None:
    [post] = await posts(store, 1)
    before, history = await store.catalogue.get(post), await store.catalogue.history(post)
    clock.advance(60)
    await store.marks.put([Mark(post, CATS)])

    assert await store.catalogue.get(post) == before
    assert await store.catalogue.history(post) == history


async def test_a_mark_survives_what_happens_to_its_job(store: Store, clock: FakeClock) -> None:
    [post] = await posts(store, 1)
    await store.marks.put([Mark(post, CATS)])
    await store.queue.cancel(post)
    clock.advance(1)
    await store.queue.retry(post)

    assert await store.marks.of_jobs([post]) == {post: (Mark(post, CATS, "", NOW),)}


async def test_marks_are_removed_from_some_jobs_or_from_all(store: Store) -> None:
    first, second, third = await posts(store, 3)
    await store.marks.put(
        [Mark(job, name) for job in (first, second, third) for name in (CATS, DOGS)]
    )

    assert await store.marks.remove(CATS, [first, JobId("nobody")]) == 1
    assert await store.marks.remove(CATS, [first]) == 0
    assert await store.marks.remove(CATS, []) == 0
    assert [mark.job_id for mark in await store.marks.marked(CATS)] == [second, third]
    assert await store.marks.remove(CATS) == 2
    assert await store.marks.names("tag/") == [MarkCount(DOGS, "", 3)]


async def test_a_mark_is_removed_only_while_it_has_the_given_text(store: Store) -> None:
    first, second = await posts(store, 2)
    await store.marks.put(
        [Mark(first, CATS, "old"), Mark(second, CATS, "new"), Mark(first, DOGS, "old")]
    )

    assert await store.marks.remove(CATS, [first, second], if_text="old") == 1
    assert await store.marks.remove(CATS, if_text="old") == 0
    assert [mark.name for mark in (await store.marks.of_jobs([first]))[first]] == [DOGS]
    assert await store.marks.marked(CATS) == [Mark(second, CATS, "new", NOW + 1)]


async def test_marks_go_with_their_job(store: Store) -> None:
    first, second = await posts(store, 2)
    await store.marks.put([Mark(first, CATS), Mark(second, CATS)])
    await store.catalogue.remove(first)

    assert await store.marks.of_jobs([first]) == {}
    assert await store.marks.names("tag/") == [MarkCount(CATS, "", 1)]
    again = (await store.queue.enqueue([numbered_job(9, "https://videos.example/9")]))[0].job.id
    # a database may give the removed job's key to a new one
    assert await store.marks.of_jobs([again]) == {}


async def test_names_are_counted_and_sorted_by_their_code_points(store: Store) -> None:
    first, second = await posts(store, 2)
    await store.marks.put(
        [Mark(first, "tag/é", "É"), Mark(first, CATS, "cats"), Mark(second, CATS, "Cats")]
    )
    await store.marks.put([Mark(first, "tag/Z"), Mark(first, "tagged/no"), Mark(second, LOVED)])

    assert await store.marks.names("tag/") == [
        MarkCount("tag/Z", "", 1),
        MarkCount(CATS, "Cats", 2),
        MarkCount("tag/é", "É", 1),
    ]


async def test_any_text_can_be_a_name(store: Store) -> None:
    """Lone surrogates and NUL are replaced, as in every text of a job."""
    [post] = await posts(store, 1)
    await store.marks.put([Mark(post, HOSTILE, HOSTILE)])

    [mark] = (await store.marks.of_jobs([post]))[post]
    assert mark.name == mark.text == "tag/$set.a 'b\" � ? é%_*"
    assert await store.marks.marked(HOSTILE) == [mark]
    assert [job.id for job in (await store.catalogue.jobs(JobQuery(marks=[mark.name]))).jobs] == [
        post
    ]
    assert await store.marks.names("tag/$set.") == [MarkCount(mark.name, mark.text, 1)]
    assert await store.marks.names("tag/.") == []
    assert await store.marks.rename(HOSTILE, CATS, text="x") == 1
    assert await store.marks.remove(CATS) == 1


async def test_marks_of_a_name_are_paged_by_place_in_both_directions(store: Store) -> None:
    jobs = await posts(store, 5)
    places = dict(zip(jobs, (5, 1, 3, 3, 2), strict=True))
    await store.marks.put([Mark(job, CATS, "", place) for job, place in places.items()])
    by_place = sorted(jobs, key=lambda job: (places[job], job))

    for newest_first in (False, True):
        seen: list[Mark] = []
        while page := await store.marks.marked(
            CATS, after=seen[-1] if seen else None, limit=2, newest_first=newest_first
        ):
            seen += page
        assert [mark.job_id for mark in seen] == (by_place[::-1] if newest_first else by_place)


async def test_renaming_merges_two_names_and_gives_all_one_text(store: Store) -> None:
    first, second, third = await posts(store, 3)
    await store.marks.put([Mark(first, CATS, "Cats", 1), Mark(second, CATS, "Cats", 2)])
    await store.marks.put([Mark(second, DOGS, "Dogs", 8), Mark(third, DOGS, "Dogs", 9)])

    assert await store.marks.rename(CATS, DOGS, text="Pets") == 3
    assert await store.marks.names("tag/") == [MarkCount(DOGS, "Pets", 3)]
    assert await store.marks.marked(DOGS) == [
        Mark(first, DOGS, "Pets", 1),
        Mark(second, DOGS, "Pets", 8),
        Mark(third, DOGS, "Pets", 9),
    ]


async def test_renaming_to_the_same_name_changes_the_text_and_no_mark_changes_nothing(
    store: Store,
) -> None:
    [post] = await posts(store, 1)
    await store.marks.put([Mark(post, CATS, "cats", 1)])

    assert await store.marks.rename(CATS, CATS, text="Cats") == 1
    assert await store.marks.rename(DOGS, CATS, text="Dogs") == 0
    assert await store.marks.marked(CATS) == [Mark(post, CATS, "Cats", 1)]


async def test_imported_jobs_bring_their_marks(store: Store, clock: FakeClock) -> None:
    elsewhere = MemoryJobStore(clock)
    first, second = await posts(elsewhere, 2)
    jobs = [await elsewhere.catalogue.get(job_id) for job_id in (first, second)]
    marks = (Mark(first, CATS, "Cats", 5), Mark(first, LOVED))
    clock.advance(timedelta(seconds=1).total_seconds())

    assert (
        await store.catalogue.import_jobs([StoredJob(jobs[0], marks=marks), StoredJob(jobs[1])])
        == 2
    )
    assert await store.marks.of_jobs([first, second]) == {
        first: (Mark(first, LOVED, "", NOW + 1_000_001), Mark(first, CATS, "Cats", 5))
    }
    assert [job.id for job in (await store.catalogue.jobs(JobQuery(marks=[CATS, LOVED]))).jobs] == [
        first
    ]


@pytest.mark.parametrize("order", list(JobOrder))
async def test_queries_find_the_jobs_that_have_marks_or_lack_them(
    store: Store, order: JobOrder
) -> None:
    jobs = some_library(60)
    await adopt(store, jobs)
    names: dict[JobId, list[str]] = {}
    for number, job in enumerate(jobs):
        names[job.id] = [
            name for name, each in ((CATS, 2), (DOGS, 3), (LOVED, 7)) if number % each == 0
        ] + [
            f"{kind}/owner"
            for kind, each in (("watched", 3), ("position", 4))
            if number % each == 1
        ]
    await store.marks.put(
        [Mark(job_id, name) for job_id, of_job in names.items() for name in of_job]
    )
    noted = {
        job_id: {mark.name: mark for mark in found}
        for job_id, found in (await store.marks.of_jobs(list(names))).items()
    }
    queries = [
        JobQuery(marks=[CATS]),
        JobQuery(marks=[CATS, DOGS]),
        JobQuery(without=[CATS]),
        JobQuery(marks=[DOGS], without=[CATS, LOVED]),
        JobQuery(marks=[CATS], text="fox"),
        JobQuery(without=[CATS], text="fox", platform="x"),
        JobQuery(marks=["tag/nothing"]),
    ]

    for query in (replace(query, order=order, limit=7) for query in queries):
        wanted = browsing.in_order(jobs, query, noted)
        assert [job.id for job in await all_pages(store, query)] == [job.id for job in wanted]
        assert await store.catalogue.count(query) == len(wanted)
        for job in wanted[:3]:
            assert await store.catalogue.neighbours(job.id, query) == browsing.neighbours(
                job, jobs, query, noted
            )
