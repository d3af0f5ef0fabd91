"""What the doctor reports about posts that stopped or froze a worker."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from mediavault.app.doctor.crash_checks import check_crashes, check_native_crashes
from mediavault.core.failures import ErrorCode
from mediavault.core.job import Job, JobId, JobStatus, WorkerId
from mediavault.presentation.doctor_report import DoctorVerdict
from mediavault.store.port import FailureGroup
from mediavault.worker.freezes import FreezeReport
from tests.fakes import START

URL = "https://videos.example/1"
JOB = Job(JobId("job-1"), "0" * 32, URL, URL, "generic", JobStatus.FAILED, created_at=START, updated_at=START)
REPORT = FreezeReport(WorkerId("w-1"), START, 60.0, held=(), stack=(), job_id=JobId("job-2"), attempt=1)


def failed(code: ErrorCode, *, jobs: int = 1) -> FailureGroup:
    example = replace(JOB, error_code=code, failed_at=START)
    return FailureGroup(code, "generic", jobs, None, jobs, (example,))


def test_a_vault_without_such_posts_is_healthy() -> None:
    check = check_crashes([failed(ErrorCode.NETWORK)], [], now=START)

    assert (check.verdict, check.detail) == (DoctorVerdict.OK, "no post has stopped or frozen a worker")


def test_posts_that_were_given_up_are_named_with_the_time_and_with_help() -> None:
    check = check_crashes([failed(ErrorCode.WORKER_DIED), failed(ErrorCode.WORKER_FROZE, jobs=5)], [], now=START)

    assert check.verdict is DoctorVerdict.WARNING
    assert check.detail == "6 posts failed: job-1 (2026-11-24 12:00 UTC), …"
    assert "mediavault retry ID" in check.help


def test_a_post_that_froze_a_worker_once_is_named_for_a_month() -> None:
    young = check_crashes([], [REPORT], now=START + timedelta(days=29))
    old = check_crashes([], [REPORT], now=START + timedelta(days=31))

    assert young.detail == "a worker froze at 2026-11-24 12:00 UTC because of job-2"
    assert old.verdict is DoctorVerdict.OK


def test_a_freeze_that_no_post_caused_is_reported_as_such() -> None:
    check = check_crashes([], [replace(REPORT, job_id=None)], now=START)

    assert check.detail == "a worker froze at 2026-11-24 12:00 UTC, not because of a post"


def test_a_post_that_was_given_up_is_named_once() -> None:
    check = check_crashes([failed(ErrorCode.WORKER_FROZE)], [replace(REPORT, job_id=JOB.id)], now=START)

    assert check.detail.count("job-1") == 1


def test_a_crash_in_native_code_is_reported_with_its_file(tmp_path: Path) -> None:
    assert check_native_crashes(tmp_path) == []

    path = tmp_path / "native-crash.log"
    path.touch()
    assert check_native_crashes(tmp_path) == []

    path.write_text("Fatal Python error: Aborted\n\nFatal Python error: Segmentation fault\n\nThread 0x0 …\n")
    (check,) = check_native_crashes(tmp_path)
    assert check.detail.endswith("Fatal Python error: Segmentation fault")
    assert str(path) in check.help
