"""The first page in a real browser: pasting, dropping, watching jobs progress,
and solving their problems.
"""

from __future__ import annotations

import asyncio
import json
import re
from datetime import timedelta
from typing import Any

import pytest
from playwright.async_api import Page, expect

from mediavault.core.failures import ErrorCode
from mediavault.core.job import JobItem, JobStatus, Stage
from mediavault.core.media import Account, Expected, Item, SavedFile, SourceType
from mediavault.store.port import Checkpoint
from tests.patience import patient
from tests.ui.browsing import Pages, Size, overflow
from tests.ui.conftest import MakeVault
from tests.ui.sample import PICTURE, picture
from tests.ui.vault import WORKER, Vault

A = "https://videos.example/watch/a"
B = "https://videos.example/watch/b"
HOSTILE = "<img src=x onerror=alert(1)>\u202etxt.exe" + "Ww" * 5_000
LIMIT_BYTES = 150_000  # of the page without its thumbnails

_PASTE = """(text) => {
  const data = new DataTransfer();
  data.setData("text/plain", text);
  document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true,
    cancelable: true }));
}"""
_DRAG = """([name, text, file]) => {
  const data = new DataTransfer();
  if (file) data.items.add(new File([text], file, { type: "text/plain" }));
  else data.setData("text/uri-list", text);
  const event = new DragEvent(name, { dataTransfer: data, bubbles: true, cancelable: true });
  document.querySelector("main").dispatchEvent(event);
  return event.defaultPrevented;
}"""


async def show_activity(page: Page) -> None:
    """Open the line about what is being saved."""
    await page.locator("#left summary").click()


async def drag(page: Page, name: str, text: str, file: str | None = None) -> bool:
    taken: bool = await page.evaluate(_DRAG, [name, text, file])
    return taken


async def queued(vault: Vault) -> int:
    return (await vault.store.catalogue.report()).counts.get(JobStatus.QUEUED, 0)


async def test_enter_submits_a_link_and_the_page_updates_without_a_reload(
    pages: Pages, make_vault: MakeVault
) -> None:
    vault = await make_vault(posts=0)
    page = await pages("/", base=vault.base)
    await page.evaluate("window.sameDocument = true")
    await page.locator("#post_urls").fill(A)
    await page.keyboard.press("Enter")

    await expect(page.locator(".toast")).to_contain_text("Added 1 link.")
    await expect(page.locator("li.waiting")).to_be_visible()  # the line opens for its sender
    await expect(page.locator("#post_urls")).to_have_value("")
    await expect(page.locator("#post_urls")).to_be_focused()
    assert await page.evaluate("window.sameDocument")


async def test_only_control_and_enter_submit_several_lines(
    pages: Pages, make_vault: MakeVault
) -> None:
    vault = await make_vault(posts=0)
    page = await pages("/", base=vault.base)
    box = page.locator("#post_urls")
    await box.fill(f"{A}\n{B}")
    await box.press("Enter")
    assert await queued(vault) == 0

    await box.press("Control+Enter")
    await expect(page.locator(".toast")).to_contain_text("Added 2 links.")


async def test_links_pasted_anywhere_are_submitted_and_other_text_is_put_into_the_box(
    pages: Pages, make_vault: MakeVault
) -> None:
    vault = await make_vault(posts=0)
    page = await pages("/", base=vault.base)
    await page.evaluate(_PASTE, f"{A}\n{B}")
    await expect(page.locator(".toast")).to_contain_text("Added 2 links.")

    await page.evaluate(_PASTE, f"Look at {A}")
    await expect(page.locator("#post_urls")).to_have_value(f"Look at {A}")
    await expect(page.locator("#post_urls")).to_be_focused()
    assert await queued(vault) == 2


@pytest.mark.parametrize("path", ["/library", "/settings", "/accounts", "/access"])
async def test_links_pasted_on_another_page_are_saved_and_the_page_says_so(
    pages: Pages, make_vault: MakeVault, path: str
) -> None:
    vault = await make_vault(posts=0)
    page = await pages(path, base=vault.base)
    await page.evaluate(_PASTE, f"{A}\n{B}")

    await expect(page.locator("#messages")).to_contain_text("Added 2 links.")
    assert page.url == f"{vault.base}{path}"
    assert await queued(vault) == 2
    pages.allow.append("422")
    await page.evaluate(_PASTE, "https://127.0.0.1/secret")
    await expect(page.locator("#messages .complaint")).to_be_visible()
    await page.evaluate(_PASTE, "no link at all")
    await page.evaluate(_PASTE, f"Look at {A}")
    await expect(page.locator("#post_urls")).to_have_value(A)


