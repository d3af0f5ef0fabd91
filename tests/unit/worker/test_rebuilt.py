"""What a worker saved can be rebuilt from the library alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mediavault.core.failures import Incomplete
from mediavault.core.job import ClaimedJob, Job, JobStatus
from mediavault.core.media import Extraction
from mediavault.library.local_library import LocalLibrary
from mediavault.maintenance.rebuilding import Rebuild
from mediavault.maintenance.verifying import Verification
from mediavault.store.losses import LOG, losses, note_loss
from mediavault.store.port import Store
from mediavault.worker.pipeline import process_one_cycle
from tests.fakes import FakeClock
from tests.memory_store import MemoryJobStore
from tests.stubs import VIDEO, StubExtractor, extraction, make_context, worked
from tests.unit.worker.test_pipeline import ByUrl, carousel, reclaim


def facts_of(job: Job) -> dict[str, Any]:
    """Return the facts of a job's row that its sidecars must restore."""
    names = (
        "id trace_id post_url canonical_url platform version status created_at attempt_count"
        " account output_path"
    )
    facts = {
        name: getattr(job, name)
        for name in (*names.split(), "thumbnail_path", "bytes", "sha256", "duration_s")
    }
    facts |= {name: job.metadata.get(name) for name in ("title", "text", "published_at", "post_id")}
    media = [
        (row.item.role, row.item.type, row.item.media_id, row.status, row.saved)
        for row in job.items
    ]
    return facts | {"media": media}


async def rebuilt(job: Job, root: Path, clock: FakeClock) -> Job:
    store = MemoryJobStore(clock)
    assert [
        refused async for refused in Rebuild(store, LocalLibrary(root), read_data=True).run()
    ] == []
    return await store.catalogue.get(job.id)


@pytest.mark.parametrize("extracted", [extraction(), carousel("a"), carousel("a", "b")])
async def test_a_completed_job_is_rebuilt_from_its_sidecars(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path, extracted: Extraction
) -> None:
    downloader = ByUrl({"a": VIDEO, "b": b"second" * 9, "1": VIDEO})
    job = await worked(
        claim,
        make_context(
            store, clock, tmp_path, extractor=StubExtractor(extracted), downloader=downloader
        ),
    )

    assert job.status is JobStatus.COMPLETED
    assert facts_of(await rebuilt(job, tmp_path, clock)) == facts_of(job)
    assert [
        finding
        async for finding in Verification(store, LocalLibrary(tmp_path), read_data=True).run()
    ] == []


async def test_a_job_that_took_two_attempts_is_rebuilt_from_the_sidecars_of_both(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    downloader = ByUrl({"a": Incomplete("It was cut."), "b": VIDEO})
    context = make_context(
        store, clock, tmp_path, extractor=StubExtractor(carousel("a", "b")), downloader=downloader
    )
    await process_one_cycle(claim, context)
    downloader.answers["a"] = b"whole" * 9
    job = await worked(await reclaim(store, clock), context)

    assert (job.status, job.attempt_count) == (JobStatus.COMPLETED, 2)
    assert facts_of(await rebuilt(job, tmp_path, clock)) == facts_of(job)


async def test_a_loss_is_no_longer_said_once_the_library_was_read(
    store: Store, tmp_path: Path
) -> None:
    await note_loss(store.records, LOG)
    assert [
        refused async for refused in Rebuild(store, LocalLibrary(tmp_path), read_data=True).run()
    ] == []

    assert await losses(store.records) == ()
