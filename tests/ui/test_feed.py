"""The feed in a real browser: one clip plays at a time, keys and swipes lead to the next,
and thousands stay light.
"""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from playwright.async_api import Page, Route, expect

from mediavault.core.marks import Mark, Position, position, position_to_text
from mediavault.core.media import SavedFile
from mediavault.store.port import StoredJob
from mediavault.web.pages.feed import CLIPS
from tests.patience import patient
from tests.ui.browsing import Pages, Size, overflow
from tests.ui.conftest import MakeVault
from tests.ui.vault import Vault

FEED = "/library/feed"
PLAYING = (
    "[...document.querySelectorAll('video')].filter((each) => !each.paused).map((each) =>"
    " each.closest('article').dataset.id)"
)
SOURCES = "document.querySelectorAll('video[src]').length"
AT = "feed.scrollTop / feed.clientHeight"


async def play(pages: Pages, vault: Vault, path: str = FEED, size: Size = "phone") -> Page:
    """Open the feed as somebody who likes motion: its first clip plays."""
    page = await pages(path, base=vault.base, size=size, motion="no-preference")
    await page.locator("[data-state=plays]").wait_for()
    return page


async def plays(page: Page, vault: Vault, number: int) -> None:
    """Wait until this clip fills the window and is the only one that plays."""
    post = vault.saved[number].id
    await page.wait_for_function(f"() => {PLAYING}.join() === '{post}'")
    await expect(page.locator(f"#clip-{post}")).to_be_in_viewport(ratio=0.95)


async def swipe(page: Page, distance: int) -> None:
    cdp = await page.context.new_cdp_session(page)
    for step in range(13):
        point = {"x": 195, "y": (250 if distance > 0 else 750) + distance * step / 12}
        kind = "touchMove" if step else "touchStart"
        await cdp.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
    await cdp.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


async def to_the_end(page: Page) -> None:
    """Hold the key for the next clip down until no clip follows."""
    for _ in range(12):
        for _ in range(6):
            await page.keyboard.press("ArrowDown")
        await page.wait_for_timeout(60)


# --- from clip to clip


@pytest.mark.parametrize(
    ("onwards", "back"),
    [("ArrowDown", "ArrowUp"), ("j", "k"), ("PageDown", "PageUp")],
    ids=["arrows", "letters", "page"],
)
async def test_keys_lead_from_clip_to_clip_and_only_the_shown_one_plays(
    pages: Pages, fresh_vault: Vault, onwards: str, back: str
) -> None:
    page = await play(pages, fresh_vault, size="desktop")
    await plays(page, fresh_vault, 0)
    await page.keyboard.press(onwards)
    await plays(page, fresh_vault, 1)
    await page.keyboard.press(onwards)
    await plays(page, fresh_vault, 2)
    await page.keyboard.press(back)
    await plays(page, fresh_vault, 1)

    await page.wait_for_function(f"() => {AT} === 1")


async def test_a_swipe_leads_to_the_next_clip_and_one_back(
    pages: Pages, fresh_vault: Vault
) -> None:
    page = await play(pages, fresh_vault)
    await swipe(page, -560)
    await plays(page, fresh_vault, 1)
    await swipe(page, 560)

    await plays(page, fresh_vault, 0)


@pytest.mark.parametrize("size", ["phone", "desktop"])
async def test_each_clip_fills_the_window(pages: Pages, fresh_vault: Vault, size: Size) -> None:
    page = await play(pages, fresh_vault, size=size)
    window = page.viewport_size
    box = await page.locator("[data-state=plays]").bounding_box()

    assert box
    assert window
    assert (box["width"], box["height"]) == (window["width"], window["height"])
    assert await overflow(page) == []


async def test_buttons_do_what_the_keys_do(pages: Pages, fresh_vault: Vault) -> None:
    page = await play(pages, fresh_vault, size="desktop")
    await page.get_by_role("button", name="Next").click()
    await plays(page, fresh_vault, 1)
    await page.get_by_role("button", name="Previous").click()
    await plays(page, fresh_vault, 0)
    await page.keyboard.press("?")

    await expect(page.get_by_role("dialog", name="Shortcuts")).to_be_visible()


async def test_letters_are_no_shortcuts_where_single_keys_are_off(
    pages: Pages, fresh_vault: Vault
) -> None:
    page = await play(pages, fresh_vault, size="desktop")
    await page.evaluate("localStorage.setItem('mediavault_single_keys', 'off')")
    await page.keyboard.press("j")
    await page.keyboard.press("?")

    assert await page.evaluate(AT) == 0
    await expect(page.locator("#keys")).to_be_hidden()
    await page.keyboard.press("ArrowDown")
    await plays(page, fresh_vault, 1)


