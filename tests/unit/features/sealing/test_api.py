"""Sealed copies over HTTP and on the post's page."""

from __future__ import annotations

from typing import cast

import pytest

from mediavault.core.failures import StorageFailure
from mediavault.core.job import JobId
from mediavault.features.sealing.service import SealedCopies
from tests.file_stubs import StubSealer
from tests.http_vault import ApiVault


@pytest.fixture
def copies(vault: ApiVault) -> SealedCopies:
    return cast("SealedCopies", vault.services.sealed_copies)


@pytest.fixture
def sealer(copies: SealedCopies) -> StubSealer:
    return cast("StubSealer", copies._sealer)


async def test_a_copy_is_started_and_its_state_reported(
    vault: ApiVault, copies: SealedCopies, sealer: StubSealer
) -> None:
    job = await vault.add_saved()
    nothing = (await vault.client.get(f"/api/jobs/{job.id}/seal")).json()
    started = await vault.client.post(f"/api/jobs/{job.id}/seal")
    await copies.wait_for(job.id)
    report = (await vault.client.get(f"/api/jobs/{job.id}/seal")).json()

    assert (nothing["step"], nothing["sealed_at"], nothing["error"]) == (None, None, None)
    assert (started.status, started.json()["step"], started.json()["href"]) == (
        202,
        "checking",
        None,
    )
    assert report == {
        "step": None,
        "sealed_at": "2026-11-24T12:00:00Z",
        "bytes": 6,
        "not_captured": [{"what": "data/page.txt", "reason": "The page showed no text."}],
        "stamped_at": "2026-11-24T12:00:00Z",
        "authority": "Local Time",
        "error": None,
        "href": f"/files/{job.id}/sealed-copy",
    }


async def test_the_zip_is_sent_as_a_download_that_no_cache_keeps(
    vault: ApiVault, copies: SealedCopies
) -> None:
    job = await vault.add_saved()
    missing = await vault.client.get(f"/files/{job.id}/sealed-copy")
    await vault.client.post(f"/api/jobs/{job.id}/seal")
    await copies.wait_for(job.id)
    answer = await vault.client.get(f"/files/{job.id}/sealed-copy")

    assert missing.status == 404
    assert (answer.status, answer.body) == (200, b"PKrest")
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == 'attachment; filename="mediavault-a.zip"'
    assert answer.headers["cache-control"] == "no-store"


async def test_a_post_without_files_and_one_that_is_unknown_are_not_sealed(vault: ApiVault) -> None:
    failed = await vault.add_failed()
    gone = JobId("00000000-0000-7000-8000-ffffffffffff")

    assert (await vault.client.post(f"/api/jobs/{failed.id}/seal")).status == 404
    assert (await vault.client.post(f"/api/jobs/{gone}/seal")).status == 404
    assert (await vault.client.get(f"/api/jobs/{gone}/seal")).status == 404
    assert (await vault.client.get(f"/files/{gone}/sealed-copy")).status == 404


async def test_the_copy_of_a_removed_post_cannot_be_downloaded(
    vault: ApiVault, copies: SealedCopies
) -> None:
    job = await vault.add_saved()
    await vault.client.post(f"/api/jobs/{job.id}/seal")
    await copies.wait_for(job.id)
    before = await vault.client.get(f"/files/{job.id}/sealed-copy")
    await vault.client.delete(f"/api/jobs/{job.id}")
    after = await vault.client.get(f"/files/{job.id}/sealed-copy")

    assert (before.status, after.status) == (200, 404)


async def test_the_page_starts_a_copy_without_a_script_and_shows_what_became_of_it(
    vault: ApiVault, copies: SealedCopies, sealer: StubSealer
) -> None:
    async def seal_and_read() -> str:
        sealer.go.set()
        await copies.wait_for(job.id)
        return (await vault.client.get(f"/jobs/{job.id}", accept="text/html")).text

    job = await vault.add_saved()
    sealer.go.clear()
    answer = await vault.client.submit(f"/jobs/{job.id}/seal", {})
    busy = (await vault.client.get(f"/jobs/{job.id}", accept="text/html")).text
    page = await seal_and_read()
    sealer.outcome = StorageFailure("a.mp4 is missing.")
    await copies.begin(job.id)
    failed = await seal_and_read()

    assert (answer.status, answer.headers["location"]) == (303, f"/jobs/{job.id}#sealed")
    assert "Making a sealed copy …" in busy
    assert f'href="/files/{job.id}/sealed-copy"' in page
    assert "The page showed no text." in page
    assert "a.mp4 is missing." in failed
    assert "sealed-copy" not in failed
