"""The player in a real browser: its controls, chapters, subtitles, previews,
and what plays next.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from mediavault.core.job import Job
from mediavault.core.marks import Mark, MarkKind, VideoSegment, segments_to_text
from tests import media
from tests.ui.browsing import SIZES, Pages, overflow
from tests.ui.hostile_texts import RUN
from tests.ui.sample import store_saved
from tests.ui.test_post import HAS_PLAYED, album, mp4_of, time_of
from tests.ui.vault import Vault

NUMBERS = iter(range(610, 700))  # of further posts: every test has its own
PLAYS = "() => !document.getElementById('player').paused"
SHEET = (
    "() => getComputedStyle(document.querySelector('.preview-picture')).backgroundImage.includes('/"
    "preview')"
)


async def subtitled(vault: Vault, **texts: Any) -> Job:
    return await store_saved(
        vault.store,
        vault.downloads,
        media.subtitled("mp4", 6.0, **texts),
        "mp4",
        number=next(NUMBERS),
    )


async def at(page: Page, locator: Locator, share: float) -> None:
    """Move the mouse over a part of an element."""
    box = await locator.bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + box["width"] * share, box["y"] + box["height"] / 2)


async def begin(page: Page) -> None:
    """Show the controls of a paused video."""
    await page.wait_for_function(HAS_PLAYED)
    await page.evaluate("document.getElementById('player').muted = true")
    await page.evaluate("document.getElementById('player').currentTime = 0.1")
    await page.locator("#controls").wait_for()


async def open_chapters(page: Page) -> None:
    """Show the list of chapters; it has a tab only if something else is beside the video."""
    await page.locator("#chapters button").first.wait_for(state="attached")
    tab = page.get_by_role("tab", name="Chapters")
    if await tab.count():
        await tab.click()


async def end(page: Page) -> None:
    """Play the video's last moment."""
    await page.wait_for_function(HAS_PLAYED)
    await page.evaluate("""() => {
      const player = document.getElementById("player");
      Object.assign(player, { muted: true, currentTime: player.duration - 0.1 });
      player.play();
    }""")


# --- controls


@pytest.mark.parametrize("size", ["phone", "desktop"])
async def test_the_controls_play_seek_mute_and_fill_the_screen(
    pages: Pages, vault: Vault, size: Any
) -> None:
    page = await pages(f"/jobs/{mp4_of(vault).id}", size=size)
    await begin(page)
    controls = page.get_by_role("group", name="Player")
    await controls.get_by_role("slider", name="Position").fill("9")
    assert await time_of(page) == 9
    await expect(page.locator("[data-field=now]")).to_have_text("0:09")
    await expect(page.locator("#seek")).to_have_attribute(
        "aria-valuetext", re.compile("^0:09 / 0:12$")
    )

    await expect(controls.get_by_role("button", name="Mute")).to_have_attribute(
        "aria-pressed", "true"
    )
    await controls.get_by_role("button", name="Mute").click()
    await expect(controls.get_by_role("button", name="Mute")).to_have_attribute(
        "aria-pressed", "false"
    )
    await page.keyboard.press("m")
    await controls.get_by_role("button", name="Play").click()
    await page.wait_for_function(PLAYS)
    await controls.get_by_role("button", name="Pause").click()
    await controls.get_by_role("button", name="Full screen").click()
    await page.wait_for_function("() => document.fullscreenElement?.id === 'stage'")
    await page.keyboard.press("f")
    await page.wait_for_function("() => !document.fullscreenElement")


async def test_the_keys_of_the_page_work_on_the_seek_bar_too(pages: Pages, vault: Vault) -> None:
    page = await pages(f"/jobs/{mp4_of(vault).id}")
    await begin(page)
    await page.locator("#seek").focus()
    await page.keyboard.press("ArrowRight")
    after_arrow = await time_of(page)
    await page.keyboard.press("5")
    at_half = await time_of(page)
    await page.keyboard.press("End")

    assert (after_arrow, round(at_half)) == (5.1, 6)
    assert await time_of(page) > 11


async def test_the_volume_is_set_with_its_slider(pages: Pages, vault: Vault) -> None:
    page = await pages(f"/jobs/{mp4_of(vault).id}")
    await begin(page)
    await page.get_by_role("slider", name="Volume").fill("0.5")
    state = await page.evaluate(
        "(({volume, muted}) => [volume, muted])(document.getElementById('player'))"
    )

    assert state == [0.5, False]


