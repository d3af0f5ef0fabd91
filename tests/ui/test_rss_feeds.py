"""RSS feeds in a real browser: made of what the library shows, copied, fetched and revoked."""

from __future__ import annotations

from urllib.parse import urljoin

import feedparser
import pytest
from playwright.async_api import Page, expect

from mediavault.web.qr import qr_code
from tests.feed_rules import atom_problems, opml_problems, rss_problems
from tests.ui.browsing import Pages, Size, overflow
from tests.ui.vault import Vault

both = pytest.mark.parametrize("size", ["phone", "desktop"])


async def fetched(page: Page, address: str) -> bytes:
    """Return what an app gets from the address, which has no cookies of the page."""
    answer = await page.context.request.get(address)
    assert answer.status == 200
    return await answer.body()


@both
async def test_a_feed_of_a_filtered_list_is_made_copied_and_revoked(
    pages: Pages, fresh_vault: Vault, size: Size
) -> None:
    page = await pages("/library?tag=night%20rides", size=size, base=fresh_vault.base)
    await page.context.grant_permissions(
        ["clipboard-read", "clipboard-write"], origin=fresh_vault.base
    )
    tiles = await page.locator("#tiles .name").all_inner_texts()
    await page.locator(".found summary").click()
    await page.get_by_role("link", name="RSS feed of this list").click()
    await expect(page.locator("form[action='/access/feeds']")).to_contain_text("Tag: night rides")
    await expect(page.locator("#feed-name")).to_have_value("night rides")
    await page.get_by_role("button", name="Make the feed").click()

    line = page.locator(".feeds li")
    await expect(line.locator("details")).to_have_attribute("open", "")
    await expect(line).to_contain_text("never fetched")
    await line.get_by_role("button", name="Copy").first.click()
    await expect(line.get_by_role("button", name="Copied")).to_be_visible()
    address = await page.evaluate("navigator.clipboard.readText()")
    assert await line.locator("svg.code path").get_attribute("d") == qr_code(address).path
    assert await overflow(page) == []

    rss, atom = (
        await fetched(page, address),
        await fetched(page, address.replace("rss.xml", "atom.xml")),
    )
    assert (rss_problems(rss), atom_problems(atom)) == ([], [])
    entries = feedparser.parse(rss).entries
    assert [entry.title for entry in entries] == tiles
    video = await page.context.request.get(
        entries[0].enclosures[0].href, headers={"Range": "bytes=0-99"}
    )
    assert (video.status, len(await video.body())) == (206, 100)
    await page.reload()
    await expect(line).to_contain_text("last fetched")

    await line.get_by_role("button", name="Revoke").click()
    await expect(line).to_have_count(0)
    assert (await page.context.request.get(address)).status == 404
    assert (await page.context.request.get(entries[0].enclosures[0].href)).status == 404


@both
async def test_a_collection_and_an_account_offer_their_feed(
    pages: Pages, fresh_vault: Vault, size: Size
) -> None:
    for path, words in (
        ("/collections/to%20watch", "Collection: To watch"),
        ("/accounts/x/marsh_walks", "Account: "),
    ):
        page = await pages(path, size=size, base=fresh_vault.base)
        await page.get_by_role("link", name="RSS feed", exact=True).click()
        await expect(page.locator("form[action='/access/feeds']")).to_contain_text(words)


async def test_feeds_are_made_and_downloaded_as_opml_without_javascript(
    pages: Pages, fresh_vault: Vault
) -> None:
    page = await pages("/access/feeds", javascript=False, base=fresh_vault.base)
    for name in ("Everything", "Äpfel & <b>Birnen</b>"):
        await page.locator("#feed-name").fill(name)
        await page.locator("form[action='/access/feeds'] button").click()
    await expect(page.locator(".feeds .title")).to_have_text(
        ["Everything", "Äpfel & <b>Birnen</b>"]
    )
    link = await page.get_by_role("link", name="Download all as OPML").get_attribute("href")
    document = await fetched(page, urljoin(page.url, link))

    assert opml_problems(document) == []
    assert document.count(b"<outline") == 2


async def test_a_name_that_is_taken_is_refused_beside_what_was_typed(
    pages: Pages, fresh_vault: Vault
) -> None:
    pages.allow.append(r"console error: Failed to load resource: .* 422")
    page = await pages("/access/feeds?q=train", base=fresh_vault.base)
    for _ in range(2):
        await page.goto(urljoin(page.url, "/access/feeds?q=train"))
        await page.locator("#feed-name").fill("Trains")
        await page.locator("form[action='/access/feeds'] button").click()

    await expect(page.locator(".complaint")).to_contain_text("This name is taken.")
    await expect(page.locator("#feed-name")).to_have_value("Trains")
    await expect(page.locator("form[action='/access/feeds']")).to_contain_text("Search text: train")
