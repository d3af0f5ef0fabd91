"""The sound of practice posts alone: a file, a stream, and one that a script plays,
saved with the profile audio.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import av
import pytest

from mediavault.core.clock import SystemClock
from mediavault.core.job import JobStatus
from mediavault.core.media import DownloadedFile, Expected, ItemType
from mediavault.demo.media import Clip
from mediavault.demo.posts import BY_SLUG
from mediavault.demo.site import practice_site
from mediavault.media.probe import open_probe
from tests.acceptance.test_choosing import served, until

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("slug", ["plain", "hls-ts", "mse"])
async def test_the_sound_of_a_post_is_saved_whole_with_its_title_and_cover(
    slug: str, tmp_path: Path, clips: Mapping[str, Clip]
) -> None:
    post = BY_SLUG[slug]
    async with practice_site(tmp_path, clips=clips) as site, served(tmp_path, site) as (vault, _):
        new = replace(vault.submit(site.url(post)), profile="audio")
        job = (await vault.store.queue.enqueue([new]))[0].job
        job = await until(
            vault, job.id, lambda job: job.status in (JobStatus.COMPLETED, JobStatus.FAILED)
        )
        assert (job.status, job.error) == (JobStatus.COMPLETED, None)
        path = tmp_path / "downloads" / str(job.output_path)
        async with open_probe(SystemClock()) as probe:
            expected = Expected(duration_s=job.duration_s)
            report = await probe.examine(
                DownloadedFile(path, "", 1, None, expected, type=ItemType.AUDIO)
            )
        with av.open(str(path)) as opened:
            tags, kinds = (
                opened.metadata,
                [(one.type, one.disposition.name) for one in opened.streams],
            )

    assert (path.suffix, job.width, report.problems, report.audio_codec) == (
        ".m4a",
        None,
        (),
        "aac",
    )
    assert tags["title"] == post.title
    assert kinds == [("audio", "default"), ("video", "attached_pic")]
    assert job.thumbnail_path is not None
    assert path.with_suffix(".info.json").exists()
