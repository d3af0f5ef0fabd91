"""A job whose stream is running: its place, its stage, its stop,
and what becomes of it after a failure.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mediavault.core.failures import (
    Deleted,
    ErrorCode,
    Failure,
    LinkExpired,
    NoSpace,
    RateLimited,
    Upcoming,
)
from mediavault.core.job import ClaimedJob, Job, JobStatus, Stage, StepOutcome, WorkerId
from mediavault.core.media import DownloadedFile, LiveNow, OnProgress, SourceType
from mediavault.core.profiles import Profile
from mediavault.core.recordings import Recording, RecordingEnd
from mediavault.core.records import RecordKind
from mediavault.download.port import DownloadLimits, MediaRequest, RecordingOrder
from mediavault.features.recording.background import RecordingPlaces, StreamRecording
from mediavault.features.recording.service import is_to_stop, stop_recording
from mediavault.library.local_library import LocalLibrary
from mediavault.store.port import Store
from mediavault.worker.context import WorkerContext
from mediavault.worker.hooks import Hooks
from mediavault.worker.pipeline import process_one_cycle
from mediavault.worker.recovery import sweep_staging
from tests.fakes import FakeClock
from tests.patience import patient
from tests.stubs import (
    VIDEO,
    StubDownloader,
    StubExtractor,
    candidate,
    extraction,
    make_context,
    new_job,
    worked,
)

STREAMS = Profile("streams", record_live=True)
STREAM = candidate("https://cdn.example/live.m3u8", source_type=SourceType.HLS)
SIGNED = replace(STREAM, signed=True)
OTHER = replace(SIGNED, url="https://cdn.example/other.m3u8")
ENDED = Recording(754.0, len(VIDEO), gaps=1, missing_s=4.0, offset_s=30.0, end=RecordingEnd.ENDED)

Step = Callable[[RecordingOrder], Awaitable[Recording | None]]


class StubRecorder(StubDownloader):
    """Does a scripted step with each order, and then writes the file of the recording that it
    returned.
    """

    def __init__(self, *steps: Step) -> None:
        super().__init__()
        self._steps = list(steps)
        self.orders: list[RecordingOrder | None] = []

    async def fetch(
        self, request: MediaRequest, *, into: Path, limits: DownloadLimits, on_progress: OnProgress
    ) -> DownloadedFile:
        self.orders.append(request.recording)
        assert request.recording is not None
        step = self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]
        recording = await step(request.recording)
        file = await super().fetch(request, into=into, limits=limits, on_progress=on_progress)
        return replace(file, recording=recording)


async def record(order: RecordingOrder) -> Recording:
    """Record until the stream ends."""
    await order.begin()
    order.on_change(Recording(2.0, 10))
    return ENDED


def fails_with(failure: Failure, *, after_s: float = 0.0) -> Step:
    async def step(order: RecordingOrder) -> Recording | None:
        if order.stop.is_set():
            return replace(ENDED, end=order.reason)
        await order.begin()
        order.on_change(Recording(after_s, 10))
        raise failure

    return step


def context_for(
    store: Store,
    clock: FakeClock,
    root: Path,
    recorder: StubDownloader,
    *answers: Any,
    profile: Profile = STREAMS,
    places: RecordingPlaces | None = None,
) -> WorkerContext:
    extractor = StubExtractor(*(answers or (extraction(STREAM),)))
    context = make_context(store, clock, root, downloader=recorder, extractor=extractor)
    return replace(
        context,
        profile=profile,
        hooks=Hooks(recording_of=partial(StreamRecording, places or RecordingPlaces())),
    )


def staging(context: WorkerContext) -> list[str]:
    return sorted(path.name for path in context.library.staging.root.iterdir())


async def test_a_recording_has_its_own_stage_and_says_what_was_recorded(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    seen: list[Job] = []

    async def step(order: RecordingOrder) -> Recording:
        recording = await record(order)
        await clock.settle()
        seen.append(await store.catalogue.get(claim.id))
        return recording

    job = await worked(claim, context_for(store, clock, tmp_path, StubRecorder(step)))
    history = await store.catalogue.history(claim.id)

    assert (seen[0].stage, seen[0].duration_s, seen[0].bytes_done) == (Stage.RECORD, 2.0, 10)
    assert job.status is JobStatus.COMPLETED
    assert job.metadata["recording"]["gaps"] == 1
    assert [one.detail for one in history if one.stage is Stage.RECORD] == [
        "The stream is live; recording starts."
    ]
    assert [one.detail for one in history if one.stage is Stage.DOWNLOAD] == [
        (
            "Recorded live: 00:12:34 from 00:00:30 of the stream; 1 gap, about 00:00:04 missing;"
            " the stream ended"
        )
    ]


async def test_without_such_a_profile_no_stream_is_recorded(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    downloader = StubDownloader(LiveNow("live"))
    job = await worked(
        claim, context_for(store, clock, tmp_path, downloader, profile=Profile("best"))
    )

    assert job.error_code is ErrorCode.LIVE_NOW
    assert [request.recording for request in downloader.requests] == [None]


async def test_a_recording_leaves_its_slot_when_it_begins(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    events: list[str] = []

    async def step(order: RecordingOrder) -> Recording:
        events.append("asked")
        await order.begin()
        events.append("begun")
        return ENDED

    context = context_for(store, clock, tmp_path, StubRecorder(step))
    await process_one_cycle(claim, context, on_slot_left=lambda: events.append("slot left"))

    # the second time right before the last write
    assert events == ["asked", "slot left", "begun", "slot left"]


async def test_a_stream_without_a_place_is_looked_at_again_in_two_minutes(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    places = RecordingPlaces(1)
    places.take(new_job(clock=clock).id)
    job = await worked(
        claim, context_for(store, clock, tmp_path, StubRecorder(record), places=places)
    )

    assert (job.status, job.error_code) == (JobStatus.FAILED, ErrorCode.LIVE_NOW)
    assert job.retry_at is not None
    assert timedelta(minutes=2) <= job.retry_at - job.updated_at <= timedelta(minutes=3)
    assert job.max_attempts == claim.job.max_attempts + 1


async def test_a_recording_without_a_place_keeps_what_an_earlier_attempt_recorded(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    places = RecordingPlaces(1)
    places.take(new_job(clock=clock).id)
    context = context_for(
        store, clock, tmp_path, StubRecorder(fails_with(NoSpace("full"))), places=places
    )
    await context.library.staging.make_recording_folder(claim.id, 0)
    job = await worked(claim, context)

    assert (job.status, job.error_code) == (JobStatus.FAILED, ErrorCode.LIVE_NOW)
    assert await context.library.staging.recorded_jobs() == [claim.id]


async def test_the_place_is_free_when_the_recording_has_ended(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    places = RecordingPlaces(1)
    await worked(claim, context_for(store, clock, tmp_path, StubRecorder(record), places=places))

    assert places.taken == set()


# --- stop -----------------------------------------------------------------------------------------


async def test_a_user_ends_a_recording_and_keeps_what_there_is(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    async def step(order: RecordingOrder) -> Recording:
        await record(order)
        await stop_recording(store, claim.id, clock)
        await asyncio.wait_for(order.stop.wait(), patient(10))
        return replace(ENDED, end=order.reason)

    job = await worked(claim, context_for(store, clock, tmp_path, StubRecorder(step)))

    assert job.status is JobStatus.COMPLETED
    assert job.metadata["recording"]["end"] == "stopped"
    assert not await is_to_stop(store.records, claim.id)


async def test_a_wish_that_is_left_from_an_earlier_recording_does_not_end_a_new_one(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    async def step(order: RecordingOrder) -> Recording:
        await record(order)
        assert not await is_to_stop(store.records, claim.id)
        return ENDED

    context = context_for(store, clock, tmp_path, StubRecorder(step))
    await store.records.put(RecordKind.STOP_RECORDING, claim.id, {})

    assert (await worked(claim, context)).status is JobStatus.COMPLETED


# --- failures -------------------------------------------------------------------------------------


async def test_a_url_that_expires_again_and_again_does_not_end_the_recording(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    expired = [
        fails_with(LinkExpired("403", http_status=403), after_s=at * 100.0) for at in range(1, 9)
    ]
    recorder = StubRecorder(*expired, record)
    job = await worked(
        claim, context_for(store, clock, tmp_path, recorder, extraction(SIGNED), extraction(OTHER))
    )

    assert (job.status, job.attempt_count) == (JobStatus.COMPLETED, 1)
    assert len(recorder.orders) == 9


async def test_a_url_that_is_refused_without_any_progress_ends_the_recording(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    """What an earlier attempt has recorded is no progress,
    or the post would be read again for ever.
    """
    recorder = StubRecorder(fails_with(LinkExpired("403", http_status=403), after_s=100.0))
    job = await worked(
        claim, context_for(store, clock, tmp_path, recorder, extraction(SIGNED), extraction(OTHER))
    )

    assert (job.status, job.metadata["recording"]["end"]) == (JobStatus.COMPLETED, "refused")
    assert len(recorder.orders) <= 5


@pytest.mark.parametrize(
    "answer",
    [Deleted("gone"), Upcoming("its recording is not ready"), LiveNow("no stream")],
    ids=type,
)
async def test_a_stream_that_the_site_no_longer_offers_is_saved_as_far_as_it_was_recorded(
    answer: Failure, store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    recorder = StubRecorder(fails_with(LinkExpired("403", http_status=403), after_s=100.0))
    job = await worked(
        claim, context_for(store, clock, tmp_path, recorder, extraction(SIGNED), answer)
    )

    assert (job.status, job.metadata["recording"]["end"]) == (JobStatus.COMPLETED, "refused")


@pytest.mark.parametrize(
    "failure",
    [NoSpace("full"), RateLimited("slow down", retry_after=timedelta(minutes=5))],
    ids=type,
)
async def test_a_failure_that_the_next_attempt_may_outlive_keeps_what_is_recorded(
    failure: Failure, store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    context = context_for(store, clock, tmp_path, StubRecorder(fails_with(failure, after_s=5.0)))
    job = await worked(claim, context)
    await sweep_staging(store.catalogue, context.library.staging)

    assert (job.status, job.error_code) == (JobStatus.FAILED, failure.code)
    assert job.retry_at is not None
    assert staging(context) == [f"{claim.id}.recording"]


async def test_at_the_last_attempt_the_recording_ends_with_what_there_is(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    await store.queue.enqueue([new_job(clock=clock, max_attempts=1)])
    (claim,) = await store.queue.claim(WorkerId("w-1"), limit=1, lease=timedelta(seconds=90))
    recorder = StubRecorder(
        fails_with(RateLimited("slow down", retry_after=timedelta(minutes=5)), after_s=5.0)
    )
    job = await worked(claim, context_for(store, clock, tmp_path, recorder))

    assert (job.status, job.metadata["recording"]["end"]) == (JobStatus.COMPLETED, "refused")


async def test_a_failure_before_anything_is_recorded_is_the_jobs(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    async def refused(_: RecordingOrder) -> Recording:
        raise Deleted("gone")

    job = await worked(claim, context_for(store, clock, tmp_path, StubRecorder(refused)))

    assert job.error_code is ErrorCode.DELETED


async def test_the_next_attempt_saves_what_is_recorded_where_the_post_can_no_longer_be_read(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    """Its URL has expired meanwhile, so the post is read again."""
    expires = clock.now() + timedelta(minutes=10)
    recorder = StubRecorder(
        fails_with(NoSpace("full"), after_s=5.0), fails_with(LinkExpired("403"), after_s=0.0)
    )
    answers = (extraction(replace(STREAM, expires_at=expires)), Deleted("gone"))
    context = context_for(store, clock, tmp_path, recorder, *answers)
    await worked(claim, context)
    clock.advance(timedelta(hours=1))
    await store.queue.promote_due()
    (second,) = await store.queue.claim(claim.worker, limit=1, lease=timedelta(seconds=90))
    job = await worked(second, context)
    outcomes = [
        one.outcome for one in await store.catalogue.history(claim.id) if one.stage is Stage.EXTRACT
    ]

    assert (job.status, job.metadata["recording"]["end"]) == (JobStatus.COMPLETED, "refused")
    assert outcomes == [StepOutcome.OK, StepOutcome.FAILED, StepOutcome.FAILED]


# --- what is read of a running stream -------------------------------------------------------------


def live_now(**facts: Any) -> LiveNow:
    failure = LiveNow("live")
    failure.instead = extraction(STREAM, **facts)
    return failure


async def test_a_stream_that_an_extractor_found_is_recorded_only_with_such_a_profile(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    recorder = StubRecorder(record)
    context = context_for(
        store,
        clock,
        tmp_path,
        recorder,
        live_now(metadata={"live_began_at": "2026-11-24T11:00:00+00:00"}),
    )
    job = await worked(claim, context)

    assert job.status is JobStatus.COMPLETED
    assert recorder.orders[0] is not None
    assert recorder.orders[0].began_at == clock.now().replace(
        hour=11, minute=0, second=0, microsecond=0
    )


async def test_without_such_a_profile_a_stream_that_an_extractor_found_waits(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    job = await worked(
        claim,
        context_for(
            store, clock, tmp_path, StubRecorder(record), live_now(), profile=Profile("best")
        ),
    )

    assert job.error_code is ErrorCode.LIVE_NOW


async def test_an_extractor_that_only_says_live_leaves_the_stream_to_the_next(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    """The browser's word is a verdict otherwise."""
    ytdlp = StubExtractor(live_now())
    ytdlp.name = "ytdlp"
    context = context_for(store, clock, tmp_path, StubRecorder(record), LiveNow("live"))
    context = replace(context, extractors={**context.extractors, "ytdlp": ytdlp})

    assert (await worked(claim, context)).status is JobStatus.COMPLETED


# --- what is left ---------------------------------------------------------------------------------


async def test_what_is_recorded_is_swept_once_nobody_goes_on_with_it(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    staging = LocalLibrary(tmp_path).staging
    await staging.make_recording_folder(claim.id, 0)
    await staging.make_recording_folder("0" * 36, 0)

    assert await sweep_staging(store.catalogue, staging) == 1
    assert await staging.recorded_jobs() == [claim.id]
    await store.queue.cancel(claim.id)
    await sweep_staging(store.catalogue, staging)
    assert await staging.recorded_jobs() == []


async def test_a_failed_job_keeps_what_is_recorded_for_its_user(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    staging = LocalLibrary(tmp_path).staging
    await staging.make_recording_folder(claim.id, 0)
    await store.queue.fail(claim, error_code=ErrorCode.INTERNAL, error="a bug", retry_in=None)

    await sweep_staging(store.catalogue, staging)
    assert await staging.recorded_jobs() == [claim.id]
