"""Jobs for the tests of the queries that the library pages make."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from mediavault.core import media
from mediavault.core.failures import ErrorCode
from mediavault.core.job import Job, JobStatus
from mediavault.core.media import Account
from mediavault.store.port import JobQuery, Store, StoredJob
from tests.contract.stores import numbered_job
from tests.fakes import START

TITLES = (
    "Ein Füchslein im Schnee",
    "The Quick Brown Fox",
    "東京タワーの夜景",
    "Crème brûlée in 5 minutes",
    "Прогулка по Москве",
    "שלום עולם",
    "قهوة الصباح",
    "ประเทศไทย",
    "한국어 수업",
    "straße & strasse 😀😀",
    "",
)
PUBLISHED = (
    None,
    "no time",
    "2019-05-04",  # without a time
    "1965-01-01T00:00:00+00:00",
    "2019-05-04T12:00:00+02:00",
    "2019-05-04T10:00:00+00:00",  # the same moment
    "2021-11-30T23:59:59.123456Z",
    "2199-01-01T00:00:00Z",  # the site's clock is wrong
)
CODES = (ErrorCode.NETWORK, ErrorCode.LOGIN_REQUIRED, ErrorCode.DELETED)


def job_of(
    number: int,
    *,
    platform: str = "generic",
    at: datetime | None = None,
    status: JobStatus = JobStatus.COMPLETED,
    account: Account | None = None,
    **facts: Any,
) -> Job:
    """Return a job as a store would hold it: a failed job has a cause,
    and only a failed job has a ``retry_at``.
    """
    new = numbered_job(
        number, facts.pop("url", f"https://videos.example/watch/{number}"), platform=platform
    )
    at = at or START + timedelta(seconds=number)
    if status is JobStatus.FAILED:
        facts = {"error_code": ErrorCode.NETWORK, "failed_at": at, "error": "it broke", **facts}
    return Job(
        id=new.id,
        trace_id=new.trace_id,
        post_url=new.post_url,
        canonical_url=new.canonical_url,
        platform=platform,
        status=status,
        created_at=at,
        updated_at=at,
        account=account,
        metadata={name: facts.pop(name, None) for name in ("title", "text", "published_at")},
        **facts,
    )


def some_library(count: int, seed: int = 7) -> list[Job]:
    """Return jobs of every kind, some with equal times, lengths and sizes."""
    choose = random.Random(seed)
    people = [
        media.account(name, handle, f"{handle} {shown}".strip())
        for name in ("x", "tiktok")
        for handle, shown in (("jane", "Jane Doe"), ("zoé", "ゾエ"), ("bob", ""))
    ]
    jobs = []
    for number in range(count):
        status = choose.choice(
            [JobStatus.COMPLETED] * 3 + [JobStatus.FAILED, JobStatus.QUEUED, JobStatus.CANCELLED]
        )
        who = choose.choice([*people, None])
        known = status is JobStatus.COMPLETED or choose.random() < 0.3
        facts: dict[str, Any] = {
            "title": choose.choice(TITLES),
            "text": choose.choice((None, "look at this fox")),
            "published_at": choose.choice(PUBLISHED),
        }
        if known:
            facts |= {
                "duration_s": choose.choice((0.0, 4.5, 60.0, 3_600.25, None)),
                "bytes": choose.randrange(5) * 10**9,
            }
        if status is JobStatus.FAILED:
            facts["error_code"] = choose.choice(CODES)
            facts["retry_at"] = choose.choice((None, START + timedelta(minutes=number)))
        platform = who.platform if who else choose.choice(("x", "generic"))
        at = START + timedelta(seconds=choose.randrange(count // 2 + 1))
        jobs.append(job_of(number, platform=platform, at=at, status=status, account=who, **facts))
    return jobs


async def adopt(store: Store, jobs: Sequence[Job]) -> None:
    assert await store.catalogue.import_jobs([StoredJob(job) for job in jobs]) == len(jobs)


async def all_pages(store: Store, query: JobQuery) -> list[Job]:
    """Return every job that a query matches, read page by page."""
    collected: list[Job] = []
    cursor = None
    while True:
        page = await store.catalogue.jobs(replace(query, cursor=cursor))
        assert len(page.jobs) <= query.limit
        collected += page.jobs
        cursor = page.next_cursor
        if cursor is None:
            return collected
        assert page.jobs, "a page without jobs is the last"
