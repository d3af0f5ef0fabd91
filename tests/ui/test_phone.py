"""The vault as an app of a phone: installing it, sharing to it,
and links that wait until it answers.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page, async_playwright, expect

from mediavault.browser.discovery import find_browser
from mediavault.core.job import JobStatus
from mediavault.web.pages.home import JUST_NOW_COOKIE
from tests.patience import patient
from tests.ui.browsing import Pages, Size, flags, overflow
from tests.ui.conftest import MakeVault
from tests.ui.vault import TOKEN, Vault

A = "https://videos.example/watch/a"
B = "https://videos.example/watch/b"
SIZES: tuple[Size, ...] = ("phone", "desktop")
LOST = "Failed to load resource|ERR_INTERNET_DISCONNECTED|ERR_FAILED"

_SHARE = """([action, fields]) => {
  const form = Object.assign(document.createElement("form"), { method: "post", action });
  for (const [name, value] of Object.entries(fields)) {
    form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
  }
  document.body.append(form);
  form.submit();
}"""
# Not until it controls the page: a page that loads while the worker claims all pages may be left
# out. Navigations do not mind.
_READY = """async () => {
  const registration = await navigator.serviceWorker.ready;
  return [registration.scope, registration.active.scriptURL];
}"""


async def installed(context: BrowserContext, vault: Vault, path: str = "/") -> tuple[Page, str]:
    """Open a page with its service worker, and return it and the address for shares."""
    page = await context.new_page()
    await page.goto(f"{vault.base}{path}")
    await page.evaluate(_READY)
    described = await page.evaluate(
        "fetch(document.querySelector('link[rel=manifest]').href).then((it) => it.json())"
    )
    return page, described["share_target"]["action"]


async def share(page: Page, action: str, **fields: str) -> None:
    """Post what a phone's system posts for another app."""
    async with page.expect_navigation():
        await page.evaluate(_SHARE, [action, fields])


async def queued(vault: Vault) -> int:
    return (await vault.store.catalogue.report()).counts.get(JobStatus.QUEUED, 0)


async def described_in(page: Page) -> dict[str, Any]:
    session = await page.context.new_cdp_session(page)
    described: dict[str, Any] = await session.send("Page.getAppManifest")
    described["installability"] = (await session.send("Page.getInstallabilityErrors"))[
        "installabilityErrors"
    ]
    return described


@pytest.mark.parametrize("base", ["", "/media/vault"])
async def test_chromium_installs_the_pages_as_an_app(
    make_vault: MakeVault, tmp_path: Path, base: str
) -> None:
    """In a browser with a profile: nothing can be installed in a private window."""
    vault = await make_vault(posts=0, base_path=base)
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            tmp_path / "profile", executable_path=find_browser().path, args=list(flags())
        )
        page = await context.new_page()
        await page.goto(f"{vault.base}{base}/")
        scope, worker = await page.evaluate(_READY)
        described = await described_in(page)
        await context.close()

    assert described["installability"] == []
    assert described["errors"] == []
    assert json.loads(described["data"])["share_target"]["action"].startswith(f"{base}/share?key=")
    assert scope == f"{vault.base}{base}/"
    assert worker.startswith(f"{vault.base}{base}/static/service-worker.js?key=")


@pytest.mark.parametrize("size", SIZES)
async def test_a_share_is_saved_at_once_and_the_page_says_so(
    pages: Pages, make_vault: MakeVault, size: Size
) -> None:
    vault = await make_vault(posts=0, base_path="/media/vault")
    context = await pages.context(worker=True, size=size)
    page, action = await installed(context, vault, "/media/vault/")
    await share(page, action, title="First frost", text=f"Look at {A}. And at ({B})", url="")

    await expect(page.locator(".toast")).to_contain_text("Added 2 links. videos.example/watch/a")
    assert await queued(vault) == 2
    await expect(page.locator("#outbox")).to_be_hidden()
    assert JUST_NOW_COOKIE in {cookie["name"] for cookie in await context.cookies()}
    await share(page, action, title="", text=A)
    await expect(page.locator(".toast")).to_contain_text("This link is already in the vault.")


async def test_a_share_without_a_link_is_in_the_box(pages: Pages, make_vault: MakeVault) -> None:
    vault = await make_vault(posts=0)
    page, action = await installed(await pages.context(worker=True), vault)
    await share(page, action, title="", text="look at this")

    await expect(page.locator("#post_urls")).to_have_value("look at this")


