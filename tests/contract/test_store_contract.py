"""Tests of every sentence of ``mediavault/store/port.py``, for every store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest

from mediavault.core.failures import (
    BadInput,
    ErrorCode,
    IllegalMove,
    JobNotFound,
    LeaseLost,
    StoreError,
)
from mediavault.core.job import (
    ClaimedJob,
    HistoryRecord,
    ItemStatus,
    Job,
    JobId,
    JobItem,
    JobStatus,
    Priority,
    Stage,
    StepOutcome,
    StrategyName,
    WorkerHeartbeat,
    WorkerId,
)
from mediavault.core.media import (
    Account,
    Candidate,
    FoundIn,
    Item,
    Ownership,
    Sign,
    SourceType,
    Watermark,
)
from mediavault.core.messages import Message
from mediavault.store.port import Checkpoint, JobQuery, RecoveredJob, Store
from tests.contract.stores import LEASE, NOTHING_FOUND, ON_THE_HOSTS_CLOCK, SAVED, numbered_job
from tests.fakes import START, FakeClock
from tests.patience import patient

NOW, NORMAL, LATER = Priority
ANN, BOB = WorkerId("w-ann"), WorkerId("w-bob")
NOBODY = JobId("00000000-0000-7000-8000-ffffffffffff")
MINUTE = timedelta(minutes=1)

EVERYTHING = Candidate(
    url="https://cdn.example/1.m3u8?sig=ä",
    source_type=SourceType.HLS,
    found_in=FoundIn.API,
    ownership=Ownership.ID_MATCH,
    media_key="key",
    mime="application/x-mpegurl",
    container="mp4",
    video_codec="h264",
    audio_codec="aac",
    has_video=True,
    has_audio=False,
    width=1920,
    height=1080,
    fps=29.97,
    bitrate=2_500_000,
    size=5_000_000_000,
    duration_s=12.5,
    watermark=Watermark.NO,
    original=True,
    signed=True,
    expires_at=START + timedelta(hours=6, microseconds=7),
    drm=True,
    audio_url="https://cdn.example/1-sound.m3u8",
    item=2,
    headers={"Referer": "https://videos.example/"},
    note="as the page said",
    thumbnail_url="https://cdn.example/p.jpg",
    evidence=(Sign.PLAYER, Sign.OTHER_HOST),
)
FOUND = Checkpoint(
    extracted_url=EVERYTHING.url,
    extracted_url_expires_at=START + timedelta(hours=6),
    source_type=SourceType.HLS,
    candidates=(EVERYTHING, Candidate("https://cdn.example/2.mp4", SourceType.DIRECT, FoundIn.DOM)),
    image_urls=("https://cdn.example/1.jpg",),
    account=Account("generic", "jane", "Jane Doe", "jane"),
    thumbnail_url="https://cdn.example/t.jpg",
    metadata={"title": "Ein Füchslein", "views": 3, "tags": ["a", "b"], "nested": {"none": None}},
)


async def enqueue(
    store: Store,
    *numbers: int,
    platform: str = "generic",
    max_attempts: int = 5,
    priority: Priority = NORMAL,
) -> list[Job]:
    jobs = [
        numbered_job(n, url_of(n), platform=platform, max_attempts=max_attempts) for n in numbers
    ]
    return [
        answer.job
        for answer in await store.queue.enqueue([replace(job, priority=priority) for job in jobs])
    ]


def url_of(number: int) -> str:
    return f"https://videos.example/watch/{number}"


async def claim(store: Store, worker: WorkerId = ANN, *, limit: int = 1) -> list[ClaimedJob]:
    return await store.queue.claim(worker, limit=limit, lease=LEASE)


async def claimed(store: Store, number: int = 1, *, max_attempts: int = 5) -> ClaimedJob:
    await enqueue(store, number, max_attempts=max_attempts)
    return (await claim(store))[0]


async def failed(store: Store, number: int = 1, *, retry_in: timedelta | None = None) -> Job:
    attempt = await claimed(store, number)
    return await store.queue.fail(
        attempt, error_code=ErrorCode.NETWORK, error="it broke", retry_in=retry_in
    )


async def completed(store: Store, number: int = 1) -> Job:
    attempt = await claimed(store, number)
    await store.queue.complete(attempt, SAVED)
    return await store.catalogue.get(attempt.id)


async def taken_over(
    store: Store, clock: FakeClock, *, by: WorkerId = BOB
) -> tuple[ClaimedJob, ClaimedJob]:
    """Return an attempt whose lease has expired, and the attempt that holds the job now."""
    stale = await claimed(store)
    clock.advance(LEASE + MINUTE)
    await store.queue.recover_stale_jobs(retry_in=timedelta(0))
    await store.queue.promote_due()
    return stale, (await claim(store, by))[0]


async def stages(store: Store, job_id: JobId) -> list[Stage]:
    return [record.stage for record in await store.catalogue.history(job_id)]


# --- enqueue --------------------------------------------------------------------------------------


async def test_an_enqueued_job_is_stored_as_given_and_queued(store: Store) -> None:
    asked = numbered_job(1, url_of(1), platform="reddit", max_attempts=3)
    facts = {"enclosed": {"url": "https://cdn.example/1.mp3", "title": "Kite é"}}
    new = replace(
        asked, profile="audio", priority=LATER, listed_by="https://feed.example", metadata=facts
    )

    [answer] = await store.queue.enqueue([new])

    assert answer.created
    assert answer.job == Job(
        new.id,
        new.trace_id,
        new.post_url,
        new.canonical_url,
        "reddit",
        JobStatus.QUEUED,
        created_at=START,
        updated_at=START,
        max_attempts=3,
        profile="audio",
        priority=LATER,
        listed_by="https://feed.example",
        metadata=facts,
    )
    assert await store.catalogue.get(new.id) == answer.job


async def test_another_version_of_a_post_has_a_profile_and_a_priority_of_its_own(
    store: Store,
) -> None:
    await enqueue(store, 1)

    new = replace(
        numbered_job(2, url_of(1)), profile="1080p", priority=NOW, listed_by="https://feed.example"
    )
    new = replace(new, metadata={"enclosed": {"url": "https://cdn.example/1.mp3"}})
    [answer] = await store.queue.enqueue([new], force=True)

    assert (answer.job.version, answer.job.profile, answer.job.priority) == (2, "1080p", NOW)
    assert (answer.job.listed_by, answer.job.metadata) == ("https://feed.example", new.metadata)
    assert await store.catalogue.get(answer.job.id) == answer.job


async def test_a_listed_post_becomes_the_users_who_submits_it_whatever_its_state(
    store: Store, clock: FakeClock
) -> None:
    listed = [
        replace(numbered_job(n, url_of(n)), listed_by="https://feed.example") for n in (1, 2, 3)
    ]
    await store.queue.enqueue(listed)
    [attempt] = await claim(store)
    await store.queue.complete(attempt, SAVED)
    clock.advance(MINUTE)

    asked = [
        replace(job, id=JobId(f"{job.id[:-1]}x"), post_url=f"{job.post_url}#asked", listed_by=None)
        for job in listed[:2]
    ]
    answers = await store.queue.enqueue(asked)
    again = await store.queue.enqueue(listed)

    assert [(answer.job.id, answer.created) for answer in answers] == [
        (job.id, False) for job in listed[:2]
    ]
    assert [answer.job.status for answer in answers] == [JobStatus.COMPLETED, JobStatus.QUEUED]
    assert [answer.job.listed_by for answer in again] == [None, None, "https://feed.example"]
    # whoever wrote the list had chosen the other URL of the post
    assert [answer.job.post_url for answer in answers] == [job.post_url for job in asked]
    # a removal that read it before does nothing
    assert {answer.job.updated_at for answer in answers} == {clock.now()}
    assert [await store.catalogue.get(answer.job.id) for answer in answers] == [
        answer.job for answer in answers
    ]


async def test_a_retry_may_change_the_profile(store: Store) -> None:
    held = await claimed(store)
    await store.queue.fail(held, error_code=ErrorCode.NO_VIDEO, error="", retry_in=None)
    retried = await store.queue.retry(held.id, profile="audio")
    [again] = await claim(store)
    await store.queue.fail(again, error_code=ErrorCode.NO_VIDEO, error="", retry_in=None)

    assert [retried.profile, again.job.profile] == ["audio", "audio"]
    assert (await store.queue.retry(held.id)).profile == "audio"


async def test_enqueuing_nothing_returns_nothing(store: Store) -> None:
    assert await store.queue.enqueue([]) == []


async def test_a_post_that_is_already_a_job_is_returned_and_not_stored_again(store: Store) -> None:
    [first] = await enqueue(store, 1)

    [answer] = await store.queue.enqueue([numbered_job(2, url_of(1))])

    assert answer.job == first
    assert not answer.created
    with pytest.raises(JobNotFound):
        await store.catalogue.get(numbered_job(2, "").id)


async def test_a_known_post_is_returned_in_its_current_state(store: Store) -> None:
    job = await completed(store)

    [answer] = await store.queue.enqueue([numbered_job(2, url_of(1))])

    assert answer.job == job


async def test_results_are_in_the_order_given_and_two_equal_urls_give_one_job(store: Store) -> None:
    [known] = await enqueue(store, 9)
    jobs = [numbered_job(n, url_of(url)) for n, url in ((1, 5), (2, 9), (3, 4), (4, 5))]

    answers = await store.queue.enqueue(jobs)

    assert [answer.created for answer in answers] == [True, False, True, False]
    assert [answer.job.id for answer in answers] == [jobs[0].id, known.id, jobs[2].id, jobs[0].id]
    assert sum((await store.catalogue.report()).counts.values()) == 3


async def test_force_stores_a_new_version_of_the_post(store: Store) -> None:
    first = await completed(store)

    [second] = await store.queue.enqueue([numbered_job(2, url_of(1))], force=True)
    [third] = await store.queue.enqueue([numbered_job(3, url_of(1))], force=True)

    assert (second.created, second.job.version, third.job.version) == (True, 2, 3)
    assert await store.catalogue.get(first.id) == first


async def test_two_equal_urls_in_one_forced_call_give_one_new_version(store: Store) -> None:
    await enqueue(store, 1)

    answers = await store.queue.enqueue([numbered_job(n, url_of(1)) for n in (2, 3)], force=True)

    assert [(answer.created, answer.job.version) for answer in answers] == [(True, 2), (False, 2)]


async def test_the_newest_jobs_of_posts_are_found_by_their_urls(store: Store) -> None:
    await enqueue(store, 1, 2)
    [second] = await store.queue.enqueue([numbered_job(3, url_of(1))], force=True)
    found = await store.catalogue.of_posts([url_of(1), url_of(1), url_of(9)])

    assert found == {url_of(1): second.job}
    assert await store.catalogue.of_posts([]) == {}


async def test_ids_are_found_by_their_beginnings(store: Store) -> None:
    """However they overlap, each is returned once, and a wildcard is a character like others."""
    ids = sorted(job.id for job in await enqueue(store, *range(1, 13)))
    first, last = ids[0], ids[-1]
    find = store.catalogue.ids_beginning

    assert await find([first[:-1], first, last, "zz"], limit=50) == [
        job_id for job_id in ids if job_id.startswith((first[:-1], last))
    ]
    assert await find(["", first], limit=50) == ids
    assert await find([""], limit=3) == ids[:3]
    assert await find(["_", "%", ".", first + "0"], limit=50) == []
    assert await find([], limit=50) == []


async def test_a_later_submission_returns_the_newest_version(store: Store) -> None:
    await enqueue(store, 1)
    [second] = await store.queue.enqueue([numbered_job(2, url_of(1))], force=True)

    [answer] = await store.queue.enqueue([numbered_job(3, url_of(1))])

    assert answer.job == second.job


async def test_a_call_that_fails_halfway_stores_nothing(store: Store) -> None:
    """It is one transaction: an id that is already taken refuses the whole call."""
    [known] = await enqueue(store, 1)
    taken = replace(numbered_job(3, url_of(3)), id=known.id)

    with pytest.raises(StoreError):
        await store.queue.enqueue([numbered_job(2, url_of(2)), taken])

    assert sum((await store.catalogue.report()).counts.values()) == 1


# --- claim ----------------------------------------------------------------------------------------


async def test_claim_takes_the_oldest_first_then_the_smaller_id(
    store: Store, clock: FakeClock
) -> None:
    for number in (1, 2, 3, 4, 5):  # one call each, all at the same time
        await enqueue(store, number)
    clock.jump(-60)
    [oldest] = await enqueue(store, 6)

    claims = await claim(store, limit=10)

    by_id = sorted(numbered_job(number, "").id for number in (1, 2, 3, 4, 5))
    assert [attempt.id for attempt in claims] == [oldest.id, *by_id]


async def test_jobs_of_one_call_are_claimed_in_the_order_given(store: Store) -> None:
    jobs = await enqueue(store, 5, 1, 4, 2, 3)

    claims = [*await claim(store, limit=2), *await claim(store, limit=3)]

    assert [attempt.id for attempt in claims] == [job.id for job in jobs]


async def test_claim_takes_the_jobs_of_one_priority_before_any_of_the_next(store: Store) -> None:
    order = [
        (1, "x", LATER),
        (2, "y", NORMAL),
        (3, "x", NOW),
        (4, "y", LATER),
        (5, "x", NORMAL),
        (6, "y", NOW),
    ]
    for number, platform, priority in order:
        await enqueue(store, number, platform=platform, priority=priority)

    claims = [
        *await claim(store, limit=2),
        *await claim(store, limit=1),
        *await claim(store, limit=9),
    ]

    assert [attempt.job.priority for attempt in claims] == [NOW, NOW, NORMAL, NORMAL, LATER, LATER]


async def test_a_claim_may_leave_what_is_less_urgent(store: Store) -> None:
    for number, platform, priority in [
        (1, "x", LATER),
        (2, "y", NORMAL),
        (3, "x", NOW),
        (4, "y", NOW),
    ]:
        await enqueue(store, number, platform=platform, priority=priority)

    taken = [
        {
            claimed.id
            for claimed in await store.queue.claim(ANN, limit=9, lease=LEASE, at_least=at_least)
        }
        for at_least in (NOW, NOW, NORMAL, LATER)
    ]
    assert [len(ids) for ids in taken] == [2, 0, 1, 1]


async def test_what_a_claim_left_is_taken_by_the_next_that_may(store: Store) -> None:
    await enqueue(store, 1, 2, priority=NORMAL)
    assert await store.queue.claim(ANN, limit=1, lease=LEASE, at_least=NOW) == []
    assert len(await claim(store, limit=2)) == 2


async def test_jobs_of_the_same_priority_are_claimed_oldest_first(
    store: Store, clock: FakeClock
) -> None:
    jobs = []
    for number in (3, 1, 2):
        jobs += await enqueue(store, number, priority=NOW)
        clock.advance(1)

    assert [attempt.id for attempt in await claim(store, limit=3)] == [job.id for job in jobs]


async def test_a_job_with_a_higher_priority_is_claimed_next_wherever_the_last_claim_was(
    store: Store,
) -> None:
    await enqueue(store, 1, 2, 3, priority=LATER)
    await claim(store)
    [normal] = await enqueue(store, 4)
    assert [attempt.id for attempt in await claim(store)] == [normal.id]
    [now] = await enqueue(store, 5, priority=NOW)
    assert [attempt.id for attempt in await claim(store)] == [now.id]
    assert len(await claim(store, limit=9)) == 2


async def test_a_priority_puts_a_job_before_those_that_need_a_session_too(
    store: Store, clock: FakeClock
) -> None:
    held = await claimed(store)
    await store.queue.release(held, needs_session=True)
    clock.advance(1)
    [now] = await enqueue(store, 2, priority=NOW)
    claims = await store.queue.claim(ANN, limit=2, lease=LEASE, sessions=[held.job.platform])
    assert [attempt.id for attempt in claims] == [now.id, held.id]


async def test_a_job_keeps_its_priority_whatever_happens_to_it(
    store: Store, clock: FakeClock
) -> None:
    [job] = await enqueue(store, 1, priority=LATER)
    seen = [(held := (await claim(store))[0]).job.priority]
    await store.queue.release(held)
    seen.append((held := (await claim(store))[0]).job.priority)
    seen.append(
        (
            await store.queue.fail(held, error_code=ErrorCode.NO_VIDEO, error="", retry_in=MINUTE)
        ).priority
    )
    clock.advance(MINUTE)
    await store.queue.promote_due()
    seen.append((await claim(store))[0].job.priority)
    clock.advance(LEASE)
    await store.queue.recover_stale_jobs(retry_in=MINUTE)
    seen.append((await store.queue.cancel(job.id)).priority)
    seen.append((await store.queue.retry(job.id)).priority)
    assert seen == [LATER] * 6


@pytest.mark.parametrize(("limit", "taken"), [(0, 0), (1, 1), (2, 2), (3, 3), (9, 3)])
async def test_claim_takes_no_more_than_the_limit(store: Store, limit: int, taken: int) -> None:
    await enqueue(store, 1, 2, 3)

    assert len(await claim(store, limit=limit)) == taken
    assert (await store.catalogue.report()).counts[JobStatus.RUNNING] == taken


async def test_claiming_from_an_empty_queue_returns_nothing(store: Store) -> None:
    assert await claim(store) == []


async def test_a_claim_sets_the_attempt_the_owner_and_the_lease(
    store: Store, clock: FakeClock
) -> None:
    await enqueue(store, 1)
    clock.advance(5)

    [attempt] = await claim(store)

    job = attempt.job
    assert (attempt.worker, attempt.fence) == (ANN, 1)
    assert (job.status, job.attempt_count, job.claimed_by) == (JobStatus.RUNNING, 1, ANN)
    assert (job.started_at, job.lease_expires_at) == (clock.now(), clock.now() + LEASE)
    assert job.created_at == START
    assert job == await store.catalogue.get(job.id)


async def test_a_claim_clears_the_fields_of_the_failure(store: Store, clock: FakeClock) -> None:
    job = await failed(store, retry_in=MINUTE)
    clock.advance(MINUTE)
    await store.queue.promote_due()

    [attempt] = await claim(store)

    now = attempt.job
    assert (now.retry_at, now.error_code, now.error, now.failed_at) == (None, None, None, None)
    assert (now.attempt_count, now.id) == (2, job.id)
    assert now == await store.catalogue.get(job.id)


async def test_a_running_job_is_never_claimed_again(store: Store) -> None:
    await enqueue(store, 1, 2, 3)

    claims = [
        *await claim(store, ANN, limit=2),
        *await claim(store, BOB, limit=2),
        *await claim(store, ANN, limit=2),
    ]

    assert len({attempt.id for attempt in claims}) == len(claims) == 3


async def test_jobs_of_all_platforms_are_in_one_queue(store: Store) -> None:
    jobs = [
        (await enqueue(store, n, platform=name))[0]
        for n, name in enumerate(("x", "y", "x", "z", "y", "x"))
    ]
    jobs.sort(key=lambda job: (job.created_at, job.id))

    claims = [*await claim(store, limit=4), *await claim(store, limit=4)]

    assert [attempt.id for attempt in claims] == [job.id for job in jobs]


async def test_a_claim_carries_what_an_earlier_attempt_found(store: Store) -> None:
    attempt = await claimed(store)
    await store.queue.checkpoint(attempt, FOUND)
    await store.queue.release(attempt)

    [again] = await claim(store, BOB)

    assert again.job.candidates == FOUND.candidates
    assert again.job == await store.catalogue.get(attempt.id)


# --- renew ----------------------------------------------------------------------------------------


async def test_renew_extends_exactly_the_named_attempts(store: Store, clock: FakeClock) -> None:
    await enqueue(store, 1, 2, 3)
    named, also, lost_answer = await claim(store, limit=3)
    clock.advance(30)

    still = await store.queue.renew(ANN, [named, also], lease=LEASE)

    assert still == {named.id, also.id}
    assert (await store.catalogue.get(named.id)).lease_expires_at == clock.now() + LEASE
    assert (await store.catalogue.get(lost_answer.id)).lease_expires_at == START + LEASE


async def test_renew_does_not_return_lost_jobs(store: Store, clock: FakeClock) -> None:
    await enqueue(store, 1, 2, 3, 4)
    held, done, cancelled, removed = claims = await claim(store, limit=4)
    await store.queue.complete(done, SAVED)
    await store.queue.cancel(cancelled.id)
    await store.catalogue.remove(removed.id)

    assert await store.queue.renew(ANN, claims, lease=LEASE) == {held.id}


@pytest.mark.parametrize("by", [ANN, BOB])  # ANN: the worker that had lost the job claimed it again
async def test_renew_after_a_takeover_leaves_the_new_lease_alone(
    store: Store, clock: FakeClock, by: WorkerId
) -> None:
    stale, current = await taken_over(store, clock, by=by)
    clock.advance(10)

    assert await store.queue.renew(ANN, [stale], lease=LEASE) == set()
    assert await store.catalogue.get(current.id) == current.job


async def test_renew_of_another_workers_attempt_is_refused(store: Store, clock: FakeClock) -> None:
    attempt = await claimed(store)
    clock.advance(10)

    assert await store.queue.renew(BOB, [attempt], lease=LEASE) == set()
    assert await store.catalogue.get(attempt.id) == attempt.job


async def test_renewing_nothing_returns_nothing(store: Store) -> None:
    assert await store.queue.renew(ANN, [], lease=LEASE) == set()


# --- the fence ------------------------------------------------------------------------------------

Write = Callable[[Store, ClaimedJob], Awaitable[object]]
FENCED: Mapping[str, Write] = {
    "checkpoint": lambda store, attempt: store.queue.checkpoint(attempt, FOUND),
    "progress": lambda store, attempt: store.queue.progress(
        attempt, stage=Stage.DOWNLOAD, progress_pct=77, bytes_done=5
    ),
    "begin_commit": lambda store, attempt: store.queue.begin_commit(attempt, SAVED),
    "complete": lambda store, attempt: store.queue.complete(attempt, SAVED),
    "fail": lambda store, attempt: store.queue.fail(
        attempt, error_code=ErrorCode.NETWORK, error="late", retry_in=MINUTE
    ),
    "release": lambda store, attempt: store.queue.release(attempt),
}
Loss = Callable[[Store, ClaimedJob], Awaitable[object]]
LOSSES: Mapping[str, Loss] = {
    "completed": lambda store, attempt: store.queue.complete(attempt, SAVED),
    "failed": lambda store, attempt: store.queue.fail(
        attempt, error_code=ErrorCode.TIMEOUT, error="slow", retry_in=None
    ),
    "released": lambda store, attempt: store.queue.release(attempt),
    "cancelled": lambda store, attempt: store.queue.cancel(attempt.id),
}


@pytest.mark.parametrize("write", FENCED)
async def test_an_attempt_that_was_taken_over_writes_nothing(
    store: Store, clock: FakeClock, write: str
) -> None:
    stale, current = await taken_over(store, clock)
    history = await store.catalogue.history(stale.id)
    clock.advance(1)

    with pytest.raises(LeaseLost):
        await FENCED[write](store, stale)

    assert await store.catalogue.get(stale.id) == current.job
    assert await store.catalogue.history(stale.id) == history


async def test_a_completion_batched_with_a_claim_is_fenced_like_any_other(
    store: Store, clock: FakeClock
) -> None:
    """One statement may hold both, for different jobs that must not affect each other."""
    stale, current = await taken_over(store, clock)
    [queued] = await enqueue(store, 7)

    completing, claiming = (
        store.queue.complete(stale, SAVED),
        store.queue.claim(BOB, limit=1, lease=LEASE),
    )
    late, claims = await asyncio.gather(completing, claiming, return_exceptions=True)

    assert isinstance(late, LeaseLost)
    assert not isinstance(claims, BaseException)
    assert [claim.id for claim in claims] == [queued.id]
    assert await store.catalogue.get(stale.id) == current.job


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("write", FENCED)
async def test_an_attempt_that_is_over_writes_nothing(
    store: Store, clock: FakeClock, write: str, loss: str
) -> None:
    attempt = await claimed(store)
    await LOSSES[loss](store, attempt)
    before, history = (
        await store.catalogue.get(attempt.id),
        await store.catalogue.history(attempt.id),
    )
    clock.advance(1)

    with pytest.raises(LeaseLost):
        await FENCED[write](store, attempt)

    assert await store.catalogue.get(attempt.id) == before
    assert await store.catalogue.history(attempt.id) == history


@pytest.mark.parametrize("write", FENCED)
async def test_an_attempt_whose_job_was_removed_writes_nothing(store: Store, write: str) -> None:
    attempt = await claimed(store)
    await store.catalogue.remove(attempt.id)

    with pytest.raises(LeaseLost):
        await FENCED[write](store, attempt)

    assert sum((await store.catalogue.report()).counts.values()) == 0


@pytest.mark.parametrize("write", FENCED)
async def test_an_expired_lease_that_was_not_taken_over_still_writes(
    store: Store, clock: FakeClock, write: str
) -> None:
    """The fence is the attempt, not the time: a slow worker may finish while the job is still its
    own.
    """
    attempt = await claimed(store)
    clock.advance(LEASE * 3)

    await FENCED[write](store, attempt)

    assert (await store.catalogue.get(attempt.id)).updated_at == clock.now()


# --- what an attempt writes -----------------------------------------------------------------------


async def test_a_checkpoint_stores_everything_that_was_found(
    store: Store, clock: FakeClock
) -> None:
    for field in fields(Candidate):  # the sample must not miss a field that is added later
        if field.name not in ("url", "source_type", "found_in"):
            default = field.default_factory() if callable(field.default_factory) else field.default
            assert getattr(EVERYTHING, field.name) != default, field.name
    attempt = await claimed(store)
    clock.advance(1)

    await store.queue.checkpoint(attempt, FOUND)

    job = await store.catalogue.get(attempt.id)
    assert job == replace(
        attempt.job,
        updated_at=clock.now(),
        stage=Stage.CHECKPOINT,
        progress_pct=50,
        **{
            field.name: getattr(FOUND, field.name)
            for field in fields(Checkpoint)
            if field.name != "progress_pct"
        },
    )
    assert type(job.candidates[0].ownership) is Ownership
    assert type(job.candidates[0].watermark) is Watermark


async def test_a_later_checkpoint_replaces_the_earlier_one(store: Store) -> None:
    attempt = await claimed(store)
    await store.queue.checkpoint(attempt, FOUND)

    await store.queue.checkpoint(attempt, NOTHING_FOUND)

    job = await store.catalogue.get(attempt.id)
    assert (job.candidates, job.image_urls, job.account, dict(job.metadata)) == ((), (), None, {})


async def test_progress_stores_the_stage_and_percentage_of_the_attempt(store: Store) -> None:
    attempt = await claimed(store)

    await store.queue.progress(
        attempt, stage=Stage.DOWNLOAD, progress_pct=60, bytes_done=6_000_000_000, bytes_total=None
    )

    job = await store.catalogue.get(attempt.id)
    assert (job.stage, job.progress_pct, job.bytes_done, job.bytes_total) == (
        Stage.DOWNLOAD,
        60,
        6_000_000_000,
        None,
    )
    assert job.lease_expires_at == attempt.job.lease_expires_at


async def test_progress_stores_how_much_of_a_stream_is_recorded(store: Store) -> None:
    attempt = await claimed(store)

    await store.queue.progress(
        attempt, stage=Stage.RECORD, progress_pct=60, bytes_done=5, duration_s=754.5
    )
    await store.queue.progress(attempt, stage=Stage.VALIDATE, progress_pct=92)

    assert (await store.catalogue.get(attempt.id)).duration_s == 754.5


async def test_begin_commit_stores_the_file_facts_and_the_job_keeps_running(store: Store) -> None:
    attempt = await claimed(store)

    await store.queue.begin_commit(attempt, SAVED)

    job = await store.catalogue.get(attempt.id)
    assert (job.status, job.stage) == (JobStatus.RUNNING, Stage.COMMITTING)
    assert (job.output_path, job.bytes, job.sha256) == (
        SAVED.output_path,
        SAVED.bytes,
        SAVED.sha256,
    )
    assert await stages(store, attempt.id) == [Stage.CLAIM, Stage.COMMITTING]


async def test_a_completed_job_has_its_file_and_keeps_its_extraction(
    store: Store, clock: FakeClock
) -> None:
    attempt = await claimed(store)
    await store.queue.checkpoint(attempt, FOUND)
    clock.advance(3)

    await store.queue.complete(attempt, SAVED)
    job = await store.catalogue.get(attempt.id)

    assert (job.candidates, job.account) == (FOUND.candidates, FOUND.account)
    assert (job.status, job.progress_pct, job.completed_at) == (
        JobStatus.COMPLETED,
        100,
        clock.now(),
    )
    assert (job.claimed_by, job.lease_expires_at, job.attempt_count) == (None, None, 1)
    assert (job.output_path, job.thumbnail_path) == (SAVED.output_path, SAVED.thumbnail_path)
    assert (job.bytes, job.sha256, job.duration_s) == (SAVED.bytes, SAVED.sha256, SAVED.duration_s)
    assert (job.width, job.height, job.candidates) == (SAVED.width, SAVED.height, FOUND.candidates)
    assert (await stages(store, job.id))[-1] is Stage.COMPLETE


async def test_fail_returns_the_job_as_stored(store: Store, clock: FakeClock) -> None:
    attempt = await claimed(store)
    clock.advance(3)

    job = await store.queue.fail(
        attempt, error_code=ErrorCode.RATE_LIMITED, error="slow down", retry_in=MINUTE
    )

    assert job == await store.catalogue.get(attempt.id)
    assert (job.status, job.failed_at, job.retry_at) == (
        JobStatus.FAILED,
        clock.now(),
        clock.now() + MINUTE,
    )
    assert (job.error_code, job.error) == (ErrorCode.RATE_LIMITED, "slow down")
    assert (job.claimed_by, job.lease_expires_at, job.attempt_count) == (None, None, 1)
    record = (await store.catalogue.history(job.id))[-1]
    assert (record.stage, record.outcome, record.error_code) == (
        Stage.FAIL,
        StepOutcome.FAILED,
        ErrorCode.RATE_LIMITED,
    )


async def test_a_failures_message_keeps_its_values_so_that_it_can_be_translated(
    store: Store,
) -> None:
    claim = await claimed(store)
    message = Message("%(site)s sent %(bytes)d bytes.", site="X", bytes=1200)
    await store.queue.record(
        claim, HistoryRecord(START, claim.fence, Stage.DOWNLOAD, StepOutcome.FAILED, detail=message)
    )
    await store.queue.fail(claim, error_code=ErrorCode.INCOMPLETE, error=message, retry_in=None)
    job = await store.catalogue.get(claim.id)
    texts = [
        job.error,
        *(record.detail for record in (await store.catalogue.history(claim.id))[-2:]),
    ]

    assert texts == ["X sent 1,200 bytes."] * 3
    assert all(
        isinstance(text, Message) and text.values == {"site": "X", "bytes": 1200} for text in texts
    )


async def test_a_failure_without_a_retry_has_no_retry_at(store: Store) -> None:
    assert (await failed(store, retry_in=None)).retry_at is None


@pytest.mark.parametrize(
    "text", ["lone \udcff surrogate", "a NUL \0 inside", "emoji 🎬", "line\nbreak"]
)
async def test_a_failure_is_stored_whatever_its_text_is(store: Store, text: str) -> None:
    attempt = await claimed(store)

    job = await store.queue.fail(attempt, error_code=ErrorCode.INTERNAL, error=text, retry_in=None)

    assert job == await store.catalogue.get(attempt.id)
    assert (job.error or "")[:4] == text[:4]


async def test_record_is_not_fenced(store: Store, clock: FakeClock) -> None:
    stale, current = await taken_over(store, clock)
    late = HistoryRecord(
        clock.now(),
        1,
        Stage.DOWNLOAD,
        StepOutcome.FAILED,
        StrategyName.SESSION,
        ErrorCode.TIMEOUT,
        "late",
        7,
        1_500,
    )

    await store.queue.record(stale, late)

    assert (await store.catalogue.history(stale.id))[-1] == late
    assert await store.catalogue.get(stale.id) == current.job


async def test_record_of_an_unknown_job_does_nothing(store: Store, clock: FakeClock) -> None:
    attempt = await claimed(store)
    await store.catalogue.remove(attempt.id)

    await store.queue.record(attempt, HistoryRecord(clock.now(), 1, Stage.DOWNLOAD, StepOutcome.OK))

    with pytest.raises(JobNotFound):
        await store.catalogue.history(attempt.id)


async def test_a_removed_posts_history_does_not_come_back(store: Store) -> None:
    attempt = await claimed(store)
    await store.catalogue.remove(attempt.id)

    [again] = await enqueue(store, 2)

    assert await store.catalogue.history(again.id) == []


async def test_release_keeps_the_attempt_number_and_allows_one_more_attempt(store: Store) -> None:
    attempt = await claimed(store, max_attempts=3)

    await store.queue.release(attempt)

    job = await store.catalogue.get(attempt.id)
    assert (job.status, job.attempt_count, job.max_attempts) == (JobStatus.QUEUED, 1, 4)
    assert (job.claimed_by, job.lease_expires_at, job.created_at) == (None, None, START)
    assert await stages(store, attempt.id) == [Stage.CLAIM, Stage.RELEASE]
    assert (await claim(store, BOB))[0].fence == 2


# --- recovery -------------------------------------------------------------------------------------


async def test_recovery_fails_only_jobs_whose_lease_has_expired(
    store: Store, clock: FakeClock
) -> None:
    await enqueue(store, 1, 2, 3)
    dead, living = await claim(store, limit=2)
    clock.advance(LEASE / 2)
    await store.queue.renew(ANN, [living], lease=LEASE)
    clock.advance(LEASE / 2)

    recovered = await store.queue.recover_stale_jobs(retry_in=MINUTE)

    assert recovered.jobs == (RecoveredJob(dead.id, dead.job.trace_id, requeueable=True),)
    job = await store.catalogue.get(dead.id)
    assert (job.status, job.error_code) == (JobStatus.FAILED, ErrorCode.RECOVERED_FROM_RESTART)
    assert (job.failed_at, job.retry_at) == (clock.now(), clock.now() + MINUTE)
    assert (job.claimed_by, job.lease_expires_at, job.attempt_count) == (None, None, 1)
    assert (await store.catalogue.get(living.id)).status is JobStatus.RUNNING


async def test_recovery_is_written_into_the_history(store: Store, clock: FakeClock) -> None:
    attempt = await claimed(store)
    clock.advance(LEASE)
    await store.queue.recover_stale_jobs(retry_in=MINUTE)

    record = (await store.catalogue.history(attempt.id))[-1]

    assert (record.stage, record.outcome, record.attempt) == (Stage.RECOVER, StepOutcome.FAILED, 1)
    assert (record.at, record.error_code) == (clock.now(), ErrorCode.RECOVERED_FROM_RESTART)


async def test_a_lease_holds_until_its_last_moment(store: Store, clock: FakeClock) -> None:
    await claimed(store)
    clock.advance(LEASE - timedelta(microseconds=1))

    assert (await store.queue.recover_stale_jobs(retry_in=MINUTE)).failed == 0


async def test_a_job_without_attempts_left_is_not_retried(store: Store, clock: FakeClock) -> None:
    attempt = await claimed(store, max_attempts=1)
    clock.advance(LEASE)

    recovered = await store.queue.recover_stale_jobs(retry_in=MINUTE)

    assert (recovered.failed, recovered.requeueable) == (1, 0)
    assert (await store.catalogue.get(attempt.id)).retry_at is None


async def test_a_job_that_was_committing_gets_one_extra_attempt_only(
    store: Store, clock: FakeClock
) -> None:
    attempt = await claimed(store, max_attempts=1)
    retried = []
    for _ in range(2):
        await store.queue.begin_commit(attempt, SAVED)
        clock.advance(LEASE)
        await store.queue.recover_stale_jobs(retry_in=timedelta(0))
        retried.append((await store.catalogue.get(attempt.id)).retry_at is not None)
        if await store.queue.promote_due():
            [attempt] = await claim(store)

    assert retried == [True, False]


async def test_recovery_twice_finds_nothing_the_second_time(store: Store, clock: FakeClock) -> None:
    await claimed(store)
    clock.advance(LEASE)
    await store.queue.recover_stale_jobs(retry_in=MINUTE)

    assert (await store.queue.recover_stale_jobs(retry_in=MINUTE)).failed == 0


@pytest.mark.parametrize("store", ON_THE_HOSTS_CLOCK, indirect=True)
async def test_a_clock_set_forward_does_not_end_the_lease_of_a_live_worker(
    store: Store, clock: FakeClock
) -> None:
    attempt = await claimed(store)
    clock.advance(10)
    clock.jump(timedelta(days=2))

    assert (await store.queue.recover_stale_jobs(retry_in=MINUTE)).failed == 0
    clock.advance(30)
    assert await store.queue.renew(ANN, [attempt], lease=LEASE) == {attempt.id}
    clock.advance(LEASE - timedelta(seconds=1))
    assert (await store.queue.recover_stale_jobs(retry_in=MINUTE)).failed == 0
    clock.advance(1)
    assert (await store.queue.recover_stale_jobs(retry_in=MINUTE)).job_ids == (attempt.id,)


@pytest.mark.parametrize("store", ON_THE_HOSTS_CLOCK, indirect=True)
async def test_a_dead_workers_job_is_recovered_one_lease_after_the_clock_was_set(
    store: Store, clock: FakeClock
) -> None:
    attempt = await claimed(store)
    clock.jump(timedelta(days=2))
    await store.queue.recover_stale_jobs(retry_in=MINUTE)
    clock.advance(LEASE)

    assert (await store.queue.recover_stale_jobs(retry_in=MINUTE)).job_ids == (attempt.id,)


@pytest.mark.parametrize("store", ON_THE_HOSTS_CLOCK, indirect=True)
async def test_a_clock_set_back_and_forth_does_not_end_the_lease_of_a_live_worker(
    store: Store, clock: FakeClock
) -> None:
    """Both changes and the claim between them are between two passes of recovery:
    each pass sees clocks that agree.
    """
    await enqueue(store, 1)
    await store.queue.recover_stale_jobs(retry_in=MINUTE)
    clock.jump(-timedelta(hours=1))
    await claim(store)
    clock.jump(timedelta(hours=1))

    assert (await store.queue.recover_stale_jobs(retry_in=MINUTE)).failed == 0


async def test_leases_of_dead_workers_can_be_ended_at_once(store: Store) -> None:
    await enqueue(store, 1, 2, 3)
    dead = await claim(store, ANN, limit=2)
    [living] = await claim(store, BOB)

    assert await store.workers.expire_leases([ANN]) == 2
    recovered = await store.queue.recover_stale_jobs(retry_in=MINUTE)

    assert set(recovered.job_ids) == {attempt.id for attempt in dead}
    assert await store.catalogue.get(living.id) == living.job


@pytest.mark.parametrize("store", ON_THE_HOSTS_CLOCK, indirect=True)
async def test_ended_leases_are_recovered_even_while_the_clock_is_not_trusted(
    store: Store, clock: FakeClock
) -> None:
    await enqueue(store, 1, 2)
    [dead] = await claim(store, ANN)
    await claim(store, BOB)
    clock.jump(timedelta(days=2))
    await store.workers.expire_leases([ANN])

    assert (await store.queue.recover_stale_jobs(retry_in=MINUTE)).job_ids == (dead.id,)


async def test_no_lease_is_ended_without_dead_workers(store: Store) -> None:
    await claimed(store)

    assert await store.workers.expire_leases([]) == 0
    assert await store.workers.expire_leases([BOB]) == 0


# --- retries --------------------------------------------------------------------------------------


async def test_only_jobs_that_are_due_are_promoted(store: Store, clock: FakeClock) -> None:
    due = await failed(store, 1, retry_in=MINUTE)
    later = await failed(store, 2, retry_in=MINUTE * 2)
    never = await failed(store, 3, retry_in=None)
    clock.advance(MINUTE)

    assert await store.queue.promote_due() == 1

    job = await store.catalogue.get(due.id)
    assert (job.status, job.retry_at, job.created_at) == (JobStatus.QUEUED, None, due.created_at)
    assert job.attempt_count == 1
    assert await store.catalogue.get(later.id) == later
    assert await store.catalogue.get(never.id) == never
    assert (await stages(store, due.id))[-1] is Stage.RETRY


async def test_no_job_is_promoted_before_its_time(store: Store, clock: FakeClock) -> None:
    await failed(store, retry_in=MINUTE)
    clock.advance(MINUTE - timedelta(microseconds=1))

    assert await store.queue.promote_due() == 0


async def test_promotion_takes_the_longest_due_up_to_the_limit(
    store: Store, clock: FakeClock
) -> None:
    late = await failed(store, 1, retry_in=MINUTE * 2)
    early = await failed(store, 2, retry_in=MINUTE)
    clock.advance(MINUTE * 3)

    assert await store.queue.promote_due(limit=1) == 1
    assert (await store.catalogue.get(early.id)).status is JobStatus.QUEUED
    assert (await store.catalogue.get(late.id)).status is JobStatus.FAILED


async def test_next_due_is_the_earliest_retry_time(store: Store, clock: FakeClock) -> None:
    assert await store.catalogue.next_due() is None
    await failed(store, 1, retry_in=MINUTE * 2)
    await failed(store, 2, retry_in=MINUTE)
    await failed(store, 3, retry_in=None)

    assert await store.catalogue.next_due() == clock.now() + MINUTE


# --- user actions ---------------------------------------------------------------------------------


async def test_a_queued_job_can_be_cancelled_and_is_no_longer_claimed(store: Store) -> None:
    [queued] = await enqueue(store, 1)

    job = await store.queue.cancel(queued.id)

    assert job.status is JobStatus.CANCELLED
    assert job == await store.catalogue.get(queued.id)
    assert await claim(store) == []
    assert await stages(store, job.id) == [Stage.CANCEL]


async def test_a_running_job_can_be_cancelled(store: Store) -> None:
    attempt = await claimed(store)

    job = await store.queue.cancel(attempt.id)

    assert (job.status, job.claimed_by, job.lease_expires_at) == (JobStatus.CANCELLED, None, None)
    assert job.attempt_count == 1


async def test_cancelling_a_failed_job_cancels_its_retry(store: Store, clock: FakeClock) -> None:
    waiting = await failed(store, retry_in=MINUTE)

    job = await store.queue.cancel(waiting.id)

    clock.advance(MINUTE)
    assert (job.status, job.retry_at) == (JobStatus.CANCELLED, None)
    assert await store.catalogue.next_due() is None
    assert await store.queue.promote_due() == 0


async def test_cancelling_twice_changes_nothing(store: Store, clock: FakeClock) -> None:
    [queued] = await enqueue(store, 1)
    first = await store.queue.cancel(queued.id)
    clock.advance(5)

    assert await store.queue.cancel(queued.id) == first == await store.catalogue.get(queued.id)
    assert await stages(store, queued.id) == [Stage.CANCEL]


@pytest.mark.parametrize("ask", ["cancel", "retry"])
async def test_a_completed_job_is_final(store: Store, clock: FakeClock, ask: str) -> None:
    job = await completed(store)
    history = await store.catalogue.history(job.id)
    clock.advance(5)

    with pytest.raises(IllegalMove):
        await getattr(store.queue, ask)(job.id)

    assert await store.catalogue.get(job.id) == job
    assert await store.catalogue.history(job.id) == history


@pytest.mark.parametrize("ask", ["cancel", "retry", "remove", "get", "history"])
async def test_an_unknown_job_is_not_found(store: Store, ask: str) -> None:
    with pytest.raises(JobNotFound):
        await getattr(store.queue if ask in {"cancel", "retry"} else store.catalogue, ask)(NOBODY)


async def test_a_failed_job_is_retried_when_a_user_asks(store: Store) -> None:
    waiting = await failed(store, retry_in=MINUTE)

    job = await store.queue.retry(waiting.id)

    assert (job.status, job.retry_at, job.max_attempts) == (JobStatus.QUEUED, None, 5)
    assert job == await store.catalogue.get(waiting.id)
    assert await store.catalogue.next_due() is None
    assert (await claim(store))[0].fence == 2


async def test_a_user_gets_one_more_attempt_when_all_are_used_up(store: Store) -> None:
    attempt = await claimed(store, max_attempts=1)
    await store.queue.fail(attempt, error_code=ErrorCode.NETWORK, error="it broke", retry_in=None)

    assert (await store.queue.retry(attempt.id)).max_attempts == 2


async def test_a_cancelled_job_can_be_retried(store: Store) -> None:
    [queued] = await enqueue(store, 1)
    await store.queue.cancel(queued.id)

    assert (await store.queue.retry(queued.id)).status is JobStatus.QUEUED
    assert await stages(store, queued.id) == [Stage.CANCEL, Stage.RETRY]


async def test_retrying_a_queued_or_running_job_changes_nothing(
    store: Store, clock: FakeClock
) -> None:
    await enqueue(store, 1, 2)
    [attempt] = await claim(store)
    queued = await store.catalogue.get(numbered_job(2, "").id)
    clock.advance(5)

    assert await store.queue.retry(queued.id) == queued == await store.catalogue.get(queued.id)
    assert (
        await store.queue.retry(attempt.id) == attempt.job == await store.catalogue.get(attempt.id)
    )
    assert await stages(store, attempt.id) == [Stage.CLAIM]


@pytest.mark.parametrize("status", JobStatus)
async def test_a_job_can_be_removed_in_any_state(store: Store, status: JobStatus) -> None:
    job = await _job_in(store, status)

    removed = await store.catalogue.remove(job.id)

    assert removed == job
    assert removed.status is status
    for ask in (store.catalogue.get, store.catalogue.history, store.catalogue.remove):
        with pytest.raises(JobNotFound):
            await ask(job.id)


async def test_a_job_that_has_changed_since_it_was_read_is_not_removed(
    store: Store, clock: FakeClock
) -> None:
    """Retention must not remove an old job that a user has just retried."""
    job = await _job_in(store, JobStatus.FAILED)
    clock.advance(1)
    await store.queue.retry(job.id)

    with pytest.raises(JobNotFound):
        await store.catalogue.remove(job.id, as_of=job.updated_at)

    again = await store.catalogue.get(job.id)
    assert (await store.catalogue.remove(job.id, as_of=again.updated_at)).status is JobStatus.QUEUED


async def test_the_files_of_a_completed_job_can_get_other_paths(
    store: Store, clock: FakeClock
) -> None:
    job = await completed(store)
    item = JobItem(Item(), ItemStatus.SAVED, replace(SAVED, output_path="b/1.mp4"))
    moved = replace(job, items=(item,), output_path="b/1.mp4", thumbnail_path=None)
    before = await store.catalogue.history(job.id)
    clock.advance(1)

    assert await store.catalogue.relocate(moved)

    now = await store.catalogue.get(job.id)
    assert now == replace(moved, updated_at=now.updated_at)
    assert now.updated_at > job.updated_at
    assert await store.catalogue.history(job.id) == before
    assert not await store.catalogue.relocate(moved)  # it has changed since
    assert await store.catalogue.relocate(replace(job, updated_at=now.updated_at))


@pytest.mark.parametrize(
    "status", [status for status in JobStatus if status is not JobStatus.COMPLETED]
)
async def test_only_the_files_of_a_completed_job_can_get_other_paths(
    store: Store, status: JobStatus
) -> None:
    """The attempts of any other job name their files themselves."""
    job = await _job_in(store, status)

    assert not await store.catalogue.relocate(replace(job, output_path="b/1.mp4"))
    assert await store.catalogue.get(job.id) == job
    assert not await store.catalogue.relocate(replace(job, id=NOBODY))


async def test_a_removed_post_can_be_enqueued_again(store: Store) -> None:
    job = await completed(store)
    await store.catalogue.remove(job.id)

    [answer] = await store.queue.enqueue([numbered_job(2, url_of(1))])

    assert (answer.created, answer.job.version) == (True, 1)


async def _job_in(store: Store, status: JobStatus) -> Job:
    match status:
        case JobStatus.QUEUED:
            return (await enqueue(store, 1))[0]
        case JobStatus.RUNNING:
            return (await claimed(store)).job
        case JobStatus.COMPLETED:
            return await completed(store)
        case JobStatus.FAILED:
            return await failed(store, retry_in=MINUTE)
        case JobStatus.CANCELLED:
            return await store.queue.cancel((await enqueue(store, 1))[0].id)


# --- lists ----------------------------------------------------------------------------------------


async def test_pages_are_newest_first_and_miss_nothing(store: Store) -> None:
    jobs = await enqueue(store, 1, 2, 3, 4, 5)

    pages, cursor = [], None
    while True:
        page = await store.catalogue.jobs(JobQuery(limit=2, cursor=cursor))
        pages.append([job.id for job in page.jobs])
        cursor = page.next_cursor
        if cursor is None:
            break

    assert [len(page) for page in pages] == [2, 2, 1]
    assert [job_id for page in pages for job_id in page] == [job.id for job in reversed(jobs)]


async def test_pages_continue_among_jobs_of_the_same_time(store: Store) -> None:
    for number in range(1, 6):  # one call each: all have the same created_at
        await enqueue(store, number)

    first = await store.catalogue.jobs(JobQuery(limit=3))
    second = await store.catalogue.jobs(JobQuery(limit=3, cursor=first.next_cursor))

    ids = [job.id for job in (*first.jobs, *second.jobs)]
    assert ids == sorted((numbered_job(number, "").id for number in range(1, 6)), reverse=True)


async def test_a_job_added_in_the_meantime_does_not_shift_the_next_page(
    store: Store, clock: FakeClock
) -> None:
    old = await enqueue(store, 1, 2, 3)
    first = await store.catalogue.jobs(JobQuery(limit=2))
    clock.advance(1)
    await enqueue(store, 4)

    second = await store.catalogue.jobs(JobQuery(limit=2, cursor=first.next_cursor))

    assert [job.id for job in second.jobs] == [old[0].id]


async def test_a_page_that_is_exactly_full_is_the_last(store: Store) -> None:
    await enqueue(store, 1, 2)

    assert (await store.catalogue.jobs(JobQuery(limit=2))).next_cursor is None


@pytest.mark.parametrize(
    "cursor", ["", "x", "1", "1.", ".a", "-1.a", "1.a.b", "1.'; --", "9" * 40 + ".a"]
)
async def test_an_invalid_cursor_is_refused(store: Store, cursor: str) -> None:
    with pytest.raises(BadInput):
        await store.catalogue.jobs(JobQuery(cursor=cursor))


async def test_jobs_can_be_filtered_by_status(store: Store) -> None:
    done, broken = await completed(store, 1), await failed(store, 2)
    [waiting] = await enqueue(store, 3)

    async def ids(*statuses: JobStatus) -> set[JobId]:
        return {job.id for job in (await store.catalogue.jobs(JobQuery(statuses=statuses))).jobs}

    assert await ids(JobStatus.COMPLETED) == {done.id}
    assert await ids(JobStatus.FAILED, JobStatus.QUEUED) == {broken.id, waiting.id}
    assert await ids(JobStatus.CANCELLED) == set()
    assert await ids() == {done.id, broken.id, waiting.id}


async def test_jobs_can_be_filtered_by_platform(store: Store) -> None:
    await enqueue(store, 1)
    [wanted] = await enqueue(store, 2, platform="reddit")

    assert (await store.catalogue.jobs(JobQuery(platform="reddit"))).jobs == (wanted,)


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("WATCH/1", True),
        ("füchs", True),
        ("FÜCHS", True),
        ("JANE", True),
        ("doe", True),
        ("%", False),
        ("", True),
    ],
)
async def test_jobs_are_found_by_text_regardless_of_case(
    store: Store, text: str, matches: bool
) -> None:
    attempt = await claimed(store)
    await store.queue.checkpoint(attempt, FOUND)

    page = await store.catalogue.jobs(JobQuery(text=text))

    assert bool(page.jobs) is matches


async def test_filters_apply_to_every_page(store: Store) -> None:
    await enqueue(store, 1, 3, 5, platform="reddit")
    await enqueue(store, 2, 4, 6)
    query = JobQuery(statuses={JobStatus.QUEUED}, platform="reddit", text="watch", limit=2)

    first = await store.catalogue.jobs(query)
    second = await store.catalogue.jobs(replace(query, cursor=first.next_cursor))

    assert [job.post_url for job in (*first.jobs, *second.jobs)] == [
        url_of(5),
        url_of(3),
        url_of(1),
    ]
    assert second.next_cursor is None


async def test_changes_since_a_time_are_returned_oldest_change_first(
    store: Store, clock: FakeClock
) -> None:
    first, second, third = await enqueue(store, 1, 2, 3)
    clock.advance(10)
    since = clock.now()
    await store.queue.cancel(third.id)
    clock.advance(1)
    await store.queue.cancel(first.id)

    assert [job.id for job in await store.catalogue.changed_since(since)] == [third.id, first.id]
    assert [job.id for job in await store.catalogue.changed_since(since, limit=1)] == [third.id]
    assert await store.catalogue.changed_since(clock.now() + MINUTE) == []
    assert second.id in {job.id for job in await store.catalogue.changed_since(START)}


async def test_history_keeps_the_order_of_writing_even_when_the_clock_is_set_back(
    store: Store, clock: FakeClock
) -> None:
    attempt = await claimed(store)
    clock.jump(-3600)
    await store.queue.checkpoint(attempt, FOUND)
    await store.queue.begin_commit(attempt, SAVED)
    await store.queue.complete(attempt, SAVED)

    records = await store.catalogue.history(attempt.id)

    assert [r.stage for r in records] == [
        Stage.CLAIM,
        Stage.CHECKPOINT,
        Stage.COMMITTING,
        Stage.COMPLETE,
    ]
    assert {r.attempt for r in records} == {1}
    assert min(r.duration_ms for r in records) >= 0


async def test_a_job_that_was_only_enqueued_has_no_history(store: Store) -> None:
    [job] = await enqueue(store, 1)

    assert await store.catalogue.history(job.id) == []


async def test_recent_posts_that_were_not_understood_are_counted_by_platform(
    store: Store, clock: FakeClock
) -> None:
    hour = timedelta(hours=1)

    async def broken(number: int, code: ErrorCode, platform: str = "generic") -> Job:
        await enqueue(store, number, platform=platform)
        [attempt] = await claim(store)
        return await store.queue.fail(attempt, error_code=code, error="an odd page", retry_in=None)

    await broken(1, ErrorCode.EXTRACTOR_BROKEN)
    clock.advance(hour)
    again = await broken(2, ErrorCode.EXTRACTOR_BROKEN)
    await broken(3, ErrorCode.EXTRACTOR_BROKEN, "mastodon")
    await broken(4, ErrorCode.NETWORK)
    everything = await store.catalogue.count_unparsed(within=2 * hour)
    await store.queue.retry(again.id)

    assert everything == {"generic": 2, "mastodon": 1}
    assert await store.catalogue.count_unparsed(within=2 * hour) == {"generic": 1, "mastodon": 1}
    assert await store.catalogue.count_unparsed(within=hour / 2) == {"mastodon": 1}


# --- workers --------------------------------------------------------------------------------------


def beat_of(worker: WorkerId, clock: FakeClock, **facts: Any) -> WorkerHeartbeat:
    return WorkerHeartbeat(worker, "host", 42, "1.0", START, clock.now(), draining=True, **facts)


async def test_recently_seen_workers_are_listed_newest_first(
    store: Store, clock: FakeClock
) -> None:
    await store.workers.heartbeat(beat_of(WorkerId("w-gone"), clock))
    clock.advance(MINUTE)
    facts = {
        "running_jobs": 2,
        "skipped_ticks": 3,
        "missed_beats": 4,
        "platforms": ("tiktok", "x"),
        "signed_in": ("x",),
    }
    await store.workers.heartbeat(ann := beat_of(ANN, clock, **facts))
    clock.advance(MINUTE)
    await store.workers.heartbeat(bob := beat_of(BOB, clock))

    assert await store.workers.alive(seen_within=MINUTE) == [bob, ann]


async def test_the_last_seen_time_of_a_worker_is_by_the_stores_clock(
    store: Store, clock: FakeClock
) -> None:
    """Machines disagree about the time: one whose clock is ten minutes slow is not dead."""
    slow = replace(beat_of(ANN, clock), last_seen_at=clock.now() - timedelta(minutes=10))
    await store.workers.heartbeat(slow)

    [seen] = await store.workers.alive(seen_within=MINUTE)
    assert seen.last_seen_at == clock.now() == (await store.catalogue.report()).at


async def test_a_heartbeat_replaces_the_previous_one(store: Store, clock: FakeClock) -> None:
    await store.workers.heartbeat(beat_of(ANN, clock))
    clock.advance(1)
    await store.workers.heartbeat(newer := beat_of(ANN, clock, running_jobs=1))

    assert await store.workers.alive(seen_within=MINUTE) == [newer]


async def test_a_worker_that_stopped_gracefully_is_no_longer_listed(
    store: Store, clock: FakeClock
) -> None:
    await store.workers.heartbeat(beat_of(ANN, clock))
    await store.workers.forget_worker(ANN)
    await store.workers.forget_worker(BOB)

    assert await store.workers.alive(seen_within=MINUTE) == []


async def test_the_report_counts_every_state(store: Store) -> None:
    await completed(store, 1)
    await failed(store, 2)
    await store.queue.cancel((await enqueue(store, 3))[0].id)
    await claimed(store, 4)
    await enqueue(store, 5, 6)

    report = await store.catalogue.report()

    assert report.engine
    assert dict(report.counts) == {
        JobStatus.COMPLETED: 1,
        JobStatus.FAILED: 1,
        JobStatus.CANCELLED: 1,
        JobStatus.RUNNING: 1,
        JobStatus.QUEUED: 2,
    }


async def test_the_report_of_an_empty_store_counts_zero_for_every_state(store: Store) -> None:
    report = await store.catalogue.report()

    assert dict(report.counts) == dict.fromkeys(JobStatus, 0)
    assert report.oldest_queued_at is None


async def test_the_report_says_how_long_the_oldest_queued_job_has_waited(
    store: Store, clock: FakeClock
) -> None:
    """An older job that is running does not count as queued."""
    await claimed(store)
    clock.advance(timedelta(minutes=1))
    handed_in = clock.now()
    await enqueue(store, 2)
    clock.advance(timedelta(minutes=1))
    await enqueue(store, 3)

    assert (await store.catalogue.report()).oldest_queued_at == handed_in


# --- wake-ups and close ---------------------------------------------------------------------------


async def _enqueue_more(store: Store, attempt: ClaimedJob) -> None:
    await enqueue(store, 2)


async def _retry(store: Store, attempt: ClaimedJob) -> None:
    await store.queue.cancel(attempt.id)
    await store.queue.retry(attempt.id)


async def _release(store: Store, attempt: ClaimedJob) -> None:
    await store.queue.release(attempt)


@pytest.mark.parametrize("act", [_enqueue_more, _retry, _release])
async def test_listeners_are_woken_when_work_arrives(
    store: Store, clock: FakeClock, act: Callable[[Store, ClaimedJob], Awaitable[None]]
) -> None:
    attempt = await claimed(store)
    calls: list[str] = []
    woken = asyncio.Event()
    leave = store.workers.on_work(woken.set)
    store.workers.on_work(lambda: calls.append("leaving"))()
    await act(store, attempt)

    await asyncio.wait_for(woken.wait(), patient(30))
    assert calls == []
    leave()


async def test_an_unsubscribed_listener_is_no_longer_called(store: Store, clock: FakeClock) -> None:
    calls: list[None] = []
    leave = store.workers.on_work(lambda: calls.append(None))
    leave()
    leave()

    await enqueue(store, 1)
    await clock.settle()

    assert calls == []


@pytest.mark.parametrize("act", ["cancel", "remove"])
async def test_stop_listeners_hear_that_a_user_cancelled_or_removed_a_running_job(
    store: Store, clock: FakeClock, act: str
) -> None:
    attempt, other = await claimed(store), await claimed(store, number=2)
    heard: list[str] = []
    notified = asyncio.Event()
    leave, leave_too = (
        store.workers.on_stop(heard.append),
        store.workers.on_stop(lambda _: notified.set()),
    )
    store.workers.on_stop(lambda _: heard.append("leaving"))()
    await (store.queue.cancel if act == "cancel" else store.catalogue.remove)(attempt.id)

    await asyncio.wait_for(notified.wait(), patient(30))
    assert set(heard) == {attempt.id}
    assert await store.queue.renew(ANN, [attempt, other], lease=LEASE) == {other.id}
    leave()
    leave_too()


@pytest.mark.parametrize("act", ["cancel", "remove"])
async def test_a_worker_without_notifications_learns_of_a_cancelled_job_when_it_renews(
    store: Store, clock: FakeClock, act: str
) -> None:
    attempt = await claimed(store)
    clock.advance(timedelta(seconds=30))
    held = await store.queue.renew(ANN, [attempt], lease=LEASE)
    await (store.queue.cancel if act == "cancel" else store.catalogue.remove)(attempt.id)
    clock.advance(timedelta(seconds=30))

    assert held == {attempt.id}
    assert await store.queue.renew(ANN, [attempt], lease=LEASE) == set()


async def test_close_is_safe_to_call_twice(store: Store) -> None:
    await enqueue(store, 1)
    await store.close()
    await store.close()