async def test_the_controls_of_a_playing_video_go_and_come_back(pages: Pages, vault: Vault) -> None:
    page = await pages(f"/jobs/{mp4_of(vault).id}")
    await begin(page)
    await page.locator("h1").hover()
    await page.keyboard.press("k")
    await expect(page.locator("#stage:not([data-shown])")).to_have_count(1)
    await page.locator("#player").hover()
    await expect(page.locator("#stage[data-shown]")).to_have_count(1)
    await page.locator("#player").click(position={"x": 100, "y": 100})
    await page.wait_for_function("() => document.getElementById('player').paused")

    await expect(page.locator("#stage[data-shown]")).to_have_count(1)


# --- previews


async def test_the_picture_of_the_moment_is_shown_over_the_seek_bar(
    pages: Pages, vault: Vault
) -> None:
    page = await pages(f"/jobs/{mp4_of(vault).id}")
    await begin(page)
    await at(page, page.locator("#seek"), 0.5)
    await page.locator("#preview").wait_for()
    await page.wait_for_function(
        "() => performance.getEntriesByType('resource').some((one) =>"
        " one.name.endsWith('/items/0/preview'))"
    )
    await at(page, page.locator("#seek"), 0.1)
    await at(page, page.locator("#seek"), 0.5)
    await page.wait_for_function(SHEET)
    middle = await page.evaluate(
        "document.querySelector('.preview-picture').style.backgroundPosition"
    )
    await expect(page.locator("#preview [data-field=at]")).to_have_text("0:06")
    await at(page, page.locator("#seek"), 0.01)
    first = await page.evaluate(
        "document.querySelector('.preview-picture').style.backgroundPosition"
    )
    await page.locator("h1").hover()

    await expect(page.locator("#preview")).to_be_hidden()
    assert (first, middle != first) == ("0px 0px", True)


async def test_dragging_shows_where_it_would_go_and_seeks_at_its_end(
    pages: Pages, vault: Vault
) -> None:
    page = await pages(f"/jobs/{mp4_of(vault).id}")
    await begin(page)
    await at(page, page.locator("#seek"), 0.02)
    await page.mouse.down()
    await at(page, page.locator("#seek"), 0.75)
    await expect(page.locator("#preview")).to_be_visible()
    while_dragging = await time_of(page)
    await page.mouse.up()

    await expect(page.locator("#preview")).to_be_hidden()
    assert while_dragging < 1
    assert 8.5 < await time_of(page) < 9.5


async def test_a_finger_on_the_seek_bar_shows_the_moment_and_seeks_when_it_leaves(
    pages: Pages, vault: Vault
) -> None:
    page = await pages(f"/jobs/{mp4_of(vault).id}", size="phone")
    await begin(page)
    box = await page.locator("#seek").bounding_box()
    assert box is not None
    finger = await page.context.new_cdp_session(page)

    async def touch(kind: str, share: float | None) -> None:
        points = (
            []
            if share is None
            else [{"x": box["x"] + box["width"] * share, "y": box["y"] + box["height"] / 2}]
        )
        await finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    await touch("touchStart", 0.02)
    for share in (0.2, 0.4, 0.5):
        await touch("touchMove", share)
    await expect(page.locator("#preview")).to_be_visible()
    await expect(page.locator("#preview [data-field=at]")).to_have_text("0:06")
    before = await time_of(page)
    await touch("touchEnd", None)

    await expect(page.locator("#preview")).to_be_hidden()
    assert before < 1
    assert 5.5 < await time_of(page) < 6.5


# --- chapters and subtitles


@pytest.mark.parametrize("size", ["phone", "desktop"])
async def test_chapters_are_marked_and_listed_and_jump(
    pages: Pages, fresh_vault: Vault, size: Any
) -> None:
    job = await subtitled(fresh_vault, chapters=((0.0, "Start"), (2.0, "Middle"), (4.0, "")))
    page = await pages(f"/jobs/{job.id}", base=fresh_vault.base, size=size)
    await begin(page)
    await open_chapters(page)
    chapters = page.locator("#chapters button")
    await expect(chapters).to_have_text(["0:00Start", "0:02Middle", "0:04Chapter 3"])
    await chapters.nth(1).click()

    assert await time_of(page) == 2
    await expect(chapters.nth(1)).to_have_attribute("aria-current", "true")
    await expect(page.locator("#chapter-marks i")).to_have_count(2)
    await expect(page.locator("#controls [data-field=chapter-now]")).to_have_text("Middle")


