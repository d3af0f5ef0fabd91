"""The command palette in a real browser: Ctrl+K on any page, a link, a page, an account,
or words to find.
"""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from tests.ui.browsing import Pages, Size, overflow
from tests.ui.conftest import MakeVault
from tests.ui.hostile_texts import payloads
from tests.ui.test_home import A, B, queued
from tests.ui.vault import TOKEN, Vault

_PASTE = """(text) => {
  const data = new DataTransfer();
  data.setData("text/plain", text);
  document.activeElement.dispatchEvent(new ClipboardEvent("paste", {
    clipboardData: data, bubbles: true, cancelable: true }));
}"""
_SHOWS_ITS_TEXT = """() => {
  const text = document.getElementById("palette-text").value.trim();
  const shown = document.querySelector("#palette-list [data-part=words]")?.textContent;
  return !text || shown === text || text.includes(shown.split(" ")[0]);
}"""
SIZES: tuple[Size, ...] = ("phone", "desktop")
each_size = pytest.mark.parametrize("size", SIZES)


async def open_on(page: Page) -> None:
    # its script has run
    await expect(page.locator("#palette-open")).not_to_have_attribute("hidden", "")
    await page.keyboard.press("Control+k")
    await expect(page.locator("#palette-text")).to_be_focused()


async def active(page: Page) -> str:
    """Return the text of the option that the field names as the active one;
    there must be exactly one.
    """
    chosen = page.locator('#palette-list [aria-selected="true"]')
    await expect(chosen).to_have_count(1)
    assert await chosen.get_attribute("id") == await page.locator("#palette-text").get_attribute(
        "aria-activedescendant"
    )
    return (await chosen.inner_text()).strip()


@each_size
async def test_the_button_opens_it_and_a_click_goes_to_a_page(pages: Pages, size: Size) -> None:
    page = await pages("/settings", size=size)
    await page.locator("#palette-open").click()
    await expect(page.locator("#palette")).to_be_visible()
    assert await overflow(page) == []
    await page.get_by_role("option", name="Sign-ins", exact=True).click()

    await page.wait_for_url("**/sessions")


@pytest.mark.parametrize("text", ["bandwidth", "downloads limit"])
async def test_a_setting_is_found_by_its_words_and_not_listed_before(
    pages: Pages, text: str
) -> None:
    page = await pages("/")
    await open_on(page)
    await expect(page.locator("#palette-list [data-if-typed]")).to_have_count(0)
    await page.keyboard.type(text)
    assert await active(page) == "Speed limit for all downloads Speed and hours"
    await page.keyboard.press("Enter")

    await page.wait_for_url("**/settings/speed#field-bandwidth")
    await expect(page.locator("#field-bandwidth select").last).to_be_focused()


@each_size
async def test_typing_and_enter_go_to_a_page(pages: Pages, size: Size) -> None:
    page = await pages("/", size=size)
    await open_on(page)
    await page.keyboard.type("acc")
    assert await active(page) == "Accounts"
    await page.keyboard.press("ArrowDown")
    assert await active(page) == "People and access"
    await page.keyboard.press("Enter")

    await page.wait_for_url("**/access")


async def test_the_arrows_go_round(pages: Pages) -> None:
    page = await pages("/library")
    await open_on(page)
    assert await active(page) == "Home"
    await page.keyboard.press("ArrowUp")
    assert await active(page) == "Health"
    await page.keyboard.press("ArrowDown")
    assert await active(page) == "Home"


async def test_words_are_searched_in_the_library(pages: Pages) -> None:
    page = await pages("/accounts")
    await open_on(page)
    await page.keyboard.type("night train & more")
    assert await active(page) == "Search the library for night train & more"
    await page.keyboard.press("Enter")

    await page.wait_for_url("**/library?q=night+train+%26+more")
    await expect(page.locator("#q")).to_have_value("night train & more")


async def test_an_account_is_found_by_its_name_and_does_not_move_the_choice(pages: Pages) -> None:
    page = await pages("/settings")
    await open_on(page)
    await page.keyboard.type("marsh")
    account = page.get_by_role("option", name="Marsh Walks")
    await account.wait_for()
    await expect(page.locator("#palette-list [role=option]").first).to_have_text(
        re.compile("Search the library")
    )
    assert await active(page) == "Search the library for marsh"
    await expect(page.locator("#palette-count")).to_have_text(re.compile(r"^\d results$"))
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")

    await page.wait_for_url("**/accounts/x/**")
    await expect(page.locator("h1")).to_contain_text("Marsh Walks")


async def test_what_was_meant_is_found_and_an_action_is_done_where_one_is(pages: Pages) -> None:
    page = await pages("/library?q=frost", theme="light")
    await open_on(page)
    await page.keyboard.type("froost")
    await expect(page.locator("#palette-list")).to_contain_text(
        "Nothing found for “froost”. Showing “frost”."
    )
    await expect(page.locator("#palette-list mark").first).to_have_text("frost")

    await page.locator("#palette-text").fill("dark")
    await expect(page.locator('[id^="palette-do-"]').first).to_have_text("Use dark colours")
    await page.keyboard.press("Enter")
    await expect(page.locator('link[href*="dark.css"]:not([media])')).to_be_attached()
    assert "q=frost" in page.url


