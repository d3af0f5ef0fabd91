"""The page of a post in a real browser: the player, the check, and the timeline."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from playwright.async_api import Page, expect

from mediavault.core.failures import ErrorCode
from mediavault.core.job import (
    HistoryRecord,
    ItemStatus,
    Job,
    JobItem,
    JobStatus,
    Stage,
    StepOutcome,
    StrategyName,
)
from mediavault.core.media import Item, ItemType, SavedFile
from mediavault.store.port import JobQuery, StoredJob
from tests import media
from tests.ui.browsing import SIZES, Pages, overflow
from tests.ui.pages import with_duplicates
from tests.ui.sample import store_saved
from tests.ui.vault import Vault

HAS_PLAYED = "() => document.getElementById('player').readyState >= 2"


def time_of(page: Page) -> Any:
    return page.evaluate("document.getElementById('player').currentTime")


def mp4_of(vault: Vault) -> Job:
    return next(
        job
        for job in vault.saved
        if (job.output_path or "").endswith(".mp4") and (job.duration_s or 0) > 10
    )


async def in_state(vault: Vault, status: JobStatus, code: ErrorCode | None = None) -> Job:
    jobs = (await vault.store.catalogue.jobs(JobQuery(statuses=(status,), limit=200))).jobs
    return next(job for job in jobs if code in (None, job.error_code))


async def test_seeking_requests_a_part_of_the_file(pages: Pages, vault: Vault) -> None:
    page = await pages("/")
    ranges: list[str] = []
    page.on(
        "response",
        lambda got: ranges.append(f"{got.status} {got.headers.get('content-range', '')}"),
    )
    await page.goto(f"{vault.base}/jobs/{mp4_of(vault).id}")
    await page.wait_for_function(HAS_PLAYED)
    sought = await page.evaluate("""() => new Promise((done) => {
      const player = document.getElementById("player");
      player.addEventListener("seeked", () => done(player.currentTime), { once: true });
      player.currentTime = 9;
    })""")

    assert sought == 9
    assert any(content_range.startswith("206 bytes ") for content_range in ranges)


async def test_keys_control_the_video_but_not_while_a_field_has_the_focus(
    pages: Pages, vault: Vault
) -> None:
    page = await pages(f"/jobs/{mp4_of(vault).id}")
    await page.wait_for_function(HAS_PLAYED)
    await page.keyboard.press("5")
    at_half = await time_of(page)
    await page.keyboard.press("j")
    at_start = await time_of(page)
    await page.keyboard.press("ArrowRight")
    after_arrow = await time_of(page)
    await page.keyboard.press(".")
    after_step = await time_of(page)
    await page.keyboard.press(">")
    await page.keyboard.press("m")
    state = await page.evaluate(
        "(({playbackRate, muted}) => [playbackRate, muted])(document.getElementById('player'))"
    )
    await page.locator("#more summary").click()
    await page.focus("#speed")
    await page.keyboard.press("0")

    assert (round(at_half), at_start, after_arrow) == (6, 0, 5)
    assert 5 < after_step < 5.1
    assert state == [1.25, True]
    assert await time_of(page) == after_step


async def test_space_plays_and_pauses_except_on_a_focused_button(
    pages: Pages, vault: Vault
) -> None:
    page = await pages(f"/jobs/{mp4_of(vault).id}")
    await page.wait_for_function(HAS_PLAYED)
    await page.keyboard.press("m")
    await page.keyboard.press(" ")
    await page.wait_for_function("() => !document.getElementById('player').paused")
    await page.keyboard.press("k")
    await page.wait_for_function("() => document.getElementById('player').paused")
    await page.locator("#more summary").click()
    await page.focus("#show-keys")
    await page.keyboard.press(" ")

    await expect(page.locator("#keys")).to_be_visible()
    assert await page.evaluate("document.getElementById('player').paused")


async def test_before_playback_one_big_button_is_over_the_poster(
    pages: Pages, vault: Vault
) -> None:
    """The controls would cover the poster, so they appear only when the video plays."""
    page = await pages(f"/jobs/{mp4_of(vault).id}")
    button = page.get_by_role("button", name="Play the video")
    player = page.locator("#player")
    await expect(button).to_be_visible()
    await expect(page.locator("#controls")).to_be_hidden()
    assert await player.evaluate("one => !one.controls && one.paused")

    await page.keyboard.press("m")
    await button.focus()
    await page.keyboard.press("Enter")
    await page.wait_for_function("() => !document.getElementById('player').paused")
    await expect(button).to_be_hidden()
    await expect(page.locator("#controls").get_by_role("button", name="Pause")).to_be_focused()


async def test_seeking_before_playback_shows_the_controls(pages: Pages, vault: Vault) -> None:
    page = await pages(f"/jobs/{mp4_of(vault).id}")
    await page.wait_for_function(HAS_PLAYED)
    await page.keyboard.press("5")

    await expect(page.locator("#big-play")).to_be_hidden()
    await expect(page.locator("#controls")).to_be_visible()


async def test_without_javascript_the_browsers_own_controls_are_shown(
    pages: Pages, vault: Vault
) -> None:
    page = await pages(f"/jobs/{mp4_of(vault).id}", javascript=False)

    await expect(page.locator("#player")).to_have_attribute("controls", "")
    for hidden in ("#big-play", "#controls", "#autoplay"):
        await expect(page.locator(hidden)).to_be_hidden()


async def test_volume_and_speed_are_remembered_on_the_next_post(pages: Pages, vault: Vault) -> None:
    page = await pages(f"/jobs/{mp4_of(vault).id}")
    await page.evaluate("document.getElementById('player').volume = 0.25")
    await page.evaluate("document.getElementById('player').currentTime = 1")
    await page.locator("#more summary").click()
    await page.select_option("#speed", "1.5")
    await page.wait_for_function("() => localStorage.getItem('mediavault.player')?.includes('1.5')")
    await page.keyboard.press("Escape")
    await page.evaluate("document.activeElement.blur()")
    await page.keyboard.press("n")
    await page.wait_for_url(lambda url: mp4_of(vault).id not in url)
    await page.wait_for_selector("#player")
    restored = await page.evaluate(
        "(({volume, playbackRate}) => [volume, playbackRate])(document.getElementById('player'))"
    )

    assert restored == [0.25, 1.5]


async def test_a_question_mark_shows_the_keys(pages: Pages, vault: Vault) -> None:
    page = await pages(f"/jobs/{mp4_of(vault).id}")
    await page.keyboard.press("?")
    await expect(page.locator("#keys")).to_be_visible()
    await page.keyboard.press("Escape")

    await expect(page.locator("#keys")).to_be_hidden()


@pytest.mark.parametrize(
    ("make", "suffix", "names"),
    [(media.flv, "flv", "flv, h264"), (media.asf, "wmv", "asf, wmv2")],
    ids=["flv", "wmv"],
)
async def test_the_format_of_an_unplayable_file_is_named_and_the_file_is_offered_for_download(
    make: Callable[[], bytes], suffix: str, names: str, pages: Pages, fresh_vault: Vault
) -> None:
    job = await store_saved(fresh_vault.store, fresh_vault.downloads, make(), suffix, number=501)
    page = await pages(f"/jobs/{job.id}", base=fresh_vault.base)

    await expect(page.get_by_text("Your browser can't play this video.")).to_be_visible()
    await expect(page.locator("[data-field=format]")).to_have_text(f"({names})")
    await expect(page.locator("#unplayable").get_by_role("link", name="Download")).to_be_visible()


async def test_a_missing_file_is_reported_as_missing(pages: Pages, fresh_vault: Vault) -> None:
    pages.allow.append("404")
    job = mp4_of(fresh_vault)
    (fresh_vault.downloads / (job.output_path or "")).unlink()
    page = await pages(f"/jobs/{job.id}", base=fresh_vault.base)

    await expect(page.get_by_text("Save the post again, or restore the file")).to_be_visible()


@pytest.mark.parametrize("javascript", [True, False])
async def test_a_check_detects_a_changed_byte(
    pages: Pages, fresh_vault: Vault, javascript: bool
) -> None:
    job = mp4_of(fresh_vault)
    file = fresh_vault.downloads / (job.output_path or "")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    page = await pages(f"/jobs/{job.id}", base=fresh_vault.base, javascript=javascript)
    await page.get_by_role("button", name="Verify now").click()
    if not javascript:
        for _ in range(50):
            if await page.locator("#file strong", has_text="Changed").count():
                break
            await page.reload()

    await expect(page.locator("#file strong")).to_have_text("Changed")
    await expect(page.locator("#file .verdict time")).to_be_visible()


async def test_the_page_follows_a_running_job_without_losing_the_scroll_position(
    pages: Pages, fresh_vault: Vault
) -> None:
    claim = fresh_vault.claims[0]
    store = fresh_vault.store
    page = await pages(f"/jobs/{claim.id}", base=fresh_vault.base)
    await page.evaluate("window.stays = true")
    await page.focus("form[data-does=remove] button")
    now = (await store.catalogue.report()).at
    failed = HistoryRecord(
        now,
        1,
        Stage.DOWNLOAD,
        StepOutcome.FAILED,
        StrategyName.PLAIN,
        ErrorCode.HTTP_ERROR,
        "403 Forbidden",
    )
    await store.queue.record(claim, failed)
    await store.queue.progress(claim, stage=Stage.VALIDATE, progress_pct=92)

    await expect(page.locator(".strategies [data-tone=bad]")).to_have_count(1)
    await expect(page.locator('[data-now="state"]')).to_have_text("Checking playback")
    assert await page.evaluate(
        "window.stays && document.activeElement.closest('[data-does=remove]') !== null"
    )


async def test_a_change_of_its_job_does_not_interrupt_a_playing_video(
    pages: Pages, fresh_vault: Vault
) -> None:
    job = mp4_of(fresh_vault)
    page = await pages(f"/jobs/{job.id}", base=fresh_vault.base)
    await page.wait_for_function(HAS_PLAYED)
    await page.evaluate(
        "document.getElementById('player').muted = true; document.getElementById('player').play()"
    )
    await page.evaluate("window.film = document.getElementById('player')")
    await page.get_by_role("button", name="Verify now").click()
    await expect(page.locator("#file .verdict")).to_contain_text(re.compile("last checked .*[0-9]"))

    assert await page.evaluate(
        "window.film === document.getElementById('player') && window.film.currentTime > 0"
    )


async def test_the_timeline_shows_attempts_strategies_and_the_next_attempt(
    pages: Pages, fresh_vault: Vault
) -> None:
    waits = await in_state(fresh_vault, JobStatus.FAILED, ErrorCode.RATE_LIMITED)
    page = await pages(f"/jobs/{waits.id}", base=fresh_vault.base)
    await expect(page.locator(".ending")).to_contain_text("Next attempt")
    await expect(page.locator(".attempt h3")).to_have_text(["Attempt 1"])

    # the first sample post needed the second strategy
    saved = next(job for job in fresh_vault.saved)
    await page.goto(f"{fresh_vault.base}/jobs/{saved.id}")
    await page.locator("#timeline summary").first.click()
    await expect(page.locator(".strategy-word")).to_have_text(
        ["Failed", "Succeeded", "Not needed", "Not needed"]
    )
    await expect(page.locator(".attempt-head .badge")).to_have_text(re.compile("Saved"))
    await page.locator(".raw summary").first.click()
    await expect(page.locator(".raw pre").first).to_contain_text("stage: extract")


async def test_one_of_several_videos_is_chosen_from_a_strip(
    pages: Pages, fresh_vault: Vault
) -> None:
    post = await album(fresh_vault)
    page = await pages(f"/jobs/{post.id}", base=fresh_vault.base)
    await page.locator(".strip a").nth(1).click()
    await page.wait_for_url(re.compile("item=1"))

    await expect(page.locator("#player")).to_have_attribute("src", re.compile("/items/1/video$"))
    await expect(page.locator("#player")).to_have_attribute("loop", "")
    await expect(page.locator(".strip a[aria-current]")).to_contain_text("2 of 2")


@pytest.mark.parametrize("size", list(SIZES))
async def test_nothing_overflows_in_any_state(pages: Pages, vault: Vault, size: Any) -> None:
    jobs = [
        mp4_of(vault),
        await in_state(vault, JobStatus.RUNNING),
        await in_state(vault, JobStatus.QUEUED),
        await in_state(vault, JobStatus.CANCELLED),
        await in_state(vault, JobStatus.FAILED, ErrorCode.AMBIGUOUS),
        await in_state(vault, JobStatus.FAILED, ErrorCode.NO_SPACE),
        await in_state(vault, JobStatus.FAILED, ErrorCode.NOT_AS_ANNOUNCED),
    ]
    page = await pages("/", size=size)
    for job in jobs:
        await page.goto(f"{vault.base}/jobs/{job.id}")
        assert await overflow(page) == [], job.status


@pytest.mark.parametrize("size", list(SIZES))
async def test_a_post_leads_to_the_others_with_the_same_video_and_the_library_lists_them(
    pages: Pages, vault: Vault, size: Any
) -> None:
    page = await pages(await with_duplicates(vault), size=size)
    own, same, alike = vault.saved[-3:]
    links = page.get_by_role("region", name="The same video").get_by_role("link")
    await expect(links).to_have_count(2)
    await expect(links.nth(0)).to_contain_text("Identical file")
    await expect(links.nth(1)).to_contain_text("Looks the same (93 %)")
    assert await overflow(page) == []

    await links.nth(0).click()
    await expect(page).to_have_url(re.compile(f"/jobs/{same.id}"))
    await expect(
        page.get_by_role("region", name="The same video").get_by_role("link")
    ).to_have_count(1)

    await page.goto(f"{vault.base}/library?mine=duplicates")
    for job in (own, same, alike):
        await expect(page.locator(f'a[href*="{job.id}"]').first).to_be_visible()
    await expect(page.locator("#mine")).to_have_value("duplicates")


@pytest.mark.parametrize(
    ("path", "size", "may_copy"),
    [
        ("/jobs/{}", "desktop", True),
        ("/jobs/{}", "phone", False),
        ("/jobs/{}", "zoomed", True),
        ("/library/feed", "phone", True),
    ],
)
async def test_share_opens_a_link_that_is_copied_already_beside_its_button(
    pages: Pages, fresh_vault: Vault, path: str, size: Any, may_copy: bool
) -> None:
    page = await pages(path.format(fresh_vault.saved[0].id), base=fresh_vault.base, size=size)
    if may_copy:
        await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    else:  # as over plain HTTP
        await page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    button, popover = page.get_by_role("button", name="Share").first, page.locator("#share")
    address = popover.get_by_role("textbox", name="Link")
    seen = set()
    for _ in range(2):
        await button.click()
        heading = popover.get_by_role("heading")
        await expect(heading).to_have_text("Link copied" if may_copy else re.compile("copy it"))
        await expect(address).to_be_focused()
        seen.add(await address.input_value())
        selected = await page.evaluate("getSelection().toString()")
        copied = await page.evaluate("navigator.clipboard.readText()") if may_copy else selected
        box, window = await popover.bounding_box(), page.viewport_size
        assert box is not None
        assert window is not None
        assert min(box["x"], box["y"]) >= 0
        assert box["x"] + box["width"] <= window["width"]
        assert box["y"] + box["height"] <= window["height"]
        assert seen == {copied} == {selected}
        await popover.get_by_label("Works for").select_option("until revoked")
        await expect(popover).to_contain_text("Anyone with the link can watch this video.")
        await page.keyboard.press("Escape")
        await expect(button).to_be_focused()

    await button.click()
    await popover.get_by_role("button", name="Revoke").click()
    await expect(page.locator(".toast")).to_contain_text("Link revoked")
    assert (await page.request.get(seen.pop())).status == 404


async def album(vault: Vault) -> Job:
    """Return a post with two videos, the second a silent loop."""
    job = await store_saved(vault.store, vault.downloads, media.mp4(2.0), "mp4", number=503)
    second = vault.downloads / "second.mp4"
    second.write_bytes(media.mp4(2.0, sound=False))
    saved_file = SavedFile("second.mp4", None, second.stat().st_size, "cd" * 32, 2.0, 320, 180)
    items = (*job.items, JobItem(Item(type=ItemType.GIF), ItemStatus.SAVED, saved_file))
    await vault.store.catalogue.remove(job.id)
    await vault.store.catalogue.import_jobs([StoredJob(replace(job, items=items), ())])
    return await vault.store.catalogue.get(job.id)