async def test_valid_links_are_submitted_and_refused_ones_stay_with_their_reasons(
    pages: Pages, make_vault: MakeVault
) -> None:
    vault = await make_vault(posts=0)
    page = await pages("/", base=vault.base)
    known = await vault.add(A)
    text = f"{A}\n{B}\nfile:///etc/passwd"
    await page.locator("#post_urls").focus()
    await page.evaluate("text => document.execCommand('insertText', false, text)", text)
    rows = page.locator("#links li")
    await expect(rows.nth(0)).to_contain_text("Already in the vault")
    await expect(rows.nth(1)).to_contain_text("videos.example")
    await expect(rows.nth(2)).to_contain_text("must begin with http")
    await page.get_by_role("button", name="Save 2").click()

    await expect(page.locator(".toast")).to_contain_text(
        "Added 1 link; 1 was already in the vault."
    )
    await expect(page.locator(f'.toast a[href="/jobs/{known.id}"]')).to_be_visible()
    await expect(page.locator("#links")).to_contain_text("file:///etc/passwd")
    await expect(page.locator("#post_urls")).to_have_value("file:///etc/passwd")


async def test_links_dropped_anywhere_are_submitted_and_the_page_says_that_it_accepts_them(
    pages: Pages, make_vault: MakeVault
) -> None:
    vault = await make_vault(posts=0)
    page = await pages("/", base=vault.base)
    await drag(page, "dragenter", A)
    await expect(page.locator("#drop")).to_be_visible()
    assert await drag(page, "dragover", A)

    await drag(page, "drop", f"# a comment\r\n{A}")
    await expect(page.locator("#drop")).to_be_hidden()
    await expect(page.locator(".toast")).to_contain_text("Added 1 link.")


async def test_all_links_of_a_text_file_are_submitted_even_if_one_request_cannot_hold_them(
    pages: Pages, make_vault: MakeVault
) -> None:
    vault = await make_vault(posts=0)
    page = await pages("/", base=vault.base)
    text = "\n".join(
        f"{number}. https://videos.example/watch/{number}?of={'x' * 300}" for number in range(200)
    )
    await drag(page, "drop", text, "links.txt")

    await expect(page.locator("#left summary")).to_contain_text(
        "200 waiting", timeout=patient(30_000)
    )
    await drag(page, "drop", "nothing of the kind", "notes.txt")
    await expect(page.locator("#messages")).to_contain_text("No links found in that file.")


async def test_a_link_shared_by_another_program_waits_for_the_button(
    pages: Pages, make_vault: MakeVault
) -> None:
    vault = await make_vault(posts=0)
    page = await pages(f"/?text=Frost%20{A}", base=vault.base)

    await expect(page.locator("#post_urls")).to_have_value(A)
    await expect(page.get_by_role("button", name="Save")).to_be_focused()
    assert await queued(vault) == 0
    await page.keyboard.press("Enter")
    await expect(page.locator(".toast")).to_contain_text("Added 1 link.")


async def test_a_job_moves_through_the_page_while_it_is_saved(
    pages: Pages, fresh_vault: Vault
) -> None:
    page = await pages("/", base=fresh_vault.base)
    await page.evaluate("window.sameDocument = true")
    store, claim = fresh_vault.store, fresh_vault.claims[1]
    card = page.locator(f"#job-{claim.id}")
    handle = await card.element_handle()

    for megabytes in (40, 50, 60):
        await store.queue.progress(
            claim,
            stage=Stage.DOWNLOAD,
            progress_pct=60,
            bytes_done=megabytes * 1_000_000,
            bytes_total=88_000_000,
        )
        await expect(card.locator('[data-field="detail"]')).to_have_text(
            f"{megabytes}.0 MB of 88.0 MB"
        )
    await expect(card.locator('[data-field="speed"]')).to_contain_text("/s")
    await expect(card.locator('[data-field="left"]')).to_contain_text("left")

    example = fresh_vault.saved[0]
    assert example.output_path is not None
    saved_file = SavedFile(
        example.output_path, example.thumbnail_path, 1_000, "ab" * 32, 4.0, 320, 180
    )
    await store.queue.begin_commit(claim, saved_file)
    await store.queue.complete(claim, saved_file)
    await expect(page.locator(f'.shelf a.name[href="/jobs/{claim.id}"]')).to_be_visible()
    await expect(card).to_have_count(0)
    await expect(page.locator("#announce")).to_have_text("Saved: 1.")
    assert handle is not None
    assert await page.evaluate("window.sameDocument")


