"""Saved pictures in a real browser: a post of several, one with a video among them,
and the library's tile.
"""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from playwright.async_api import expect

from mediavault.core.clock import SystemClock
from mediavault.core.job import ItemStatus, Job, JobItem
from mediavault.core.media import Item, ItemType, SavedFile
from tests import media
from tests.ui.browsing import Pages, overflow
from tests.ui.sample import picture, stored_post
from tests.ui.vault import Vault

NUMBERS = iter(range(900, 930))
SHOWN = "img => img.complete && img.naturalWidth > 0"


async def post_of(vault: Vault, *types: ItemType) -> Job:
    """Store a post with these items, each with its file."""
    number = next(NUMBERS)
    items = []
    for index, kind in enumerate(types):
        is_image = kind is ItemType.IMAGE
        body = picture(number + index) if is_image else media.mp4(4.0)
        stem = f"pictures/{number}-{index}"
        output, thumbnail = (
            (f"{stem}.jpg", f"{stem}-thumb.jpg") if is_image else (f"{stem}.mp4", f"{stem}.jpg")
        )
        for name, content in ((output, body), (thumbnail, picture(number + index))):
            path = vault.downloads / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        saved = SavedFile(
            output,
            thumbnail,
            len(body),
            hashlib.sha256(body).hexdigest(),
            None if is_image else 4.0,
            640,
            360,
        )
        items.append(JobItem(Item(type=kind, media_id=str(index)), ItemStatus.SAVED, saved))
    stored = stored_post(number, SystemClock().now(), items)
    await vault.store.catalogue.import_jobs([stored])
    return stored.job


@pytest.mark.parametrize("size", ["phone", "desktop"])
async def test_the_pictures_of_a_post_are_shown_one_after_the_other(
    pages: Pages, fresh_vault: Vault, size: Any
) -> None:
    job = await post_of(fresh_vault, *[ItemType.IMAGE] * 3)
    page = await pages(f"/jobs/{job.id}", base=fresh_vault.base, size=size)
    shown = page.locator(".picture-view img")
    await expect(shown).to_have_attribute(
        "alt", f"Picture 1 of 3: {await page.locator('h1').inner_text()}"
    )
    assert await shown.evaluate(SHOWN)
    assert await page.locator("video").count() == 0
    assert await overflow(page) == []

    await page.keyboard.press("ArrowRight")
    await expect(page.locator(".strip [aria-current]")).to_contain_text("2 of 3")
    await expect(shown).to_have_attribute("src", f"/files/{job.id}/items/1/video")
    await page.keyboard.press("ArrowLeft")
    await expect(page.locator(".strip [aria-current]")).to_contain_text("1 of 3")


async def test_a_mixed_post_shows_its_video_in_the_player_and_its_picture_as_one(
    pages: Pages, fresh_vault: Vault
) -> None:
    job = await post_of(fresh_vault, ItemType.VIDEO, ItemType.IMAGE)
    page = await pages(f"/jobs/{job.id}", base=fresh_vault.base)
    await expect(page.locator("#player")).to_be_visible()
    await page.locator(".strip a").nth(1).click()
    await expect(page.locator(".picture-view img")).to_be_visible()
    await expect(page.locator("#player")).to_have_count(0)


async def test_the_library_says_how_many_pictures_a_post_has(
    pages: Pages, fresh_vault: Vault
) -> None:
    job = await post_of(fresh_vault, *[ItemType.IMAGE] * 2)
    page = await pages("/library", base=fresh_vault.base)
    tile = page.locator(f'.tile:has(a[href^="/jobs/{job.id}"])')
    await expect(tile.locator(".length")).to_have_text("2 pictures")
    assert await tile.locator("img").evaluate(SHOWN)


async def test_the_feed_has_no_clip_of_a_post_without_a_video(
    pages: Pages, fresh_vault: Vault
) -> None:
    job = await post_of(fresh_vault, ItemType.IMAGE)
    page = await pages("/library/feed", base=fresh_vault.base)
    await page.locator(".feed-clip").first.wait_for()

    assert await page.locator(f"#clip-{job.id}").count() == 0


async def test_a_shared_picture_is_shown_without_a_player(pages: Pages, fresh_vault: Vault) -> None:
    job = await post_of(fresh_vault, ItemType.IMAGE)
    page = await pages(f"/jobs/{job.id}", base=fresh_vault.base)
    await page.get_by_role("button", name="Share").click()
    link = await page.locator("#shared-address").input_value()
    other = await pages(link.partition(fresh_vault.base)[2], base=fresh_vault.base)

    assert await other.locator(".picture-view img").evaluate(SHOWN)
