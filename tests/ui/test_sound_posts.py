"""Posts that are sound alone: their player, the page of a shared link, and the feed."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import pytest
from playwright.async_api import Page, expect

from mediavault.core.clock import SystemClock
from mediavault.core.job import ItemStatus, Job, JobItem
from mediavault.core.media import Item, ItemType, SavedFile
from mediavault.features.sharing.service import SharedLinks
from tests import media
from tests.ui.browsing import Pages, Size, overflow
from tests.ui.conftest import MakeVault
from tests.ui.sample import picture, stored_post
from tests.ui.vault import Vault

FILES = {"m4a": ("ipod", "aac"), "opus": ("opus", "libopus")}
IS_PLAYING = (
    "() => { const { paused, currentTime } = document.querySelector('video, audio'); return !paused"
    " && currentTime > 0.2; }"
)


async def add_sound(
    vault: Vault, suffix: str, *, cover: bool = True, content: bytes | None = None
) -> Job:
    """Add a post as the profile "audio" saves it: a file without width and height,
    with or without a cover.
    """
    container, codec = FILES[suffix]
    content = content or media.encode(container, 8.0, video=None, audio=codec)
    folder = vault.downloads / "sound"
    folder.mkdir(exist_ok=True)
    (folder / f"episode.{suffix}").write_bytes(content)
    (folder / "episode.jpg").write_bytes(picture(7))
    thumbnail = "sound/episode.jpg" if cover else None
    file = SavedFile(
        f"sound/episode.{suffix}",
        thumbnail,
        len(content),
        hashlib.sha256(content).hexdigest(),
        8.0,
        None,
        None,
    )
    stored = stored_post(
        900, SystemClock().now(), [JobItem(Item(type=ItemType.AUDIO), ItemStatus.SAVED, file)]
    )
    await vault.store.catalogue.import_jobs([stored])
    return stored.job


async def time_of(page: Page) -> float:
    at: float = await page.evaluate("document.getElementById('player').currentTime")
    return at


@pytest.mark.parametrize(("suffix", "size"), [("m4a", "phone"), ("opus", "desktop")])
async def test_sound_plays_with_its_cover_a_scrubber_and_its_speed_at_hand(
    pages: Pages, fresh_vault: Vault, suffix: str, size: Size
) -> None:
    job = await add_sound(fresh_vault, suffix)
    page = await pages(f"/jobs/{job.id}", base=fresh_vault.base, size=size)
    controls = page.get_by_role("group", name="Player")
    await page.wait_for_function("() => document.getElementById('player').readyState >= 2")
    await expect(controls).to_be_visible()
    assert (
        await page.evaluate("getComputedStyle(document.querySelector('.controls')).opacity") == "1"
    )
    await expect(page.locator("#big-play")).to_be_hidden()
    await expect(page.locator("#player")).to_have_attribute(
        "poster", f"/files/{job.id}/items/0/thumbnail"
    )

    await controls.get_by_role("button", name="Play").click()
    await page.wait_for_function(IS_PLAYING)
    await controls.get_by_role("slider", name="Position").fill("6")
    assert await time_of(page) >= 6
    await controls.get_by_role("button", name="Pause").click()
    await page.get_by_label("Speed").select_option("1.5")
    assert await page.evaluate("document.getElementById('player').playbackRate") == 1.5

    await expect(page.locator("#unplayable")).to_be_hidden()
    for pictures_only in ("#expand", "#pip"):
        await expect(page.locator(pictures_only)).to_be_hidden()
    await page.get_by_role("button", name="15 seconds back").click()
    assert await time_of(page) == 0
    assert await overflow(page) == []


async def test_sound_without_a_picture_shows_its_sites_colour_and_letter(
    pages: Pages, fresh_vault: Vault
) -> None:
    job = await add_sound(fresh_vault, "m4a", cover=False)
    page = await pages(f"/jobs/{job.id}", base=fresh_vault.base, size="phone")

    await expect(page.locator("#stage .cover .letter")).to_be_visible()
    assert await page.locator("#player").get_attribute("poster") is None


@pytest.mark.parametrize("size", ["phone", "desktop"])
async def test_sound_goes_on_in_the_mini_player_on_other_pages_and_leads_back(
    pages: Pages, fresh_vault: Vault, size: Size
) -> None:
    job = await add_sound(fresh_vault, "m4a")
    page = await pages(f"/jobs/{job.id}", base=fresh_vault.base, size=size)
    post, frame = page.url, page.frame_locator("iframe")
    await page.evaluate("player.playbackRate = 0.5")
    await page.locator("#play").click()
    await page.wait_for_function(IS_PLAYING)
    await page.get_by_role("link", name="Library").first.click()
    await frame.locator("a[href='/collections']").click()
    await expect(page).to_have_url(re.compile("/collections$"))
    await expect(page).to_have_title(re.compile("^Collections"))
    before = await time_of(page)
    await page.wait_for_function(f"() => !player.paused && player.currentTime > {before}")
    await page.get_by_role("complementary", name="Playing").screenshot()
    await page.go_back()
    await frame.locator(".tile").first.wait_for()
    await expect(page).to_have_url(re.compile("/library$"))
    await page.get_by_role("button", name="Open the post").click()

    await expect(page.locator("iframe")).to_have_count(0)
    assert page.url == post
    await page.get_by_role("link", name="Library").first.click()
    await page.get_by_role("button", name="Stop playing").click()
    await frame.locator("a[href='/collections']").click()
    await expect(page.locator("iframe")).to_have_count(0)  # the page is the whole one again
    await expect(page).to_have_url(re.compile("/collections$"))


async def test_a_link_in_a_page_that_still_loads_when_the_sound_is_ended_leads_to_a_whole_page(
    pages: Pages, fresh_vault: Vault
) -> None:
    job = await add_sound(fresh_vault, "m4a")
    page = await pages(f"/jobs/{job.id}", base=fresh_vault.base)
    await page.locator("#play").click()
    await page.wait_for_function(IS_PLAYING)
    await page.route("**/htmx.min.js*", lambda _: None)  # which never comes
    await page.get_by_role("link", name="Library").first.click()
    link = page.frame_locator("iframe").locator("a[href='/collections']")
    await link.wait_for()
    await page.get_by_role("button", name="Stop playing").click()
    await link.click()

    await expect(page.locator("iframe")).to_have_count(0)
    await expect(page).to_have_url(re.compile("/collections$"))


async def test_another_video_that_is_played_ends_the_mini_player(
    pages: Pages, fresh_vault: Vault
) -> None:
    sound = await add_sound(fresh_vault, "m4a")
    page = await pages(f"/jobs/{sound.id}", base=fresh_vault.base)
    await page.evaluate("player.playbackRate = 0.5")
    await page.locator("#play").click()
    await page.wait_for_function(IS_PLAYING)
    await page.locator(".brand").click()
    frame = page.frame_locator("iframe")
    film = fresh_vault.saved[0]
    await frame.locator(f"a[href*='{film.id}']").first.click()
    await frame.locator("#big-play").click()
    await expect(page.locator("iframe")).to_have_count(0)
    await expect(page).to_have_url(re.compile(film.id))

    await page.wait_for_function(IS_PLAYING)


async def test_sound_that_does_not_play_is_not_called_a_video(
    pages: Pages, fresh_vault: Vault
) -> None:
    pages.allow.append("console error: Failed to load resource")
    job = await add_sound(fresh_vault, "m4a", content=b"no sound" * 200)
    page = await pages(f"/jobs/{job.id}", base=fresh_vault.base)

    await expect(page.locator("#unplayable")).to_contain_text(
        "Your browser can't play this audio file."
    )
    await expect(page.locator("#unplayable")).not_to_contain_text("video")


@pytest.mark.parametrize("size", ["phone", "desktop"])
async def test_a_shared_sound_plays_below_its_cover(
    pages: Pages, fresh_vault: Vault, size: Any
) -> None:
    job = await add_sound(fresh_vault, "m4a")
    key, _ = await SharedLinks(
        fresh_vault.store, SystemClock(), fresh_vault.opened.settings.state_dir
    ).add(job, 0)
    page = await pages(f"/s/{key}", base=fresh_vault.base, size=size)
    await expect(page.locator(".stage img")).to_have_js_property("complete", value=True)
    await expect(page.locator("audio[controls]")).to_be_visible()
    await page.locator("audio").evaluate("one => one.play()")
    await page.wait_for_function(IS_PLAYING)

    assert await page.locator("video").count() == 0
    assert await overflow(page) == []


async def test_the_cover_of_a_sound_stays_in_the_feed_while_it_plays(
    pages: Pages, make_vault: MakeVault
) -> None:
    vault = await make_vault(posts=0)
    job = await add_sound(vault, "m4a")
    page = await pages("/library/feed", base=vault.base, size="phone", motion="no-preference")
    await page.wait_for_function(IS_PLAYING)

    await expect(page.locator(f"#clip-{job.id}")).to_have_attribute("data-seen", "")
    await expect(page.locator(".feed-poster")).to_be_visible()
