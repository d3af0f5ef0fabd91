"""The loopback proxy, used as a browser uses it."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from urllib.parse import urlsplit

import pytest
import structlog
from structlog.testing import capture_logs

from mediavault.core.failures import AddressRefused, BrowserUnavailable
from mediavault.core.logs import job_context
from mediavault.core.urls import EgressScope, parse_http_url
from mediavault.egress import proxy as proxying
from mediavault.egress.guard import EgressGuard
from mediavault.egress.proxy import EgressProxy
from tests.patience import patient
from tests.unit.egress.servers import Answer, Names, Site, Trap, connections, ok, running, trapping

PUBLIC_POST = "https://public.test/post"


@asynccontextmanager
async def proxy(
    *rules: str, names: Names | None = None, connect_s: float = 5.0
) -> AsyncIterator[EgressProxy]:
    made = EgressProxy(
        EgressGuard(rules, resolver=names or Names(a_test=["127.0.0.1"], b_test=["127.0.0.1"])),
        connect_s=connect_s,
    )
    await made.start()
    try:
        yield made
    finally:
        await made.close()


def rule(site: Site | Trap, host: str = "127.0.0.1") -> str:
    return f"{host}:{site.port}"


class Browser:
    """One connection to the proxy."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, password: str | None
    ) -> None:
        self.reader = reader
        self.writer = writer
        token = base64.b64encode(f"mediavault:{password}".encode()).decode()
        self._auth = f"Proxy-Authorization: Basic {token}\r\n" if password else ""

    async def send(self, line: str, *headers: str, body: bytes = b"") -> None:
        host = () if any(text.startswith("Host:") for text in headers) else ("Host: h.test",)
        head = "".join(f"{text}\r\n" for text in (f"{line} HTTP/1.1", *host, *headers))
        self.writer.write(f"{head}{self._auth}\r\n".encode("latin-1") + body)
        await self.writer.drain()

    async def status(self) -> int:
        """The status of the next head; its body is not read."""
        return int((await self.head()).split(" ")[1])

    async def head(self) -> str:
        return (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")

    async def ask(self, line: str, *headers: str, body: bytes = b"") -> tuple[int, bytes]:
        """Status and body of an answer with a length."""
        await self.send(line, *headers, body=body)
        head = (await self.head()).lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        return int(head.split(" ")[1]), await self.reader.readexactly(length)

    async def is_closed(self) -> bool:
        try:
            return await asyncio.wait_for(self.reader.read(1), patient(30)) == b""
        except ConnectionError:
            return True


@asynccontextmanager
async def browser(
    behind: EgressProxy, password: str | None = None, port: int | None = None
) -> AsyncIterator[Browser]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port or behind.port)
    try:
        yield Browser(reader, writer, behind.password if password is None else password)
    finally:
        writer.transport.abort()


async def once(behind: EgressProxy, line: str, *headers: str, password: str | None = None) -> int:
    async with browser(behind, password) as connection:
        await connection.send(line, *headers)
        return await connection.status()


# --- who may use it -------------------------------------------------------------------------------


@pytest.mark.parametrize("password", ["", "wrong"])
@pytest.mark.parametrize("line", ["CONNECT a.test:443", "GET http://a.test/"])
async def test_without_the_password_nothing_goes_through(password: str, line: str) -> None:
    names = Names()
    async with proxy(names=names) as egress, browser(egress, password) as connection:
        await connection.send(line)
        head = await connection.head()

    assert head.startswith("HTTP/1.1 407 ")
    assert "Proxy-Authenticate: Basic" in head
    assert names.asked == []


async def test_a_password_of_another_scheme_is_not_accepted() -> None:
    async with proxy() as egress:
        token = base64.b64encode(f"mediavault:{egress.password}".encode()).decode()

        assert (
            await once(
                egress, "GET http://a.test/", f"Proxy-Authorization: Bearer {token}", password=""
            )
            == 407
        )


async def test_each_proxy_listens_on_loopback_only_with_its_own_password() -> None:
    async with proxy() as first, proxy() as second:
        assert urlsplit(first.server).hostname == "127.0.0.1"
        assert first.password != second.password
        assert len(first.password) >= 32


