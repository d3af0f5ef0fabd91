"""A practice post of pictures: with the profile pictures each of its pictures is saved,
with any other one it says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from mediavault.core.clock import SystemClock
from mediavault.core.failures import ErrorCode
from mediavault.core.job import ItemStatus, JobStatus
from mediavault.core.media import DownloadedFile, Expected, ItemType
from mediavault.demo.media import Clip
from mediavault.demo.posts import BY_SLUG
from mediavault.demo.site import practice_site
from mediavault.media.probe import open_probe
from tests.acceptance.test_choosing import served, until

pytestmark = pytest.mark.browser
POST = BY_SLUG["photos"]


async def test_a_post_of_pictures_is_saved_whole_once_the_profile_wants_them(
    tmp_path: Path, clips: Mapping[str, Clip]
) -> None:
    async with practice_site(tmp_path, clips=clips) as site, served(tmp_path, site) as (vault, _):
        job = (await vault.store.queue.enqueue([vault.submit(site.url(POST))]))[0].job
        job = await until(vault, job.id, lambda job: job.status is JobStatus.FAILED)
        assert (job.error_code, "2 pictures" in str(job.error)) == (ErrorCode.ONLY_PICTURES, True)

        new = replace(vault.submit(f"{site.url(POST)}?again"), profile="pictures")
        job = (await vault.store.queue.enqueue([new]))[0].job
        job = await until(
            vault, job.id, lambda job: job.status in (JobStatus.COMPLETED, JobStatus.FAILED)
        )
        assert (job.status, job.error) == (JobStatus.COMPLETED, None)
        assert [(item.item.type, item.status) for item in job.items] == [
            (ItemType.IMAGE, ItemStatus.SAVED)
        ] * 2
        paths = [
            tmp_path / "downloads" / str(item.saved and item.saved.output_path)
            for item in job.items
        ]
        async with open_probe(SystemClock()) as probe:
            reports = [
                await probe.examine(
                    DownloadedFile(path, "", 1, None, Expected(), type=ItemType.IMAGE)
                )
                for path in paths
            ]

    assert [
        (path.suffix, report.problems) for path, report in zip(paths, reports, strict=True)
    ] == [(".jpg", ())] * 2
    assert len({path.read_bytes() for path in paths}) == 2
    assert [path.with_name(f"{path.stem}-thumb.jpg").exists() for path in paths] == [True, True]
