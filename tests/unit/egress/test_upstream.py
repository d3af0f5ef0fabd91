"""Upstream proxies: the way out changes, and where posts may lead does not."""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from structlog.testing import capture_logs

from mediavault.core.failures import (
    AddressRefused,
    BrowserUnavailable,
    Failure,
    NetworkFailure,
    ProxyFailed,
    TookTooLong,
)
from mediavault.core.upstream_proxies import UpstreamProxies, parse_upstream_proxy
from mediavault.core.urls import EgressScope
from mediavault.egress import client as clients
from mediavault.egress.client import AiohttpClient
from mediavault.egress.guard import EgressGuard
from mediavault.egress.port import Timeouts
from mediavault.egress.proxy import EgressProxy, KeyedLock
from tests.patience import patient, until
from tests.unit.egress.certificates import server_and_client_contexts
from tests.unit.egress.servers import Names, connections, ok, redirect, running, trapping
from tests.unit.egress.test_client import fetch
from tests.unit.egress.test_proxy import browser, echo, once
from tests.upstream_stubs import (
    KINDS,
    PASSWORD,
    PUBLIC,
    PUBLIC_IPV6,
    TRIAL,
    StubProxy,
    public_names,
    stub_proxy,
)

POST = "http://a.test/post"
QUICK = Timeouts(connect_s=0.5, read_s=5)


def guarded(
    *proxies: StubProxy, names: Names | None = None, rules: tuple[str, ...] = ()
) -> EgressGuard:
    """Return a guard whose posts take the first proxy; posts on b.test take the second,
    or none where there is none.
    """
    others = [each.proxy for each in proxies[1:]]
    known = UpstreamProxies(
        proxies[0].proxy,
        {"b": others[0] if others else None},
        site_of=lambda url: url.host.partition(".")[0],
    )
    return EgressGuard(rules, resolver=names or public_names(), proxies=known)


@asynccontextmanager
async def client(
    guard: EgressGuard, tls: ssl.SSLContext | None = None
) -> AsyncIterator[AiohttpClient]:
    made = AiohttpClient(guard, ssl_context=tls)
    try:
        yield made
    finally:
        await made.close()


@asynccontextmanager
async def egress_proxy(guard: EgressGuard, *, connect_s: float = 5.0) -> AsyncIterator[EgressProxy]:
    made = EgressProxy(guard, connect_s=connect_s)
    await made.start()
    try:
        yield made
    finally:
        await made.close()


# --- through each kind of proxy -------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
async def test_the_client_reaches_a_site_through_the_proxy_which_is_asked_for_an_address(
    kind: str, tmp_path: Path
) -> None:
    async with (
        running({"/post": ok(b"here")}) as site,
        stub_proxy(kind, {PUBLIC: site.port}, folder=tmp_path) as stub,
        client(guarded(stub)) as http,
    ):
        for _ in range(2):
            _, body = await fetch(http, POST)

            assert body == b"here"

    assert stub.asked == [f"{PUBLIC}:80"]  # the connection is used again
    assert site.requests[0].headers["host"] == "a.test"
    assert "proxy-authorization" not in site.requests[0].headers


@pytest.mark.parametrize("kind", KINDS)
async def test_the_certificate_of_a_site_behind_the_proxy_is_checked_by_its_name(
    kind: str, tmp_path: Path
) -> None:
    server, trusting = server_and_client_contexts("a.test", tmp_path)
    async with (
        running({"/": ok(b"secret")}, tls=server) as site,
        stub_proxy(kind, {PUBLIC: site.port}, folder=tmp_path) as stub,
        client(guarded(stub), trusting) as http,
    ):
        _, body = await fetch(http, "https://a.test/")
        assert body == b"secret"
        assert stub.asked == [f"{PUBLIC}:443"]
        if kind.startswith("https") and sys.version_info < (3, 11, 8):
            pytest.skip(
                "asyncio's TLS inside TLS refuses such a certificate too, but says so only after a"
                " minute"
            )
        with pytest.raises(NetworkFailure, match=r"certificate of b\.test"):
            await fetch(http, "https://b.test/", scope="https://a.test/")


