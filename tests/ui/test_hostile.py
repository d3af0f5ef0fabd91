"""Two hundred hostile texts in every field that untrusted input fills, on every page: no script
runs, all are shown as text.

The pages are found by following links from the sections on, so new pages are included. All texts on
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
from tests.ui.hostile_walk import (
    NO_FILE,
    REFUSED,
    Links,
    every_text_or_some,
    examine,
    look,
    signed_in,
    troubles,
    walk,
)
from tests.ui.vault import Vault

pytestmark = pytest.mark.timeout(1_800)

SHOWN_CHARS = 40  # of a text; pages may cut the rest
PER_KIND = 12  # pages that are followed in addition to those of the texts
TITLES = {
    f"/jobs/{post_id(number)}": text
    for number, text in enumerate(payloads())
    if number % HOW_MANY_STATES != UNTITLED_STATE
}


def in_words(text: str) -> str:
    """Return the text as pages show it: one line, no control characters."""
    return " ".join(one_line(text).split())[:SHOWN_CHARS].strip()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hostile(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[HostileVault]:
    """A vault with each text in every field."""
    texts = [partial(_whatever, text) for text in payloads()]
    async with hostile_vault(tmp_path_factory.mktemp("hostile"), texts) as house:
        yield house


def _whatever(text: str, _field: str) -> str:
    return text


@every_text_or_some
async def test_every_page_shows_hostile_text_as_text(
    hostile: HostileVault, pages: Pages, every: int
) -> None:
    """Visits the pages of posts, accounts and sites, and those they link to.
    Lists always contain all texts.
    """
    context = await signed_in(pages, hostile)
    pages.allow += [NO_FILE, REFUSED]  # the files do not exist; names with a slash have no page
    base = hostile.vault.base
    chosen = payloads()[::every]
    places = [
        f"/sites/{quote(text, safe='')}" for text in chosen if len(text) <= 64 and "/" not in text
    ]
    places += [
        f"/accounts/{quote(text, safe='')}/{quote(text, safe='')}"
        for text in chosen
        if len(text) <= 200
    ]
    starts = [
        "/",
        "/doctor",
        *(f"/jobs/{post_id(number)}" for number in range(0, len(payloads()), every)),
        *places,
    ]
    starts += [
        f"/jobs/{post_id(STRAYS + number)}" for number in range(0, len(payloads()), every * 4)
    ]

    async def visit(page: Page, path: str) -> tuple[list[str], Links]:
        wrong, seen = await look(page, base, path)
        title, text = in_words(seen["title"]), in_words(TITLES.get(path, ""))
        return wrong if text in title else [*wrong, f"{path}: {title!r} instead of {text!r}"], seen[
            "links"
        ]

    door = await context.new_page()
    await examine(door, base)
    wrong = await walk(context, starts, visit, per_kind=PER_KIND)
    for number in range(0, len(payloads()), every if every == 1 else every * 4):
        await hostile.turn_to(number)
        for path in ("/settings/files", "/doctor"):
            wrong += (await look(door, base, path))[0]
    assert not wrong, "\n".join(wrong[:40])


async def test_hostile_text_from_the_live_stream_is_shown_as_text(
    pages: Pages, fresh_vault: Vault
) -> None:
    """This holds on the first page, and on the page of a job that fails while it is open."""
    pages.allow.append(NO_FILE)
    page = await pages("/", size="zoomed", base=fresh_vault.base)
    now, claim = (await fresh_vault.store.catalogue.report()).at, fresh_vault.claims[0]
    post = await pages(f"/jobs/{claim.id}", size="zoomed", base=fresh_vault.base)
    text = f"the-end {payloads()[0]} " + "W" * 5_000
    await fresh_vault.store.queue.fail(
        claim, error_code=ErrorCode.INTERNAL, error=text, retry_in=None
    )
    await (
        post.locator("#timeline")
        .get_by_text("the-end")
        .first.wait_for(state="attached", timeout=patient(30_000))
    )
    await fresh_vault.store.catalogue.import_jobs(posts(now + timedelta(minutes=5)))
    last = await fresh_vault.add("https://videos.example/watch/the-last")
    await page.locator(f'a[href="/jobs/{last.id}"]').first.wait_for(
        state="attached", timeout=patient(30_000)
    )

    assert (await troubles(page))[0] == []
    assert (await troubles(post))[0] == []
