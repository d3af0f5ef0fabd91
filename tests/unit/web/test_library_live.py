"""What an open library page requests when posts change: their tiles,
and whether the filter matches them now.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mediavault.core.job import Job, JobId, JobStatus
from mediavault.features.jobs.library_filter import LibraryView
from mediavault.web.pages.library import came_at
from tests.http_vault import ApiVault

LONG_AGO = "2020-01-01T00:00:00+00:00"
HOUR = timedelta(hours=1)


async def ask(vault: ApiVault, job_ids: list[str], query: str = "", moment: str = LONG_AGO) -> str:
    ids = "".join(f"&id={job_id}" for job_id in job_ids)
    answer = await vault.client.get(
        f"/library/changes?moment={moment.replace('+', '%2B')}{ids}{query}"
    )
    assert answer.status == 200, answer.text
    return answer.text


def fresh(page: str) -> list[str]:
    return re.findall(r'id="job-([^"]+)" data-fresh', page)


async def test_a_newly_saved_post_is_fresh_and_counted(vault: ApiVault) -> None:
    job = await vault.add_saved()
    page = await ask(vault, [job.id])

    assert fresh(page) == [job.id]
    assert "Saved <b>1</b>" in page
    assert "1 video" in page


@pytest.mark.parametrize(
    "query",
    [
        "&q=nonesuch",
        "&platform=x",
        "&state=failed",
        "&since=2999-01-01",
        "&until=2000-01-01",
        "&shortest=9999",
    ],
)
async def test_a_post_that_the_filter_does_not_match_is_shown_but_not_fresh(
    vault: ApiVault, query: str
) -> None:
    job = await vault.add_saved()
    page = await ask(vault, [job.id], query)

    assert f'id="job-{job.id}"' in page
    assert fresh(page) == []


async def test_a_post_that_was_on_the_page_from_the_start_is_not_fresh(vault: ApiVault) -> None:
    job = await vault.add_saved()
    later = (vault.clock.now() + HOUR).isoformat()

    assert fresh(await ask(vault, [job.id], moment=later)) == []


async def test_a_post_that_no_longer_exists_is_left_out(vault: ApiVault) -> None:
    page = await ask(vault, ["00000000-0000-7000-8000-000000000000", "<b>", ""])

    assert 'class="tile"' not in page


@pytest.mark.parametrize("query", ["", "&moment=yesterday", "&moment=2026-01-01T00:00:00"])
async def test_a_request_without_a_valid_moment_is_refused(vault: ApiVault, query: str) -> None:
    assert (await vault.client.get(f"/library/changes?id=x{query}")).status == 422


def test_a_post_counts_from_when_it_entered_its_state() -> None:
    created = datetime(2026, 11, 1, tzinfo=UTC)
    job = Job(
        JobId("1"), "t", "u", "u", "x", JobStatus.QUEUED, created, created + 4 * HOUR,
        completed_at=created + 2 * HOUR, failed_at=created + 3 * HOUR,
    )  # fmt: skip

    assert came_at(job, LibraryView.WAITING) == created
    assert came_at(replace(job, attempt_count=1), LibraryView.WAITING) == created + 4 * HOUR
    assert (
        came_at(replace(job, attempt_count=1, status=JobStatus.RUNNING), LibraryView.WAITING)
        == created
    )
    assert (
        came_at(replace(job, status=JobStatus.COMPLETED), LibraryView.SAVED) == created + 2 * HOUR
    )
    assert came_at(replace(job, status=JobStatus.FAILED), LibraryView.FAILED) == created + 3 * HOUR
    assert (
        came_at(replace(job, status=JobStatus.CANCELLED), LibraryView.CANCELLED)
        == created + 4 * HOUR
    )
    assert came_at(replace(job, status=JobStatus.COMPLETED), LibraryView.ALL) == created
