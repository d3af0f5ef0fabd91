"""A running stream of the practice site, recorded by a whole vault: its end,
a kill in the middle, and a user who stops it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mediavault.core.clock import SystemClock
from mediavault.core.media import DownloadedFile, Expected
from mediavault.demo.media import Clip
from mediavault.demo.posts import BY_SLUG, LIVE
from mediavault.demo.site import PracticeSite, practice_site
from mediavault.media.probe import open_probe
from tests.acceptance.test_serve import Served, served

pytestmark = pytest.mark.browser

SOME_S = 6.0  # more than the site's window, so that the recording has polled


async def begin(vault: Served) -> str:
    """Submit the stream with a profile that records it; return the job's id."""
    await vault.call("PUT", "/api/profiles/streams", {"record_live": True})
    status, job = await vault.call(
        "POST", "/api/jobs", {"post_url": vault.url("live"), "profile": "streams"}
    )
    assert status == 201, job
    return str(job["id"])


async def until_recorded(vault: Served, job_id: str, seconds: float) -> dict[str, Any]:
    return await vault.until_job(
        job_id, lambda job: job["stage"] == "record" and (job["duration_s"] or 0) >= seconds
    )


async def problems(vault: Served, job: Mapping[str, Any]) -> tuple[object, ...]:
    path = vault.downloads() / job["output_path"]
    async with open_probe(SystemClock()) as probe:
        file = DownloadedFile(
            path, "", path.stat().st_size, None, Expected(audio=True), segmented=True
        )
        return (await probe.examine(file)).problems


def details(history: list[dict[str, Any]], stage: str) -> list[str]:
    return [record["detail"] for record in history if record["stage"] == stage]


async def test_a_running_stream_is_recorded_until_its_end_while_other_posts_are_saved(
    tmp_path: Path, clips: Mapping[str, Clip]
) -> None:
    posts = (LIVE, BY_SLUG["plain"])
    async with (
        practice_site(tmp_path, clips=clips, posts=posts) as site,
        served(tmp_path, site, MEDIAVAULT_CONCURRENCY="1") as vault,
    ):
        job_id = await begin(vault)
        running = await until_recorded(vault, job_id, SOME_S)
        _, other = await vault.call("POST", "/api/jobs", {"post_url": vault.url("plain")})
        await vault.until(other["id"], "completed")
        site.end_stream("live")
        job = await vault.until(job_id, "completed", "failed")
        _, history = await vault.call("GET", f"/api/jobs/{job_id}/history")

        assert running["display"]["actions"] == ["stop", "cancel", "remove"]
        assert (job["status"], job["error"]) == ("completed", None)
        recording = job["metadata"]["recording"]
        assert (recording["gaps"], recording["end"], recording["offset_s"]) == (0, "ended", 0)
        assert job["duration_s"] == pytest.approx(recording["recorded_s"], abs=1.0)
        assert await problems(vault, job) == ()
        assert details(history, "record") == ["The stream is live; recording starts."]
        assert details(history, "download")[0].startswith("Recorded live: 00:00:")
        await until_swept(vault)


async def until_swept(vault: Served) -> None:
    while any((vault.downloads() / ".staging").iterdir()):
        await asyncio.sleep(0.2)


async def test_a_killed_vault_goes_on_with_the_recording(
    tmp_path: Path, clips: Mapping[str, Clip]
) -> None:
    async with practice_site(tmp_path, clips=clips, posts=(LIVE,)) as site:
        async with served(tmp_path, site) as vault:
            job_id = await begin(vault)
            before = await until_recorded(vault, job_id, SOME_S)
            vault.process.kill()
            await vault.process.communicate()
        # longer than the site's window: real time, because both are processes
        await asyncio.sleep(SOME_S + 2)
        async with served(tmp_path, site) as vault:
            await until_recorded(vault, job_id, before["duration_s"] + SOME_S)
            site.end_stream("live")
            job = await vault.until(job_id, "completed", "failed")
            _, history = await vault.call("GET", f"/api/jobs/{job_id}/history")

            assert (job["status"], job["error"]) == ("completed", None)
            recording = job["metadata"]["recording"]
            assert recording["gaps"] >= 1  # more on a machine that is slower than the stream
            assert recording["missing_s"] >= 1
            assert recording["recorded_s"] >= before["duration_s"] + SOME_S
            assert await problems(vault, job) == ()
            assert details(history, "record")[-1] == "The recording continues."


async def test_a_stream_that_ends_while_the_vault_is_down_is_saved_as_far_as_it_was_recorded(
    tmp_path: Path, clips: Mapping[str, Clip]
) -> None:
    async with practice_site(tmp_path, clips=clips, posts=(LIVE,)) as site:
        async with served(tmp_path, site) as vault:
            job_id = await begin(vault)
            await until_recorded(vault, job_id, SOME_S)
        site.reset("live")
        site.posts = ()
        await take_away(site)
        async with served(tmp_path, site) as vault:
            job = await vault.until(job_id, "completed", "failed")

            assert (job["status"], job["error"]) == ("completed", None)
            assert job["metadata"]["recording"]["end"] in ("gone", "refused")
            assert await problems(vault, job) == ()


async def take_away(site: PracticeSite) -> None:
    """Let the site forget the post, and its stream."""
    site._states.pop("live")


async def test_a_user_stops_a_recording_and_keeps_what_there_is(
    tmp_path: Path, clips: Mapping[str, Clip]
) -> None:
    async with (
        practice_site(tmp_path, clips=clips, posts=(LIVE,)) as site,
        served(tmp_path, site) as vault,
    ):
        job_id = await begin(vault)
        await until_recorded(vault, job_id, SOME_S)
        status, _ = await vault.call("POST", f"/api/jobs/{job_id}/stop")
        job = await vault.until(job_id, "completed", "failed")
        again, refusal = await vault.call("POST", f"/api/jobs/{job_id}/stop")

        assert (status, job["status"]) == (200, "completed")
        assert job["metadata"]["recording"]["end"] == "stopped"
        assert await problems(vault, job) == ()
        assert (again, refusal["code"]) == (409, "ILLEGAL_MOVE")


async def test_without_such_a_profile_a_running_stream_waits_for_its_end(
    tmp_path: Path, clips: Mapping[str, Clip]
) -> None:
    async with (
        practice_site(tmp_path, clips=clips, posts=(LIVE,)) as site,
        served(tmp_path, site) as vault,
    ):
        _, job = await vault.call("POST", "/api/jobs", {"post_url": vault.url("live")})
        job = await vault.until_job(job["id"], lambda job: job["status"] == "failed")

        assert (job["error_code"], job["retry_at"] is not None) == ("LIVE_NOW", True)