@pytest.mark.parametrize(
    "has_picture", [True, False], ids=["with a picture", "whose picture is missing"]
)
async def test_a_card_shows_what_is_known_about_its_post_while_the_video_is_downloaded(
    pages: Pages, make_vault: MakeVault, *, has_picture: bool
) -> None:
    vault = await make_vault(posts=0)
    await vault.add(A)
    [claim] = await vault.store.queue.claim(WORKER, limit=1, lease=timedelta(hours=1))
    page = await pages("/", base=vault.base)
    await show_activity(page)
    card = page.locator(f"#job-{claim.id}")
    await expect(card.locator(".name")).to_have_text("videos.example/watch/a")

    pages.allow += [] if has_picture else ["404.*/thumbnail"]
    if has_picture:
        staged = vault.downloads / ".staging" / f"{claim.id}.{claim.fence}"
        staged.mkdir(parents=True)
        (staged / "thumbnail.jpg").write_bytes(picture(1))
    found = Checkpoint(
        None,
        None,
        SourceType.DIRECT,
        (),
        (),
        Account("generic", "jane", "Jane Doe", "jane"),
        "https://videos.example/a.jpg",
        {"title": "Otters"},
        (JobItem(Item(expected=Expected(duration_s=83.0))),),
    )
    await vault.store.queue.checkpoint(claim, found)
    await vault.store.queue.progress(
        claim, stage=Stage.DOWNLOAD, progress_pct=50, bytes_done=1, bytes_total=88_000_000
    )

    await expect(card.locator(".name")).to_have_text("Otters")
    await expect(card.locator(".by")).to_contain_text("Jane Doe")
    await expect(card.locator(".length")).to_have_text("1:23")
    if has_picture:
        await expect(card.locator("img")).to_have_js_property("naturalWidth", PICTURE[0])
    else:
        await expect(card.locator("img")).to_have_count(0)
        await expect(card.locator(".letter")).to_be_visible()


async def test_a_failure_is_shown_where_it_was_asked_for_and_dismissed_there(
    pages: Pages, make_vault: MakeVault
) -> None:
    vault = await make_vault(posts=0)
    page = await pages("/", base=vault.base)
    await page.locator("#post_urls").fill(A)
    await page.keyboard.press("Enter")
    await expect(page).to_have_title("(1) mediavault")
    (claim,) = await vault.store.queue.claim(WORKER, limit=1, lease=timedelta(minutes=5))
    await vault.store.queue.fail(
        claim, error_code=ErrorCode.NO_VIDEO, error="No video found here.", retry_in=None
    )
    card = page.locator(".just-now .result")

    await expect(card).to_contain_text("No video found here.")
    await expect(card.get_by_role("button", name="Try again")).to_be_visible()
    await expect(page).to_have_title("mediavault")
    await expect(page.locator(".banner, .quiet-line")).to_have_count(0)  # not a second time
    await card.get_by_role("button", name="Dismiss").click()
    await expect(card).to_have_count(0)


async def test_a_bar_without_a_known_size_is_indeterminate(
    pages: Pages, fresh_vault: Vault
) -> None:
    page = await pages("/", base=fresh_vault.base)
    job = await fresh_vault.add(A)
    claims = await fresh_vault.store.queue.claim(WORKER, limit=50, lease=timedelta(minutes=5))
    claim = next(claim for claim in claims if claim.id == job.id)
    bar = page.locator(f"#job-{job.id} progress")
    for done, total, position in ((1_000, None, -1), (1_000, 4_000, 0.25), (2_000, None, -1)):
        await fresh_vault.store.queue.progress(
            claim, stage=Stage.DOWNLOAD, progress_pct=60, bytes_done=done, bytes_total=total
        )
        await expect(bar).to_have_js_property("position", position)  # -1: indeterminate
        if total:
            await expect(bar).to_have_attribute("value", "25")