async def test_another_sites_page_cannot_make_the_worker_keep_or_send_links(
    pages: Pages, make_vault: MakeVault
) -> None:
    pages.allow.append(f"{LOST}|403")
    vault = await make_vault(posts=0)
    context = await pages.context(worker=True)
    page, _ = await installed(context, vault)
    evil = "http://localhost:8088/evil"
    await context.route(evil, lambda route: route.fulfill(body="<body>", content_type="text/html"))
    hostile = await context.new_page()
    for action in ("share", "share?key=", "share?key=undefined", "share?key=null"):
        await hostile.goto(evil)
        await share(hostile, f"{vault.base}/{action}", url=A)
        await expect(hostile.locator("main")).to_contain_text(
            "This request comes from another site's page."
        )

    await page.goto(vault.base)
    await expect(page.locator("#outbox")).to_be_hidden()
    assert await queued(vault) == 0


@pytest.mark.parametrize("size", SIZES)
async def test_a_share_while_the_vault_is_away_is_kept_and_sent_later(
    pages: Pages, make_vault: MakeVault, size: Size
) -> None:
    pages.allow.append(LOST)
    vault = await make_vault(posts=0)
    context = await pages.context(worker=True, size=size)
    page, action = await installed(context, vault)
    await context.set_offline(True)
    await share(page, action, text=A)

    await expect(page.locator("h1")).to_have_text("Can't reach your vault.")
    await expect(page.locator("#outbox li")).to_contain_text(A.partition("://")[2])
    await page.locator("#post_urls").fill(f"{B}{'-' * 200}/end")
    await page.keyboard.press("Enter")
    await expect(page.locator("#outbox li")).to_have_count(2)
    await expect(page.locator("#outbox li").last.get_by_text("-/end")).to_be_in_viewport(ratio=1)
    assert await overflow(page) == []
    await context.set_offline(False)
    await expect(page.locator(".toast")).to_contain_text("Added 2 links. videos.example/watch/a")
    await expect(page.locator("#outbox")).to_be_hidden()
    assert await queued(vault) == 2


async def test_what_was_shared_is_sent_in_the_background_and_reported_later(
    pages: Pages, make_vault: MakeVault
) -> None:
    """Chromium wakes the worker when the network is back, even if no page is open."""
    pages.allow.append(LOST)
    vault = await make_vault(posts=0)
    context = await pages.context(worker=True)
    page, action = await installed(context, vault)
    session = await context.new_cdp_session(page)
    registrations: list[str] = []
    session.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda event: registrations.extend(
            each["registrationId"] for each in event["registrations"]
        ),
    )
    await session.send("ServiceWorker.enable")
    await context.set_offline(True)
    await share(page, action, text=A)
    await expect(page.locator("#outbox li")).to_have_count(1)
    await context.set_offline(False)
    sync = {
        "origin": vault.base,
        "registrationId": registrations[-1],
        "tag": "outbox",
        "lastChance": False,
    }
    await session.send("ServiceWorker.dispatchSyncEvent", sync)

    await page.evaluate(_ARRIVED)
    assert await queued(vault) == 1
    await page.goto(vault.base)
    await expect(page.locator(".toast")).to_contain_text("Added 1 link. videos.example/watch/a")


# Returns once the only link of the outbox has arrived.
_ARRIVED = """async () => {
  const done = (request) => new Promise((resolve) => { request.onsuccess = () =>
    resolve(request.result); });
  const database = await done(indexedDB.open("mediavault-outbox /"));
  while (!(await done(database.transaction("links").objectStore("links").getAll()))[0].sent) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  database.close();
}"""


