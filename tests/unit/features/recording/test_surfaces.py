"""A recording is stopped over the API, on its page and by the command line: one test for each."""

from __future__ import annotations

from mediavault.core.job import JobId, Stage
from mediavault.features.recording.service import is_to_stop
from tests.http_vault import ApiVault
from tests.unit.cli.conftest import Run


async def recorded(vault: ApiVault) -> JobId:
    await vault.add()
    claim = await vault.claim()
    await vault.store.queue.progress(claim, stage=Stage.RECORD, progress_pct=60)
    return claim.id


async def test_the_api_stops_a_recording_and_refuses_what_is_none(vault: ApiVault) -> None:
    job_id = await recorded(vault)
    answer = await vault.client.post(f"/api/jobs/{job_id}/stop")

    assert (answer.status, answer.json()["id"]) == (200, job_id)
    assert await is_to_stop(vault.store.records, job_id)
    saved = await vault.add_saved("https://videos.example/watch/2")
    assert (await vault.client.post(f"/api/jobs/{saved.id}/stop")).status == 409


async def test_the_page_stops_a_recording_and_says_so(vault: ApiVault) -> None:
    job_id = await recorded(vault)
    assert "Stop and keep" in (await vault.client.get(f"/jobs/{job_id}")).text

    answer = await vault.client.post(f"/jobs/{job_id}/stop")
    assert (answer.status, answer.headers["location"]) == (303, f"/jobs/{job_id}")
    assert await is_to_stop(vault.store.records, job_id)
    assert "Stopping" in (await vault.client.get(f"/jobs/{job_id}")).text


def test_the_command_refuses_a_post_that_is_not_being_recorded(run: Run) -> None:
    job_id = run("add", "https://www.tiktok.com/@jane/video/7000000000000000001", "--json").json()[
        "jobs"
    ][0]["id"]
    result = run("stop", job_id)

    assert result.code == 2
    assert "not being recorded" in result.err
