from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from mediavault.app.composition import worker_limits
from mediavault.core.job import ClaimedJob, JobStatus, WorkerId
from mediavault.core.media import SavedFile
from mediavault.core.settings import Settings
from mediavault.library.local_library import LocalLibrary
from mediavault.store.port import Store
from mediavault.worker.recovery import RECOVERED_RETRY_IN, recover_stale_jobs, sweep_staging
from tests.fakes import FakeClock
from tests.unit.worker.conftest import LEASE


def folder(root: Path, job_id: str, fence: int) -> Path:
    path = root / ".staging" / f"{job_id}.{fence}"
    path.mkdir(parents=True)
    return path


async def test_a_living_attempts_folder_is_never_swept(
    store: Store, claim: ClaimedJob, tmp_path: Path
) -> None:
    path = folder(tmp_path, claim.id, claim.fence)

    assert await sweep_staging(store.catalogue, LocalLibrary(tmp_path).staging) == 0
    assert path.exists()


async def test_folders_of_former_attempts_and_of_removed_jobs_are_swept(
    store: Store, claim: ClaimedJob, tmp_path: Path
) -> None:
    former, unknown = folder(tmp_path, claim.id, 0), folder(tmp_path, "0" * 36, 1)

    assert await sweep_staging(store.catalogue, LocalLibrary(tmp_path).staging) == 2
    assert not former.exists()
    assert not unknown.exists()


async def test_a_commit_that_a_crash_interrupted_keeps_its_folder_for_the_next_attempt(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    path = folder(tmp_path, claim.id, claim.fence)
    await store.queue.begin_commit(claim, SavedFile("a/b.mp4", None, 1, "0" * 64, None, None, None))
    clock.advance(LEASE + timedelta(seconds=1))
    recovered = await recover_stale_jobs(
        store, LocalLibrary(tmp_path).staging, tmp_path / "workers"
    )

    assert recovered.failed == 1
    assert path.exists()


async def test_the_job_of_a_living_worker_is_never_touched(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    clock.advance(LEASE - timedelta(seconds=1))
    await store.queue.renew(WorkerId("w-1"), [claim], lease=LEASE)
    clock.advance(LEASE - timedelta(seconds=1))
    recovered = await recover_stale_jobs(
        store, LocalLibrary(tmp_path).staging, tmp_path / "workers"
    )

    assert recovered.failed == 0
    assert (await store.catalogue.get(claim.id)).status is JobStatus.RUNNING


def test_with_the_usual_settings_another_host_goes_on_within_100_seconds(tmp_path: Path) -> None:
    """At worst a worker dies right after it has renewed,
    and the lease ends right after another worker has checked.
    """
    limits = worker_limits(Settings(state_dir=tmp_path, download_dir=tmp_path))

    at_worst = (
        limits.lease
        + timedelta(seconds=limits.recovery_interval_s + limits.poll_interval_s)
        + RECOVERED_RETRY_IN
    )

    assert at_worst < timedelta(seconds=100)
