"""Failures by cause: what is together, what helps, what is over."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

from mediavault.core.failures import CAUSES, ErrorCode, Remedy
from mediavault.core.job import Job, JobId, JobStatus
from mediavault.store.port import FailureGroup
from mediavault.web.failure_summary import cause_of, summarize_failures

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NO_FAILURES = {  # of a request or of the store, never of a job
    ErrorCode.BAD_URL, ErrorCode.BAD_REQUEST, ErrorCode.BAD_SETTING, ErrorCode.NOT_FOUND, ErrorCode.ILLEGAL_MOVE, ErrorCode.UNAUTHORIZED,
    ErrorCode.FORBIDDEN, ErrorCode.UNSUPPORTED_MEDIA_TYPE, ErrorCode.TOO_MANY, ErrorCode.LEASE_LOST, ErrorCode.SCHEMA_TOO_NEW, ErrorCode.STORE_UNAVAILABLE,
}  # fmt: skip
_number = itertools.count()


def job(*, age_s: int = 0, retry_in_s: int | None = None) -> Job:
    number = next(_number)
    at = NOW - timedelta(seconds=age_s)
    retry_at = None if retry_in_s is None else NOW + timedelta(seconds=retry_in_s)
    url = f"https://a.example/{number}"
    return Job(JobId(f"{number:04}"), "t", url, url, "x", JobStatus.FAILED, at, at, retry_at=retry_at)


def group(
    code: ErrorCode, platform: str = "x", *, final: int = 0, waiting: int = 0, retry_in_s: int = 60
) -> FailureGroup:
    examples = [job(age_s=age) for age in range(final)] + [job(retry_in_s=retry_in_s) for _ in range(waiting)]
    retry_at = NOW + timedelta(seconds=retry_in_s) if waiting else None
    return FailureGroup(code, platform, final + waiting, retry_at, final, tuple(examples[:3]))


def test_every_failure_of_a_job_has_a_cause_of_its_own_and_no_code_has_two() -> None:
    codes = [code for cause in CAUSES.values() for code in cause.codes]

    assert len(codes) == len(set(codes))
    assert set(codes) == set(ErrorCode) - NO_FAILURES
    assert all(cause.hint for cause in CAUSES.values() if cause.remedy is not Remedy.NOTHING)


def test_a_code_that_no_table_knows_counts_as_our_fault() -> None:
    assert cause_of(ErrorCode.BAD_SETTING).key == "internal"
    assert cause_of(ErrorCode.INTERNAL).key == "internal"


def test_a_sign_in_is_one_cause_for_each_site_whatever_code_says_it() -> None:
    troubles = summarize_failures(
        [
            group(ErrorCode.LOGIN_REQUIRED, "x", final=2),
            group(ErrorCode.SESSION_EXPIRED, "x", final=1),
            group(ErrorCode.LOGIN_REQUIRED, "instagram", final=1),
        ]
    )

    assert [(each.platform, each.jobs, each.cause.remedy) for each in troubles.needs] == [
        ("x", 3, Remedy.SIGN_IN),
        ("instagram", 1, Remedy.SIGN_IN),
    ]
    assert troubles.needing == 4


def test_what_is_no_sites_own_is_one_cause_for_all_sites() -> None:
    [trouble] = summarize_failures(
        [group(ErrorCode.TIMEOUT, "x", final=2), group(ErrorCode.NETWORK, "vimeo", final=2)]
    ).needs

    assert (trouble.platform, trouble.jobs, len(trouble.examples)) == (None, 4, 3)
    ages = [each.created_at for each in trouble.examples]
    assert ages == sorted(ages, reverse=True)


def test_those_that_go_on_by_themselves_stand_apart_with_the_next_moment() -> None:
    troubles = summarize_failures(
        [
            group(ErrorCode.NETWORK, "x", final=1, waiting=2, retry_in_s=600),
            group(ErrorCode.TIMEOUT, "vimeo", waiting=1, retry_in_s=90),
        ]
    )
    [need], [waiting] = troubles.needs, troubles.waiting

    assert (need.jobs, need.next_retry_at, [each.retry_at for each in need.examples]) == (1, None, [None])
    assert (waiting.jobs, waiting.next_retry_at) == (3, NOW + timedelta(seconds=90))
    assert all(each.retry_at is not None for each in waiting.examples)
    assert troubles.being_retried == 3


def test_what_nobody_can_help_asks_for_nobody() -> None:
    troubles = summarize_failures([group(ErrorCode.DELETED, final=2), group(ErrorCode.DRM, "vimeo", final=1)])

    assert (troubles.needs, troubles.needing, troubles.losses) == ((), 0, 3)
    assert [each.cause.key for each in troubles.lost] == ["deleted", "drm"]