# --- what it refuses ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1", "2130706433", "[::ffff:7f00:1]", "localhost", "a.test", "0.0.0.0"],
)
@pytest.mark.parametrize("form", ["CONNECT {}", "GET http://{}/", "POST http://{}/x?secret"])
async def test_a_private_target_is_refused_and_gets_no_connection(host: str, form: str) -> None:
    async with trapping() as trap, proxy() as egress:
        assert await once(egress, form.format(f"{host}:{trap.port}")) == 403

    assert trap.hits == 0


async def test_a_name_with_a_private_answer_among_others_gets_no_connection() -> None:
    async with trapping() as trap:
        names = Names(evil_test=[["93.184.216.34", "127.0.0.1"], ["127.0.0.1"]])
        async with proxy(names=names) as egress:
            for _ in range(2):
                assert await once(egress, f"CONNECT evil.test:{trap.port}") == 403

    assert trap.hits == 0
    assert len(names.asked) == 2


async def test_the_proxys_own_port_is_refused() -> None:
    guard = EgressGuard()
    egress = EgressProxy(guard)
    await egress.start()
    with pytest.raises(AddressRefused, match="mediavault's own"):
        guard.check_url(parse_http_url(f"http://127.0.0.1:{egress.port}/"), scope=None)
    await egress.close()


@pytest.mark.parametrize(
    "line",
    [
        *(
            "CONNECT a.test",
            "CONNECT a.test:0",
            "CONNECT a.test:99999",
            "CONNECT user@a.test:443",
            "CONNECT a.test:443/x",
        ),
        *(
            "CONNECT [a.test]:443",
            "CONNECT http://a.test:443",
            "CONNECT a%2etest:443",
            "CONNECT :443",
        ),
        *(
            "GET /",
            "GET https://a.test/",
            "GET ftp://a.test/",
            "GET http://u:p@a.test/",
            "GET http:///x",
            "GET http://a\\b/",
        ),
        *("GET file:///etc/passwd", "get http://a.test/", "GET http://a.test/ x"),
    ],
)
async def test_a_target_of_another_form_is_a_bad_request(line: str) -> None:
    names = Names()
    async with proxy(names=names) as egress:
        assert await once(egress, line) == 400

    assert names.asked == []


async def test_a_head_without_end_is_cut_off() -> None:
    async with proxy() as egress, browser(egress) as connection:
        await connection.send("GET http://a.test/", "X: " + "a" * 200_000)

        assert await connection.status() == 400


async def test_an_unknown_name_and_a_closed_port_are_bad_gateways() -> None:
    async with trapping() as gone:
        pass
    async with proxy(rule(gone)) as egress:
        with egress.exempting(EgressScope(gone.url)):
            for line in (
                "CONNECT nowhere.test:443",
                "GET http://nowhere.test/",
                f"CONNECT 127.0.0.1:{gone.port}",
            ):
                assert await once(egress, line) == 502


async def test_a_look_up_that_hangs_is_a_gateway_timeout() -> None:
    async def never(host: str) -> Sequence[str]:
        return await asyncio.Event().wait() and []

    slow = EgressProxy(EgressGuard(resolver=never), connect_s=0.05)
    await slow.start()
    assert await once(slow, "CONNECT slow.test:443") == 504
    await slow.close()


async def test_past_the_cap_connections_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxying, "MAX_CONNECTIONS", 1)
    async with proxy() as egress, browser(egress), browser(egress) as second:
        assert await second.is_closed()


# --- CONNECT --------------------------------------------------------------------------------------


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.write_eof()
    await writer.drain()


async def test_a_tunnel_carries_bytes_both_ways_to_its_end() -> None:
    async with (
        connections(echo) as port,
        proxy(f"127.0.0.1:{port}") as egress,
        browser(egress) as connection,
    ):
        with egress.exempting(EgressScope(f"http://127.0.0.1:{port}/")):
            await connection.send(f"CONNECT 127.0.0.1:{port}")
            assert await connection.status() == 200
            connection.writer.write(b"ping")
            assert await connection.reader.readexactly(4) == b"ping"
            connection.writer.write_eof()

            assert await connection.is_closed()


