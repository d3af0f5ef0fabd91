"""The selection in the library is kept from filter to filter, and the bar applies to all of it."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from playwright.async_api import Page, expect

from tests.ui.browsing import Pages, overflow
from tests.ui.vault import Vault

GIVEN_UP = "console error: htmx:"


async def pick(page: Page, *places: int) -> list[str]:
    boxes = page.locator(".pick input")
    for index in places:
        await boxes.nth(index).press(" ")
    return [await boxes.nth(index).get_attribute("value") or "" for index in places]


async def test_a_search_keeps_the_selection_and_says_how_much_of_it_is_hidden(pages: Pages) -> None:
    pages.allow.append(GIVEN_UP)
    page = await pages("/library")
    ids = await pick(page, 0, 1)
    await page.locator("#q").fill("first frost")
    await page.wait_for_url("**/library?q=first+frost")
    await expect(page.locator("#selected-count")).to_have_text("2 selected")
    await expect(page.locator("#selected-away")).to_have_text("1 hidden by the filter")
    await expect(page.locator("#announcer")).to_contain_text("1 hidden by the filter")
    assert await page.locator(f"#job-{ids[0]} .pick input").is_checked()

    await pick(page, 1)
    await page.locator("#q").fill("")
    await page.wait_for_url("**/library")
    await expect(page.locator("#selected-count")).to_have_text("3 selected")
    await expect(page.locator("#selected-away")).to_be_empty()
    await expect(page.locator(".pick input:checked")).to_have_count(3)


async def test_the_bar_applies_to_the_whole_selection(pages: Pages) -> None:
    page = await pages("/library")
    await pick(page, 0, 1, 2)
    await page.goto(page.url)  # opening the page again starts without a selection
    await expect(page.locator("#selected")).to_be_hidden()

    ids = await pick(page, 0, 1, 2)
    await page.locator("#choices summary").click()
    await page.locator("#platform").select_option("vimeo")
    await page.wait_for_url("**platform=vimeo")
    await expect(page.locator("#selected-away")).to_have_text("3 hidden by the filter")
    async with page.expect_download() as coming:
        await page.locator("#selected button[formaction='/library/zip']").click()
    archive = zipfile.ZipFile(io.BytesIO(Path(await (await coming.value).path()).read_bytes()))

    assert len(archive.namelist()) == len(ids)


async def test_state_links_and_chips_keep_the_selection(pages: Pages) -> None:
    page = await pages("/library?platform=x")
    await pick(page, 0, 1)
    await page.locator("#states a", has_text="Failed").click()
    await page.wait_for_url("**state=failed**")
    await expect(page.locator("#selected-count")).to_have_text("2 selected")
    await expect(page.locator("#selected-away")).to_have_text("2 hidden by the filter")

    await page.locator("#selected summary[aria-label]").click()
    await page.get_by_role("button", name="Keep only visible").click()
    await expect(page.locator("#selected")).to_be_hidden()


async def test_opening_a_post_keeps_the_selection_and_deleting_ends_it(
    pages: Pages, fresh_vault: Vault
) -> None:
    page = await pages("/library", base=fresh_vault.base)
    await pick(page, 0, 2)
    await page.locator(".tile .name").nth(1).click()
    await page.locator(".back a").click()
    await expect(page.locator("#selected-count")).to_have_text("2 selected")

    await page.locator("#selected button[formaction='/library/remove']").click()
    await expect(page.locator(".toast p")).to_have_text("Moved 2 to the trash.")
    await expect(page.locator("#selected")).to_be_hidden()


async def test_the_bar_fits_a_phone_with_both_counts(pages: Pages) -> None:
    page = await pages("/library?state=all", size="phone", language="de")
    await pick(page, 0, 1)
    await page.locator("#states a").first.click()
    await expect(page.locator("#selected-away")).not_to_be_empty()

    assert await overflow(page) == []
