"""Several users of one vault, in the browser."""

from __future__ import annotations

from contextlib import suppress

import pytest
import pytest_asyncio
from playwright.async_api import Error, Page, expect

from mediavault.core.marks import favourite
from tests.ui.browsing import SIZES_AND_SCRIPTS, Pages, Size
from tests.ui.conftest import MakeVault
from tests.ui.vault import PASSWORD, Vault, add_users

OTHER = "nine brown horses"


@pytest_asyncio.fixture(loop_scope="session")
async def shared(make_vault: MakeVault) -> Vault:
    vault = await make_vault()
    await add_users(vault)
    return vault


async def sign_in(page: Page, name: str, password: str = PASSWORD) -> None:
    await page.locator("#name").fill(name)
    await page.locator("#password").fill(password)
    await page.locator("form[action='/login'] button").click()
    await page.locator(".sections").wait_for()
    await page.wait_for_load_state()


@pytest.mark.parametrize(("size", "javascript"), SIZES_AND_SCRIPTS)
async def test_the_owner_adds_a_user_who_signs_in(
    pages: Pages, shared: Vault, size: Size, javascript: bool
) -> None:
    owner = await pages("/login?next=/access", base=shared.base, size=size, javascript=javascript)
    await sign_in(owner, "")
    await owner.locator("#user").fill("Kim")
    await owner.locator("#user-password").fill(OTHER)
    await owner.locator("#users input[name=role][value=member]").check()
    await owner.get_by_role("button", name="Add the user").click()
    await expect(owner.get_by_text("kim can sign in now")).to_be_visible()

    kim = await pages("/login?next=/", base=shared.base, size=size, javascript=javascript)
    await sign_in(kim, "kim", OTHER)
    await expect(kim.locator("#paste")).to_be_visible()
    assert await kim.locator("nav.sections a").evaluate_all("all => all.map((a) => a.pathname)") == [  # noqa: E501
        "/", "/library", "/sources/inbox", "/collections", "/you"
    ]  # fmt: skip

    line = owner.locator("#users li", has_text="kim")
    await line.locator("summary").click()
    await line.get_by_role("button", name="Remove the user").click()
    await expect(owner.locator("#users li", has_text="kim")).to_have_count(0)
    pages.allow.append("401")
    with suppress(Error):  # a page that asks for news in between goes to the sign-in by itself
        await kim.reload()
    await kim.wait_for_url(lambda url: "/login" in url)


@pytest.mark.parametrize("size", ["desktop", "phone"])
async def test_a_viewer_watches_and_has_favourites_and_is_offered_no_more(
    pages: Pages, shared: Vault, size: Size
) -> None:
    page = await pages("/login?next=/", base=shared.base, size=size)
    await sign_in(page, "sam")
    assert page.url == f"{shared.base}/"
    assert await page.locator("#paste, .banner, #left").count() == 0
    await page.locator(".shelf .name").first.click()
    await page.locator("#marks").wait_for()
    await page.wait_for_load_state()  # the keys work when the scripts have run
    for label in ("Delete", "Share", "Verify now", "Add a tag", "Save the note"):
        await expect(page.get_by_text(label, exact=True)).to_have_count(0)

    await page.keyboard.press("t")  # there is no field for tags
    await page.keyboard.press("h")
    await expect(page.locator("#heart")).to_have_attribute("aria-pressed", "true")
    [mark] = await shared.store.marks.marked(favourite("sam"))
    assert mark.job_id in page.url


async def test_a_viewers_palette_saves_no_link_and_goes_nowhere_that_is_refused(
    pages: Pages, shared: Vault
) -> None:
    page = await pages("/login?next=/library", base=shared.base)
    await sign_in(page, "sam")
    await page.keyboard.press("Control+k")
    await page.locator("#palette[open]").wait_for()
    assert await page.locator("#palette-list li").evaluate_all("all => all.map((li) => li.dataset.go)") == [  # noqa: E501
        *("/", "/library", "/sources/inbox", "/collections", "/you", "/accounts"),
        *("/access/phone", "/access", "/access/feeds"),
    ]  # fmt: skip
    await page.keyboard.type("https://videos.example/new")
    await expect(page.locator("#palette-list li").first).to_contain_text("Search the library")


async def test_the_page_of_a_users_post_says_who_added_it(pages: Pages, shared: Vault) -> None:
    jane = await pages("/login?next=/", base=shared.base)
    await sign_in(jane, "jane")
    await jane.locator("#post_urls").fill("https://videos.example/of-jane")
    async with jane.expect_response("**/submit"):
        await jane.get_by_role("button", name="Save", exact=True).click()
    job = (await shared.store.marks.marked("added/jane"))[0].job_id

    owner = await pages(f"/login?next=/jobs/{job}", base=shared.base)
    await sign_in(owner, "owner")
    await expect(owner.get_by_text("added by jane")).to_be_visible()
