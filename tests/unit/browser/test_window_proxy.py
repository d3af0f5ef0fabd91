"""The proxy of a sign-in window: it asks for no password,
and refuses other users of the machine.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest

from mediavault.browser import plain_window
from mediavault.browser.plain_window import window_proxy
from mediavault.core.urls import EgressScope
from mediavault.egress.guard import EgressGuard
from tests.patience import patient
from tests.unit.egress.servers import Site, ok, running


async def status_line(proxy: str, url: str) -> str:
    """The status line of the proxy's answer to a request without a password;
    "" when it hangs up.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(proxy).port)
    try:
        writer.write(f"GET {url} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\n\r\n".encode())
        return (await asyncio.wait_for(reader.readline(), patient(30))).decode()
    except ConnectionError:
        return ""
    finally:
        writer.transport.abort()


@asynccontextmanager
async def a_site() -> AsyncIterator[tuple[Site, str]]:
    async with running({"/in": ok(b"hi")}) as site:
        yield site, f"http://127.0.0.1:{site.port}/in"


async def test_the_sign_ins_own_site_is_reached_without_a_password() -> None:
    async with (
        a_site() as (site, url),
        window_proxy(EgressGuard([f"127.0.0.1:{site.port}"]), EgressScope(url)) as proxy,
    ):
        assert " 200 " in await status_line(proxy, url)


async def test_a_window_may_not_reach_what_posts_may_not_reach() -> None:
    async with (
        a_site() as (_, url),
        window_proxy(EgressGuard(), EgressScope("https://public.test/in")) as proxy,
    ):
        assert " 403 " in await status_line(proxy, url)


async def test_connections_of_other_users_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_window, "is_same_user", lambda _: False)
    async with (
        a_site() as (site, url),
        window_proxy(EgressGuard([f"127.0.0.1:{site.port}"]), EgressScope(url)) as proxy,
    ):
        assert await status_line(proxy, url) == ""


async def test_the_proxy_is_gone_with_its_window() -> None:
    async with window_proxy(EgressGuard(), EgressScope("https://public.test/in")) as proxy:
        pass

    with pytest.raises(OSError):
        await status_line(proxy, "http://public.test/")
