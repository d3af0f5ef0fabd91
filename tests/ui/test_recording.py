"""A post whose running stream is being recorded, and one that was, at phone and desktop size."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest
from playwright.async_api import expect

from mediavault.core.job import Job, JobId, Stage
from mediavault.core.recordings import Recording, RecordingEnd
from mediavault.features.recording.service import is_to_stop
from mediavault.store.port import StoredJob
from tests.ui.browsing import SIZES, Pages, Size, overflow
from tests.ui.sample import post
from tests.ui.test_axe import axe as axe  # the fixture
from tests.ui.test_axe import violations
from tests.ui.vault import Vault

WORDS = (
    "Recorded live: 01:02:03 from 00:12:30 of the stream; 2 gaps, about 00:00:14 missing; it was"
    " stopped"
)


async def record(vault: Vault, seconds: float = 754.0) -> JobId:
    """Make one of the running jobs a recording; return its id."""
    claim = vault.claims[0]
    await vault.store.queue.progress(
        claim, stage=Stage.RECORD, progress_pct=60, bytes_done=81_000_000, duration_s=seconds
    )
    return claim.id


@pytest.mark.parametrize("size", SIZES)
async def test_a_recording_shows_its_length_and_can_be_stopped(
    size: Size, pages: Pages, fresh_vault: Vault, axe: str
) -> None:
    job_id = await record(fresh_vault)
    page = await pages(f"/jobs/{job_id}", base=fresh_vault.base, size=size)
    await expect(page.locator('[data-field="state"]')).to_have_text("Recording live")
    await expect(page.locator('[data-field="detail"]')).to_have_text("12:34 · 81.0 MB")
    assert await page.locator('[data-field="progress"]').get_attribute("value") is None

    await record(fresh_vault, 760.0)
    await expect(page.locator('[data-field="detail"]')).to_have_text("12:40 · 81.0 MB")
    assert await violations(page, axe) == []

    await page.get_by_role("button", name="Stop and keep").click()
    await expect(page.get_by_role("button", name="Stopping …")).to_be_disabled()
    assert await is_to_stop(fresh_vault.store.records, job_id)
    assert await overflow(page) == []


async def test_a_recording_is_stopped_without_a_script(pages: Pages, fresh_vault: Vault) -> None:
    job_id = await record(fresh_vault)
    page = await pages(f"/jobs/{job_id}", base=fresh_vault.base, javascript=False)
    await page.get_by_role("button", name="Stop and keep").click()

    await expect(page.get_by_role("button", name="Stopping …")).to_be_disabled()
    assert await is_to_stop(fresh_vault.store.records, job_id)


async def test_the_list_shows_how_much_is_recorded_instead_of_a_percentage(
    pages: Pages, fresh_vault: Vault
) -> None:
    page = await pages("/", base=fresh_vault.base)
    job_id = await record(fresh_vault)
    card = page.locator(f"#job-{job_id}")

    await expect(card.locator('[data-field="detail"]')).to_have_text("12:34 · 81.0 MB")
    await expect(card.locator('[data-field="state"]')).to_have_text("Recording live")
    assert await card.locator("progress").get_attribute("value") is None


async def test_a_download_has_no_such_button(pages: Pages, fresh_vault: Vault) -> None:
    page = await pages(f"/jobs/{fresh_vault.claims[1].id}", base=fresh_vault.base)

    await expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    await expect(page.get_by_role("button", name="Stop and keep")).to_have_count(0)


@pytest.mark.parametrize("size", SIZES)
async def test_a_saved_recording_says_from_where_and_what_is_missing(
    size: Size, pages: Pages, fresh_vault: Vault, axe: str
) -> None:
    saved = fresh_vault.saved[0]
    new = post(901)
    recording = Recording(
        3723.0, 10_000, gaps=2, missing_s=14.0, offset_s=750.0, end=RecordingEnd.STOPPED
    )
    job: Job = replace(
        saved,
        id=new.id,
        canonical_url=new.canonical_url,
        post_url=new.post_url,
        metadata={**saved.metadata, "recording": asdict(recording)},
    )
    await fresh_vault.store.catalogue.import_jobs([StoredJob(job)])
    page = await pages(f"/jobs/{job.id}", base=fresh_vault.base, size=size)

    await expect(page.locator("#file .recorded")).to_have_text(WORDS)
    assert await violations(page, axe) == []
    assert await overflow(page) == []
