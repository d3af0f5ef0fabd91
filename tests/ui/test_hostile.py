"""Two hundred hostile texts in every field that a stranger fills, on every page: nothing runs, all are text, nothing breaks.

The pages are found by following their own links from the sections on, so a page that comes later is among them.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from urllib.parse import quote, urljoin, urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Page

from mediavault import __version__
from mediavault.api.words import one_line
from mediavault.core.errors import ErrorCode
from mediavault.core.job import WorkerBeat, WorkerId
from tests.ui.browsing import Pages, overflow
from tests.ui.hostile import payloads, post_id, posts
from tests.ui.vault import Vault, sample_vault

pytestmark = pytest.mark.timeout(900)

TABS = 3
SHOWN_CHARS = 40  # of a text, which pages may shorten after that
PER_KIND = 12  # pages that are followed besides the posts' own
SEARCHES = ("/", "/accounts")
NO_FILE = r"Failed to load resource: the server responded with a status of 404 .*/(files|library)\b"
GOES_NOWHERE = re.compile(r"^/(files|static|openapi\.json|api|library/(zip|export))\b|[?&]download=|/log$")
_LOOK = """() => ({
  hostile: "hostile" in window || document.documentElement.hasAttribute("hostile"),
  title: document.querySelector("h1")?.textContent ?? "",
  foreign: [...document.querySelectorAll("iframe, object, embed, base, math, marquee, [hx-on], [onerror], [onload], [onclick], [onfocus], [srcdoc]")]
    .map((one) => one.outerHTML.slice(0, 80)),
  links: [...document.querySelectorAll("a[href]")].map((one) => one.getAttribute("href")),
})"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hostile_vault(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Vault]:
    """Every text in every field of a post; some in the names of machines and the reasons of gates."""
    async with sample_vault(tmp_path_factory.mktemp("hostile"), posts=0, worker=False) as vault:
        now = (await vault.store.report()).at
        await vault.store.adopt(posts(now))
        for number, text in enumerate(payloads()[:20]):
            beat = WorkerBeat(
                WorkerId(f"w-{number}"), text, number, __version__, now, now, platforms=(text,), signed_in=("x", text)
            )
            await vault.store.beat(beat)
        await vault.store.close_gate(
            "x", duration=timedelta(hours=1), code=ErrorCode.RATE_LIMITED, reason=" ".join(payloads()[:60])
        )
        yield vault


def kind(path: str) -> str:
    return path.strip("/").split("/")[0]


TEXTS = {f"/jobs/{post_id(number)}": text for number, text in enumerate(payloads())}


def in_words(text: str) -> str:
    """As pages show it: one line, no controls."""
    return " ".join(one_line(text).split())[:SHOWN_CHARS].strip()


async def look(page: Page, base: str, path: str) -> tuple[list[str], Sequence[str]]:
    """What is wrong with the page, and where it leads."""
    await page.goto(urljoin(base, path), wait_until="load")
    seen = await page.evaluate(_LOOK)
    wrong = [*seen["foreign"], *(await overflow(page))]
    if seen["hostile"]:
        wrong.append("something ran")
    text = TEXTS.get(path)
    if text is not None and in_words(text) not in in_words(seen["title"]):
        wrong.append(f"{seen['title'][:60]!r} instead of {text[:60]!r}")
    return [f"{path}: {each}" for each in wrong], seen["links"]


@pytest.mark.parametrize("every", [pytest.param(1, marks=pytest.mark.long, id="all"), pytest.param(10, id="a-tenth")])
async def test_every_page_shows_hostile_text_as_text(hostile_vault: Vault, pages: Pages, every: int) -> None:
    """The posts' own pages, and from page to page by their own links, at a phone's width. Lists hold all texts in any case."""
    context = await pages.context(size="phone")
    pages.allow.append(NO_FILE)
    seen, wrong, counted = {"/", *list(TEXTS)[::every]}, list[str](), Counter[str]()
    queue: asyncio.Queue[str] = asyncio.Queue()
    for path in seen:
        queue.put_nowait(path)

    def follow(path: str, links: Sequence[str]) -> None:
        for link in links:
            address = urlsplit(urljoin(path, link))
            to = address.path + (f"?{address.query}" if address.query else "")
            if address.netloc or to in seen or not to.startswith("/") or GOES_NOWHERE.search(to):
                continue
            if counted[kind(to)] < PER_KIND:
                counted[kind(to)] += 1
                seen.add(to)
                queue.put_nowait(to)

    async def walk() -> None:
        tab = await context.new_page()
        while True:
            path = await queue.get()
            try:
                found, links = await look(tab, hostile_vault.base, path)
            except Exception as exc:
                found, links = [f"{path}: {exc}"], ()
            wrong.extend(found)
            follow(path, links)
            queue.task_done()

    walkers = [asyncio.create_task(walk()) for _ in range(TABS)]
    await queue.join()
    for one in walkers:
        one.cancel()
    assert not wrong, "\n".join(wrong[:40])


async def test_a_search_for_hostile_text_finds_it_and_shows_it_as_text(hostile_vault: Vault, pages: Pages) -> None:
    tab = await pages("/", size="phone", base=hostile_vault.base)
    pages.allow.append(NO_FILE)
    wrong = []
    for text in payloads()[::8]:
        for where in SEARCHES:
            wrong += (await look(tab, hostile_vault.base, f"{where}?q={quote(in_words(text))}"))[0]

    assert not wrong, "\n".join(wrong)


async def test_hostile_text_that_comes_by_the_live_stream_is_text(pages: Pages, fresh_vault: Vault) -> None:
    page = await pages("/", size="phone", base=fresh_vault.base)
    pages.allow.append(NO_FILE)
    now = (await fresh_vault.store.report()).at
    await fresh_vault.store.adopt(posts(now + timedelta(minutes=5)))
    last = await fresh_vault.add("https://videos.example/watch/the-last")
    await page.locator(f'a[href="/jobs/{last.id}"]').first.wait_for(state="attached", timeout=30_000)
    seen = await page.evaluate(_LOOK)

    assert seen["foreign"] == []
    assert not seen["hostile"]
    assert await overflow(page) == []