async def test_notifications_keep_a_hidden_page_informed(pages: Pages, fresh_vault: Vault) -> None:
    context = await pages.context()
    await context.grant_permissions(["notifications"])
    await context.add_init_script(
        "window.shown = []; window.Notification = class { static permission = 'granted';"
        " static requestPermission() { return Promise.resolve('granted'); }"
        " constructor(title, options) { window.shown.push(options.body); } };"
    )
    page = await context.new_page()
    await page.goto(fresh_vault.base)
    await show_activity(page)
    await page.get_by_role("button", name="Notify me").click()
    await expect(page.locator("#notify")).to_have_attribute("aria-pressed", "true")
    await page.evaluate(
        "Object.defineProperty(document, 'hidden', { value: true }); document.dispatchEvent(new"
        " Event('visibilitychange'))"
    )
    job = await fresh_vault.add(A)
    claims = await fresh_vault.store.queue.claim(WORKER, limit=50, lease=timedelta(minutes=5))
    claim = next(claim for claim in claims if claim.id == job.id)
    await fresh_vault.store.queue.fail(
        claim, error_code=ErrorCode.NO_VIDEO, error="None.", retry_in=None
    )

    async with asyncio.timeout(patient(20)):
        while not (shown := await page.evaluate("window.shown")):
            await asyncio.sleep(0.1)
    assert "Failed: 1." in shown[0]


async def test_the_focused_element_keeps_the_focus_while_the_page_changes(
    pages: Pages, fresh_vault: Vault
) -> None:
    page = await pages("/", base=fresh_vault.base)
    link = page.locator(".banner a.button")
    await link.focus()
    job = await fresh_vault.add(A)

    await page.locator(f'li.waiting a[href="/jobs/{job.id}"]').wait_for(state="attached")
    await expect(link).to_be_focused()


async def test_a_group_is_retried_by_its_button(pages: Pages, fresh_vault: Vault) -> None:
    page = await pages("/", base=fresh_vault.base)
    await page.locator(".banner").get_by_role("link", name="Show all").click()
    group = page.locator(".cause", has_text="The disk is full")
    await group.get_by_role("button", name="Try again").click()

    await expect(page.locator("#outcome")).to_contain_text("Trying 1 again.")
    await expect(group).to_have_count(0)


async def test_each_group_offers_a_helpful_action(pages: Pages) -> None:
    page = await pages("/library?state=failed")

    await expect(
        page.locator(".cause", has_text="X asks you to sign in").get_by_role("link", name="Sign in")
    ).to_be_visible()
    choose = page.locator(".cause", has_text="Which video").get_by_role(
        "link", name="Choose the video"
    )
    await expect(choose).to_be_visible()
    # within an hour
    await expect(page.locator(".cause .why").filter(has_text="next attempt in")).to_contain_text(
        re.compile(r"\d+ min")
    )


@pytest.mark.parametrize("language", ["en", "de", "fr"])
async def test_a_phone_shows_something_to_watch_on_its_first_screen(
    pages: Pages, vault: Vault, language: str
) -> None:
    page = await pages("/", size="phone", language=language)
    box = await page.locator(".shelf .saved").first.bounding_box()

    assert box is not None
    assert box["y"] + box["height"] < 600  # above the tab bar, with the counters gone
    assert await overflow(page) == []


@pytest.mark.parametrize("size", ["phone", "desktop"])
async def test_a_job_is_cancelled_without_leaving_the_page_and_brought_back_by_undo(
    pages: Pages, fresh_vault: Vault, size: Size
) -> None:
    page = await pages("/", size=size, base=fresh_vault.base)
    job = await fresh_vault.add(A)
    await show_activity(page)
    row = page.locator(f'li.waiting[data-key="{job.id}"]')
    await row.get_by_role("button", name="Cancel").click()

    await expect(row).to_have_count(0)
    assert (await fresh_vault.store.catalogue.get(job.id)).status is JobStatus.CANCELLED
    assert await overflow(page) == []

    await page.locator("#toasts").get_by_role("button", name="Undo").click()
    await expect(page.locator("#toasts .toast")).to_have_count(0)
    await expect(row).to_have_count(1)
    assert (await fresh_vault.store.catalogue.get(job.id)).status is JobStatus.QUEUED


async def test_a_lost_connection_is_reported_and_the_page_catches_up(
    pages: Pages, fresh_vault: Vault
) -> None:
    pages.allow.append("Failed to load resource|ERR_INTERNET_DISCONNECTED")
    page = await pages("/", base=fresh_vault.base)
    await page.locator("body[data-stream=open]").wait_for()
    await page.context.set_offline(True)
    await expect(page.locator("#lost-line")).to_be_visible()
    job = await fresh_vault.add(A)
    await page.context.set_offline(False)

    await page.locator(f'li.waiting a[href="/jobs/{job.id}"]').wait_for(
        state="attached", timeout=patient(20_000)
    )
    await expect(page.locator("#lost-line")).to_be_hidden()


