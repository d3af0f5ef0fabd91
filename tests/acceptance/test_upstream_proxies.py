"""Chromium and yt-dlp behind an upstream proxy: they leave through it,
and reach no private address through it either.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import ProxySettings

from mediavault.browser.chromium import Chromium
from mediavault.browser.discovery import find_browser
from mediavault.core.clock import SystemClock
from mediavault.core.failures import AddressRefused, ProxyFailed
from mediavault.core.media import Extraction
from mediavault.core.upstream_proxies import UpstreamProxies
from mediavault.core.urls import EgressScope, parse_http_url
from mediavault.egress.guard import EgressGuard
from mediavault.egress.proxy import EgressProxy
from mediavault.extraction.ytdlp_extractor import YtdlpExtractor
from mediavault.platforms.registry import identify
from tests.acceptance.test_browser_egress import CHANNELS, TRAP_HOST, chromium, trap_and_page
from tests.patience import patient
from tests.unit.egress.servers import ok, redirect, running, trapping
from tests.upstream_stubs import (
    KINDS,
    NO_PASSWORD_AND_ONE,
    PUBLIC,
    StubProxy,
    public_names,
    stub_proxy,
)

HTML = "Content-Type: text/html"
POST = "http://a.test/post"
PAGE = b"""<!doctype html><title>A lighthouse</title><meta property="og:title" content="A lighthouse">
<meta property="og:video" content="http://b.test/film.mp4"><meta property="og:video:type" content="video/mp4">Waves."""  # noqa: E501
FILM = ok(b"x" * 100, "Content-Type: video/mp4")
# of the trap's host and port, in other words: a name, one that turns inwards, a number, and IPv6
# forms
INWARDS = [
    "private.test",
    "turning.test",
    "2130706434",
    "0x7f.2",
    "[::ffff:7f00:2]",
    "[64:ff9b::7f00:2]",
]


@asynccontextmanager
async def egress_through(stub: StubProxy, **names: object) -> AsyncIterator[EgressProxy]:
    guard = EgressGuard(resolver=public_names(**names), proxies=UpstreamProxies(stub.proxy))
    proxy = EgressProxy(guard)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.close()
        guard.close()


def addresses(stub: StubProxy) -> set[str]:
    """Return what the proxy was asked for, without ports."""
    return {target.rpartition(":")[0] for target in stub.asked}


@pytest.mark.browser
@pytest.mark.parametrize("kind", NO_PASSWORD_AND_ONE)
async def test_a_hostile_page_in_chromium_behind_the_proxy_reaches_the_trap_by_no_channel(
    kind: str, tmp_path: Path
) -> None:
    async with (
        trap_and_page() as (trap, site),
        stub_proxy(kind, {PUBLIC: site.port}, folder=tmp_path) as stub,
    ):
        port = trap.tcp.port
        turning = [[PUBLIC], *[[TRAP_HOST]] * 50]
        async with egress_through(stub, private_test=[TRAP_HOST], turning_test=turning) as proxy:
            urls = [f"http://{host}:{port}/x" for host in INWARDS] + [
                f"https://{host}:{port}/x" for host in INWARDS
            ]
            site.answers = {
                **site.answers,
                **{f"/in/{at}": redirect(url) for at, url in enumerate(urls)},
            }
            settings = ProxySettings(
                server=proxy.server, username=proxy.username, password=proxy.password
            )
            async with chromium(tmp_path / "profile", settings) as context:
                page = await context.new_page()
                with proxy.exempting(EgressScope("http://a.test/")):
                    await page.goto("http://a.test/")
                    title = await page.title()
                    for at, url in enumerate(urls):
                        await page.evaluate(
                            "url => fetch(url, {mode: 'no-cors'}).catch(() => 0)", url
                        )
                        await page.evaluate(
                            "at => fetch('/in/' + at, {mode: 'no-cors'}).catch(() => 0)", at
                        )
                    await page.wait_for_timeout(2_000)

    assert title == "hostile"
    assert (trap.tcp.connections, trap.datagrams) == (0, [])
    assert addresses(stub) == {PUBLIC}
    assert proxy.refused >= len(CHANNELS)


@pytest.mark.browser
async def test_the_browser_says_that_the_proxy_failed(tmp_path: Path) -> None:
    browser = find_browser(None)
    if browser.path is None:
        pytest.skip("no Chromium is installed")
    post, platform = identify(parse_http_url("https://a.test/post"))
    async with stub_proxy("socks5") as stub, egress_through(stub) as proxy:
        made = Chromium(
            state_dir=tmp_path / "state",
            downloads_dir=tmp_path / "downloads",
            proxy=proxy,
            clock=SystemClock(),
            executable=browser.path,
        )
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(made.close)
            with pytest.raises(ProxyFailed) as caught:
                await made.capture(
                    post.url, scope=post.scope, platform=platform, within_s=patient(60)
                )

    assert str(stub.proxy) in caught.value.message


# --- yt-dlp ---------------------------------------------------------------------------------------


async def extract(proxy: EgressProxy, tmp_path: Path, url: str = POST) -> Extraction:
    post, platform = identify(parse_http_url(url))
    extractor = YtdlpExtractor(proxy, SystemClock(), state_dir=tmp_path / "state")
    return await extractor.extract(post, platform, within_s=patient(60, most=3))


@pytest.mark.parametrize("kind", KINDS)
async def test_yt_dlp_reads_a_post_through_the_proxy_which_is_asked_for_addresses(
    kind: str, tmp_path: Path
) -> None:
    answers = {"/post": ok(PAGE, HTML), "/film.mp4": FILM}
    async with (
        running(answers) as site,
        stub_proxy(kind, {PUBLIC: site.port}, folder=tmp_path) as stub,
        egress_through(stub) as proxy,
    ):
        result = await extract(proxy, tmp_path)

    assert [candidate.url for candidate in result.candidates] == ["http://b.test/film.mp4"]
    assert set(stub.asked) == {f"{PUBLIC}:80"}


@pytest.mark.parametrize("kind", KINDS)
async def test_yt_dlp_behind_the_proxy_never_reaches_the_trap(kind: str, tmp_path: Path) -> None:
    async with trapping() as trap, running() as site:
        targets = [
            f"http://{host}:{trap.port}/"
            for host in ("127.1", "2130706433", "[::ffff:7f00:1]", "private.test")
        ]
        targets.append(f"https://private.test:{trap.port}/")
        site.answers = {f"/{at}": redirect(url) for at, url in enumerate(targets)}
        async with (
            stub_proxy(kind, {PUBLIC: site.port}, folder=tmp_path) as stub,
            egress_through(stub) as proxy,
        ):
            asking = [extract(proxy, tmp_path, f"http://a.test/{at}") for at in range(len(targets))]
            outcomes = await asyncio.gather(*asking, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [AddressRefused] * len(targets)
    assert trap.hits == 0
    assert set(stub.asked) == {f"{PUBLIC}:80"}


async def test_yt_dlp_says_that_the_proxy_failed(tmp_path: Path) -> None:
    async with stub_proxy("http with a password") as stub, egress_through(stub) as proxy:
        stub.answers[""] = 503
        for url in (POST, "https://a.test/post"):
            with pytest.raises(ProxyFailed) as caught:
                await extract(proxy, tmp_path, url)

    assert str(stub.proxy) in caught.value.message