async def test_ten_tunnels_run_at_once() -> None:
    async with connections(echo) as port, proxy(f"127.0.0.1:{port}") as egress:

        async def through(number: int) -> bytes:
            async with browser(egress) as connection:
                await connection.send(f"CONNECT 127.0.0.1:{port}")
                await connection.status()
                payload = bytes([number]) * 300_000
                connection.writer.write(payload)
                return (
                    b""
                    if await connection.reader.readexactly(len(payload)) != payload
                    else payload[:1]
                )

        with egress.exempting(EgressScope(f"http://127.0.0.1:{port}/")):
            assert await asyncio.gather(*map(through, range(10))) == [
                bytes([number]) for number in range(10)
            ]


async def test_a_browser_that_goes_away_ends_the_tunnel() -> None:
    ended = asyncio.Event()

    async def wait_for_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        ended.set()

    async with connections(wait_for_end) as port, proxy(f"127.0.0.1:{port}") as egress:
        with egress.exempting(EgressScope(f"http://127.0.0.1:{port}/")):
            async with browser(egress) as connection:
                await connection.send(f"CONNECT 127.0.0.1:{port}")
                await connection.status()
            await asyncio.wait_for(ended.wait(), patient(30))


# --- plain http -----------------------------------------------------------------------------------


async def test_plain_http_goes_on_in_origin_form_without_the_proxys_headers() -> None:
    async with (
        running({"/x y": ok(b"?")}) as site,
        proxy(rule(site)) as egress,
        browser(egress) as connection,
    ):
        with egress.exempting(EgressScope(site.url)):
            await connection.send(
                f"GET {site.url}/a'|%2F?q=1",
                "Host: evil.test",
                "X-Kept: 1",
                "Proxy-Connection: keep-alive",
            )
            await connection.status()
    [request] = site.requests

    assert (request.method, request.path) == ("GET", "/a'|%2F?q=1")
    assert request.headers == {
        "host": f"127.0.0.1:{site.port}",
        "x-kept": "1",
        "connection": "close",
    }


async def test_one_connection_carries_several_requests() -> None:
    answers: dict[str, bytes | Answer] = {
        "/": ok(b"one"),
        "/none": ok(b"", status="204 No Content"),
    }
    answers["/post"] = lambda request: ok(request.body)
    async with running(answers) as site, proxy(rule(site)) as egress, browser(egress) as connection:
        with egress.exempting(EgressScope(site.url)):
            assert await connection.ask(f"GET {site.url}") == (200, b"one")
            assert await connection.ask(
                f"POST {site.url}/post", "Content-Length: 3", body=b"two"
            ) == (200, b"two")
            assert await connection.ask(f"GET {site.url}/gone") == (404, b"")
            assert await connection.ask(f"GET {site.url}/none") == (204, b"")
            assert await connection.ask(f"GET {site.url}") == (200, b"one")

    assert len(site.requests) == 5


async def test_each_request_of_a_connection_is_judged() -> None:
    async with (
        trapping() as trap,
        running({"/": ok(b"x")}) as site,
        proxy(rule(site)) as egress,
        browser(egress) as connection,
    ):
        with egress.exempting(EgressScope(site.url)):
            assert await connection.ask(f"GET {site.url}/") == (200, b"x")
            assert (await connection.ask(f"GET {trap.url}"))[0] == 403

    assert trap.hits == 0


CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\nhalf\r\n5\r\nwhole\r\n0\r\n"
    b"Trailer: 1\r\n\r\n"
)


async def test_chunks_and_trailers_are_forwarded_and_the_connection_is_kept() -> None:
    async with (
        running({"/": CHUNKED, "/next": ok(b"next")}) as site,
        proxy(rule(site)) as egress,
        browser(egress) as connection,
    ):
        with egress.exempting(EgressScope(site.url)):
            await connection.send(f"GET {site.url}/")
            head = await connection.head()
            body = await connection.reader.readuntil(b"Trailer: 1\r\n\r\n")

            assert "Transfer-Encoding: chunked\r\n" in head
            assert body == b"4\r\nhalf\r\n5\r\nwhole\r\n0\r\nTrailer: 1\r\n\r\n"
            assert await connection.ask(f"GET {site.url}/next") == (200, b"next")


