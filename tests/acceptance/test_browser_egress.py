"""A hostile page in a real Chromium behind the egress proxy:
none of its channels reaches a private host.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, ProxySettings, async_playwright
from structlog.testing import capture_logs

from mediavault.core.failures import BadUrl
from mediavault.core.urls import EgressScope, parse_http_url
from mediavault.egress.guard import EgressGuard
from mediavault.egress.proxy import CHROMIUM_ARGS, EgressProxy
from tests.patience import patient
from tests.unit.egress.servers import Answer, Site, ok, redirect, running

pytestmark = pytest.mark.browser

TRAP_HOST = "127.0.0.2"

PAGE = """<!doctype html><title>hostile</title>
<link rel=stylesheet href="{trap}/css"><link rel=prefetch href="{trap}/prefetch"><link
rel=preconnect href="{trap}">
<link rel=icon href="{trap}/icon"><img src="{trap}/img"><img src="/to/img-302"><script
src="{trap}/script"></script>
<iframe src="{trap}/iframe"></iframe><iframe src="/to/iframe-302"></iframe><object
data="{trap}/object"></object>
<video src="{trap}/video"></video><iframe srcdoc="<img src='{trap}/srcdoc'>"></iframe>
<a id=ping href="#here" ping="{trap}/ping">ping</a>
<script>
const trap = "{trap}", quiet = () => {{}}
fetch(trap + "/fetch", {{mode: "no-cors"}}).catch(quiet)
fetch("/to/fetch-302", {{mode: "no-cors"}}).catch(quiet)
new EventSource(trap + "/events")
navigator.sendBeacon(trap + "/beacon", "x")
new WebSocket(trap.replace("http", "ws") + "/websocket")
new Worker("/worker.js")
new SharedWorker("/shared.js")
document.getElementById("ping").click()
open(trap + "/popup")
open("/to/popup-302")
const rtc = new RTCPeerConnection({{iceServers: [{{urls: "stun:{trap_host}:{udp_port}"}}]}})
rtc.createDataChannel("x")
rtc.createOffer().then(offer => rtc.setLocalDescription(offer))
</script>"""
WORKER = """fetch("{trap}/{name}-fetch", {{mode: "no-cors"}}).catch(() => {{}})
new WebSocket("{trap}/{name}-websocket".replace("http", "ws"))"""
# The channels that must have been tried for the test to be meaningful.
CHANNELS = frozenset(
    {
        "css",
        "prefetch",
        "img",
        "img-302",
        "script",
        "iframe",
        "iframe-302",
        "object",
        "video",
        "srcdoc",
        "ping",
        "fetch",
    }
    | {
        "fetch-302",
        "events",
        "beacon",
        "websocket",
        "popup",
        "popup-302",
        "worker-fetch",
        "worker-websocket",
    }
    | {"shared-fetch", "shared-websocket"}
)


@dataclass
class Trap:
    """Listens on a second loopback address, for TCP and UDP."""

    tcp: Site
    udp_port: int
    datagrams: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{TRAP_HOST}:{self.tcp.port}"

    @property
    def channels(self) -> set[str]:
        return {request.path.strip("/") for request in self.tcp.requests}


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.got: list[bytes] = []

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.got.append(data)


@asynccontextmanager
async def trap_and_page() -> AsyncIterator[tuple[Trap, Site]]:
    udp, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
        _Datagrams, (TRAP_HOST, 0)
    )
    try:
        async with running(host=TRAP_HOST) as tcp, running() as site:
            trap = Trap(tcp, udp.get_extra_info("sockname")[1], protocol.got)
            site.answers = pages(trap)
            yield trap, site
    finally:
        udp.close()


def pages(trap: Trap) -> dict[str, bytes | Answer]:
    html = PAGE.format(trap=trap.url, trap_host=TRAP_HOST, udp_port=trap.udp_port)
    answers: dict[str, bytes | Answer] = {"/": ok(html.encode(), "Content-Type: text/html")}
    for name in ("worker", "shared"):
        script = WORKER.format(trap=trap.url, name=name)
        answers[f"/{name}.js"] = ok(script.encode(), "Content-Type: text/javascript")
    for name in CHANNELS:
        answers[f"/to/{name}"] = redirect(f"{trap.url}/{name}")
    return answers


@asynccontextmanager
async def chromium(profile: Path, proxy: ProxySettings | None) -> AsyncIterator[BrowserContext]:
    path = next(
        filter(
            None,
            map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "microsoft-edge")),
        ),
        None,
    )
    async with async_playwright() as playwright:
        if path is None and not Path(playwright.chromium.executable_path).exists():
            pytest.skip("no Chromium is installed")
        args = ["--no-sandbox", *(CHROMIUM_ARGS if proxy else ())]
        context = await playwright.chromium.launch_persistent_context(
            profile, executable_path=path, proxy=proxy, args=args
        )
        try:
            yield context
        finally:
            await context.close()


async def test_the_hostile_page_reaches_the_trap_without_the_proxy(tmp_path: Path) -> None:
    """This is the control: without it, a page that tries nothing would pass the next test."""
    async with trap_and_page() as (trap, site), chromium(tmp_path, None) as context:
        page = await context.new_page()
        await page.goto(site.url)
        async with asyncio.timeout(patient(30)):
            while not (trap.channels >= CHANNELS and trap.datagrams):
                await asyncio.sleep(0.05)


async def test_behind_the_proxy_no_channel_reaches_a_private_host(tmp_path: Path) -> None:
    async with trap_and_page() as (trap, site):
        proxy = EgressProxy(EgressGuard([f"127.0.0.1:{site.port}"]))
        await proxy.start()
        settings = ProxySettings(
            server=proxy.server, username=proxy.username, password=proxy.password
        )
        with capture_logs() as logs:
            async with chromium(tmp_path, settings) as context:
                page = await context.new_page()
                with proxy.exempting(EgressScope(site.url)):
                    await page.goto(site.url)
                    title = await page.title()
                    await page.wait_for_timeout(3_000)
                    answer = await context.request.get(f"{trap.url}/request")
                    await page.wait_for_timeout(200)
        await proxy.close()

    refused = [
        entry for entry in logs if entry["event"] == "egress_refused" and entry["host"] == TRAP_HOST
    ]
    assert title == "hostile"
    assert (trap.tcp.connections, trap.datagrams) == (0, [])
    assert answer.status == 403
    assert len(refused) >= len(CHANNELS)


async def test_an_exempt_page_is_refused_to_the_next_post(tmp_path: Path) -> None:
    """The browser keeps connections open; the proxy closes them when the post they were opened for
    ends.
    """
    async with trap_and_page() as (_, site):
        proxy = EgressProxy(EgressGuard([f"127.0.0.1:{site.port}"]))
        await proxy.start()
        settings = ProxySettings(
            server=proxy.server, username=proxy.username, password=proxy.password
        )
        async with chromium(tmp_path, settings) as context:
            page = await context.new_page()
            with proxy.exempting(EgressScope(site.url)):
                await page.goto(f"{site.url}/worker.js")
            before = len(site.requests)
            answer = await page.goto(f"{site.url}/shared.js")
        await proxy.close()

    assert answer is not None
    assert answer.status == 403
    assert len(site.requests) == before


HOSTS = [
    "127.1",
    "0x7f.1",
    "0177.0.0.1",
    "2130706433",
    "①②⑦.0.0.1",
    "127。0。0。1",
    "ⅼocalhost",
    "foo.localhost",
    "faß.de",
    "bücher.example",
    "0",
    "0x",
    "1.2.3",
    "4294967295",
    "4294967296",
    "1.2.3.4.5",
    "256.1",
    "a.09",
    "foo.0x",
    "xn--bcher-kva.example",
    "xn--a",
    "r3---sn-x.example",
    "a_b.example",
    "[::1]",
    "[1:0:0:2::3]",
    "[::ffff:1.2.3.4]",
    "[FE80::1]",
    "[1:2:3]",
    "[example.com]",
    "ａ.example",
    "a%41.example",
    "a!b.example",
    "i❤.example",
    "127.0.0.256",
    "999999999999",
]
PATHS = [
    "",
    "/",
    "/a/../b",
    "/%2e%2E/x",
    "/é?é#é",
    "/<\">`{}|^'",
    "/?<\">`{}|^'",
    "/a%zz%",
    "//x//..",
    "/;a=1,2@:!$&()*+=~[]",
]


async def test_chromium_parses_urls_as_we_do(tmp_path: Path) -> None:
    texts = [
        f"{scheme}://{host}{path}"
        for scheme in ("http", "HTTPS")
        for host in HOSTS
        for path in PATHS
    ]
    async with chromium(tmp_path, None) as context:
        page = await context.new_page()
        read = await page.evaluate(
            (
                "texts => texts.map(text => { try { return new URL(text).href } catch (error) {"
                " return null } })"
            ),
            texts,
        )

    taken = 0
    for text, theirs in zip(texts, read, strict=True):
        try:
            ours = str(parse_http_url(text))
        except BadUrl:
            continue
        taken += 1

        assert ours == theirs
    assert taken > len(texts) / 2
