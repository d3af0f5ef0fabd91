"""Favourites, tags, collections, notes, positions and saved searches in a real browser."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable
from functools import cache

import pytest
from playwright.async_api import Page, Request, expect

from mediavault.core.job import Job, JobId
from mediavault.core.marks import Position, PostMarks
from mediavault.core.users import OWNER
from mediavault.store.mark_changes import read_marks, save_position
from tests import media
from tests.fakes import FakeClock
from tests.patience import patient
from tests.ui.browsing import Pages, Size, overflow
from tests.ui.vault import Vault

both = pytest.mark.parametrize("size", ["phone", "desktop"])


async def post_marks(vault: Vault, job_id: str) -> PostMarks:
    return (await read_marks(vault.store, OWNER, [JobId(job_id)])).get(JobId(job_id), PostMarks())


def plain(vault: Vault) -> Job:
    """Return a saved post without marks whose video is long enough to be left in the middle."""
    return next(
        job
        for number, job in enumerate(vault.saved)
        if number % 4 == 0 and (job.duration_s or 0) > 10
    )


@cache
def two_minutes() -> bytes:
    return media.mp4(120.0)


async def until_marked(vault: Vault, job_id: str, wanted: Callable[[PostMarks], bool]) -> PostMarks:
    """Wait until the store has what the page sent."""
    async with asyncio.timeout(patient(20)):
        while not wanted(found := await post_marks(vault, job_id)):
            await asyncio.sleep(0.05)
    return found


@both
async def test_a_post_is_a_favourite_by_its_button_and_by_a_key(
    pages: Pages, fresh_vault: Vault, size: Size
) -> None:
    job = plain(fresh_vault)
    page = await pages(f"/jobs/{job.id}", size=size, base=fresh_vault.base)
    await page.locator("#heart").click()
    await expect(page.locator("#heart")).to_have_attribute("aria-pressed", "true")
    assert (await post_marks(fresh_vault, job.id)).favourite

    await page.keyboard.press("h")
    await expect(page.locator("#heart")).to_have_attribute("aria-pressed", "false")
    assert not (await post_marks(fresh_vault, job.id)).favourite
    assert await overflow(page) == []


@both
async def test_tags_and_collections_are_added_and_removed_without_leaving_the_page(
    pages: Pages, fresh_vault: Vault, size: Size
) -> None:
    job = plain(fresh_vault)
    page = await pages(f"/jobs/{job.id}", size=size, base=fresh_vault.base)
    await page.keyboard.press("t")
    await page.keyboard.type("#Cats, long train")
    await page.keyboard.press("Enter")
    await expect(page.locator("#marks .chip a bdi")).to_have_text(["Cats", "long train"])
    await expect(page.locator("#add_tags")).to_be_focused()
    await page.locator("#add_to").fill("Journeys")
    await page.keyboard.press("Enter")
    await expect(page.locator("#marks .chip a bdi")).to_have_text(
        ["Cats", "long train", "Journeys"]
    )
    assert await post_marks(fresh_vault, job.id) == PostMarks(
        tags=("Cats", "long train"), collections=("Journeys",)
    )

    await page.get_by_role("button", name="Remove Cats").click()
    await expect(page.locator("#marks .chip a bdi")).to_have_text(["long train", "Journeys"])
    await page.locator("#marks .chip a", has_text="long train").click()
    await expect(page.locator(".tile .name")).to_have_count(1)
    assert await overflow(page) == []


async def test_what_cannot_be_a_tag_is_explained_and_the_text_stays(
    pages: Pages, fresh_vault: Vault
) -> None:
    pages.allow.append("422")
    page = await pages(f"/jobs/{plain(fresh_vault).id}", base=fresh_vault.base)
    await page.locator("#add summary").click()
    await page.locator("#add_tags").fill('a"b')
    await page.keyboard.press("Enter")

    await expect(page.locator("#messages")).to_contain_text("can't be a tag")
    await expect(page.locator("#add_tags")).to_have_value('a"b')


async def test_a_note_that_cannot_be_sent_is_kept_in_its_field(
    pages: Pages, fresh_vault: Vault
) -> None:
    pages.allow.append("Failed to load resource|ERR_INTERNET_DISCONNECTED")
    job = plain(fresh_vault)
    page = await pages(f"/jobs/{job.id}", base=fresh_vault.base)
    await page.context.set_offline(True)
    await page.locator("#add summary").click()
    await page.locator("#note").fill("Seen from the bridge.")
    await page.locator(".note button").click()

    await expect(page.locator("#messages")).to_contain_text("You're offline.")
    await expect(page.locator("#note")).to_have_value("Seen from the bridge.")
    await page.context.set_offline(False)


async def test_a_note_is_saved_and_shown_again(pages: Pages, fresh_vault: Vault) -> None:
    job = plain(fresh_vault)
    page = await pages(f"/jobs/{job.id}", base=fresh_vault.base)
    await page.locator("#add summary").click()
    await page.locator("#note").fill("From the old line.\nKeep.")
    await page.locator(".note button").click()
    await until_marked(fresh_vault, job.id, lambda found: found.note == "From the old line.\nKeep.")
    await page.reload()
    await expect(page.locator("#note")).to_have_value("From the old line.\nKeep.")


START = {
    "the big button": lambda page: page.get_by_role("button", name="Play the video").click(),
    "the picture": lambda page: page.locator("#stage").click(position={"x": 60, "y": 120}),
    "space": lambda page: page.keyboard.press("Space"),
    "k": lambda page: page.keyboard.press("k"),
}


async def left_at(vault: Vault, at_s: float) -> Job:
    """Let a saved video last two minutes, of which its user has seen so much."""
    job = next(
        job for job in vault.saved if str(job.output_path).endswith(".mp4") and len(job.items) <= 1
    )
    (vault.downloads / str(job.output_path)).write_bytes(two_minutes())
    await save_position(vault.store, FakeClock(), OWNER, job.id, Position(at_s, 120.0))
    return job


async def time_after(page: Page, seconds: float) -> float:
    """Let the video play for so long, and return its position."""
    await page.wait_for_function("() => !document.getElementById('player').paused")
    await page.wait_for_function(
        f"() => {{ const it = document.getElementById('player').played; return it.length &&"
        f" it.end(it.length - 1) - it.start(it.length - 1) > {seconds} }}"
    )
    return float(await page.evaluate("document.getElementById('player').currentTime"))


@both
@pytest.mark.parametrize("how", START)
async def test_a_video_resumes_where_it_was_left_however_it_is_started(
    pages: Pages, fresh_vault: Vault, how: str, size: Size
) -> None:
    job = await left_at(fresh_vault, 85)
    page = await pages(f"/jobs/{job.id}", size=size, base=fresh_vault.base, motion="no-preference")
    await expect(page.locator("#resume")).to_contain_text("Resumes at 1:25")
    assert await overflow(page) == []
    if how == "the picture" and size == "phone":
        await page.touchscreen.tap(100, 250)
    else:
        await START[how](page)

    assert await time_after(page, 0.5) > 85


@both
async def test_the_position_never_goes_back_while_a_resumed_video_plays(
    pages: Pages, fresh_vault: Vault, size: Size
) -> None:
    job = await left_at(fresh_vault, 85)
    page = await pages(f"/jobs/{job.id}", size=size, base=fresh_vault.base)
    sent: list[float] = []

    def note(request: Request) -> None:
        if request.url.endswith("/position") and request.post_data:
            sent.append(json.loads(request.post_data)["at"])

    page.on("request", note)
    await page.locator("#big-play").click()
    assert await time_after(page, 5) > 90
    await page.keyboard.press("k")
    await until_marked(
        fresh_vault, job.id, lambda found: found.position is not None and found.position.at > 89
    )
    await page.reload()
    await page.locator("#big-play").click()

    assert await time_after(page, 0.5) > 89.9  # a tenth of a second is stored
    assert all(after > before - 0.1 for before, after in itertools.pairwise(sent))
    assert min(sent) >= 85


@both
async def test_a_video_on_the_shelf_resumes_and_can_start_over(
    pages: Pages, fresh_vault: Vault, size: Size
) -> None:
    job = await left_at(fresh_vault, 85)
    page = await pages("/", size=size, base=fresh_vault.base)
    await expect(page.locator("[data-key=watching] progress.seen").first).to_be_attached()
    await page.locator(f"[data-key=watching] a[href*='{job.id}']").last.click()
    await page.locator("#big-play").click()
    assert await time_after(page, 0.2) > 85
    await page.get_by_role("button", name="Start over").click()
    await page.wait_for_function("() => document.getElementById('player').currentTime < 60")

    await expect(page.locator("#resume")).to_be_hidden()
    await page.keyboard.press("k")
    await until_marked(
        fresh_vault, job.id, lambda found: found.position is None or found.position.at < 60
    )


async def test_a_player_that_starts_at_the_beginning_does_not_erase_the_position(
    pages: Pages, fresh_vault: Vault
) -> None:
    """Its user has neither sought nor watched: so something else went wrong."""
    job = await left_at(fresh_vault, 85)
    page = await pages(f"/jobs/{job.id}", base=fresh_vault.base)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    await page.evaluate("document.getElementById('resume').hidden = true")  # so it does not resume
    await page.keyboard.press("k")
    assert 2 < await time_after(page, 2) < 60
    await page.keyboard.press("k")
    await page.wait_for_function("() => document.getElementById('player').paused")
    await page.goto(f"{fresh_vault.base}/library")

    assert not [url for url in sent if url.endswith("/position")]
    assert (await post_marks(fresh_vault, job.id)).position == Position(85, 120.0)


async def test_pausing_stores_the_position_and_the_end_that_it_was_watched(
    pages: Pages, fresh_vault: Vault
) -> None:
    job = plain(fresh_vault)
    page = await pages(f"/jobs/{job.id}", base=fresh_vault.base)
    stopped = """(at) => new Promise((done) => {
      const player = document.getElementById("player");
      player.muted = true;
      player.currentTime = at;
      player.addEventListener("pause", () => setTimeout(done, 50), { once: true });
      player.play().then(() => player.pause());
    })"""
    await page.evaluate(stopped, 10.5)
    found = await until_marked(fresh_vault, job.id, lambda found: found.position is not None)
    assert found.position is not None
    assert found.position.at >= 10.4

    await page.evaluate(stopped, 11.9)
    assert await until_marked(fresh_vault, job.id, lambda found: found.watched) == PostMarks(
        watched=True
    )


@both
async def test_a_selection_is_tagged_in_place_and_ctrl_z_undoes_it(
    pages: Pages, fresh_vault: Vault, size: Size
) -> None:
    page = await pages("/library", size=size, base=fresh_vault.base)
    for index in (0, 1):
        await page.locator(".pick input").nth(index).press(" ")
    ids = [await page.locator(".pick input").nth(index).input_value() for index in (0, 1)]
    await page.locator(".mark-menu summary").click()
    assert await overflow(page) == []
    await page.locator("#mark-tags").fill("Batch")

    async def tagged() -> list[bool]:
        return ["Batch" in (await post_marks(fresh_vault, job_id)).tags for job_id in ids]

    await page.evaluate("window.isThisPage = true")
    await page.locator(".mark-menu button[value=tag]").click()
    await expect(page.locator(".toast p")).to_have_text("Tagged 2 with “Batch”.")
    assert await tagged() == [True, True]
    assert await overflow(page) == []
    await expect(page.locator(".toast button")).to_be_in_viewport(ratio=1)
    await expect(page.locator("#selected-count")).to_have_text("2 selected")

    await page.keyboard.press("Control+z")
    await expect(page.locator(".toast p")).to_have_text("Undone.")
    assert await tagged() == [False, False]
    assert await page.evaluate("window.isThisPage")


async def test_the_heart_key_marks_the_tile_that_has_the_focus(
    pages: Pages, fresh_vault: Vault
) -> None:
    page = await pages("/library", base=fresh_vault.base)
    tile = page.locator(f"#job-{plain(fresh_vault).id}")
    await tile.locator(".name").focus()
    await page.keyboard.press("h")
    await expect(tile.locator(".loved")).to_be_visible()
    await page.keyboard.press("h")
    await expect(tile.locator(".loved")).to_have_count(0)


@both
async def test_a_search_is_saved_opened_and_removed(
    pages: Pages, fresh_vault: Vault, size: Size
) -> None:
    page = await pages("/library?mine=favourites", size=size, base=fresh_vault.base)
    await page.locator(".searches summary").click()
    await page.locator("#search-name").fill("Loved")
    await page.locator(".searches button[name=save]").click()
    await expect(page.locator(".searches .chip a")).to_have_text("Loved")
    await page.goto(f"{fresh_vault.base}/library")
    await page.locator(".searches .chip a").click()
    await expect(page).to_have_url(f"{fresh_vault.base}/library?mine=favourites")
    assert await overflow(page) == []

    await page.get_by_role("button", name="Remove the search Loved").click()
    await expect(page.locator(".searches .chip")).to_have_count(0)


@both
async def test_a_collection_is_put_in_order_and_renamed(
    pages: Pages, fresh_vault: Vault, size: Size
) -> None:
    page = await pages("/collections/to%20watch", size=size, base=fresh_vault.base)
    titles = page.locator(".ordered .name")
    first, second = await titles.nth(0).inner_text(), await titles.nth(1).inner_text()
    await page.locator(".ordered li").nth(0).get_by_role("button", name="Move down").click()
    await expect(titles.nth(0)).to_have_text(second)
    await expect(titles.nth(1)).to_have_text(first)
    assert await overflow(page) == []

    taken_out = page.locator(".ordered li", has_text=second)
    await taken_out.get_by_role("button", name="Remove from the collection").click()
    await expect(page.locator(".toast p")).to_have_text("Removed 1 from “To watch”.")
    await expect(titles.nth(0)).to_have_text(first)
    await page.locator(".toast button").click()
    await expect(titles.nth(0)).to_have_text(second)

    await page.goto(f"{fresh_vault.base}/collections")
    await page.locator("summary[aria-label='Change To watch']").click()
    await page.locator("#new-collection-1").fill("Later")
    await page.get_by_role("button", name="Rename").first.click()
    await expect(page.locator(".names").first).to_contain_text("Later")


@both
async def test_a_video_leaves_the_shelf_of_begun_ones_and_undo_brings_its_position_back(
    pages: Pages, fresh_vault: Vault, size: Size
) -> None:
    page = await pages("/", size=size, base=fresh_vault.base)
    begun = page.locator('[data-key="watching"] .saved').first
    job_id = await begun.get_attribute("data-key") or ""
    before = (await post_marks(fresh_vault, job_id)).position
    await begun.hover()
    await begun.get_by_role("button", name="Remove from Continue watching").click()

    await expect(page.locator(".toast p")).to_have_text("Removed 1 from Continue watching.")
    await expect(page.locator(f'[data-key="watching"] [data-key="{job_id}"]')).to_have_count(0)
    assert (await post_marks(fresh_vault, job_id)).position is None
    await page.locator(".toast button").click()
    await expect(page.locator(f'[data-key="watching"] [data-key="{job_id}"]')).to_have_count(1)
    assert (await post_marks(fresh_vault, job_id)).position == before