async def test_a_response_that_ends_with_its_connection_is_forwarded_in_chunks() -> None:
    async with (
        running({"/": b"HTTP/1.1 200 OK\r\n\r\nall there is"}) as site,
        proxy(rule(site)) as egress,
    ):
        with egress.exempting(EgressScope(site.url)):
            async with browser(egress) as connection:
                await connection.send(f"GET {site.url}/")
                head = await connection.head()

                assert "Transfer-Encoding: chunked" in head
                assert (
                    await connection.reader.readuntil(b"0\r\n\r\n")
                    == b"c\r\nall there is\r\n0\r\n\r\n"
                )


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"00\r\n" + b"A: b\r\n" * 100,
    ],
)
async def test_a_truncated_answer_is_not_completed(answer: bytes) -> None:
    async with (
        running({"/": answer}) as site,
        proxy(rule(site)) as egress,
        browser(egress) as connection,
    ):
        with egress.exempting(EgressScope(site.url)):
            await connection.send(f"GET {site.url}/")
            assert await connection.status() == 200
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await connection.reader.readuntil(b"0\r\n\r\n")


@pytest.mark.parametrize(
    "answer",
    [
        b"nonsense\r\n\r\n",
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b'HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm="phish"\r\nContent-Length: 0\r\n\r\n',
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 20,
    ],
)
async def test_an_answer_that_no_proxy_may_pass_on_is_a_bad_gateway(answer: bytes) -> None:
    async with (
        running({"/": answer}) as site,
        proxy(rule(site)) as egress,
        browser(egress) as connection,
    ):
        with egress.exempting(EgressScope(site.url)):
            await connection.send(f"GET {site.url}/", "Upgrade: websocket", "Connection: Upgrade")
            while (status := await connection.status()) == 100:
                pass

    assert status == 502


async def test_an_interim_answer_is_passed_on_before_the_real_one() -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    async with (
        running({"/": hints + ok(b"x")}) as site,
        proxy(rule(site)) as egress,
        browser(egress) as connection,
    ):
        with egress.exempting(EgressScope(site.url)):
            await connection.send(f"GET {site.url}/")

            assert [await connection.status(), await connection.status()] == [103, 200]


async def test_the_refusal_of_plain_http_is_distinguishable_from_a_sites_own() -> None:
    async with proxy() as egress, browser(egress) as connection:
        await connection.send("GET http://192.168.0.1/")
        head = await connection.head()

    assert f"{proxying.REFUSED_HEADER}: refused" in head


# --- exemptions -----------------------------------------------------------------------------------


async def test_an_exemption_holds_only_while_a_post_of_an_exempt_host_is_at_work() -> None:
    async with running({"/": ok(b"x")}) as site, proxy(rule(site)) as egress:
        line = f"GET {site.url}/"
        assert await once(egress, line) == 403
        with egress.exempting(EgressScope(PUBLIC_POST)):
            assert await once(egress, line) == 403
        with egress.exempting(EgressScope(f"{site.url}/post")):
            assert await once(egress, line) == 200
        assert await once(egress, line) == 403


async def test_an_exemption_does_not_hold_for_a_post_that_another_servers_list_has_named() -> None:
    async with running({"/": ok(b"x")}) as site, proxy(rule(site)) as egress:
        line, url = f"GET {site.url}/", f"{site.url}/post"
        for listed_by, status in (("https://feed.example", 403), ("", 403), (site.url, 200)):
            scope = EgressScope(url, listed_by)
            with egress.exempting(scope):
                assert await once(egress, line) == status
            async with egress.visiting(scope, within_s=patient(30)):
                assert await once(egress, line) == status
            with egress.pass_for(scope) as address:
                assert await once(egress, line, password=urlsplit(address).password) == status