@pytest.mark.parametrize("kind", KINDS)
async def test_the_browsers_proxy_leaves_through_the_proxy_with_tunnels_and_with_plain_http(
    kind: str, tmp_path: Path
) -> None:
    async with (
        running({"/post": ok(b"here")}) as site,
        stub_proxy(kind, {PUBLIC: site.port}, folder=tmp_path) as stub,
        egress_proxy(guarded(stub)) as egress,
        browser(egress) as plain,
        browser(egress) as tunnelling,
    ):
        with egress.exempting(EgressScope(POST)):
            assert await plain.ask(f"GET {POST}") == (200, b"here")
            await tunnelling.send("CONNECT a.test:443")
            assert await tunnelling.status() == 200
            tunnelling.writer.write(b"GET /post HTTP/1.1\r\nHost: a.test\r\n\r\n")
            assert await tunnelling.status() == 200

    assert stub.asked == [f"{PUBLIC}:80", f"{PUBLIC}:443"]


@pytest.mark.parametrize("kind", ["http", "socks5"])
async def test_an_ipv6_address_is_asked_for_as_one(kind: str) -> None:
    async with (
        running({"/": ok(b"six")}) as site,
        stub_proxy(kind, {PUBLIC_IPV6: site.port}) as stub,
        client(guarded(stub)) as http,
    ):
        for url in ("http://ipv6.test/", f"http://[{PUBLIC_IPV6}]:8080/"):
            assert (await fetch(http, url))[1] == b"six"

    assert stub.asked == [f"{PUBLIC_IPV6}:80", f"{PUBLIC_IPV6}:8080"]


async def test_ipv4_is_tried_before_ipv6_and_the_next_address_after_a_failure() -> None:
    names = public_names(a_test=[PUBLIC_IPV6, "93.184.216.35", PUBLIC])
    async with (
        running({"/": ok(b"x")}) as site,
        stub_proxy("socks5", {PUBLIC: site.port}) as stub,
        client(guarded(stub, names=names)) as http,
    ):
        await fetch(http, "http://a.test/")

    assert stub.asked == ["93.184.216.35:80", f"{PUBLIC}:80"]


# --- the guard decides ----------------------------------------------------------------------------

PRIVATE_HOSTS = [
    "127.0.0.1", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "[::1]", "[::ffff:7f00:1]",
    "[64:ff9b::7f00:1]", "localhost", "x.localhost", "private.test", "0.0.0.0", "169.254.169.254",
    "192.168.1.1", "metadata.google.internal",
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("host", PRIVATE_HOSTS)
async def test_a_private_target_never_reaches_the_trap_nor_the_proxy(
    kind: str, host: str, tmp_path: Path
) -> None:
    async with trapping() as trap, stub_proxy(kind, folder=tmp_path) as stub:
        guard = guarded(stub)
        async with client(guard) as http, egress_proxy(guard) as egress:
            for scheme in ("http", "https"):
                with pytest.raises(AddressRefused):
                    await fetch(http, f"{scheme}://{host}:{trap.port}/")
            with egress.exempting(EgressScope(POST)):
                for line in ("CONNECT {}", "GET http://{}/"):
                    assert await once(egress, line.format(f"{host}:{trap.port}")) == 403

    assert (trap.hits, stub.hits) == (0, 0)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_name_that_turns_inwards_and_a_redirect_inwards_reach_neither(
    kind: str, tmp_path: Path
) -> None:
    async with trapping() as trap, running() as site:
        names = public_names(evil_test=[[PUBLIC], ["127.0.0.1"]], mixed_test=[PUBLIC, "10.0.0.1"])
        site.answers = {
            "/": redirect(f"http://127.1:{trap.port}/"),
            "/name": redirect("http://evil.test/"),
        }
        async with stub_proxy(kind, {PUBLIC: site.port}, folder=tmp_path) as stub:
            guard = guarded(stub, names=names)
            await guard.resolve("evil.test", 80, scope=None)  # public now, and never again
            async with client(guard) as http, egress_proxy(guard) as egress:
                for url in (
                    "http://a.test/",
                    "http://a.test/name",
                    "http://evil.test/",
                    "http://mixed.test/",
                ):
                    with pytest.raises(AddressRefused):
                        await fetch(http, url)
                with egress.exempting(EgressScope(POST)):
                    assert await once(egress, "CONNECT evil.test:443") == 403

    assert trap.hits == 0
    assert set(stub.asked) == {f"{PUBLIC}:80"}


async def test_a_post_never_reaches_the_proxys_own_host() -> None:
    async with stub_proxy("http") as stub:
        guard = guarded(stub)
        async with client(guard) as http, egress_proxy(guard) as egress:
            with pytest.raises(AddressRefused):
                await fetch(http, f"http://127.0.0.1:{stub.port}/")
            with egress.exempting(EgressScope(POST)):
                assert await once(egress, f"CONNECT 127.0.0.1:{stub.port}") == 403

    assert stub.hits == 0


async def test_the_vaults_own_port_is_no_proxy() -> None:
    async with trapping() as trap:
        proxy = parse_upstream_proxy(f"socks5://127.0.0.1:{trap.port}")
        guard = EgressGuard(
            own_ports=[trap.port], resolver=public_names(), proxies=UpstreamProxies(proxy)
        )
        async with client(guard) as http:
            with pytest.raises(ProxyFailed, match="mediavault's own"):
                await fetch(http, POST)

    assert trap.hits == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "private.test"])
