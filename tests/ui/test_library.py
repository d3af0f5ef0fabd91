"""The library in a real browser: search, filters, infinite scrolling, selection, keys;
and all without JavaScript.
"""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import zipfile
from pathlib import Path

import pytest
from playwright.async_api import Error, Locator, Page, expect

from mediavault.core.job import JobStatus
from mediavault.store.port import JobQuery
from mediavault.store.search_words import WordSource
from mediavault.web.pages.library import PAGE
from tests.ui.browsing import Pages, Size, overflow
from tests.ui.conftest import MakeVault
from tests.ui.vault import Vault

GIVEN_UP = "console error: htmx:"  # htmx logs every request that was aborted
SHIFTS = """() => {
  window.shifts = 0;
  const isFoot = ({ node }) => node?.closest?.(".foot, .keys-hint");  // moves down when tiles come, and must
  new PerformanceObserver((list) => {
    for (const each of list.getEntries()) if (!each.sources.every(isFoot)) window.shifts += each.value;
  }).observe({ type: "layout-shift", buffered: true });
}"""  # noqa: E501


CLICK = "one => one.click()"  # Playwright's own scrolls to it


async def top_left(tile: Locator) -> tuple[float, float]:
    box = await tile.bounding_box()
    assert box is not None
    return box["x"], box["y"]


async def tiles(page: Page) -> int:
    return await page.locator(".tile").count()


async def checked(page: Page) -> int:
    return await page.locator(".pick input:checked").count()


async def saved(page: Page, click: str) -> bytes:
    """Click the button and return the downloaded file."""
    async with page.expect_download() as coming:
        await page.locator(click).click()
    return Path(await (await coming.value).path()).read_bytes()


async def test_more_tiles_load_automatically_and_nothing_jumps(pages: Pages, vault: Vault) -> None:
    page = await pages("/library")
    await page.evaluate(SHIFTS)
    assert await tiles(page) == PAGE

    for _ in range(30):
        await page.mouse.wheel(0, 300)
        await page.wait_for_timeout(50)
    await expect(page.locator(".tile")).to_have_count(len(vault.saved))

    assert await page.locator(".more").count() == 0
    assert await page.evaluate("window.shifts") < 0.01
    assert len(
        {await tile.get_attribute("id") for tile in await page.locator(".tile").all()}
    ) == len(vault.saved)


async def test_a_search_runs_while_typing_and_is_part_of_the_url(pages: Pages) -> None:
    pages.allow.append(GIVEN_UP)
    page = await pages("/library")
    await page.locator("#q").press_sequentially("night train", delay=20)
    await page.wait_for_url("**/library?q=night+train")
    titles = await page.locator(".tile .name").all_inner_texts()

    assert titles
    assert all("Night train" in title for title in titles)
    assert await page.evaluate("document.activeElement.id") == "q"
    await expect(page.locator("#announcer")).to_have_text(f"{len(titles)} videos")

    await page.go_back()
    await expect(page.locator(".tile")).to_have_count(PAGE)
    assert await page.locator("#q").input_value() == ""


async def test_an_outdated_response_is_not_shown(pages: Pages) -> None:
    """The request for fewer letters is cancelled when more have been typed."""
    pages.allow.append(GIVEN_UP)
    page = await pages("/library")

    shown = asyncio.Event()

    async def slowly(route):  # type: ignore[no-untyped-def]
        if "q=n&" in route.request.url:
            await shown.wait()
        with contextlib.suppress(Error):  # the browser has cancelled it
            await route.continue_()

    await page.route("**/library?*", slowly)
    failed: list[str] = []
    page.on("requestfailed", lambda request: failed.append(request.url))
    async with page.expect_request("**/library?q=n&*"):
        await page.locator("#q").press_sequentially("n")
    await page.locator("#q").press_sequentially("onesuch")

    await expect(page.locator(".empty h2")).to_have_text("Nothing found")
    shown.set()
    await page.wait_for_timeout(300)
    await expect(page.locator(".empty h2")).to_have_text("Nothing found")
    assert any("q=n&" in url for url in failed)


async def test_filters_are_removable_chips_and_shareable_urls(pages: Pages) -> None:
    page = await pages("/library")
    await page.locator("#choices summary").click()
    await page.locator("#platform").select_option("youtube")
    await page.wait_for_url("**/library?platform=youtube")
    await page.locator("#order").select_option("longest")
    await page.wait_for_url("**/library?platform=youtube&order=longest")
    shared = await pages("/library?platform=youtube&order=longest")

    assert (
        await shared.locator(".tile .name").all_inner_texts()
        == await page.locator(".tile .name").all_inner_texts()
    )
    assert await shared.locator("#platform").input_value() == "youtube"
    assert await shared.locator("#order").input_value() == "longest"

    await shared.locator(".chips.asked a", has_text="youtube").click()
    await shared.wait_for_url("**/library?order=longest")


