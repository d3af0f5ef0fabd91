"""The common frame of all pages, in a real browser."""

from __future__ import annotations

from playwright.async_api import Request

from tests.ui.browsing import Pages, overflow
from tests.ui.vault import Vault

MAX_FIRST_PAGE_BYTES = 150_000  # without thumbnails


async def test_the_first_page_shows_what_the_vault_holds(pages: Pages) -> None:
    page = await pages("/")

    assert await page.locator("h1").count() == 1
    assert await overflow(page) == []


async def test_a_post_submitted_elsewhere_appears_in_the_open_page(
    pages: Pages, fresh_vault: Vault
) -> None:
    page = await pages("/", base=fresh_vault.base)

    job = await fresh_vault.add("https://videos.example/watch/just-now")
    await page.locator(f'a[href="/jobs/{job.id}"]').first.wait_for(state="attached")


async def test_the_colours_follow_the_device_theme(pages: Pages) -> None:
    light, dark = await pages("/", theme="light"), await pages("/", theme="dark")
    background = "getComputedStyle(document.body).backgroundColor"

    assert await light.evaluate(background) != await dark.evaluate(background)


async def test_errors_in_a_page_are_reported_to_its_test(pages: Pages) -> None:
    """An error that these fixtures missed would be missed by every test in a browser."""
    page = await pages("/")
    await page.evaluate("""() => {
      document.body.append(Object.assign(document.createElement("img"), {
        src: "https://elsewhere.example/x.png" }));
      setTimeout(() => { throw new Error("thrown"); });
      setTimeout(() => alert("asked"));
    }""")
    await page.wait_for_event("dialog")
    await page.evaluate("new Promise(requestAnimationFrame)")

    for sign in ("CSP: img-src", "script: thrown", "dialog: asked"):
        assert any(sign in trouble for trouble in pages.troubles), (sign, pages.troubles)
    pages.troubles.clear()


async def test_the_first_page_is_small_without_its_pictures(pages: Pages, vault: Vault) -> None:
    """Bytes transferred at a first visit: the page, its styles, its scripts and its icons."""
    context = await pages.context()
    page = await context.new_page()
    sizes: list[int] = []

    async def measure(request: Request) -> None:
        if "/files/" not in request.url and "/api/events" not in request.url:
            size = await request.sizes()
            sizes.append(size["responseBodySize"] + size["responseHeadersSize"])

    page.on("requestfinished", measure)
    await page.goto(vault.base, wait_until="load")
    await page.wait_for_timeout(300)

    assert len(sizes) >= 4
    assert sum(sizes) < MAX_FIRST_PAGE_BYTES