async def test_a_private_server_that_a_rule_opens_is_reached_without_the_proxy(host: str) -> None:
    async with running({"/": ok(b"nas")}) as site, stub_proxy("http") as stub:
        guard = guarded(stub, rules=(f"{host}:{site.port}",))
        async with (
            client(guard) as http,
            egress_proxy(guard) as egress,
            browser(egress) as connection,
        ):
            url = f"http://{host}:{site.port}/"
            assert (await fetch(http, url))[1] == b"nas"
            with egress.exempting(EgressScope(url)):
                assert await connection.ask(f"GET {url}") == (200, b"nas")

    assert stub.hits == 0


async def test_an_aiohttp_that_goes_round_the_proxy_is_stopped_at_the_socket(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(clients._Connector, "_wrap_create_connection")
    async with stub_proxy("http") as stub, client(guarded(stub)) as http:
        with pytest.raises(RuntimeError, match="round the proxy"):
            await fetch(http, POST)


# --- sites ----------------------------------------------------------------------------------------


async def test_each_site_takes_its_own_proxy_with_all_its_media_hosts() -> None:
    async with (
        running({"/": ok(b"x")}) as site,
        stub_proxy("http", {PUBLIC: site.port}) as first,
        stub_proxy("socks5", {PUBLIC: site.port}) as second,
        client(guarded(first, second)) as http,
    ):
        for scope in ("http://a.test/", "http://b.test/"):
            await fetch(http, "http://a.test/", scope=scope)

    assert (first.hits, second.hits) == (1, 1)


async def test_a_site_that_is_direct_does_not_take_the_vaults_proxy() -> None:
    async with running({"/": ok(b"x")}) as site, stub_proxy("http") as stub:
        guard = guarded(
            stub, rules=(f"b.test:{site.port}",), names=public_names(b_test=["127.0.0.1"])
        )
        async with client(guard) as http:
            assert (await fetch(http, f"http://b.test:{site.port}/"))[1] == b"x"

    assert stub.hits == 0
    assert guard.proxies.for_post(None) is not None


# --- proxies that fail ----------------------------------------------------------------------------


async def failure_of(guard: EgressGuard, url: str = POST) -> Failure:
    async with client(guard) as http:
        with pytest.raises(Failure) as caught, capture_logs() as logs:
            await fetch(http, url, timeouts=QUICK)
    assert "canary" not in f"{caught.value} {caught.value!r} {caught.value.__cause__!r} {logs}"
    return caught.value


@pytest.mark.parametrize(
    ("kind", "status"), [("http with a password", 503), ("http", 403), ("socks5", 1), ("socks5", 2)]
)
async def test_a_proxy_that_reaches_nothing_is_at_fault_itself(kind: str, status: int) -> None:
    async with stub_proxy(kind) as stub:
        stub.answers[""] = status
        failure = await failure_of(guarded(stub))

    assert isinstance(failure, ProxyFailed)
    assert str(stub.proxy) in failure.message
    assert stub.asked == [f"{PUBLIC}:80", TRIAL]


@pytest.mark.parametrize("kind", ["http", "socks5"])
async def test_a_site_that_a_working_proxy_does_not_reach_is_at_fault(kind: str) -> None:
    async with trapping() as anything, stub_proxy(kind, {TRIAL: anything.port}) as stub:
        failure = await failure_of(guarded(stub))

    assert isinstance(failure, NetworkFailure)
    assert str(stub.proxy) in failure.message


async def test_a_site_that_a_working_proxy_waits_for_too_long_is_at_fault() -> None:
    async with trapping() as anything, stub_proxy("http", {TRIAL: anything.port}) as stub:
        stub.hangs = frozenset({f"{PUBLIC}:80"})

        assert isinstance(await failure_of(guarded(stub)), TookTooLong)


@pytest.mark.parametrize("kind", ["http", "socks5"])
async def test_a_proxy_that_takes_too_long_for_everything_is_at_fault(kind: str) -> None:
    async with stub_proxy(kind) as stub:
        stub.hangs = frozenset({""})

        assert isinstance(await failure_of(guarded(stub)), ProxyFailed)


@pytest.mark.parametrize("kind", ["http with a password", "socks5 with a password"])
@pytest.mark.parametrize(
    ("credentials", "words"),
    [("", "requires a user name"), ("canary:wrong@", "does not accept the user name")],
)
async def test_a_missing_and_a_wrong_password_are_told_apart(
    kind: str, credentials: str, words: str
) -> None:
    async with stub_proxy(kind) as stub:
        proxy = parse_upstream_proxy(f"{kind.split()[0]}://{credentials}127.0.0.1:{stub.port}")
        guard = EgressGuard(resolver=public_names(), proxies=UpstreamProxies(proxy))
        failure = await failure_of(guard)

    assert isinstance(failure, ProxyFailed)
    assert words in failure.message
    assert stub.asked == []


async def test_a_password_is_not_sent_to_a_socks_proxy_that_does_not_want_one() -> None:
    async with running({"/": ok(b"x")}) as site, stub_proxy("socks5", {PUBLIC: site.port}) as stub:
        proxy = parse_upstream_proxy(f"socks5://u:p@127.0.0.1:{stub.port}")
        async with client(
            EgressGuard(resolver=public_names(), proxies=UpstreamProxies(proxy))
        ) as http:
            assert (await fetch(http, "http://a.test/"))[1] == b"x"


@pytest.mark.parametrize("scheme", ["http", "https", "socks5"])
@pytest.mark.parametrize(
    "answer", [b"nonsense\r\n\r\n", b"", b"HTTP/1.1 200 OK\r\n\r\nfirst words", b"a" * 100_000]
)
async def test_what_is_no_proxy_is_a_failure_of_the_proxy(scheme: str, answer: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer)
        await writer.drain()

    async with connections(serve) as port:
        proxy = parse_upstream_proxy(f"{scheme}://127.0.0.1:{port}")
        failure = await failure_of(
            EgressGuard(resolver=public_names(), proxies=UpstreamProxies(proxy))
        )

    assert isinstance(failure, ProxyFailed)


async def test_a_closed_port_and_an_unknown_name_are_failures_of_the_proxy() -> None:
    async with trapping() as gone:
        pass
    for host, words in (
        ("127.0.0.1", "Connection refused"),
        ("nowhere.test", "could not be resolved"),
    ):
        proxies = UpstreamProxies(parse_upstream_proxy(f"http://{host}:{gone.port}"))
        failure = await failure_of(EgressGuard(resolver=public_names(), proxies=proxies))

        assert isinstance(failure, ProxyFailed)
        assert words in failure.message


async def test_the_certificate_of_a_proxy_is_checked_by_its_name(tmp_path: Path) -> None:
    async with stub_proxy("https", folder=tmp_path) as stub:
        proxy = parse_upstream_proxy(f"https://other.test:{stub.port}")
        names = public_names(other_test=["127.0.0.1"])
        failure = await failure_of(EgressGuard(resolver=names, proxies=UpstreamProxies(proxy)))

    assert isinstance(failure, ProxyFailed)
    assert "certificate" in failure.message
    assert stub.asked == []


async def test_a_proxy_with_a_certificate_that_nobody_signed_gets_no_password(
    tmp_path: Path,
) -> None:
    server, _ = server_and_client_contexts("proxy.test", tmp_path)
    async with connections(echo, tls=server) as port:
        proxy = parse_upstream_proxy(f"https://user:canary@proxy.test:{port}")
        failure = await failure_of(
            EgressGuard(resolver=public_names(), proxies=UpstreamProxies(proxy))
        )

    assert isinstance(failure, ProxyFailed)
    assert "certificate" in failure.message


async def test_a_failing_proxy_replaces_the_network_failure_of_the_process_behind_it() -> None:
    """Browsers and yt-dlp see a bad gateway, and cannot know why."""
    async with stub_proxy("http with a password") as stub, egress_proxy(guarded(stub)) as egress:
        stub.answers[""] = 503
        process = ExitStack()
        address = process.enter_context(egress.pass_for(EgressScope(POST)))
        assert await once(egress, "CONNECT a.test:443", password=urlsplit(address).password) == 502
        with pytest.raises(ProxyFailed) as caught, process:
            raise NetworkFailure("The site cannot be reached.")
        with pytest.raises(NetworkFailure), egress.pass_for(EgressScope(POST)):
            raise NetworkFailure("Something else.")

    assert str(stub.proxy) in caught.value.message
    assert PASSWORD not in caught.value.message


# --- the browser's turns --------------------------------------------------------------------------


async def test_posts_in_the_browser_with_another_proxy_wait_and_reuse_no_connection() -> None:
    async with (
        connections(echo) as port,
        stub_proxy("http", {PUBLIC: port}) as first,
        stub_proxy("socks5", {PUBLIC: port}) as second,
        egress_proxy(guarded(first, second)) as egress,
        browser(egress) as old,
        browser(egress) as new,
    ):
        async with egress.visiting(EgressScope("http://a.test/1"), within_s=patient(30)):
            async with egress.visiting(EgressScope("http://a.test/2"), within_s=patient(30)):
                await old.send("CONNECT a.test:443")
                await old.status()
            with pytest.raises(BrowserUnavailable):
                async with egress.visiting(EgressScope("http://b.test/"), within_s=0.01):
                    pass
        async with egress.visiting(EgressScope("http://b.test/"), within_s=patient(30)):
            assert await old.is_closed()
            await new.send("CONNECT a.test:443")
            await new.status()

    assert (first.hits, second.hits) == (1, 1)


async def test_what_a_page_leaves_behind_goes_the_way_of_its_post() -> None:
    async with (
        connections(echo) as port,
        stub_proxy("http", {PUBLIC: port}) as first,
        stub_proxy("socks5", {PUBLIC: port}) as second,
        egress_proxy(guarded(first, second)) as egress,
    ):
        async with egress.visiting(EgressScope("http://b.test/"), within_s=patient(30)):
            pass
        await once(egress, "CONNECT a.test:443")

    assert (first.hits, second.hits) == (0, 1)


async def test_turns_go_by_arrival_and_equal_keys_go_together() -> None:
    turns, order = KeyedLock(), list[str]()
    go_on = {name: asyncio.Event() for name in ("a1", "b1", "a2", "b2")}

    async def take(name: str) -> None:
        await turns.begin(name[0])
        order.append(name)
        await go_on[name].wait()
        turns.end()

    tasks = []
    for name in go_on:  # a1 is in; b1 waits, so a2 does too
        tasks.append(asyncio.create_task(take(name)))
        await asyncio.sleep(0)
    assert order == ["a1"]
    go_on["a1"].set()
    await until(lambda: len(order) == 3)
    assert order[1:] == ["b1", "b2"]
    for name in ("b1", "b2", "a2"):
        go_on[name].set()
    await asyncio.gather(*tasks)

    assert order[3:] == ["a2"]


async def test_a_turn_that_is_given_up_keeps_nobody_waiting() -> None:
    turns = KeyedLock()
    await turns.begin("a")
    waiting = asyncio.create_task(turns.begin("b"))
    admitted = asyncio.create_task(turns.begin("b"))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.sleep(0)
    turns.end()
    admitted.cancel()  # in the moment in which it is let in
    with pytest.raises(asyncio.CancelledError):
        await admitted

    await asyncio.wait_for(turns.begin("c"), patient(5))