async def test_the_focus_goes_along_and_the_title_is_announced(
    pages: Pages, fresh_vault: Vault
) -> None:
    page = await play(pages, fresh_vault, size="desktop")
    await page.locator(f"#clip-{fresh_vault.saved[0].id} [data-part=heart]").focus()
    await page.keyboard.press("ArrowDown")
    second = page.locator(f"#clip-{fresh_vault.saved[1].id}")

    await expect(second.locator("[data-part=heart]")).to_be_focused()
    await expect(page.locator("#announcer")).to_have_text(
        await second.get_by_role("heading").inner_text()
    )


# --- thousands of clips


async def test_only_the_clips_around_the_shown_one_are_in_the_document(
    pages: Pages, make_vault: MakeVault
) -> None:
    vault = await make_vault(posts=4 * CLIPS)
    page = await play(pages, vault)
    for _ in range(3):
        await page.keyboard.press("ArrowDown")
    await plays(page, vault, 3)
    assert await page.locator("article").count() == 5
    assert await page.evaluate(SOURCES) == 3

    await to_the_end(page)
    await plays(page, vault, 4 * CLIPS - 1)
    assert await page.evaluate("feed.style.getPropertyValue('--clips')") == str(4 * CLIPS)
    assert await page.locator("article").count() == 3
    assert await page.evaluate(SOURCES) == 2
    assert await page.locator("article").last.get_attribute("aria-setsize") == str(4 * CLIPS)


async def test_clips_that_could_not_be_loaded_are_requested_again(
    pages: Pages, make_vault: MakeVault
) -> None:
    vault = await make_vault(posts=CLIPS + 2)
    pages.allow.append("ERR_FAILED")
    page = await pages("/library", base=vault.base, motion="no-preference")

    async def refuse(route: Route) -> None:
        await route.abort()

    await page.route("**/feed?cursor=*", refuse)
    await page.goto(f"{vault.base}{FEED}")
    await page.locator("[data-state=plays]").wait_for()
    await to_the_end(page)
    await expect(page.locator("#messages")).to_contain_text("The vault isn't responding.")
    await page.unroute("**/feed?cursor=*")
    await to_the_end(page)

    await plays(page, vault, CLIPS + 1)
    await expect(page.locator("#messages")).to_be_empty()


# --- the address


async def test_a_reload_shows_the_same_clip_and_the_ones_before_it(
    pages: Pages, make_vault: MakeVault
) -> None:
    vault = await make_vault(posts=2 * CLIPS)
    page = await play(pages, vault, f"{FEED}?order=newest&cursor=")
    await to_the_end(page)
    await plays(page, vault, 2 * CLIPS - 1)
    await page.wait_for_url(f"**/feed?order=newest&clip={vault.saved[-1].id}")
    await page.reload()
    await plays(page, vault, 2 * CLIPS - 1)
    await page.wait_for_function(f"() => Math.round({AT}) === {CLIPS}")  # with the page before it
    await page.keyboard.press("ArrowUp")
    await plays(page, vault, 2 * CLIPS - 2)
    for _ in range(4):
        for _ in range(6):
            await page.keyboard.press("ArrowUp")
        await page.wait_for_timeout(400)

    await plays(page, vault, 0)


async def test_the_way_back_from_a_post_leads_to_its_clip(pages: Pages, fresh_vault: Vault) -> None:
    page = await play(pages, fresh_vault, f"{FEED}?order=newest", size="desktop")
    await page.keyboard.press("ArrowDown")
    await plays(page, fresh_vault, 1)
    await page.wait_for_url("**clip=*")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**/jobs/{fresh_vault.saved[1].id}?in=order%3Dnewest")
    await page.go_back()

    await plays(page, fresh_vault, 1)


async def test_the_library_and_the_feed_lead_to_each_other_with_the_same_filter(
    pages: Pages, vault: Vault
) -> None:
    page = await pages("/library")
    await page.locator("#q").fill("night train")
    await page.wait_for_url("**q=night*")
    await page.get_by_role("link", name="Feed").click()
    await page.wait_for_url("**/library/feed?q=night+train*")
    await expect(page.get_by_role("article").first).to_have_accessible_name(
        re.compile("Night train")
    )
    await page.get_by_role("link", name="Library").first.click()

    await page.wait_for_url("**/library?q=night+train")