async def test_keys_move_between_tiles_and_select(pages: Pages) -> None:
    page = await pages("/library?order=longest")
    names = page.locator(".tile .name")
    await names.first.focus()
    for key in ("ArrowRight", "x", "ArrowDown", "Shift+X"):
        await page.keyboard.press(key)

    assert await checked(page) == 6  # five columns: from the second to the seventh
    await expect(page.locator("#selected-count")).to_have_text("6 selected")
    await expect(page.locator("#announcer")).to_have_text("6 selected")

    await page.keyboard.press("Escape")
    assert await checked(page) == 0
    await expect(page.locator("#selected")).to_be_hidden()

    await page.keyboard.press("Control+a")
    assert await checked(page) == await tiles(page)

    await page.keyboard.press("Home")
    await page.keyboard.press("/")
    assert await page.evaluate("document.activeElement.id") == "q"
    await page.keyboard.press("?")
    assert await page.locator("#q").input_value() == "?"


async def test_enter_opens_a_tile_and_back_returns_to_the_same_position(
    pages: Pages, vault: Vault
) -> None:
    page = await pages("/library")
    await page.mouse.wheel(0, 20_000)
    await expect(page.locator(".tile")).to_have_count(len(vault.saved))
    await page.locator(".tile .name").last.focus()
    before = await page.evaluate("window.scrollY")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/jobs/*")
    await page.go_back()

    await expect(page.locator(".tile")).to_have_count(len(vault.saved))
    await page.wait_for_function(f"() => Math.abs(window.scrollY - {before}) < 3")


async def test_single_keys_can_be_switched_off(pages: Pages) -> None:
    page = await pages("/library")
    await page.keyboard.press("?")
    await page.locator("#single-keys").uncheck()
    await page.locator("#keys button").click()
    await page.reload()
    await page.keyboard.press("?")
    await page.keyboard.press("/")

    assert not await page.locator("#keys").is_visible()
    assert await page.evaluate("document.activeElement.id") != "q"


async def test_a_range_is_selected_with_shift_and_downloaded_as_a_zip(pages: Pages) -> None:
    page = await pages("/library")
    await page.locator(".pick input").nth(1).click()
    await page.locator(".pick input").nth(4).click(modifiers=["Shift"])
    body = await saved(page, "#selected button[formaction='/library/zip']")
    archive = zipfile.ZipFile(io.BytesIO(body))

    assert len(archive.namelist()) == 4
    assert archive.testzip() is None
    assert await checked(page) == 4


async def test_all_results_can_be_exported_as_a_table(pages: Pages, vault: Vault) -> None:
    page = await pages("/library?order=oldest")
    await page.locator(".found summary").click()
    body = await saved(page, ".found button[value='csv']")
    rows = list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"))))

    assert [row["id"] for row in rows] == [job.id for job in reversed(vault.saved)]


@pytest.mark.parametrize("javascript", [True, False])
async def test_posts_are_deleted_at_once_and_brought_back_by_undo(
    pages: Pages, fresh_vault: Vault, javascript: bool
) -> None:
    page = await pages("/library", base=fresh_vault.base, javascript=javascript)
    for job in fresh_vault.saved[:2]:
        await page.locator(f"#job-{job.id} .pick input").check()
    await page.locator("#selected button[formaction='/library/remove']").click()
    said = page.locator(".toast p" if javascript else "#outcome p")
    await expect(said).to_have_text("Moved 2 to the trash.")

    left = await fresh_vault.store.catalogue.jobs(JobQuery(statuses=(JobStatus.COMPLETED,)))
    assert len(left.jobs) == len(fresh_vault.saved) - 2
    assert not (fresh_vault.downloads / str(fresh_vault.saved[0].output_path)).exists()
    assert await page.locator(".tile").count() == len(left.jobs)

    await page.get_by_role("button", name="Undo").click()
    await expect(said).to_have_text("Restored 2.")
    await expect(page.locator(".tile")).to_have_count(len(fresh_vault.saved))
    assert (fresh_vault.downloads / str(fresh_vault.saved[0].output_path)).is_file()


@pytest.mark.parametrize("size", ["phone", "desktop"])
async def test_deleting_and_undoing_it_stay_at_the_same_filter_search_and_place(
    pages: Pages, make_vault: MakeVault, size: Size
) -> None:
    """The tiles of a second page, which were loaded while scrolling, are there again."""
    vault = await make_vault(posts=60, worker=False)
    address = "/library?q=test&order=longest"
    for job in vault.saved:
        await vault.store.catalogue.put_words(job.id, WordSource.SUBTITLES, "test")
    page = await pages(address, base=vault.base, size=size)
    await page.evaluate("document.querySelector('.more')?.scrollIntoView()")
    await expect(page.locator(".tile")).to_have_count(len(vault.saved))
    stays, goes = (page.locator(".tile").nth(place) for place in (49, 52))
    ids = [await one.get_attribute("id") for one in (stays, goes)]
    stays, goes = (page.locator(f"#{one}") for one in ids)
    await stays.evaluate(
        "one => window.scrollTo(0, one.getBoundingClientRect().top + scrollY - 200)"
    )
    await goes.locator(".pick input").press(" ")
    before = [await top_left(one) for one in (stays, goes)]
    place = await page.evaluate("scrollY")

    async def is_as_before() -> None:
        await expect(page).to_have_url(f"{vault.base}{address}")
        await page.wait_for_function("place => Math.abs(scrollY - place) < 2", arg=place)
        await expect(page.locator("#q")).to_have_value("test")

    await page.locator("#selected button[formaction='/library/remove']").evaluate(CLICK)
    await expect(page.locator(".toast p")).to_have_text("Moved 1 to the trash.")
    await is_as_before()
    await expect(goes).to_have_count(0)
    undo = page.get_by_role("button", name="Undo")
    await expect(undo).to_be_in_viewport(ratio=1)

    await undo.evaluate(CLICK)
    await expect(page.locator(".toast p")).to_have_text("Restored 1.")
    await is_as_before()
    for one, place_before in zip((stays, goes), before, strict=True):
        assert await top_left(one) == pytest.approx(place_before, abs=2)


async def test_failures_are_retried_together(pages: Pages, fresh_vault: Vault) -> None:
    page = await pages("/library?state=failed", base=fresh_vault.base)
    count = await tiles(page)
    await page.locator(".found summary").click()
    await page.locator("button[formaction^='/library/retry?']").click()

    await expect(page.locator(".toast p")).to_have_text(f"Trying {count} again.")
    await expect(page.locator(".empty h2")).to_have_text("No failed posts")


async def test_everything_can_be_found_and_downloaded_without_javascript(
    pages: Pages, vault: Vault
) -> None:
    page = await pages("/library", javascript=False)
    assert await tiles(page) == PAGE
    await page.locator(".more-link a").click()
    assert await tiles(page) == len(vault.saved) - PAGE

    await page.locator("#q").fill("night train")
    await page.locator("#finder > button").click()
    await page.wait_for_url("**q=night*")
    assert await page.locator(".tile", has_text="Night train").count() == await tiles(page) > 0

    await page.locator(".pick input").first.check()
    assert (await saved(page, "#selected button[formaction='/library/zip']")).startswith(b"PK")


async def test_tiles_that_cannot_be_loaded_are_requested_again(pages: Pages, vault: Vault) -> None:
    pages.allow += [GIVEN_UP, "console error: Failed to load resource"]
    page = await pages("/library?order=oldest")
    await page.route("**/library?*cursor=*", lambda route: route.abort())
    await page.mouse.wheel(0, 20_000)
    await expect(page.locator(".more-failed")).to_be_visible()

    await page.unroute("**/library?*cursor=*")
    await page.locator(".more-failed button").click()
    await expect(page.locator(".tile")).to_have_count(len(vault.saved))


async def test_an_empty_library_says_what_to_do(pages: Pages, make_vault: MakeVault) -> None:
    empty = await make_vault(posts=0)
    page = await pages("/library", base=empty.base, size="phone")

    await expect(page.locator(".empty h2")).to_have_text("Nothing saved yet")
    await page.locator(".empty a.button").click()
    await page.locator("#post_urls").wait_for()
    await page.close()  # before the vault whose events it receives


@pytest.mark.parametrize("size", ["phone", "tablet", "desktop", "zoomed"])
@pytest.mark.parametrize("language", ["en", "de"])
async def test_nothing_overflows_horizontally(pages: Pages, size, language: str) -> None:  # type: ignore[no-untyped-def]
    page = await pages("/library?state=all&q=e&length=short", size=size, language=language)
    assert await overflow(page) == []

    await page.locator(".pick input").first.press(" ")
    await page.locator("#selected.shown").wait_for()
    assert await overflow(page) == []
    await page.locator("#choices summary").click()
    assert await overflow(page) == []