@pytest.mark.parametrize("size", ["phone", "desktop"])
async def test_a_part_that_sponsorblock_marked_can_be_skipped_while_it_plays(
    pages: Pages, fresh_vault: Vault, size: Any
) -> None:
    job = await subtitled(fresh_vault)
    text = segments_to_text([VideoSegment(1.0, 3.0, "sponsor"), VideoSegment(4.0, 5.0, "filler")])
    await fresh_vault.store.marks.put([Mark(job.id, MarkKind.SEGMENTS, text)])
    page = await pages(f"/jobs/{job.id}", base=fresh_vault.base, size=size)
    await begin(page)
    skip = page.locator("#skip")
    await expect(page.locator("#segment-marks i")).to_have_count(2)
    await page.evaluate("document.getElementById('player').currentTime = 1.5")
    await expect(skip).to_have_text("Skip the advertising")
    await page.screenshot(path=str(fresh_vault.downloads / f"skip-{size}.png"))
    await skip.click()

    assert await time_of(page) == 3
    await expect(skip).to_be_hidden()
    await page.evaluate("document.getElementById('player').currentTime = 4.2")
    await expect(skip).to_have_text("Skip this part")


async def test_subtitles_are_chosen_from_a_menu_and_remembered(
    pages: Pages, fresh_vault: Vault
) -> None:
    job = await subtitled(fresh_vault, title="", cues=((0.0, 5.0, "Hello"),))
    (fresh_vault.downloads / (job.output_path or "")).with_suffix(".de.vtt").write_text(
        "WEBVTT\n\n00:00.000 --> 00:05.000\nHallo\n"
    )
    page = await pages(f"/jobs/{job.id}", base=fresh_vault.base)
    await begin(page)
    await page.locator("#captions summary").click()
    choices = page.locator("#captions button")
    await expect(choices).to_have_text(["Off", "English", "German"])
    for number, text in ((1, "Hello"), (2, "Hallo")):
        await choices.nth(number).click()
        await page.wait_for_function(
            (
                "(text) => [...document.getElementById('player').textTracks].some(({ mode,"
                " activeCues }) => mode === 'showing' && activeCues?.[0]?.text === text)"
            ),
            arg=text,
        )
        await page.locator("#captions summary").click()
    await page.reload()
    await begin(page)

    await expect(choices.nth(2)).to_have_attribute("aria-pressed", "true")


async def test_a_video_without_chapters_and_subtitles_shows_neither(
    pages: Pages, vault: Vault
) -> None:
    page = await pages(f"/jobs/{mp4_of(vault).id}")
    async with page.expect_response(re.compile("/tracks$")):
        await page.reload()
    await begin(page)

    await expect(page.locator("#captions:not([hidden]), #chapters:not([data-none])")).to_have_count(
        0
    )


@pytest.mark.parametrize("size", list(SIZES))
async def test_hostile_texts_of_a_file_are_shown_as_text(
    pages: Pages, fresh_vault: Vault, size: Any
) -> None:
    evil = f"<img src=x onerror={RUN}>\u202e\u05d0 " + "W" * 300
    job = await subtitled(
        fresh_vault,
        title=evil,
        language="<b>",
        cues=((0.0, 5.0, f"<b>{evil}</b>"),),
        chapters=((0.0, evil), (2.0, evil)),
    )
    page = await pages(f"/jobs/{job.id}", base=fresh_vault.base, size=size)
    await begin(page)
    await page.locator("#captions summary").click()
    await page.locator("#captions button").nth(1).click()
    await page.wait_for_function(
        "() => document.getElementById('player').textTracks[0].activeCues?.length"
    )
    cue = await page.evaluate(
        "document.getElementById('player').textTracks[0].activeCues[0].getCueAsHTML().textContent"
    )
    await open_chapters(page)

    assert cue.startswith("<b><img src=x")
    await expect(page.locator("#chapters button").first).to_contain_text("<img src=x")
    assert await page.locator("#stage img").count() == 0
    assert await overflow(page) == []


# --- what plays next


async def test_autoplay_is_off_at_first_and_remembered(pages: Pages, vault: Vault) -> None:
    page = await pages(f"/jobs/{vault.saved[0].id}")
    switch = page.get_by_role("switch", name="Autoplay")
    await expect(switch).not_to_be_checked()
    await end(page)
    await page.wait_for_function("() => document.getElementById('player').ended")
    await expect(page.locator("#next-video")).to_be_hidden()
    await switch.check()
    await page.reload()

    await expect(switch).to_be_checked()


