"""Sealed copies over HTTP."""

from __future__ import annotations

from typing import cast

from mediavault.core.job import JobId
from mediavault.core.seals import NotCaptured, SealState, SealStep
from tests.fakes import START
from tests.file_stubs import StubSeals
from tests.http_vault import ApiVault


def seals_of(vault: ApiVault) -> StubSeals:
    return cast("StubSeals", vault.services.seals)


def ready() -> SealState:
    missing = (NotCaptured("data/page.txt", "The page showed no text."),)
    return SealState(None, START, 1_234, missing, stamped_at=START, authority="Local Time")


async def test_a_copy_is_started_and_its_state_reported(vault: ApiVault) -> None:
    job = await vault.add_kept()
    nothing = (await vault.client.get(f"/api/jobs/{job.id}/seal")).json()
    started = await vault.client.post(f"/api/jobs/{job.id}/seal")
    seals_of(vault).states[job.id] = ready()
    report = (await vault.client.get(f"/api/jobs/{job.id}/seal")).json()

    assert (nothing["step"], nothing["sealed_at"], nothing["error"]) == (None, None, None)
    assert (started.status, started.json()["step"], started.json()["href"]) == (202, SealStep.CHECKING, None)
    assert seals_of(vault).begun == [job.id]
    assert report == {
        "step": None,
        "sealed_at": "2026-11-24T12:00:00Z",
        "bytes": 1_234,
        "not_captured": [{"what": "data/page.txt", "reason": "The page showed no text."}],
        "stamped_at": "2026-11-24T12:00:00Z",
        "authority": "Local Time",
        "error": None,
        "href": f"/files/{job.id}/sealed-copy",
    }


async def test_the_zip_is_sent_as_a_download_that_no_cache_keeps(vault: ApiVault) -> None:
    job = await vault.add_kept()
    seals_of(vault).archives[job.id] = ("mediavault-a.zip", [b"PK", b"", b"rest"])
    answer = await vault.client.get(f"/files/{job.id}/sealed-copy")

    assert (answer.status, answer.body) == (200, b"PKrest")
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == 'attachment; filename="mediavault-a.zip"'
    assert answer.headers["cache-control"] == "no-store"


async def test_without_a_copy_there_is_nothing_to_download(vault: ApiVault) -> None:
    job = await vault.add_kept()

    assert (await vault.client.get(f"/files/{job.id}/sealed-copy")).status == 404


async def test_a_post_without_files_and_one_that_is_unknown_are_not_sealed(vault: ApiVault) -> None:
    failed = await vault.add_failed()
    gone = JobId("00000000-0000-7000-8000-ffffffffffff")
    seals_of(vault).archives[gone] = ("mediavault-a.zip", [b"PK"])

    assert (await vault.client.post(f"/api/jobs/{failed.id}/seal")).status == 404
    assert (await vault.client.post(f"/api/jobs/{gone}/seal")).status == 404
    assert (await vault.client.get(f"/api/jobs/{gone}/seal")).status == 404
    assert (await vault.client.get(f"/files/{gone}/sealed-copy")).status == 404  # its job was removed
    assert seals_of(vault).begun == []


async def test_the_page_starts_a_copy_without_a_script_and_shows_what_became_of_it(vault: ApiVault) -> None:
    job = await vault.add_kept()
    answer = await vault.client.submit(f"/jobs/{job.id}/seal", {})
    busy = (await vault.client.get(f"/jobs/{job.id}", accept="text/html")).text
    seals_of(vault).states[job.id] = ready()
    page = (await vault.client.get(f"/jobs/{job.id}", accept="text/html")).text
    seals_of(vault).states[job.id] = SealState(error="a.mp4 is missing.")
    failed = (await vault.client.get(f"/jobs/{job.id}", accept="text/html")).text

    assert (answer.status, answer.headers["location"]) == (303, f"/jobs/{job.id}#sealed")
    assert "Making a sealed copy …" in busy
    assert f'href="/files/{job.id}/sealed-copy"' in page
    assert "The page showed no text." in page
    assert "a.mp4 is missing." in failed
    assert "sealed-copy" not in failed
