"""The pages of accounts and sites in a browser."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from playwright.async_api import expect

from mediavault.core.failures import ErrorCode
from tests.ui.browsing import Pages, Size, overflow
from tests.ui.vault import Vault


async def test_an_account_is_found_and_leads_to_its_posts(pages: Pages) -> None:
    page = await pages("/accounts")
    await page.get_by_role("searchbox").fill("marsh")
    await page.get_by_role("button", name="Search", exact=True).click()
    await page.get_by_role("link", name="Marsh Walks").click()

    await expect(page.get_by_role("heading", level=1)).to_have_text("Marsh Walks")
    await expect(page.locator(".tile img").first).to_be_visible()
    await page.locator(".tile a").first.click()
    await expect(page).to_have_url(re.compile("/jobs/"))


async def test_accounts_are_filtered_as_soon_as_a_site_is_chosen(pages: Pages) -> None:
    page = await pages("/accounts")
    await page.locator("main").get_by_label("Site").select_option("vimeo")

    await expect(page).to_have_url(re.compile("platform=vimeo"))
    await expect(page.locator(".account")).to_have_count(1)


async def test_a_user_can_try_a_paused_site_now(pages: Pages, fresh_vault: Vault) -> None:
    await fresh_vault.store.site_limits.pause_site(
        "x",
        duration=timedelta(hours=2),
        code=ErrorCode.RATE_LIMITED,
        reason="X asked us to slow down",
    )
    page = await pages("/sites", base=fresh_vault.base)
    row = page.get_by_role("row").filter(has_text="X asked us to slow down")
    await expect(row).to_contain_text("Paused")
    await row.get_by_role("button", name="Try now: X").click()

    await expect(page.get_by_text("X asked us to slow down")).to_have_count(0)


async def test_a_site_and_the_whole_queue_are_paused_and_resumed(
    pages: Pages, fresh_vault: Vault
) -> None:
    page = await pages("/sites", base=fresh_vault.base)
    row = page.locator("#vimeo")
    await row.get_by_role("button", name="Pause: Vimeo").click()
    await expect(row).to_contain_text("until it is resumed")
    await row.get_by_role("button", name="Resume: Vimeo").click()
    await expect(row).not_to_contain_text("until it is resumed")

    await page.get_by_role("button", name="Pause all").click()
    await expect(page.locator("form.notice")).to_contain_text("The queue is paused.")
    await page.locator("form.notice").get_by_role("button", name="Resume").click()
    await expect(page.get_by_role("button", name="Pause all")).to_be_visible()


async def test_the_page_of_a_site_shows_what_went_wrong_and_links_to_its_sign_in(
    pages: Pages,
) -> None:
    page = await pages("/sites/x")

    await expect(page.get_by_role("heading", name="What went wrong")).to_be_visible()
    await page.get_by_role("link", name="Sign in, import cookies, sign out").click()
    await expect(page).to_have_url(re.compile("/sessions#x$"))
    await expect(
        page.get_by_role("navigation", name="Your vault").get_by_role("link", name="Sites")
    ).to_have_attribute("aria-current", "page")


@pytest.mark.parametrize("size", ["phone", "tablet", "zoomed"])
@pytest.mark.parametrize(
    "path", ["/accounts", "/accounts/x/marsh_walks", "/sites", "/sites/x", "/settings/speed"]
)
async def test_nothing_overflows_horizontally(pages: Pages, path: str, size: Size) -> None:
    page = await pages(path, size=size, language="de")

    assert await overflow(page) == []


async def test_a_table_shown_as_cards_is_still_a_table_to_a_screen_reader(pages: Pages) -> None:
    page = await pages("/sites", size="phone")

    await expect(page.get_by_role("rowheader").first).to_be_visible()
    assert await page.get_by_role("columnheader").count() >= 6
