"""What is said, in a real browser: a search in the library leads to its second,
and the transcript is played from.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.async_api import Page, expect

from mediavault.core.job import Job
from mediavault.store.search_words import WordSource
from tests import media
from tests.ui.browsing import Pages, overflow
from tests.ui.hostile_texts import RUN
from tests.ui.sample import store_saved
from tests.ui.test_post import HAS_PLAYED, time_of
from tests.ui.vault import Vault

NUMBERS = iter(range(800, 860))  # of further posts: every test has its own
LINES = (
    "Welcome aboard",
    "the marigolds are out",
    "we pass the lighthouse",
    "and the marigolds again",
)


def vtt(*lines: str) -> str:
    cues = (
        f"00:0{number}.000 --> 00:0{number + 1}.000\n{line}" for number, line in enumerate(lines, 1)
    )
    return "\n\n".join(("WEBVTT", *cues)) + "\n"


async def spoken(vault: Vault, *lines: str, language: str = "en") -> Job:
    """Store a video of six seconds in which a line is said each second, from the first."""
    video = media.subtitled("mp4", 6.0, title="", cues=((0.0, 1.0, "inside"),))
    job = await store_saved(vault.store, vault.downloads, video, "mp4", number=next(NUMBERS))
    (vault.downloads / (job.output_path or "")).with_suffix(f".{language}.vtt").write_text(
        vtt(*(lines or LINES))
    )
    await vault.store.catalogue.put_words(
        job.id, WordSource.SUBTITLES, " marigolds lighthouse needle"
    )
    return job


async def opened(page: Page) -> None:
    await page.get_by_role("tab", name="Transcript").click()
    await page.wait_for_function(HAS_PLAYED)


@pytest.mark.parametrize("size", ["phone", "desktop"])
async def test_a_hit_in_the_library_leads_to_its_second(
    pages: Pages, fresh_vault: Vault, size: Any
) -> None:
    await spoken(fresh_vault)
    page = await pages("/library?q=lighthouse", base=fresh_vault.base, size=size)
    hit = page.locator(".tile .spoken a")
    await expect(hit).to_have_text("0:03 … are out we pass the lighthouse and the marigolds again")
    assert await overflow(page) == []
    await hit.click()
    await page.wait_for_function(HAS_PLAYED)

    assert await time_of(page) == 3
    await page.wait_for_function(
        "() => [...player.textTracks].some(({ mode, language }) => mode === 'showing' && language"
        " === 'en')"
    )


async def test_subtitles_that_come_while_a_video_plays_do_not_interrupt_it(
    pages: Pages, fresh_vault: Vault
) -> None:
    job = await spoken(fresh_vault)
    subtitles = (fresh_vault.downloads / (job.output_path or "")).with_suffix(".en.vtt")
    hidden = subtitles.rename(subtitles.with_suffix(".hidden"))
    page = await pages(f"/jobs/{job.id}", base=fresh_vault.base)
    await page.wait_for_function(HAS_PLAYED)
    await expect(page.locator("#spoken")).to_have_count(0)
    await page.evaluate(
        "player.muted = true; player.playbackRate = 0.5; player.play(); window.film = player"
    )
    hidden.rename(subtitles)
    await page.get_by_role("button", name="Verify now").click()
    await expect(page.locator("#file .verdict")).to_contain_text(re.compile("last checked .*[0-9]"))

    at = await time_of(page)
    await page.wait_for_function(f"() => window.film === player && player.currentTime > {at} + 0.3")


@pytest.mark.parametrize("size", ["phone", "desktop"])
async def test_a_search_in_the_transcript_lists_its_passages_and_the_video_stays(
    pages: Pages, fresh_vault: Vault, size: Any
) -> None:
    job = await spoken(fresh_vault)
    page = await pages(f"/jobs/{job.id}", base=fresh_vault.base, size=size)
    await opened(page)
    await page.evaluate("player.dataset.same = 'yes'")
    await page.get_by_role("searchbox", name="Search the transcript").fill("marigolds")
    await page.keyboard.press("Enter")
    hits = page.locator("#spoken-hits a")
    await expect(hits).to_have_count(2)
    await expect(page.locator("#spoken-hits [role=status]")).to_have_text("2 passages")
    await hits.nth(1).click()

    assert await time_of(page) == 4
    assert await page.evaluate("player.dataset.same") == "yes"
    assert "said=marigolds" in page.url
    assert await overflow(page) == []
    await page.reload()
    await expect(hits).to_have_count(2)


async def test_the_transcript_is_used_with_the_keyboard_and_follows_the_video(
    pages: Pages, fresh_vault: Vault
) -> None:
    job = await spoken(fresh_vault)
    page = await pages(f"/jobs/{job.id}", base=fresh_vault.base)
    await opened(page)
    lines = page.locator("#spoken .transcript a")
    await lines.nth(2).focus()
    await page.keyboard.press("Enter")

    assert await time_of(page) == 3
    await expect(lines.nth(2)).to_have_attribute("aria-current", "true")
    await page.evaluate("player.currentTime = 4.5")
    await expect(lines.nth(3)).to_have_attribute("aria-current", "true")
    await expect(page.locator("#spoken [aria-current]")).to_have_count(1)


async def test_without_javascript_lines_and_search_are_links_and_a_form(
    pages: Pages, fresh_vault: Vault
) -> None:
    job = await spoken(fresh_vault)
    page = await pages(f"/jobs/{job.id}", base=fresh_vault.base, javascript=False)
    await page.get_by_role("searchbox", name="Search the transcript").fill("lighthouse")
    await page.locator(".spoken-search button").click()
    await page.locator("#spoken-hits a").click()

    await expect(page.locator("#player")).to_have_attribute(
        "src", f"/files/{job.id}/items/0/video#t=3.0"
    )


@pytest.mark.parametrize("size", ["phone", "desktop"])
async def test_hostile_words_are_shown_as_text(pages: Pages, fresh_vault: Vault, size: Any) -> None:
    evil = f"&lt;img src=x onerror={RUN}&gt;\u202e\u05d0 needle " + "W" * 300
    job = await spoken(fresh_vault, evil, f"<b>{evil}</b>", language="de")
    for address in ("/library?q=needle", f"/jobs/{job.id}?said=needle"):
        page = await pages(address, base=fresh_vault.base, size=size)
        await page.locator(".spoken a, #spoken-hits a").first.wait_for()

        assert await overflow(page) == []
        assert await page.locator("[onerror]").count() == 0
        assert await page.evaluate("window.hostile") is None
        assert "\u202e" not in await page.inner_text("main")
