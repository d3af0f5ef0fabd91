"""Following in a real browser: the form, the offer of a refused link,
the list and the page of a source.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from playwright.async_api import expect

from mediavault.core.clock import SystemClock
from mediavault.core.listings import Entry
from mediavault.features.following.model import Start
from mediavault.features.following.records import acquire, find_followed, followed, release
from mediavault.store.port import JobQuery
from tests.patience import patient
from tests.previewed import read_what_waits
from tests.ui.browsing import SIZES_AND_SCRIPTS, Pages, Size, overflow
from tests.ui.followed import CHANNEL, PAUSED
from tests.ui.vault import PASSWORD, Vault, add_users

both = pytest.mark.parametrize("size", ["phone", "desktop"])
KNOWN = "https://www.youtube.com/@slow-trains"
REFUSED = r"console error: Failed to load resource: .* 422"


@both
async def test_a_refused_channel_is_followed_by_the_form_that_is_offered(
    pages: Pages, fresh_vault: Vault, size: Size
) -> None:
    pages.allow.append(REFUSED)
    page = await pages("/", size=size, base=fresh_vault.base)
    await page.locator("#post_urls").fill("https://www.youtube.com/@jane/videos")
    await page.locator("#paste button:not([type=button])").click()
    await page.get_by_role("link", name="This is a channel. Follow it?").click()
    await expect(page.locator("#url")).to_have_value("https://www.youtube.com/@jane/videos")
    assert len(await followed(fresh_vault.store.tables)) == 4

    await expect(page.locator("#newest")).to_be_hidden()
    await page.locator("#start").select_option("newest")
    await page.locator("#newest").fill("20")
    await page.locator(".filters summary").click()
    await page.locator("#lacking").fill("trailer")
    await page.locator("#every").select_option("360")
    await page.locator("#languages").fill("en de")
    await page.get_by_label("Include reposts").check()
    await page.get_by_label("Leave out replies").check()
    assert await overflow(page) == []
    await page.get_by_role("button", name="Follow", exact=True).click()
    await expect(page.locator(".source").first).to_contain_text(
        "https://www.youtube.com/@jane/videos"
    )

    source = (await followed(fresh_vault.store.tables))[-1].source
    filters = source.filters
    assert (source.start, source.newest, filters.lacking) == (Start.NEWEST, 20, ("trailer",))
    assert (source.interval, filters.languages) == (timedelta(hours=6), ("en", "de"))
    assert (filters.members_only, filters.reposts, filters.replies) == (False, True, False)


@pytest.mark.parametrize(
    ("start", "fields"),
    [
        ("now", []),
        ("since", ["since", "per_day"]),
        ("newest", ["newest", "per_day"]),
        ("everything", ["per_day"]),
    ],
)
async def test_the_form_asks_only_what_belongs_to_the_choice(
    pages: Pages, fresh_vault: Vault, start: str, fields: list[str]
) -> None:
    page = await pages("/sources", javascript=False, base=fresh_vault.base)
    await page.locator("#follow summary").first.click()
    await page.locator("#start").select_option(start)

    assert [
        name
        for name in ("since", "newest", "per_day")
        if await page.locator(f"#{name}").is_visible()
    ] == fields


@pytest.mark.parametrize(("size", "javascript"), SIZES_AND_SCRIPTS)
async def test_a_source_is_paused_changed_and_removed_with_a_second_press(
    pages: Pages, fresh_vault: Vault, size: Size, javascript: bool
) -> None:
    page = await pages("/sources", size=size, javascript=javascript, base=fresh_vault.base)
    line = page.locator(f"#{CHANNEL}")
    menu = line.locator(".menu > summary")
    await expect(line).to_contain_text("1,240 posts, about 9 days, next at")
    await menu.click()
    await line.get_by_role("button", name="Pause").click()
    await expect(line.locator(".badge")).to_have_text("Paused")
    await menu.click()
    await line.get_by_role("button", name="Resume").click()
    await expect(line.locator(".badge")).to_have_count(0)
    await menu.click()
    await line.get_by_role("button", name="Check now").click()
    await expect(line).to_contain_text("next check within a minute")
    assert await line.locator("img").count() == 1

    await menu.click()
    await line.get_by_role("link", name="Change").click()
    await expect(page.locator("#per_day")).to_have_value("140")
    await expect(page.locator("#lacking")).to_have_value("trailer\n/part \\d+/")
    await page.locator("#per_day").fill("24")
    await page.get_by_role("button", name="Save changes").click()
    await expect(page.locator(".facts")).to_contain_text("everything, 24 per day")
    assert await overflow(page) == []

    await expect(page.get_by_role("button", name="Stop following")).to_be_hidden()
    await page.locator(".remove summary").click()
    await page.get_by_role("button", name="Stop following").click()
    await expect(page.locator(".source")).to_have_count(3)
    await expect(page.locator(f"#{CHANNEL}")).to_have_count(0)


@both
async def test_a_sources_page_shows_what_was_saved_waits_and_was_skipped(
    pages: Pages, fresh_vault: Vault, size: Size
) -> None:
    page = await pages("/sources", size=size, base=fresh_vault.base)
    await page.get_by_role("link", name="Slow Trains").click()

    await expect(page.locator(".tile")).to_have_count(5)
    await expect(page.locator(".entries").first.locator("li").first).to_contain_text(
        "Journey 1: along the coast"
    )
    await expect(page.locator(".entries").first.locator("li")).to_have_count(50)
    await expect(page.get_by_text("and 1190 more")).to_be_visible()
    await expect(page.locator("section", has_text="Skipped").last).to_contain_text(
        "Too short or too long"
    )
    await expect(page.locator("[data-key=unlisted]")).to_contain_text("Not on the list since")
    assert await overflow(page) == []


@pytest.mark.parametrize(("size", "javascript"), SIZES_AND_SCRIPTS)
async def test_what_following_would_take_is_shown_before_it_is_followed(
    pages: Pages, fresh_vault: Vault, size: Size, javascript: bool
) -> None:
    page = await pages("/sources", size=size, javascript=javascript, base=fresh_vault.base)
    await page.locator("#follow summary").first.click()
    await page.locator("#url").fill("https://www.youtube.com/@jane/videos")
    await page.locator("#start").select_option("everything")
    await page.get_by_role("button", name="Preview").click()
    preview = page.locator("#preview")
    await expect(preview).to_contain_text("Reading the list …")
    assert await overflow(page) == []

    films = [
        Entry(
            f"https://www.youtube.com/watch?v={n:011}",
            title=f"Film {n}",
            duration_s=60.0 * n,
            text="",
        )
        for n in (1, 9)
    ]
    await read_what_waits(fresh_vault.store.records, SystemClock(), *films, title="Jane")
    if not javascript:
        await page.get_by_role("link", name="Refresh").click()
    await expect(preview).to_contain_text("Jane", timeout=patient(10_000))
    await expect(preview.locator(".entries li")).to_have_count(2)
    assert await overflow(page) == []

    await page.locator(".filters summary").click()
    await page.locator("#shortest").fill("5")
    await page.get_by_role("button", name="Preview").click()
    await expect(preview).to_contain_text("Film 1")
    await expect(preview.locator(".entries").last).to_contain_text("Too short or too long")
    assert len(await followed(fresh_vault.store.tables)) == 4

    await preview.get_by_label("Save “Film 1”").check()
    await preview.get_by_role("button", name="Follow", exact=True).click()
    await expect(page.locator(".source").first).to_contain_text(
        "https://www.youtube.com/@jane/videos"
    )
    source = (await followed(fresh_vault.store.tables))[-1].source
    assert (source.start, source.filters.shortest_s) == (Start.EVERYTHING, 300.0)
    [job] = (await fresh_vault.store.catalogue.jobs(JobQuery(limit=1))).jobs
    assert job.post_url == films[0].url


@both
async def test_skipped_posts_are_ticked_and_saved_in_place(
    pages: Pages, fresh_vault: Vault, size: Size
) -> None:
    page = await pages(f"/sources/{CHANNEL}", size=size, base=fresh_vault.base)
    skipped = page.locator("[data-key=skipped]")
    await expect(skipped.locator("li")).to_have_count(3)
    await skipped.get_by_role("checkbox").first.check()
    await skipped.get_by_role("button", name="Save the ticked posts").click()

    await expect(skipped.locator("li")).to_have_count(2)
    await expect(page.locator(".tile")).to_have_count(6)
    assert await overflow(page) == []


@both
@pytest.mark.parametrize("path", ["/sources", f"/sources/{CHANNEL}"])
async def test_who_presses_check_now_sees_the_result_without_reloading(
    pages: Pages, fresh_vault: Vault, size: Size, path: str
) -> None:
    page = await pages(path, size=size, base=fresh_vault.base)
    line = page.locator(".source").filter(has_text="Slow Trains")
    if path == "/sources":
        await line.locator(".menu > summary").click()
    await line.get_by_role("button", name="Check now").click()
    await expect(line).to_contain_text("next check within a minute")
    await page.evaluate("window.isSamePage = true")
    if path == "/sources":
        await line.locator(".menu > summary").click()
    await line.locator(".remove summary").click()
    await line.locator(".remove button").focus()

    one = await find_followed(fresh_vault.store.tables, CHANNEL)
    held = await acquire(fresh_vault.store.tables, SystemClock(), one)
    assert held is not None
    await expect(line).to_contain_text("checking now", timeout=patient(15_000))
    now = SystemClock().now()
    found = replace(
        one.state, checked_at=now, next_check_at=now + timedelta(hours=1), new_at_last_check=41
    )
    await release(fresh_vault.store.tables, held, found)
    await expect(line).to_contain_text("41 new", timeout=patient(15_000))

    assert await page.evaluate("window.isSamePage")
    assert await page.evaluate("document.activeElement.textContent") == "Stop following"


async def test_a_member_sees_the_sources_and_is_offered_no_change(
    pages: Pages, fresh_vault: Vault
) -> None:
    await add_users(fresh_vault)
    page = await pages(f"/login?next=/sources/{PAUSED}", base=fresh_vault.base)
    await page.locator("#name").fill("jane")
    await page.locator("#password").fill(PASSWORD)
    await page.locator("form[action='/login'] button").click()

    await expect(page.locator("h1")).to_have_text("Bees")
    await expect(page.locator("main form, main details")).to_have_count(0)


@pytest.mark.parametrize(("size", "javascript"), SIZES_AND_SCRIPTS)
async def test_a_list_is_looked_at_and_then_followed(
    pages: Pages, fresh_vault: Vault, size: Size, javascript: bool
) -> None:
    page = await pages("/sources", size=size, javascript=javascript, base=fresh_vault.base)
    await page.get_by_role("link", name="Import a list …").click()
    content = f"{KNOWN}\nhttps://marsh.example/<feed>&.xml\nhttps://marsh.example/feed.xml\nnonsense\n".encode()
    await page.locator("#file").set_input_files(
        {"name": "a.txt", "mimeType": "text/plain", "buffer": content}
    )
    await page.locator("#start").select_option("newest")
    await page.locator("#newest").fill("20")
    await page.get_by_role("button", name="Check the file").click()
    await expect(page.locator("#refused-head")).to_contain_text("can't be followed")
    before = len(await followed(fresh_vault.store.tables))
    await page.get_by_role("button", name="Follow these 2").click()
    await expect(page.locator(".source").first).to_contain_text("marsh.example")
    new = (await followed(fresh_vault.store.tables))[before:]

    assert [(one.source.start, one.source.newest) for one in new] == [(Start.NEWEST, 20)] * 2