# --- playing


async def test_a_tap_and_the_space_bar_pause_and_play(pages: Pages, fresh_vault: Vault) -> None:
    page = await play(pages, fresh_vault)
    await page.touchscreen.tap(195, 300)
    await page.locator("[data-state=paused]").wait_for()
    await expect(page.locator("[data-state=paused] [data-part=tap]")).to_have_accessible_name(
        "Play"
    )
    await page.keyboard.press(" ")
    await page.locator("[data-state=plays]").wait_for()

    await expect(page.locator("[data-state=plays] [data-part=tap]")).to_have_accessible_name(
        "Pause"
    )


async def test_nothing_plays_by_itself_with_reduced_motion(
    pages: Pages, fresh_vault: Vault
) -> None:
    page = await pages(FEED, base=fresh_vault.base, size="phone", motion="reduce")
    await page.keyboard.press("ArrowDown")
    second = page.locator(f"#clip-{fresh_vault.saved[1].id}")
    await expect(second).to_be_in_viewport(ratio=0.95)
    await expect(second).to_have_attribute("data-state", "paused")
    assert await page.evaluate(PLAYING) == []
    await page.touchscreen.tap(195, 300)

    await plays(page, fresh_vault, 1)


async def test_sound_that_the_browser_refused_is_one_tap_away_and_remembered(
    pages: Pages, fresh_vault: Vault
) -> None:
    page = await play(pages, fresh_vault)
    muted = "[...document.querySelectorAll('video')].map((each) => each.muted)"
    sound = page.get_by_role("button", name="Mute")
    await expect(page.get_by_text("Turn sound on")).to_be_visible()
    assert set(await page.evaluate(muted)) == {True}

    await sound.click()
    await expect(sound).to_have_attribute("aria-pressed", "false")
    await expect(page.get_by_text("Turn sound on")).to_be_hidden()
    await page.keyboard.press("ArrowDown")
    await plays(page, fresh_vault, 1)
    assert set(await page.evaluate(muted)) == {False}

    await page.keyboard.press("m")
    await page.reload()
    await page.locator("[data-state=plays]").wait_for()
    await expect(sound).to_have_attribute("aria-pressed", "true")
    await expect(page.get_by_text("Turn sound on")).to_be_hidden()  # it was chosen, not refused


async def test_the_line_at_the_bottom_shows_the_progress_and_seeks(
    pages: Pages, fresh_vault: Vault
) -> None:
    page = await play(pages, fresh_vault, f"{FEED}?order=longest")
    await page.keyboard.press(" ")
    clip = page.locator("[data-state=paused]")
    slider = clip.get_by_role("slider", name="Position")
    await slider.fill("9")

    assert await clip.locator("video").evaluate("(video) => video.currentTime") == 9
    await expect(slider).to_have_attribute("aria-valuetext", "0:09 / 0:12")
    await expect(clip.locator("[data-part=line]")).to_have_css(
        "transform", re.compile(r"matrix\(0\.7[45]")
    )


async def test_a_clip_that_ends_is_marked_watched_and_begins_again(
    pages: Pages, fresh_vault: Vault
) -> None:
    page = await play(pages, fresh_vault)
    post = fresh_vault.saved[0].id
    await page.evaluate("document.querySelector('[data-state] video').currentTime = 3.8")
    await page.locator(f"#clip-{post}[data-ended]").wait_for()
    await page.wait_for_function(
        "() => document.querySelector('[data-state] video').currentTime < 2"
    )
    await plays(page, fresh_vault, 0)

    marks = (await fresh_vault.store.marks.of_jobs([post]))[post]
    assert "watched/owner" in [mark.name for mark in marks]


async def test_a_clip_goes_on_where_it_was_left(pages: Pages, fresh_vault: Vault) -> None:
    page = await play(pages, fresh_vault, f"{FEED}?order=longest")
    post = str(await page.locator("[data-state=plays]").get_attribute("data-id"))
    await page.evaluate("document.querySelector('[data-state=plays] video').currentTime = 10.4")
    async with page.expect_request("**/position", timeout=patient(10) * 1_000):
        await page.keyboard.press("ArrowDown")
    await page.locator(f"#clip-{post}:not([data-state=plays])").wait_for()
    await page.goto(f"{fresh_vault.base}{FEED}?order=longest")

    await page.wait_for_function(
        f"() => document.querySelector('#clip-{post} video')?.currentTime > 10"
    )