async def test_without_a_network_the_page_says_so_and_asks_nothing_about_the_vault(
    pages: Pages, fresh_vault: Vault
) -> None:
    pages.allow.append("Failed to load resource|ERR_INTERNET_DISCONNECTED")
    page = await pages("/", base=fresh_vault.base)
    await page.context.set_offline(True)
    await page.locator("#post_urls").fill(A)
    await page.keyboard.press("Enter")

    await expect(page.locator("#messages")).to_contain_text("You're offline.")
    await expect(page.locator("#messages")).not_to_contain_text("Is it running?")
    await expect(page.locator("#outbox li")).to_contain_text(A.partition("://")[2])
    await page.locator("#post_urls").fill(f"{A}\nx.example/a-link-without-its-beginning")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("#messages")).to_contain_text("Nothing was sent.")
    await expect(page.locator("#post_urls")).to_have_value(
        f"{A}\nx.example/a-link-without-its-beginning"
    )


async def test_dates_are_written_as_in_the_readers_region(pages: Pages, fresh_vault: Vault) -> None:
    """The browser of these tests is set to en-GB, and the page is in English."""
    page = await pages("/", base=fresh_vault.base)
    moment = page.locator("time[datetime][title]").first
    iso, title = await moment.get_attribute("datetime"), await moment.get_attribute("title")
    expected = await page.evaluate(
        (
            "(iso) => new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short'"
            " }).format(new Date(iso))"
        ),
        iso,
    )

    assert title == expected


async def test_a_refused_event_stream_is_requested_again(pages: Pages, fresh_vault: Vault) -> None:
    """A browser gives up on an event stream whose response was an error."""
    pages.allow.append("Failed to load resource")
    context = await pages.context()
    page = await context.new_page()
    await page.route("**/api/events*", lambda route: route.fulfill(status=503))
    await page.goto(fresh_vault.base)
    await expect(page.locator("#lost-line")).to_have_text("Connection lost. Reconnecting …")
    job = await fresh_vault.add(A)
    await page.unroute("**/api/events*")

    await page.locator(f'li.waiting a[href="/jobs/{job.id}"]').wait_for(state="attached")
    await expect(page.locator("#lost-line")).to_be_hidden()


async def test_more_windows_than_connections_can_be_open_and_the_active_one_is_live(
    pages: Pages, fresh_vault: Vault
) -> None:
    """A browser makes six connections to a server,
    so six streams would leave none for requesting a page.
    """
    context = await pages.context()
    windows = [await context.new_page() for _ in range(8)]
    for window in windows:
        await window.goto(fresh_vault.base)
        await window.locator("body[data-stream=open]").wait_for()
    job = await fresh_vault.add(A)
    oldest, *_, newest = windows
    await newest.locator(f'li.waiting a[href="/jobs/{job.id}"]').wait_for(state="attached")
    await expect(oldest.locator(f'li.waiting a[href="/jobs/{job.id}"]')).to_have_count(0)

    await oldest.evaluate("dispatchEvent(new Event('focus'))")
    await oldest.locator(f'li.waiting a[href="/jobs/{job.id}"]').wait_for(state="attached")
    for window in windows:
        await expect(window.locator("#lost-line")).to_be_hidden()


async def test_an_unresponsive_vault_is_reported_and_the_link_is_kept(pages: Pages) -> None:
    pages.allow.append("Failed to load resource|ERR_FAILED")
    page = await pages("/")
    await page.route("**/submit", lambda route: route.abort())
    await page.locator("#post_urls").fill(A)
    await page.keyboard.press("Enter")

    await expect(page.locator("#messages .complaint")).to_contain_text(
        "The vault isn't responding."
    )
    await expect(page.locator("#messages .complaint")).to_contain_text("The link waits here")
    await expect(page.locator("#outbox li")).to_contain_text(A.partition("://")[2])