@pytest.mark.parametrize("path", ["/", "/library"])
async def test_pasted_links_are_saved_and_the_page_stays(
    pages: Pages, make_vault: MakeVault, path: str
) -> None:
    vault = await make_vault(posts=0)
    page = await pages(path, base=vault.base)
    await open_on(page)
    await page.evaluate(_PASTE, f"Look:\n{A}\n{B}\n")
    assert (await active(page)).startswith("Save 2 links")
    await page.keyboard.press("Enter")

    await expect(page.locator("main")).to_contain_text("Added 2 links.")
    await expect(page.locator("#palette")).to_be_hidden()
    assert page.url == f"{vault.base}{path}"
    assert await queued(vault) == 2


async def test_one_link_is_saved(pages: Pages, make_vault: MakeVault) -> None:
    vault = await make_vault(posts=0)
    page = await pages("/sites", base=vault.base)
    await open_on(page)
    await page.keyboard.type(A)
    assert await active(page) == f"Save this link {A}"
    await page.keyboard.press("Enter")

    await expect(page.locator("#messages")).to_contain_text("Added 1 link.")


@pytest.mark.parametrize("key", ["Escape", "Control+k"])
async def test_it_closes_and_the_focus_returns(pages: Pages, key: str) -> None:
    page = await pages("/library")
    await page.locator("#q").focus()
    await open_on(page)
    await page.keyboard.press(key)

    await expect(page.locator("#palette")).to_be_hidden()
    await expect(page.locator("#q")).to_be_focused()
    await open_on(page)  # and opens again, empty
    await expect(page.locator("#palette-text")).to_have_value("")


async def test_a_click_beside_it_and_its_button_close_it(pages: Pages) -> None:
    page = await pages("/library")
    await open_on(page)
    await page.mouse.click(20, 600)
    await expect(page.locator("#palette")).to_be_hidden()
    await open_on(page)
    await page.locator("#palette-close").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#palette")).to_be_hidden()


async def test_no_key_of_the_library_works_while_it_is_open(pages: Pages) -> None:
    """Escape would clear the selection, "/" focus the search, "?" show the shortcuts,
    and "x" select a video.
    """
    page = await pages("/library")
    await page.locator(".pick input").first.check()
    await page.locator(".tile a").first.focus()
    await open_on(page)
    for key in ("?", "/", "x", "Control+a", "ArrowDown"):
        await page.keyboard.press(key)
    await page.locator("#palette-close").focus()
    for key in ("?", "/", "x"):
        await page.keyboard.press(key)
    await page.evaluate("document.activeElement.blur()")
    for key in ("?", "/", "Escape"):
        await page.keyboard.press(key)

    await expect(page.locator("#palette")).to_be_hidden()
    await expect(page.locator("#keys")).to_be_hidden()
    await expect(page.locator(".pick input:checked")).to_have_count(1)
    await page.keyboard.press("?")  # the page's own keys are back
    await expect(page.locator("#keys")).to_be_visible()
    await page.keyboard.press("Control+k")
    await expect(page.locator("#palette")).to_be_hidden()


async def test_no_key_of_a_video_works_while_it_is_open(pages: Pages, vault: Vault) -> None:
    page = await pages(f"/jobs/{vault.saved[1].id}")
    await open_on(page)
    for key in ("?", "n", "m", "f", " "):
        await page.keyboard.press(key)

    await expect(page.locator("#palette-text")).to_have_value("?nmf ")
    await expect(page.locator("#keys")).to_be_hidden()
    assert page.url.endswith(vault.saved[1].id)


async def test_the_shortcuts_name_it(pages: Pages, vault: Vault) -> None:
    for path in ("/library", f"/jobs/{vault.saved[0].id}"):
        page = await pages(path)
        await page.keyboard.press("?")
        await expect(page.locator("#keys")).to_contain_text(
            re.compile("search or go to", re.IGNORECASE)
        )


async def test_it_is_loaded_when_it_is_first_asked_for(pages: Pages) -> None:
    context = await pages.context()
    page = await context.new_page()
    loaded: list[str] = []
    page.on("request", lambda request: loaded.append(request.url))
    await page.goto(pages.base + "/library")
    await expect(page.locator("#palette-open")).to_be_visible()
    assert not [url for url in loaded if "/palette.js" in url]

    await open_on(page)
    assert len([url for url in loaded if re.search(r"/palette\.js\?v=[0-9a-f]{16}$", url)]) == 1
    assert len([url for url in loaded if "/core.js" in url]) == 1


async def test_hostile_texts_in_its_field_are_texts(pages: Pages) -> None:
    page = await pages("/sites")
    await open_on(page)
    for text in payloads():
        await page.locator("#palette-text").fill(text)
        assert await page.evaluate(_SHOWS_ITS_TEXT), text
    assert await page.locator("#palette :is(script, img, iframe, a)").count() == 0
    assert await overflow(page) == []


async def test_signing_in_comes_first(pages: Pages, make_vault: MakeVault) -> None:
    """Nobody who is signed out gets the palette."""
    vault = await make_vault(posts=0, token=TOKEN)
    page = await pages("/login", base=vault.base)
    await page.keyboard.press("Control+k")

    assert await page.locator("#palette, #palette-open").count() == 0


@pytest.mark.parametrize("size", ["phone", "tablet", "desktop", "zoomed"])
async def test_the_header_has_room_for_its_button(
    pages: Pages, make_vault: MakeVault, size: Size
) -> None:
    """In German, with the longest words."""
    vault = await make_vault(posts=0, token=TOKEN)
    page = await pages("/login", base=vault.base, size=size, language="de")
    await page.locator("#password").fill(TOKEN)
    await page.locator("form[action='/login'] button").click()
    await page.locator(".sections").wait_for()

    # its script has run
    await expect(page.locator("#palette-open")).not_to_have_attribute("hidden", "")
    assert await overflow(page) == []
    assert await page.locator("#palette-open").is_visible()
