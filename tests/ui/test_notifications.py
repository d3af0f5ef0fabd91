"""The page about notifications in a browser: adding a target, its secret, a test,
changing and removing it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import expect

from mediavault.features.notifications.model import EventKind
from mediavault.features.notifications.records import all_targets
from tests.ui.browsing import SIZES_AND_SCRIPTS, Pages, Size
from tests.ui.conftest import MakeVault


@asynccontextmanager
async def receiver() -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that takes every message; yields its host with its port, and what it was sent."""
    requests: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", requests


@pytest.mark.parametrize(("size", "javascript"), SIZES_AND_SCRIPTS)
async def test_an_admin_adds_a_webhook_tests_it_and_removes_it(
    pages: Pages, make_vault: MakeVault, size: Size, javascript: bool
) -> None:
    async with receiver() as (host, requests):
        vault = await make_vault(posts=0, allow_private=(host,))
        page = await pages("/notifications", base=vault.base, size=size, javascript=javascript)
        await page.locator("#url").fill(f"http://{host}/hook")
        await page.locator("#name").fill("Shelf display")
        await page.locator("form.new").get_by_label("The disk is nearly full").uncheck()
        await page.get_by_role("button", name="Add the target").click()

        await expect(page.locator("#fresh-token")).to_contain_text("whsec_")
        [target] = await all_targets(vault.store.records)
        assert set(target.events) == set(EventKind) - {EventKind.DISK_LOW}
        await page.get_by_role("button", name="Send a test").click()
        await expect(page.locator("#messages")).to_contain_text("Delivered.")
        await expect(page.locator("#fresh-token")).to_have_count(0)
        assert b"webhook-signature: v1," in requests[0]
        await page.get_by_role("button", name="Send again").click()
        await expect(page.locator("#messages")).to_contain_text("Delivered.")
        assert len(requests) == 2

        line = page.locator("#targets li", has_text="Shelf display")
        await line.locator("summary").click()
        await line.get_by_role("button", name="Pause").click()
        await expect(line.locator(".badge")).to_have_text("Paused")
        await line.locator("summary").click()
        await line.get_by_role("button", name="Remove the target").click()
        await expect(page.locator("#targets li", has_text="Shelf display")).to_have_count(0)


@pytest.mark.parametrize("size", ["desktop", "phone"])
async def test_a_private_address_is_refused_until_the_box_is_ticked(
    pages: Pages, make_vault: MakeVault, size: Size
) -> None:
    pages.allow.append("422")
    vault = await make_vault(posts=0)
    page = await pages("/notifications", base=vault.base, size=size)
    await page.locator("#url").fill("http://192.168.1.20:8123/api/webhook/x")
    await page.get_by_role("button", name="Add the target").click()
    await expect(page.locator("#messages .complaint")).to_contain_text("private or reserved")
    await expect(page.locator("#url")).to_have_value("http://192.168.1.20:8123/api/webhook/x")
    await page.get_by_label("This server is in my home network").check()
    await page.get_by_role("button", name="Add the target").click()
    await expect(page.locator("#fresh-token")).to_be_visible()
    [target] = await all_targets(vault.store.records)
    assert target.private
