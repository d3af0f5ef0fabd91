"""Functions that visit pages of a hostile vault and return what is wrong with them."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from playwright.async_api import BrowserContext, Page

from tests.ui.browsing import SIZES, Pages, overflow
from tests.ui.hostile_vault import HostileVault
from tests.ui.vault import TOKEN

TABS = 3
NO_FILE = r"Failed to load resource: the server responded with a status of 404 .*/files/"
REFUSED = r"Failed to load resource: the server responded with a status of (4\d\d)"
_GOES_NOWHERE = re.compile(
    r"^/(files|static|openapi\.json|api|library/(zip|export)|sources/export)\b|[?&]download=|/log$"
)
_LOOK = """() => ({
  hostile: "hostile" in window || document.documentElement.hasAttribute("hostile"),
  title: document.querySelector("h1")?.textContent ?? "",
  foreign: [...document.querySelectorAll("iframe, object, embed, base, math, marquee, [hx-on], [onerror], [onload], [onclick], [onfocus], [srcdoc]")]
    .map((one) => one.outerHTML.slice(0, 80)),
  links: [...document.querySelectorAll("a[href]")].map((one) => one.getAttribute("href")),
})"""  # noqa: E501

Links = Sequence[str]
Visit = Callable[[Page, str], Awaitable[tuple[list[str], Links]]]

every_text_or_some = pytest.mark.parametrize(
    "every", [pytest.param(1, marks=pytest.mark.long, id="all"), pytest.param(10, id="a-tenth")]
)


async def signed_in(pages: Pages, house: HostileVault) -> BrowserContext:
    """Return a signed-in browser with the narrowest screen that is supported."""
    context = await pages.context(size="zoomed")
    page = await context.new_page()
    await page.goto(urljoin(house.vault.base, "/login"))
    await page.locator("#password").fill(TOKEN)
    await page.locator("form[action='/login'] button").click()
    await page.locator("#paste").wait_for()
    await page.close()
    return context


async def examine(page: Page, base: str) -> None:
    """Run the doctor: the page shows its results from then on."""
    await page.goto(urljoin(base, "/doctor"))
    await page.locator("h1 + form button").click()
    await page.locator("#found").wait_for()


async def troubles(page: Page) -> tuple[list[str], Mapping[str, Any]]:
    """Return what is wrong with the page as it is, on a narrow and a wide screen,
    and what was seen in it.
    """
    seen = await page.evaluate(_LOOK)
    wrong = [*seen["foreign"], *(await overflow(page))]
    if seen["hostile"]:
        wrong.append("something ran")
    await _resize(page, "desktop")
    wrong += await overflow(page)
    await _resize(page, "zoomed")
    return wrong, seen


async def look(page: Page, base: str, path: str) -> tuple[list[str], Mapping[str, Any]]:
    """Do the same as ``troubles`` for the page at this URL."""
    await page.goto(urljoin(base, path), wait_until="load")
    wrong, seen = await troubles(page)
    return [f"{path[:150]}: {trouble}" for trouble in wrong], seen


async def _resize(page: Page, size: str) -> None:
    width, height = SIZES[size]
    await page.set_viewport_size({"width": width, "height": height})


async def walk(
    context: BrowserContext, starts: Iterable[str], visit: Visit, *, per_kind: int = 0
) -> list[str]:
    """Visit all of ``starts``, and by their links ``per_kind`` more pages of each kind;
    return what is wrong.
    """
    seen, wrong, counted = set(starts), list[str](), Counter[str]()
    queue: asyncio.Queue[str] = asyncio.Queue()
    for path in starts:
        queue.put_nowait(path)

    def follow(path: str, links: Links) -> None:
        for link in links:
            address = urlsplit(urljoin(path, link))
            to = address.path + (f"?{address.query}" if address.query else "")
            kind = to.strip("/").split("/")[0].split("?")[0]
            if address.netloc or to in seen or not to.startswith("/") or _GOES_NOWHERE.search(to):
                continue
            if counted[kind] < per_kind:
                counted[kind] += 1
                seen.add(to)
                queue.put_nowait(to)

    async def go() -> None:
        tab = await context.new_page()
        while True:
            path = await queue.get()
            try:
                problems, links = await visit(tab, path)
            except Exception as exc:
                problems, links = [f"{path[:150]}: {exc}"], ()
            wrong.extend(problems)
            follow(path, links)
            queue.task_done()

    walkers = [asyncio.create_task(go()) for _ in range(TABS)]
    await queue.join()
    for walker in walkers:
        walker.cancel()
    return wrong