async def test_the_next_video_plays_after_a_countdown(pages: Pages, vault: Vault) -> None:
    page = await pages(f"/jobs/{vault.saved[0].id}?in=")
    await page.clock.install()
    await page.get_by_role("switch", name="Autoplay").check()
    await end(page)
    await page.locator("#next-video").wait_for()
    await expect(page.locator("[data-field=announced]")).to_contain_text("Up next: ")
    await page.clock.run_for(7_000)
    await expect(page.locator("[data-field=countdown]")).to_have_text("1 s")
    await page.clock.run_for(1_500)
    await page.wait_for_url(re.compile(vault.saved[1].id))

    await page.wait_for_function("() => document.getElementById('player').currentTime > 0")


async def test_the_next_video_of_the_same_post_comes_before_the_next_post(
    pages: Pages, fresh_vault: Vault
) -> None:
    post = await album(fresh_vault)
    page = await pages(f"/jobs/{post.id}?in=", base=fresh_vault.base)
    await page.clock.install()
    await page.get_by_role("switch", name="Autoplay").check()
    await end(page)
    await expect(page.locator("#next-video")).to_contain_text("Video 2")
    await page.get_by_role("link", name="Play now").click()
    await page.wait_for_url(re.compile("item=1"))

    await expect(page.locator("#player")).to_have_attribute("src", re.compile("/items/1/video$"))


@pytest.mark.parametrize("by", ["button", "Escape", "seeking"])
async def test_the_countdown_can_be_cancelled(pages: Pages, vault: Vault, by: str) -> None:
    page = await pages(f"/jobs/{vault.saved[0].id}?in=")
    await page.clock.install()
    await page.get_by_role("switch", name="Autoplay").check()
    await end(page)
    await page.locator("#next-video").wait_for()
    if by == "button":
        await page.locator("#next-video").get_by_role("button", name="Cancel").click()
    elif by == "Escape":
        await page.keyboard.press("Escape")
    else:
        await page.evaluate("document.getElementById('player').currentTime = 1")
    await expect(page.locator("#next-video")).to_be_hidden()
    await page.clock.run_for(20_000)

    assert vault.saved[0].id in page.url


@pytest.mark.parametrize("size", ["phone", "desktop"])
async def test_what_is_up_next_is_listed_with_pictures_and_lengths(
    pages: Pages, vault: Vault, size: Any
) -> None:
    page = await pages(f"/jobs/{vault.saved[0].id}?in=platform%3Dx", size=size)
    first = page.locator(".up-list a").first
    await expect(first.locator("img")).to_be_visible()
    await expect(first.locator(".length")).to_have_text(re.compile(r"^0:\d\d$"))
    await first.click()
    await page.wait_for_url(re.compile(r"in=platform%3Dx"))

    assert vault.saved[0].id not in page.url


async def test_media_keys_get_the_title_and_control_the_video(pages: Pages, vault: Vault) -> None:
    page = await pages(f"/jobs/{mp4_of(vault).id}")
    handlers = """() => {
      window.actions = {};
      const real = navigator.mediaSession.setActionHandler;
      navigator.mediaSession.setActionHandler = function (name, action) {
        window.actions[name] = action; real.call(this, name, action); };
    }"""
    await page.context.add_init_script(f"({handlers})()")
    await page.reload()
    await begin(page)
    await page.keyboard.press("k")
    await page.wait_for_function("() => navigator.mediaSession.metadata?.title")
    facts = await page.evaluate(
        "(({title, artist, artwork}) => [title, artist,"
        " artwork[0].src])(navigator.mediaSession.metadata)"
    )
    await page.evaluate(
        "window.actions.pause(); window.actions.seekto({ seekTime: 6 });"
        " window.actions.seekbackward({})"
    )

    assert facts[:2] == [
        await page.locator("h1").inner_text(),
        await page.locator(".by a").first.inner_text(),
    ]
    assert facts[2].endswith("/thumbnail")
    assert await time_of(page) == 0
    assert await page.evaluate("document.getElementById('player').paused")
    await page.evaluate("window.actions.nexttrack()")
    await page.wait_for_url(lambda url: mp4_of(vault).id not in url)
