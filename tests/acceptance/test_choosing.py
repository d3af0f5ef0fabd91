"""A page with several videos: two of three are chosen by their pictures in the form,
and both are saved and play.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from mediavault.app.composition import App, open_app
from mediavault.app.processes import serve_vault
from mediavault.browser.discovery import find_browser
from mediavault.core.failures import ErrorCode
from mediavault.core.job import ItemStatus, Job, JobId, JobStatus
from mediavault.core.settings import Settings
from mediavault.demo.media import Clip, fingerprint
from mediavault.demo.posts import BY_SLUG
from mediavault.demo.site import PracticeSite, practice_site
from tests.acceptance.login_site import LoginSite
from tests.patience import patient
from tests.ui.browsing import flags

pytestmark = pytest.mark.browser
POST = BY_SLUG["several"]
HAS_PLAYED = "() => document.getElementById('player').currentTime > 0.2"


@asynccontextmanager
async def served(root: Path, site: PracticeSite | LoginSite) -> AsyncIterator[tuple[App, str]]:
    settings = Settings(
        state_dir=root / "state",
        download_dir=root / "downloads",
        host="127.0.0.1",
        port=0,
        allow_private=(site.origin.removeprefix("http://"),),
    )
    async with open_app(settings, worker=True) as vault:
        stop, address = asyncio.Event(), asyncio.get_running_loop().create_future()
        serving = asyncio.create_task(serve_vault(vault, stop, on_open=address.set_result))
        try:
            yield vault, await asyncio.wait_for(address, patient(30))
        finally:
            stop.set()
            await serving


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(
            executable_path=find_browser().path, args=list(flags())
        )
        yield opened
        await opened.close()


async def until(vault: App, job_id: JobId, is_so: Callable[[Job], bool]) -> Job:
    async with asyncio.timeout(patient(120)):
        while not is_so(job := await vault.store.catalogue.get(job_id)):
            await asyncio.sleep(0.1)
    return job


async def shown_size(page: Page, number: int) -> tuple[int, int]:
    picture = page.locator(".choice img").nth(number)
    await picture.scroll_into_view_if_needed()
    await expect(picture).to_have_js_property("complete", value=True, timeout=patient(30_000))
    width, height = await picture.evaluate("one => [one.naturalWidth, one.naturalHeight]")
    return width, height


async def test_two_of_three_videos_are_chosen_by_their_pictures_and_both_are_saved_and_play(
    tmp_path: Path, clips: Mapping[str, Clip]
) -> None:
    """The first has a poster, the second is a file and the third a stream of which a picture is
    made.
    """
    async with (
        practice_site(tmp_path, clips=clips) as site,
        served(tmp_path, site) as (vault, base),
        browser() as opened,
    ):
        job = (await vault.store.queue.enqueue([vault.submit(site.url(POST))]))[0].job
        job = await until(vault, job.id, lambda job: job.status is JobStatus.FAILED)
        assert (job.error_code, len(job.candidates)) == (ErrorCode.AMBIGUOUS, 3)

        page = await opened.new_page()
        await page.goto(f"{base}/jobs/{job.id}")
        assert [await shown_size(page, number) for number in range(3)] == [(640, 360)] * 3
        for number in (0, 2):
            await page.locator('[name="chosen"]').nth(number).check()
        await page.get_by_role("button", name="Save 2 videos").click()
        job = await until(
            vault, job.id, lambda job: job.status in (JobStatus.COMPLETED, JobStatus.FAILED)
        )

        assert (job.status, [item.status for item in job.items]) == (
            JobStatus.COMPLETED,
            [ItemStatus.SAVED] * 2,
        )
        files = [
            vault.settings.download_dir / item.saved.output_path for item in job.items if item.saved
        ]
        wanted = [clips[POST.specs[number].name].fingerprint for number in (0, 2)]
        assert [fingerprint(file) for file in files] == wanted
        # the page shows it by itself
        await expect(page.locator(".strip a")).to_have_count(2, timeout=patient(30_000))
        for item in range(2):
            await page.locator(".strip a").nth(item).click()
            await expect(page.locator("#player")).to_have_attribute(
                "src", re.compile(f"/items/{item}/video$")
            )
            await page.locator("#player").evaluate(
                "player => { player.muted = true; return player.play(); }"
            )
            await page.wait_for_function(HAS_PLAYED, timeout=patient(30_000))