async def test_an_installed_app_shows_the_last_library_until_it_reaches_the_page_that_was_wanted(
    pages: Pages, make_vault: MakeVault
) -> None:
    """And after a sign-out, nothing of it."""
    pages.allow.append(LOST)
    vault = await make_vault(posts=6, token=TOKEN)
    context = await pages.context(worker=True)
    page = await context.new_page()
    await page.goto(f"{vault.base}/login")
    await sign_in(page)
    await page.evaluate(_READY)
    for _ in range(2):  # the worker controls the second one
        await page.goto(f"{vault.base}/library")
    await page.wait_for_function(_IS_KEPT)
    tiles = await page.locator(".tile").count()
    for path in ("/sources/inbox", "/collections/a/b", "/you"):
        await context.set_offline(True)
        await page.goto(f"{vault.base}{path}")
        await expect(page.locator("h1")).to_have_text("Can't reach your vault.")
        await expect(page.locator("#kept-library .tile")).to_have_count(tiles)
        for picture in await page.locator("#kept-library img").all():
            await expect(picture).to_have_js_property("naturalWidth", 640)
        pages.allow.append("404")  # there is no such collection
        await context.set_offline(False)
        await page.locator(".sections").wait_for()
        assert page.url == f"{vault.base}{path}"

    await page.locator("form[action='/logout'] button").click()
    await page.locator("form[action='/login']").wait_for()
    await context.set_offline(True)
    await page.goto(vault.base)
    await expect(page.locator("h1")).to_have_text("Can't reach your vault.")
    await expect(page.locator("#kept-library")).to_be_hidden()
    assert await page.locator(".tile").count() == 0


_IS_KEPT = """async () => {
  const kept = await (await caches.open("mediavault-library /")).keys();
  return kept.length > document.querySelectorAll(".tile img").length;
}"""


async def test_a_share_without_a_session_is_saved_after_the_sign_in(
    pages: Pages, make_vault: MakeVault
) -> None:
    pages.allow.append("401")
    vault = await make_vault(posts=0, token=TOKEN)
    context = await pages.context(worker=True)
    page = await context.new_page()
    await page.goto(f"{vault.base}/login")
    await sign_in(page)
    page, action = await installed(context, vault)
    await page.goto(f"{vault.base}/you")
    await page.locator("form[action='/logout'] button").click()
    await page.locator("form[action='/login']").wait_for()
    await share(page, action, text=A)

    await expect(page.locator("#outbox")).to_contain_text("It is added when you have signed in.")
    assert await queued(vault) == 0
    await sign_in(page)
    await expect(page.locator(".toast")).to_contain_text("Added 1 link.")
    assert await queued(vault) == 1


async def sign_in(page: Page) -> None:
    await page.locator("#password").fill(TOKEN)
    await page.locator("form[action='/login'] button").click()
    await page.locator(".sections").wait_for()


@pytest.mark.parametrize("size", SIZES)
async def test_links_that_cannot_be_sent_are_listed_and_can_be_removed(
    pages: Pages, make_vault: MakeVault, size: Size
) -> None:
    """Without a service worker too, as over plain HTTP in a home network."""
    pages.allow.append(LOST)
    vault = await make_vault(posts=0)
    page = await pages("/", base=vault.base, size=size)
    await page.context.set_offline(True)
    await page.locator("#post_urls").fill(f"Look: {A}\n{B}")
    await page.get_by_role("button", name="Save").click()

    await expect(page.locator("#messages")).to_contain_text(
        "2 links wait here and will be sent later."
    )
    await expect(page.locator("#lost-line")).to_be_hidden()  # it would say the same
    await expect(page.locator("#post_urls")).to_have_value("")
    await expect(page.locator("#outbox li")).to_have_count(2)
    assert await overflow(page) == []
    await page.locator("#outbox li").first.get_by_role("button", name="Remove").click()
    await expect(page.locator("#outbox li")).to_have_count(1)
    await expect(page.locator("#outbox li")).to_contain_text(B.partition("://")[2])
    await page.context.set_offline(False)
    await expect(page.locator(".toast")).to_contain_text(
        "Added 1 link. videos.example/watch/b", timeout=patient(20_000)
    )
    await expect(page.locator("#outbox")).to_be_hidden()
    assert await queued(vault) == 1


async def test_a_kept_link_whose_answer_was_lost_is_sent_again_with_its_key(
    pages: Pages, make_vault: MakeVault
) -> None:
    pages.allow.append(LOST)
    vault = await make_vault(posts=0)
    page = await pages("/", base=vault.base)
    await page.context.set_offline(True)
    await page.locator("#post_urls").fill(A)
    await page.keyboard.press("Enter")
    await expect(page.locator("#outbox li")).to_have_count(1)
    keys: list[str] = []
    arrived = asyncio.Event()

    async def lose(route: Any) -> None:
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) == 1:
            await route.fetch()
            await route.abort()
        else:
            await route.continue_()
            arrived.set()

    await page.route("**/api/jobs", lose)
    async with page.expect_event(
        "requestfailed", lambda request: request.url.endswith("/api/jobs")
    ):
        await page.context.set_offline(False)
    await page.goto(vault.base)
    await asyncio.wait_for(arrived.wait(), patient(20))

    await expect(page.locator("#outbox")).to_be_hidden()
    assert len(set(keys)) == 1
    assert await queued(vault) == 1