async def test_without_javascript_links_are_submitted_and_groups_retried(
    pages: Pages, fresh_vault: Vault
) -> None:
    page = await pages("/", base=fresh_vault.base, javascript=False)
    await page.locator("#post_urls").fill(f"{A}\nfile:///etc/passwd")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator(".toast")).to_contain_text("Added 1 link.")
    await expect(page.locator("#links")).to_contain_text("file:///etc/passwd")

    await page.locator("#post_urls").fill(B)
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("#left")).to_contain_text("videos.example/watch/b")
    await page.goto(f"{fresh_vault.base}/library?state=failed")
    await (
        page.locator(".cause", has_text="The disk is full")
        .get_by_role("button", name="Try again")
        .click()
    )
    await expect(page.locator("#outcome")).to_contain_text("Trying 1 again.")
    await page.wait_for_load_state("networkidle")


async def test_the_queue_is_paused_and_resumed_without_leaving_the_page(
    pages: Pages, make_vault: MakeVault
) -> None:
    vault = await make_vault(posts=0)
    await vault.add(A)
    page = await pages("/", base=vault.base)
    await page.evaluate("window.sameDocument = true")
    await show_activity(page)
    await page.locator(".activity").get_by_role("button", name="Pause").click()
    await expect(page.locator(".notices")).to_contain_text("The queue is paused.")
    await expect(page.locator("li.waiting")).to_contain_text("Paused")
    await expect(page.locator("#left summary")).to_contain_text("The queue is paused")

    await page.locator(".notices").get_by_role("button", name="Resume").click()
    await expect(page.locator(".notices")).not_to_contain_text("The queue is paused.")
    await expect(page.locator("li.waiting")).not_to_contain_text("Paused")
    assert await page.evaluate("window.sameDocument")


async def test_a_waiting_post_is_moved_to_the_front_without_leaving_the_page(
    pages: Pages, make_vault: MakeVault
) -> None:
    vault = await make_vault(posts=0)
    for url in (A, B):
        await vault.add(url)
    page = await pages("/", base=vault.base)
    await page.evaluate("window.sameDocument = true")
    await show_activity(page)
    rows = page.locator("li.waiting")
    await expect(rows.first).to_contain_text("watch/a")
    await rows.last.get_by_role("button", name="Move to the front").click()

    await expect(rows.first).to_contain_text("watch/b")
    await expect(rows.first).to_contain_text("First")
    await expect(rows.first.get_by_role("button", name="Move to the front")).to_have_count(0)
    assert await page.evaluate("window.sameDocument")


async def test_hostile_text_is_shown_as_text_and_does_not_break_the_layout(
    pages: Pages, make_vault: MakeVault
) -> None:
    vault = await make_vault(posts=0)
    store = vault.store
    for number, code in enumerate(
        (None, None, ErrorCode.LOGIN_REQUIRED, ErrorCode.NETWORK, ErrorCode.DELETED)
    ):
        await vault.add(f"https://videos.example/watch/{number}")
        [claim] = await store.queue.claim(WORKER, limit=1, lease=timedelta(hours=1))
        account = Account("generic", HOSTILE, HOSTILE, "x")
        await store.queue.checkpoint(
            claim,
            Checkpoint(None, None, SourceType.DIRECT, (), (), account, None, {"title": HOSTILE}),
        )
        if code is not None:
            await store.queue.fail(claim, error_code=code, error=HOSTILE, retry_in=None)
    page = await pages("/", base=vault.base, size="phone")

    assert await page.locator(".working").count() == 2
    assert await overflow(page) == []
    assert await page.locator("main img[onerror], main script").count() == 0


async def test_the_page_is_small(pages: Pages) -> None:
    """The bytes that Chromium loads, as transferred, without thumbnails."""
    context = await pages.context()
    page = await context.new_page()
    session = await context.new_cdp_session(page)
    addresses: dict[str, str] = {}
    sizes: dict[str, int] = {}

    def on_response(event: dict[str, Any]) -> None:
        addresses[event["requestId"]] = event["response"]["url"]

    def on_finished(event: dict[str, Any]) -> None:
        address = addresses.get(event["requestId"], "")
        if "/files/" not in address:
            sizes[address] = int(event["encodedDataLength"])

    session.on("Network.responseReceived", on_response)
    session.on("Network.loadingFinished", on_finished)
    await session.send("Network.enable")
    await page.goto(pages.base, wait_until="load")
    await page.locator(".shelf img").first.wait_for()

    print(json.dumps(sizes, indent=1), sum(sizes.values()))
    assert 10_000 < sum(sizes.values()) < LIMIT_BYTES


async def test_the_page_fits_every_window_size(pages: Pages) -> None:
    for size in ("zoomed", "phone", "tablet", "desktop"):
        assert await overflow(await pages("/", size=size, language="de")) == []
