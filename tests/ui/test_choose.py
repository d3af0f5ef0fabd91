"""Choosing the post's videos among those of its page, by a picture of each,
with and without JavaScript.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect

from mediavault.core.failures import ErrorCode
from mediavault.core.job import Job, JobStatus
from mediavault.core.media import Candidate, FoundIn, Sign, SourceType
from mediavault.core.settings import site_host
from mediavault.store.port import JobQuery, StoredJob
from tests.ui.browsing import SIZES_AND_SCRIPTS, Pages, Size, overflow
from tests.ui.vault import Vault, sample_vault, show_frames

SAVE = "#choose button[data-many]"
NO_FRAME = r"console error: Failed to load resource: .* 404 .*/candidates/2/frame"
# nothing listens there, so no picture can be made of it
WITHOUT_FRAME = Candidate("http://127.0.0.1:9/other.mp4", SourceType.DIRECT, FoundIn.DOM)
EACH_SIZE = pytest.mark.parametrize("size", ["phone", "desktop"])


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def several(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Vault]:
    root: Path = tmp_path_factory.mktemp("several")
    async with sample_vault(root, posts=3) as opened:
        yield opened


async def with_three(vault: Vault) -> Job:
    """Give the post that waits for a choice three videos, the last one without a picture."""
    jobs = (
        await vault.store.catalogue.jobs(JobQuery((JobStatus.FAILED, JobStatus.QUEUED), limit=200))
    ).jobs
    job = next(job for job in jobs if any("harbour-1080" in one.url for one in job.candidates))
    job = replace(
        job,
        status=JobStatus.FAILED,
        error_code=ErrorCode.AMBIGUOUS,
        error="3 videos were found, and nothing says which is the post's.",
        candidates=(
            replace(job.candidates[0], evidence=(Sign.PLAYER, Sign.OTHER_HOST)),
            replace(job.candidates[1], evidence=(Sign.PLAYER, Sign.OTHER_HOST, Sign.SUGGESTED)),
            WITHOUT_FRAME,
        ),
        chosen_urls=(),
    )
    await vault.store.catalogue.remove(job.id)
    await vault.store.catalogue.import_jobs([StoredJob(job, ())])
    await show_frames(vault.opened, without=(WITHOUT_FRAME.url,))
    return job


@EACH_SIZE
async def test_the_button_counts_the_selected_videos_and_saves_them(
    pages: Pages, several: Vault, size: Size
) -> None:
    pages.allow.append(NO_FRAME)
    job = await with_three(several)
    page = await pages(f"/jobs/{job.id}", base=several.base, size=size)
    button = page.locator(SAVE)
    await expect(button).to_be_disabled()
    for number, words in ((2, "Save 1 video"), (0, "Save 2 videos")):
        # the card is the label
        await page.locator(".choice").nth(number).click(position={"x": 12, "y": 12})
        await expect(button).to_have_text(re.compile(f"^\\s*{words}\\s*$"))
    assert await overflow(page) == []

    await button.click()
    await expect(page.locator("#state")).to_contain_text("Waiting")
    stored = await several.store.catalogue.get(job.id)
    assert (stored.status, stored.chosen_urls) == (
        JobStatus.QUEUED,
        (job.candidates[0].url, WITHOUT_FRAME.url),
    )


@EACH_SIZE
async def test_all_and_none_are_selected_by_a_button(
    pages: Pages, several: Vault, size: Size
) -> None:
    pages.allow.append(NO_FRAME)
    job = await with_three(several)
    page = await pages(f"/jobs/{job.id}", base=several.base, size=size)
    await page.get_by_role("button", name="Select all").click()
    await expect(page.locator(SAVE)).to_contain_text("Save 3 videos")
    await expect(page.locator('[data-field="announced"]')).to_have_text("Save 3 videos")

    await page.get_by_role("button", name="Select none").click()
    await expect(page.locator(SAVE)).to_be_disabled()


async def test_each_video_shows_a_picture_and_the_one_without_shows_its_text(
    pages: Pages, several: Vault
) -> None:
    pages.allow.append(NO_FRAME)
    job = await with_three(several)
    page = await pages(f"/jobs/{job.id}", base=several.base)
    await page.locator(".choice").nth(2).scroll_into_view_if_needed()
    await expect(page.locator(".choice img")).to_have_count(2)  # that of the third is gone
    for number in range(2):
        await expect(page.locator(".choice img").nth(number)).to_have_js_property(
            "naturalWidth", 640
        )
    await expect(page.locator(".choice").nth(0)).to_contain_text("1920 × 1080")
    await expect(page.locator(".choice").nth(0)).to_contain_text("0:31")
    await expect(page.locator(".choice").nth(1)).to_contain_text("media.example")
    await expect(page.locator(".choice").nth(2)).to_contain_text("http://127.0.0.1:9/other.mp4")


@pytest.mark.parametrize("everything", [False, True])
async def test_videos_are_selected_and_counted_without_javascript(
    pages: Pages, several: Vault, *, everything: bool
) -> None:
    pages.allow.append(NO_FRAME)
    job = await with_three(several)
    page = await pages(f"/jobs/{job.id}", base=several.base, size="phone", javascript=False)
    await expect(page.get_by_role("button", name="Select all")).to_be_hidden()
    for number in (0, 1):
        await page.locator('[name="chosen"]').nth(number).check()
    counted = await page.locator(".chosen-count").evaluate(
        "one => getComputedStyle(one, '::before').content"
    )
    assert "counter(chosen)" in counted
    await expect(page.locator(".chosen-count")).to_be_visible()
    await page.locator('#choose [name="all"]' if everything else SAVE).click()

    await expect(page.locator("#state")).to_contain_text("Waiting")
    stored = await several.store.catalogue.get(job.id)
    assert len(stored.chosen_urls) == (3 if everything else 2)


@pytest.mark.parametrize(("size", "javascript"), SIZES_AND_SCRIPTS)
async def test_a_video_is_saved_by_one_button_that_says_which_and_the_site_is_remembered(
    pages: Pages, several: Vault, size: Size, *, javascript: bool
) -> None:
    pages.allow.append(NO_FRAME)
    job = await with_three(several)
    page = await pages(f"/jobs/{job.id}", base=several.base, size=size, javascript=javascript)
    await expect(page.locator(".choice").nth(1)).to_contain_text("in a box for recommended videos")
    assert await overflow(page) == []
    await page.get_by_label("Always save the first player on").check()
    await page.get_by_role("button", name="Save video 2").click()

    await expect(page.locator("#state")).to_contain_text("Waiting")
    stored = await several.store.catalogue.get(job.id)
    assert stored.chosen_urls == (job.candidates[1].url,)
    page = await pages("/settings/sites", base=several.base, size=size, javascript=javascript)
    await expect(page.locator("#first_player_sites")).to_have_value(site_host(job.canonical_url))
    await page.get_by_role("button", name="Reset: Sites whose first player is saved").click()
    await expect(page.locator("#first_player_sites")).to_have_value("")


async def test_a_choice_from_a_page_that_is_out_of_date_is_refused_with_what_helps(
    pages: Pages, several: Vault
) -> None:
    pages.allow += [NO_FRAME, "console error: Failed to load resource: .* 422"]
    job = await with_three(several)
    page = await pages(f"/jobs/{job.id}", base=several.base)
    await page.locator('[name="chosen"]').nth(0).check()
    await several.store.catalogue.remove(job.id)
    await several.store.catalogue.import_jobs(
        [StoredJob(replace(job, candidates=job.candidates[::-1]), ())]
    )
    await page.locator(SAVE).click()

    await expect(page.locator("main")).to_contain_text(
        "The post has been read again since you opened its page."
    )
    assert (await several.store.catalogue.get(job.id)).status is JobStatus.FAILED