async def test_exempt_posts_and_others_are_not_open_in_the_browser_together() -> None:
    """Its pages cannot be told apart, so a stranger's could use the exemption of the other."""
    async with running({"/": ok(b"x")}) as site, proxy(rule(site)) as egress:
        exempt, public = EgressScope(site.url), EgressScope(PUBLIC_POST)
        for first, second in ((exempt, public), (public, exempt)):
            async with (
                egress.visiting(first, within_s=patient(30)),
                egress.visiting(first, within_s=patient(30)),
            ):
                with pytest.raises(BrowserUnavailable):
                    async with egress.visiting(second, within_s=0.01):
                        pass
        async with egress.visiting(public, within_s=patient(30)):
            assert await once(egress, f"GET {site.url}/") == 403


async def test_a_tunnel_to_a_private_host_ends_with_its_post() -> None:
    """The browser reuses connections for the next page, which may be of any site."""
    async with (
        connections(echo) as port,
        proxy(f"127.0.0.1:{port}") as egress,
        browser(egress) as connection,
    ):
        with egress.exempting(EgressScope(PUBLIC_POST)):
            with egress.exempting(EgressScope(f"http://127.0.0.1:{port}/")):
                await connection.send(f"CONNECT 127.0.0.1:{port}")
                assert await connection.status() == 200

            assert await connection.is_closed()


async def test_a_tunnel_stays_while_another_post_of_an_exempt_host_is_at_work() -> None:
    async with (
        connections(echo) as port,
        proxy(f"127.0.0.1:{port}") as egress,
        browser(egress) as connection,
    ):
        with egress.exempting(EgressScope(f"http://127.0.0.1:{port}/other")):
            with egress.exempting(EgressScope(f"http://127.0.0.1:{port}/")):
                await connection.send(f"CONNECT 127.0.0.1:{port}")
                await connection.status()
            connection.writer.write(b"ping")

            assert await connection.reader.readexactly(4) == b"ping"


async def test_a_post_that_ends_during_the_look_up_leaves_no_connection_behind() -> None:
    looking, go_on = asyncio.Event(), asyncio.Event()

    async def slow(host: str) -> Sequence[str]:
        looking.set()
        await go_on.wait()
        return ["127.0.0.1"]

    async with trapping() as trap:
        egress = EgressProxy(EgressGuard([rule(trap, "a.test")], resolver=slow))
        await egress.start()
        with egress.exempting(EgressScope(f"http://a.test:{trap.port}/")):
            status = asyncio.create_task(once(egress, f"CONNECT a.test:{trap.port}"))
            await looking.wait()
        go_on.set()

        assert await status == 403
        await egress.close()
    assert trap.hits == 0


async def test_a_separate_process_has_its_own_exemption() -> None:
    async with running({"/": ok(b"x")}) as site, proxy(rule(site)) as egress:
        with egress.pass_for(EgressScope(site.url)) as address:
            own = urlsplit(address)
            assert (own.username, own.port) == (egress.username, egress.port)
            assert await once(egress, f"GET {site.url}/", password=own.password) == 200
            assert await once(egress, f"GET {site.url}/") == 403

        assert await once(egress, f"GET {site.url}/", password=own.password) == 407


async def test_a_refusal_is_logged_with_the_job_whose_process_asked() -> None:
    """The connections are served by tasks that belong to no job."""
    async with proxy() as egress:
        with ExitStack() as at_work:
            with job_context("a job", "its trace"):
                address = at_work.enter_context(egress.pass_for(EgressScope(PUBLIC_POST)))
            with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
                assert (
                    await once(
                        egress, "GET http://127.0.0.1:9/", password=urlsplit(address).password
                    )
                    == 403
                )

    assert [(line["event"], line.get("job_id")) for line in lines] == [("egress_refused", "a job")]


# --- the end --------------------------------------------------------------------------------------


async def test_closing_ends_all_connections_and_tasks() -> None:
    async with connections(echo) as port, proxy(f"127.0.0.1:{port}") as egress:
        with egress.exempting(EgressScope(f"http://127.0.0.1:{port}/")):
            async with browser(egress) as idle, browser(egress) as tunnelling:
                await tunnelling.send(f"CONNECT 127.0.0.1:{port}")
                await tunnelling.status()
                await egress.close()
                await egress.close()

                assert await idle.is_closed()
                assert await tunnelling.is_closed()
                assert not egress._connections
                assert not egress._private
