"""The library in a real browser while its posts are saved, fail and are removed:
nothing on the screen moves.
"""

from __future__ import annotations

from playwright.async_api import Page, expect

from mediavault.core.failures import ErrorCode
from mediavault.core.job import ClaimedJob, JobStatus, Stage
from mediavault.core.media import SavedFile
from mediavault.store.port import JobQuery
from tests.patience import patient
from tests.ui.browsing import Pages
from tests.ui.sample import store_saved
from tests.ui.vault import Vault

FRESH = "#fresh button"


async def keep(vault: Vault, claim: ClaimedJob) -> None:
    example = vault.saved[0]
    saved_file = SavedFile(
        str(example.output_path), example.thumbnail_path, 1_000, "ab" * 32, 4.0, 320, 180
    )
    await vault.store.queue.begin_commit(claim, saved_file)
    await vault.store.queue.complete(claim, saved_file)


async def live(pages: Pages, vault: Vault, path: str) -> Page:
    page = await pages(path, base=vault.base)
    await page.locator("body[data-stream=open]").wait_for()
    await page.evaluate("window.sameDocument = true")
    return page


async def test_a_tile_changes_in_place_from_a_running_job_to_a_saved_post(
    pages: Pages, fresh_vault: Vault
) -> None:
    claim = fresh_vault.claims[1]
    page = await live(pages, fresh_vault, "/library?state=all")
    tile = page.locator(f"#job-{claim.id}")
    names = await page.locator(".tile .name").all_inner_texts()
    await tile.locator(".name").focus()
    await expect(tile.locator(".letter")).to_have_text("T")

    await fresh_vault.store.queue.progress(claim, stage=Stage.VALIDATE, progress_pct=92)
    await expect(tile.locator(".badge")).to_have_text("Checking playback")
    await keep(fresh_vault, claim)
    await expect(tile.locator(".picture img")).to_have_attribute(
        "src", f"/files/{claim.id}/thumbnail"
    )
    await expect(tile.locator(".length")).to_have_text("0:04")
    await expect(tile.locator(".badge")).to_have_count(0)
    await expect(tile.locator(".name")).to_be_focused()
    await expect(page.locator("#states .chip[aria-current]")).to_have_text("All 19")
    await expect(page.locator("#announcer")).to_have_text("Changed: 1.")

    assert await page.locator(".tile .name").all_inner_texts() == names
    assert await page.evaluate("window.sameDocument")


async def test_new_matches_of_the_filter_wait_behind_a_button(
    pages: Pages, fresh_vault: Vault
) -> None:
    page = await live(pages, fresh_vault, "/library")
    before = await page.locator(".tile").evaluate_all("all => all.map(each => each.id)")
    await page.evaluate(
        "window.shifts = 0; new PerformanceObserver(list => list.getEntries().forEach(each => {"
        " window.shifts += each.value; })).observe({ type: 'layout-shift' })"
    )
    for claim in fresh_vault.claims:
        await keep(fresh_vault, claim)
    await expect(page.locator(FRESH)).to_have_text("2 new")
    await expect(page.locator("#announcer")).to_have_text("New: 2.")
    await expect(page.locator("#states .chip[aria-current]")).to_have_text("Saved 8")

    assert await page.locator(".tile").evaluate_all("all => all.map(each => each.id)") == before
    assert await page.evaluate("window.shifts") == 0

    await page.locator(FRESH).click()
    await expect(page.locator(".tile")).to_have_count(8)
    await expect(page.locator(FRESH)).to_be_hidden()
    first = (
        await fresh_vault.store.catalogue.jobs(JobQuery(statuses=(JobStatus.COMPLETED,), limit=1))
    ).jobs[0]
    await expect(page.locator(f"#job-{first.id} .name")).to_be_focused()
    assert await page.evaluate("window.sameDocument")


async def test_only_posts_that_match_the_search_are_announced(
    pages: Pages, fresh_vault: Vault
) -> None:
    tiktok, instagram = sorted(
        fresh_vault.claims, key=lambda claim: claim.job.platform, reverse=True
    )
    page = await live(pages, fresh_vault, "/library?q=bread")
    await keep(fresh_vault, instagram)
    await keep(fresh_vault, tiktok)

    await expect(page.locator(FRESH)).to_have_text("1 new")
    await page.locator(FRESH).click()
    await expect(page.locator(f"#job-{tiktok.id}")).to_be_visible()
    assert await page.locator(f"#job-{instagram.id}").count() == 0


