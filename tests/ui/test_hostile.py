"""Two hundred hostile texts in every field that a stranger fills, on every page: nothing runs, all are text, nothing breaks.

The pages are found by following their own links from the sections on, so a page that comes later is among them. All texts on
all pages take minutes (``make ui``); otherwise each page gets some of them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from urllib.parse import quote

import pytest
import pytest_asyncio
from playwright.async_api import Page

from mediavault.core.failures import ErrorCode
from mediavault.presentation.labels import one_line
from tests.patience import patient
from tests.ui.browsing import Pages
from tests.ui.hostile import HOW_MANY_STATES, UNTITLED_STATE, post_id, posts
from tests.ui.hostile_texts import payloads
from tests.ui.hostile_vault import STRAYS, HostileVault, hostile_vault
from tests.ui.hostile_walk import NO_FILE, REFUSED, Links, every_text_or_some, examine, look, signed_in, troubles, walk
from tests.ui.vault import Vault

pytestmark = pytest.mark.timeout(1_800)

SHOWN_CHARS = 40  # of a text, which pages may shorten after that
PER_KIND = 12  # pages that are followed besides those of the texts
TITLES = {
    f"/jobs/{post_id(number)}": text
    for number, text in enumerate(payloads())
    if number % HOW_MANY_STATES != UNTITLED_STATE
}


def in_words(text: str) -> str:
    """As pages show it: one line, no controls."""
    return " ".join(one_line(text).split())[:SHOWN_CHARS].strip()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hostile(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[HostileVault]:
    """Each text in every field."""
    texts = [partial(_whatever, text) for text in payloads()]
    async with hostile_vault(tmp_path_factory.mktemp("hostile"), texts) as house:
        yield house


def _whatever(text: str, _field: str) -> str:
    return text


@every_text_or_some
async def test_every_page_shows_hostile_text_as_text(hostile: HostileVault, pages: Pages, every: int) -> None:
    """The posts' own pages, the accounts' and the sites', and on from page to page. Lists hold all texts in any case."""
    context = await signed_in(pages, hostile)
    pages.allow += [NO_FILE, REFUSED]  # no file is there; what has a slash in its name has no page
    base = hostile.vault.base
    some = payloads()[::every]
    places = [f"/sites/{quote(text, safe='')}" for text in some if len(text) <= 64 and "/" not in text]
    places += [f"/accounts/{quote(text, safe='')}/{quote(text, safe='')}" for text in some if len(text) <= 200]
    starts = ["/", "/doctor", *(f"/jobs/{post_id(number)}" for number in range(0, len(payloads()), every)), *places]
    starts += [f"/jobs/{post_id(STRAYS + number)}" for number in range(0, len(payloads()), every * 4)]

    async def visit(page: Page, path: str) -> tuple[list[str], Links]:
        wrong, seen = await look(page, base, path)
        title, text = in_words(seen["title"]), in_words(TITLES.get(path, ""))
        return wrong if text in title else [*wrong, f"{path}: {title!r} instead of {text!r}"], seen["links"]

    door = await context.new_page()
    await examine(door, base)
    wrong = await walk(context, starts, visit, per_kind=PER_KIND)
    for number in range(0, len(payloads()), every if every == 1 else every * 4):
        await hostile.turn_to(number)
        for path in ("/settings", "/doctor"):
            wrong += (await look(door, base, path))[0]
    assert not wrong, "\n".join(wrong[:40])


async def test_hostile_text_that_comes_by_the_live_stream_is_text(pages: Pages, fresh_vault: Vault) -> None:
    """On the first page, and on the page of a job that fails while somebody looks."""
    pages.allow.append(NO_FILE)
    page = await pages("/", size="zoomed", base=fresh_vault.base)
    now, claim = (await fresh_vault.store.catalogue.report()).at, fresh_vault.claims[0]
    post = await pages(f"/jobs/{claim.id}", size="zoomed", base=fresh_vault.base)
    text = f"the-end {payloads()[0]} " + "W" * 5_000
    await fresh_vault.store.queue.fail(claim, error_code=ErrorCode.INTERNAL, error=text, retry_in=None)
    await post.locator("#timeline").get_by_text("the-end").first.wait_for(state="attached", timeout=patient(30_000))
    await fresh_vault.store.catalogue.import_jobs(posts(now + timedelta(minutes=5)))
    last = await fresh_vault.add("https://videos.example/watch/the-last")
    await page.locator(f'a[href="/jobs/{last.id}"]').first.wait_for(state="attached", timeout=patient(30_000))

    assert (await troubles(page))[0] == []
    assert (await troubles(post))[0] == []