async def test_a_clip_that_did_not_play_keeps_its_position(
    pages: Pages, fresh_vault: Vault
) -> None:
    """Else scrolling past a video would bring it to the front of what is being watched."""
    post = fresh_vault.saved[0].id
    mark = Mark(post, position("owner"), position_to_text(Position(2.0, 4.0)), place=1)
    await fresh_vault.store.marks.put([mark])
    page = await pages(FEED, base=fresh_vault.base, motion="reduce")
    await page.wait_for_function(
        f"() => document.querySelector('#clip-{post} video')?.currentTime === 2"
    )
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.goto(f"{fresh_vault.base}/library")

    assert not [url for url in asked if url.endswith("/position")]
    assert [
        one
        for one in (await fresh_vault.store.marks.of_jobs([post]))[post]
        if one.name == mark.name
    ] == [mark]


async def test_a_file_that_cannot_be_played_says_so_and_the_next_one_plays(
    pages: Pages, fresh_vault: Vault
) -> None:
    first = fresh_vault.saved[0]
    (fresh_vault.downloads / str(first.output_path)).write_bytes(b"no video at all")
    page = await pages(FEED, base=fresh_vault.base, motion="no-preference")
    await expect(page.locator(f"#clip-{first.id} [data-part=broken]")).to_be_visible()
    await page.keyboard.press("ArrowDown")

    await plays(page, fresh_vault, 1)


# --- what can be done with a clip


@pytest.mark.parametrize("by", ["key", "button"])
async def test_the_heart_makes_a_clip_a_favourite_and_takes_it_back(
    pages: Pages, fresh_vault: Vault, by: str
) -> None:
    page = await play(pages, fresh_vault, size="desktop")
    post = fresh_vault.saved[0].id
    heart = page.locator(f"#clip-{post}").get_by_role("button", name="Favourite")
    for pressed in ("true", "false"):
        async with page.expect_response("**/marks"):
            await (page.keyboard.press("h") if by == "key" else heart.click())
        await expect(heart).to_have_attribute("aria-pressed", pressed)
        marks = (await fresh_vault.store.marks.of_jobs([post])).get(post, ())
        assert ("favourite/owner" in [mark.name for mark in marks]) == (pressed == "true")


# --- shapes, without the script, below a path


async def test_a_portrait_clip_keeps_its_shape_with_its_buttons_beside_it(
    pages: Pages, fresh_vault: Vault
) -> None:
    first = fresh_vault.saved[0]
    saved = first.items[0].saved
    assert isinstance(saved, SavedFile)
    tall = replace(first.items[0], saved=replace(saved, width=180, height=320))
    await fresh_vault.store.catalogue.remove(first.id)
    await fresh_vault.store.catalogue.import_jobs(
        [StoredJob(replace(first, width=180, height=320, items=(tall,)))]
    )
    (fresh_vault.downloads / str(first.output_path)).unlink()  # it is not
    pages.allow.append("404")
    page = await pages(FEED, base=fresh_vault.base, size="desktop")
    clip = page.locator(f"#clip-{first.id}[data-portrait]")
    stage, rail = [
        await clip.locator(each).bounding_box() for each in (".feed-stage", ".feed-rail")
    ]

    assert stage
    assert rail
    assert stage["width"] / stage["height"] == pytest.approx(9 / 16, abs=0.01)
    assert rail["x"] > stage["x"] + stage["width"]
    await expect(clip.locator(".feed-poster")).to_have_css("object-fit", "contain")


async def test_without_javascript_the_feed_is_a_list_of_the_browsers_own_players(
    pages: Pages, vault: Vault
) -> None:
    page = await pages(FEED, javascript=False, size="phone")
    assert await page.locator("article video[controls][preload=none][poster]").count() == CLIPS
    first = page.get_by_role("article").first
    await expect(first.locator("video")).to_be_visible()
    await expect(first.locator("[data-part=tap]")).to_be_hidden()
    await page.get_by_role("link", name="More").click()
    await page.wait_for_url("**cursor=*")
    await page.get_by_role("link", name="Earlier").click()

    await page.wait_for_url("**before=*")
    assert await page.get_by_role("article").first.get_attribute("data-id") == vault.saved[0].id


async def test_the_feed_works_below_a_path(pages: Pages, make_vault: MakeVault) -> None:
    vault = await make_vault(posts=CLIPS + 3, base_path="/media")
    page = await pages("/media/library/feed", base=vault.base, motion="no-preference")
    await plays(page, vault, 0)
    await to_the_end(page)
    await plays(page, vault, CLIPS + 2)

    assert "/media/library/feed?clip=" in page.url
