"""Duplicates in every store: they are marks, by which the library is filtered too."""

from __future__ import annotations

from mediavault.core.fingerprints import Likeness
from mediavault.core.job import JobId, JobStatus, WorkerId
from mediavault.core.marks import MarkKind
from mediavault.store.duplicates import forget_duplicates, put_duplicates, read_duplicates
from mediavault.store.port import JobQuery, Store
from tests.contract.stores import claim_and_complete, numbered_job

SAME, ALIKE = Likeness(100, identical=True), Likeness(93)


async def posts(store: Store, count: int) -> list[JobId]:
    new = [numbered_job(n, f"https://videos.example/{n}") for n in range(count)]
    added = await store.queue.enqueue(new)
    await claim_and_complete(store, WorkerId("w"))
    return [enqueued.job.id for enqueued in added]


async def duplicates(store: Store, job_id: JobId) -> list[tuple[JobId, Likeness]]:
    return [
        (duplicate.job.id, duplicate.likeness) for duplicate in await read_duplicates(store, job_id)
    ]


async def filtered(store: Store) -> set[JobId]:
    query = JobQuery((JobStatus.COMPLETED,), marks=(MarkKind.DUPLICATE,))
    assert await store.catalogue.count(query) == len((await store.catalogue.jobs(query)).jobs)
    return {job.id for job in (await store.catalogue.jobs(query)).jobs}


async def test_duplicates_know_each_other_identical_files_first(store: Store) -> None:
    first, second, third, other = await posts(store, 4)
    await put_duplicates(store, first, {second: ALIKE, third: SAME})

    assert await duplicates(store, first) == [(third, SAME), (second, ALIKE)]
    assert await duplicates(store, second) == [(first, ALIKE)]
    assert await duplicates(store, other) == []
    assert await filtered(store) == {first, second, third}


async def test_new_duplicates_replace_those_that_a_post_had(store: Store) -> None:
    first, second, third = await posts(store, 3)
    await put_duplicates(store, first, {second: SAME})
    await put_duplicates(store, first, {third: ALIKE})
    assert await duplicates(store, second) == []
    assert await filtered(store) == {first, third}

    await put_duplicates(store, first, {})
    assert await filtered(store) == set()


async def test_the_last_duplicate_of_a_post_that_is_gone_is_none_any_more(store: Store) -> None:
    first, second, third = await posts(store, 3)
    await put_duplicates(store, first, {second: SAME, third: ALIKE})
    await put_duplicates(store, second, {first: SAME, third: ALIKE})
    await store.catalogue.remove(first)
    assert await duplicates(store, second) == [(third, ALIKE)]

    await forget_duplicates(store, first)
    assert await filtered(store) == {second, third}
    await store.catalogue.remove(second)
    await forget_duplicates(store, second)
    assert await filtered(store) == set()


async def test_a_duplicate_that_is_not_saved_any_more_is_not_shown(store: Store) -> None:
    first, second = await posts(store, 2)
    [waiting] = await store.queue.enqueue([numbered_job(9, "https://videos.example/9")])
    await put_duplicates(store, first, {waiting.job.id: SAME, second: ALIKE})

    assert await duplicates(store, first) == [(second, ALIKE)]
