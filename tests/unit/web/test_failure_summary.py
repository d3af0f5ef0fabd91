"""Failures by cause: which belong together, what helps, and which are permanent."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

from mediavault.core.failures import CAUSES, ErrorCode, Remedy
from mediavault.core.job import Job, JobId, JobStatus
from mediavault.store.port import FailureGroup
from mediavault.web.overview import cause_of, summarize_failures

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NO_FAILURES = {  # of a request or of the store, never of a job
    ErrorCode.BAD_URL, ErrorCode.BAD_REQUEST, ErrorCode.BAD_SETTING, ErrorCode.NOT_FOUND,
    ErrorCode.ILLEGAL_MOVE, ErrorCode.UNAUTHORIZED, ErrorCode.FORBIDDEN,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE, ErrorCode.TOO_MANY, ErrorCode.LEASE_LOST,
    ErrorCode.SCHEMA_TOO_NEW, ErrorCode.SCHEMA_TOO_OLD,
    ErrorCode.STORE_UNAVAILABLE,
}  # fmt: skip
_number = itertools.count()


def job(*, age_s: int = 0, retry_in_s: int | None = None) -> Job:
    number = next(_number)
    at = NOW - timedelta(seconds=age_s)
    retry_at = None if retry_in_s is None else NOW + timedelta(seconds=retry_in_s)
    url = f"https://a.example/{number}"
    return Job(
        JobId(f"{number:04}"), "t", url, url, "x", JobStatus.FAILED, at, at, retry_at=retry_at
    )


def group(
    code: ErrorCode, platform: str = "x", *, final: int = 0, waiting: int = 0, retry_in_s: int = 60
) -> FailureGroup:
    examples = [job(age_s=age) for age in range(final)] + [
        job(retry_in_s=retry_in_s) for _ in range(waiting)
    ]
    retry_at = NOW + timedelta(seconds=retry_in_s) if waiting else None
    return FailureGroup(code, platform, final + waiting, retry_at, final, tuple(examples[:3]))


def test_every_error_code_of_a_job_has_exactly_one_cause() -> None:
    codes = [code for cause in CAUSES.values() for code in cause.codes]

    assert len(codes) == len(set(codes))
    assert set(codes) == set(ErrorCode) - NO_FAILURES
    assert all(cause.hint for cause in CAUSES.values() if cause.remedy is not Remedy.NOTHING)


def test_a_code_that_is_in_no_table_counts_as_an_internal_error() -> None:
    assert cause_of(ErrorCode.BAD_SETTING).key == "internal"
    assert cause_of(ErrorCode.INTERNAL).key == "internal"


def test_a_needed_sign_in_is_one_cause_per_site_whatever_the_code() -> None:
    summary = summarize_failures(
        [
            group(ErrorCode.LOGIN_REQUIRED, "x", final=2),
            group(ErrorCode.SESSION_EXPIRED, "x", final=1),
            group(ErrorCode.LOGIN_REQUIRED, "instagram", final=1),
        ]
    )

    assert [
        (failure.platform, failure.jobs, failure.cause.remedy) for failure in summary.needs
    ] == [
        ("x", 3, Remedy.SIGN_IN),
        ("instagram", 1, Remedy.SIGN_IN),
    ]


def test_a_cause_that_is_not_specific_to_a_site_is_one_for_all_sites() -> None:
    [failure] = summarize_failures(
        [group(ErrorCode.NETWORK, "x", final=2), group(ErrorCode.NETWORK, "vimeo", final=2)]
    ).needs

    assert (failure.platform, failure.jobs, len(failure.examples)) == (None, 4, 3)
    ages = [example.created_at for example in failure.examples]
    assert ages == sorted(ages, reverse=True)


def test_failures_that_retry_automatically_are_separate_with_their_next_retry_time() -> None:
    summary = summarize_failures(
        [
            group(ErrorCode.NETWORK, "x", final=1, waiting=2, retry_in_s=600),
            group(ErrorCode.NETWORK, "vimeo", waiting=1, retry_in_s=90),
        ]
    )
    [need], [waiting] = summary.needs, summary.waiting

    assert (need.jobs, need.next_retry_at, [example.retry_at for example in need.examples]) == (
        1,
        None,
        [None],
    )
    assert (waiting.jobs, waiting.next_retry_at) == (3, NOW + timedelta(seconds=90))
    assert all(example.retry_at is not None for example in waiting.examples)


def test_permanent_failures_need_no_action() -> None:
    summary = summarize_failures(
        [group(ErrorCode.DELETED, final=2), group(ErrorCode.DRM, "vimeo", final=1)]
    )

    assert summary.needs == ()
    assert sum(failure.jobs for failure in summary.lost) == 3
    assert [failure.cause.key for failure in summary.lost] == ["deleted", "drm"]