async def test_a_kept_link_that_the_vault_refuses_stays_with_the_reason(
    pages: Pages, make_vault: MakeVault
) -> None:
    pages.allow.append(f"{LOST}|422")
    vault = await make_vault(posts=0)
    page = await pages("/", base=vault.base)
    await page.context.set_offline(True)
    await page.locator("#post_urls").fill("https://www.tiktok.com/@jane")
    await page.keyboard.press("Enter")
    await expect(page.locator("#outbox li")).to_have_count(1)
    await page.context.set_offline(False)

    await expect(page.locator("#outbox [data-refused]")).to_contain_text(
        "TikTok", timeout=patient(20_000)
    )
    assert await queued(vault) == 0


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_a_page_shows_a_code_to_scan_and_a_bookmark_to_drag(
    pages: Pages, make_vault: MakeVault, theme: str, size: Size
) -> None:
    vault = await make_vault(posts=0, token=TOKEN, host_names=("vault.example",))
    page = await pages(
        "/login?next=/access/phone", base=vault.base, size=size, theme=theme, language="de"
    )
    await sign_in(page)
    await page.evaluate(
        "document.querySelectorAll('details').forEach((each) => { each.open = true; })"
    )
    code, bookmark = (
        page.get_by_role("img", name="QR-Code der Adresse"),
        page.locator(".bookmarklet"),
    )
    await page.wait_for_load_state()  # a click does nothing when the scripts have run
    await bookmark.click()

    await expect(page.locator("#phone .address")).to_have_text("https://vault.example/")
    assert (
        await code.evaluate("(code) => getComputedStyle(code).backgroundColor")
        == "rgb(255, 255, 255)"
    )
    assert (
        await code.locator("path").evaluate("(path) => getComputedStyle(path).fill")
        == "rgb(0, 0, 0)"
    )
    assert await overflow(page) == []
    assert page.url == f"{vault.base}/access/phone"


async def test_the_bookmark_opens_the_vault_with_the_page_in_the_box(
    pages: Pages, make_vault: MakeVault
) -> None:
    vault = await make_vault(posts=0)
    page = await pages("/access/phone", base=vault.base)
    program = (await page.locator(".bookmarklet").get_attribute("href") or "").removeprefix(
        "javascript:"
    )
    post = "http://localhost:8088/watch?v=a&list=b#c"
    await page.context.route(
        "http://localhost:8088/**",
        lambda route: route.fulfill(body="<body>", content_type="text/html"),
    )
    await page.goto(post)
    async with page.context.expect_page() as opening:
        await page.evaluate(program)
    opened = await opening.value

    await expect(opened.locator("#post_urls")).to_have_value(post)
    assert await queued(vault) == 0


@pytest.mark.parametrize("name", ["icon-192.png", "apple-touch-icon.png"])
async def test_the_drawn_icons_look_like_the_vector_icon(pages: Pages, name: str) -> None:
    """The mean difference of a colour, where the vector icon is opaque."""
    page = await pages("/")
    difference = await page.evaluate(_DIFFERENCE, name)

    assert difference < 1.5


_DIFFERENCE = """async (name) => {
  const pixels = async (file) => {
    const image = Object.assign(new Image(), { src: `/static/${file}` });
    await image.decode();
    const size = 180;
    const canvas = Object.assign(document.createElement("canvas"), { width: size, height: size });
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0, size, size);
    return context.getImageData(0, 0, size, size).data;
  };
  const [drawn, vector] = [await pixels(name), await pixels("icon.svg")];
  let sum = 0, count = 0;
  for (let at = 0; at < vector.length; at += 4) {
    if (vector[at + 3] < 255) continue;
    for (const part of [0, 1, 2]) sum += Math.abs(drawn[at + part] - vector[at + part]);
    count += 3;
  }
  return sum / count;
}"""
