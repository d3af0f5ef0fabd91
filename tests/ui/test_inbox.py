"""The inbox in a real browser: what came, what is new, the buttons, the keyboard,
and live updates.
"""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from mediavault.core.job import JobStatus
from mediavault.core.marks import favourite
from mediavault.features.following.inbox import count_news, note_arrivals
from mediavault.features.following.records import mark_posts
from mediavault.store.port import JobQuery
from tests.patience import patient
from tests.ui.browsing import SIZES_AND_SCRIPTS, Pages, Size, overflow
from tests.ui.followed import CHANNEL
from tests.ui.vault import PASSWORD, Vault, add_users

both = pytest.mark.parametrize("size", ["phone", "desktop"])
sizes_and_scripts = pytest.mark.parametrize(("size", "javascript"), SIZES_AND_SCRIPTS)


@sizes_and_scripts
async def test_the_inbox_is_reached_from_the_navigation_and_marked_as_seen(
    pages: Pages, fresh_vault: Vault, size: Size, javascript: bool
) -> None:
    page = await pages("/library", size=size, javascript=javascript, base=fresh_vault.base)
    count = await count_news(fresh_vault.store, "owner")
    await expect(page.locator("#news-count")).to_have_text(f"{count} new")
    await page.get_by_role("navigation", name="Sections").get_by_role("link", name="New").click()
    await expect(page.locator("#news")).to_have_text(f"{count} new posts")
    assert await page.locator("[data-new]").count() == count
    assert await overflow(page) == []

    await page.get_by_role("button", name="Mark all as seen").click()
    await expect(page.locator("#news")).to_have_text("No new posts")
    await expect(page.locator("[data-new]")).to_have_count(0)
    await expect(page.locator("#news-count")).to_be_hidden()
    assert await count_news(fresh_vault.store, "owner") == 0


@sizes_and_scripts
async def test_a_post_is_made_a_favourite_pinned_played_and_deleted_from_the_inbox(
    pages: Pages, fresh_vault: Vault, size: Size, javascript: bool
) -> None:
    store = fresh_vault.store
    page = await pages("/sources/inbox", size=size, javascript=javascript, base=fresh_vault.base)
    row = page.locator(".arrival[data-status=completed]").first
    job_id = str(await row.get_attribute("data-key"))
    row = page.locator(f"#job-{job_id}")
    await row.get_by_role("button", name="Favourite").click()
    await expect(row.get_by_role("button", name="Favourite")).to_have_attribute(
        "aria-pressed", "true"
    )
    assert page.url.endswith("/sources/inbox")
    assert job_id in [mark.job_id for mark in await store.marks.marked(favourite("owner"))]

    await row.get_by_role("button", name="Pin").click()
    await expect(row.get_by_role("button", name="Pin")).to_have_attribute("aria-pressed", "true")
    await row.locator(".name").click()
    await expect(page.locator("#player")).to_be_visible()
    await page.goto(f"{fresh_vault.base}/sources/inbox")
    await row.get_by_role("button", name="Delete").click()
    await expect(page.get_by_text("Moved 1 to the trash.")).to_be_visible()
    await page.goto(f"{fresh_vault.base}/sources/inbox")
    await expect(row).to_have_count(0)


@both
async def test_what_comes_and_how_it_is_are_shown_live_and_the_focus_stays(
    pages: Pages, fresh_vault: Vault, size: Size
) -> None:
    store = fresh_vault.store
    page = await pages("/sources/inbox", size=size, base=fresh_vault.base)
    await expect(page.locator("body")).to_have_attribute(
        "data-stream", "open", timeout=patient(10_000)
    )
    await page.locator(".arrival").nth(1).get_by_role("button", name="Favourite").focus()
    focused = await page.evaluate("document.activeElement.closest('li').id")
    job = await fresh_vault.add("https://videos.example/watch/just-came")
    await mark_posts(store, CHANNEL, [job.id])
    await note_arrivals(store, [job.id], are_news=True)
    first = page.locator(".arrival").first
    await expect(first).to_have_attribute("id", f"job-{job.id}", timeout=patient(15_000))
    await expect(first).to_contain_text("Slow Trains")
    assert await page.evaluate("document.activeElement.closest('li').id") == focused

    await store.queue.cancel(job.id)
    await expect(first.locator("[data-field=state]")).to_have_text(
        "Cancelled", timeout=patient(15_000)
    )


async def test_the_inbox_is_used_with_the_keyboard(pages: Pages, fresh_vault: Vault) -> None:
    page = await pages("/sources/inbox", base=fresh_vault.base)
    await page.get_by_role("button", name="Mark all as seen").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#news")).to_have_text("No new posts")
    heart = page.locator(".arrival").first.get_by_role("button", name="Favourite")
    await heart.focus()
    await page.keyboard.press("Space")
    await expect(heart).to_have_attribute("aria-pressed", "true")
    await expect(heart).to_be_focused()


async def test_a_failed_post_says_what_helps(pages: Pages, fresh_vault: Vault) -> None:
    page = await pages("/sources/inbox", base=fresh_vault.base)
    (job,) = (await fresh_vault.store.catalogue.jobs(JobQuery((JobStatus.FAILED,), limit=1))).jobs
    row = page.locator(f"#job-{job.id}")

    await expect(row.locator("[data-field=detail]")).not_to_be_empty()
    await expect(row.locator(".actions button").first).to_be_visible()


async def test_a_viewer_reaches_the_inbox_and_nothing_else_of_following(
    pages: Pages, fresh_vault: Vault
) -> None:
    await add_users(fresh_vault)
    page = await pages("/login", base=fresh_vault.base)
    await page.locator("#name").fill("sam")
    await page.locator("#password").fill(PASSWORD)
    await page.locator("form[action='/login'] button").click()
    await page.get_by_role("navigation", name="Sections").get_by_role("link", name="New").click()

    await expect(page.get_by_role("link", name="Following")).to_have_count(0)
    await expect(page.locator(".arrival").first).to_be_visible()
    await expect(page.get_by_role("button", name="Delete")).to_have_count(0)