async def test_a_removed_post_disappears_and_the_focus_stays_in_the_grid(
    pages: Pages, fresh_vault: Vault
) -> None:
    page = await live(pages, fresh_vault, "/library")
    gone, neighbour = fresh_vault.saved[1], fresh_vault.saved[2]
    await page.locator(f"#job-{gone.id} .pick input").check()
    await page.locator(f"#job-{gone.id} .name").focus()
    answer = await page.request.delete(f"{fresh_vault.base}/api/jobs/{gone.id}")

    assert answer.ok
    await expect(page.locator(f"#job-{gone.id}")).to_have_count(0)
    await expect(page.locator(f"#job-{neighbour.id} .name")).to_be_focused()
    await expect(page.locator("#selected")).to_be_hidden()
    await expect(page.locator(".found [data-found]")).to_have_text("5 videos")


async def test_the_tile_of_a_failure_says_that_the_user_can_help(
    pages: Pages, fresh_vault: Vault
) -> None:
    claim = fresh_vault.claims[0]
    page = await live(pages, fresh_vault, "/library?state=waiting")
    await fresh_vault.store.queue.fail(
        claim, error_code=ErrorCode.LOGIN_REQUIRED, error="Sign in first.", retry_in=None
    )

    await expect(page.locator(f"#job-{claim.id} .badge")).to_have_text("Needs a sign-in")
    await expect(page.locator(f"#job-{claim.id} .badge")).to_have_attribute("data-tone", "busy")


async def test_an_empty_page_fills_automatically(pages: Pages, fresh_vault: Vault) -> None:
    page = await live(pages, fresh_vault, "/library?platform=generic&state=waiting")
    await expect(page.locator(".empty")).to_be_visible()
    job = await fresh_vault.add("https://videos.example/watch/just-now")

    await expect(page.locator(f"#job-{job.id}")).to_be_visible()
    await expect(page.locator(f"#job-{job.id} .letter")).to_have_text("V")


async def test_a_lost_connection_is_reported_and_the_tiles_catch_up(
    pages: Pages, fresh_vault: Vault
) -> None:
    pages.allow.append("Failed to load resource|ERR_INTERNET_DISCONNECTED|console error: htmx:")
    page = await live(pages, fresh_vault, "/library")
    await page.context.set_offline(True)
    await expect(page.locator("#lost-line")).to_have_text("You're offline.")
    await page.locator("#q").fill("frost")
    await expect(page.locator("#messages")).to_contain_text("The vault isn't responding.")
    # the filter is unchanged, and the request brought nothing new
    async with page.expect_event("requestfailed"):
        await page.locator("#q").fill("")
    await keep(fresh_vault, fresh_vault.claims[0])
    # no stream reports this afterwards
    await fresh_vault.store.catalogue.remove(fresh_vault.saved[3].id)
    await page.context.set_offline(False)

    await expect(page.locator(FRESH)).to_have_text("1 new", timeout=patient(20_000))
    await expect(page.locator(f"#job-{fresh_vault.saved[3].id}")).to_have_count(0)
    await expect(page.locator("#lost-line")).to_be_hidden()
    await expect(page.locator("#messages .complaint")).to_have_count(0)


async def test_a_change_of_a_post_that_is_not_loaded_does_not_count_as_new(
    pages: Pages, fresh_vault: Vault
) -> None:
    """A saved post changes its title; a page that was opened after the post was saved does not call
    it new.
    """
    page = await live(pages, fresh_vault, "/library?order=oldest")
    old = fresh_vault.saved[0]
    # as if it were further down
    await page.evaluate(f"document.getElementById('job-{old.id}').remove()")
    answer = await page.request.get(
        f"{fresh_vault.base}/library/changes",
        params={
            "id": old.id,
            "moment": await page.locator("#results").get_attribute("data-moment") or "",
        },
    )

    assert old.id in await answer.text()
    assert "data-fresh" not in await answer.text()


async def test_a_newly_saved_post_with_an_old_date_is_new_too(
    pages: Pages, fresh_vault: Vault
) -> None:
    """What counts is when it was saved, not when it was submitted."""
    page = await live(pages, fresh_vault, "/library")
    await keep(fresh_vault, fresh_vault.claims[0])
    await store_saved(fresh_vault.store, fresh_vault.downloads, b"x", "mp4", number=777)

    await expect(page.locator(FRESH)).to_have_text("1 new")
