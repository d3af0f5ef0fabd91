"""Practice posts whose videos are not as long as their pages announce: the whole pipeline,
with a real Chromium.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from mediavault.core.failures import ErrorCode
from mediavault.core.job import Job, JobStatus
from mediavault.core.media import Sign
from mediavault.demo.media import Clip, ClipSpec, make_clips
from mediavault.demo.posts import MARA, PracticePost, Shows
from mediavault.demo.site import practice_site
from mediavault.store.waiting_jobs import retry_job
from tests.acceptance.test_choosing import served, until

pytestmark = pytest.mark.browser
MINUTE = ClipSpec("minute", 60, seconds=60)
MOST = ClipSpec("most", 62, seconds=54)
# what the page says; the clip that is served has another length
ANNOUNCED = ClipSpec("announced", 61, seconds=62)


def post_that(shows: Shows) -> PracticePost:
    return PracticePost(
        "announced",
        "A minute by the sea",
        "another length than announced",
        MARA,
        (ANNOUNCED,),
        shows=shows,
    )


def finished(job: Job) -> bool:
    return job.status in (JobStatus.COMPLETED, JobStatus.FAILED)


@pytest.mark.parametrize("shows", [Shows.VIDEO, Shows.PLAYLIST])
async def test_five_seconds_of_an_announced_minute_are_saved_only_once_the_user_chooses_them(
    shows: Shows, tmp_path: Path, clips: Mapping[str, Clip]
) -> None:
    """They may be an advert, or another video of the page."""
    post = post_that(shows)
    async with (
        practice_site(tmp_path, clips={**clips, "announced": clips["plain"]}, posts=[post]) as site,
        served(tmp_path, site) as (vault, _),
    ):
        job = (await vault.store.queue.enqueue([vault.submit(site.url(post))]))[0].job
        asked = await until(vault, job.id, finished)
        assert (asked.status, asked.error_code) == (JobStatus.FAILED, ErrorCode.AMBIGUOUS)
        assert asked.error == "The file is 0:05 long; the page says 1:02."
        strategies = {
            record.strategy
            for record in await vault.store.catalogue.history(job.id)
            if record.strategy
        }
        (seen,) = asked.candidates

        await retry_job(vault.store, job.id, chosen_urls=[seen.url])
        saved = await until(vault, job.id, finished)

    assert {"plain", "fresh"} <= strategies, "the file is the same after the page was visited again"
    assert seen.evidence[0] is Sign.OTHER_LENGTH
    assert (saved.status, saved.error) == (JobStatus.COMPLETED, None)
    assert saved.duration_s == pytest.approx(5.0, abs=0.2)


async def test_most_of_an_announced_minute_is_saved_only_once_the_user_says_so(
    tmp_path: Path,
) -> None:
    post = post_that(Shows.VIDEO)
    most = make_clips([MOST], tmp_path / "clips")["most"]
    async with (
        practice_site(tmp_path, clips={"announced": most}, posts=[post]) as site,
        served(tmp_path, site) as (vault, _),
    ):
        job = (await vault.store.queue.enqueue([vault.submit(site.url(post))]))[0].job
        asked = await until(vault, job.id, finished)
        await retry_job(vault.store, job.id, as_it_is=True)
        saved = await until(vault, job.id, finished)

    assert (asked.status, asked.error_code) == (JobStatus.FAILED, ErrorCode.NOT_AS_ANNOUNCED)
    assert "but the post announced 62.0 s" in str(asked.error)
    assert (saved.status, saved.error) == (JobStatus.COMPLETED, None)


async def test_a_whole_minute_that_is_announced_as_62_seconds_is_saved(tmp_path: Path) -> None:
    post = post_that(Shows.VIDEO)
    minute = make_clips([MINUTE], tmp_path / "clips")["minute"]
    async with (
        practice_site(tmp_path, clips={"announced": minute}, posts=[post]) as site,
        served(tmp_path, site) as (vault, _),
    ):
        job = (await vault.store.queue.enqueue([vault.submit(site.url(post))]))[0].job
        saved = await until(vault, job.id, finished)

    assert (saved.status, saved.error) == (JobStatus.COMPLETED, None)
