"""The HTTP client, against small servers on loopback."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from mediavault.core.cookies import Cookie
from mediavault.core.failures import (
    AddressRefused,
    BadUrl,
    HttpError,
    Incomplete,
    MediavaultError,
    NetworkFailure,
    TookTooLong,
    TooLarge,
)
from mediavault.core.urls import EgressScope
from mediavault.egress.client import AiohttpClient
from mediavault.egress.guard import EgressGuard
from mediavault.egress.port import HttpResponse, Timeouts
from tests.fakes import START, FakeClock
from tests.unit.egress.certificates import server_and_client_contexts
from tests.unit.egress.servers import (
    Names,
    Site,
    Trap,
    connections,
    ok,
    redirect,
    running,
    trapping,
)

QUICK = Timeouts(connect_s=0.2, read_s=0.2)


@asynccontextmanager
async def client(
    *rules: str, names: Names | None = None, ssl_context: ssl.SSLContext | None = None
) -> AsyncIterator[AiohttpClient]:
    guard = EgressGuard(rules, resolver=names or loopback_names())
    made = AiohttpClient(guard, clock=FakeClock(), ssl_context=ssl_context)
    try:
        yield made
    finally:
        await made.close()


def loopback_names() -> Names:
    return Names(a_test=["127.0.0.1"], b_test=["127.0.0.1"], sub_a_test=["127.0.0.1"])


def rule(site: Site | Trap, host: str = "127.0.0.1") -> str:
    return f"{host}:{site.port}"


async def fetch(
    http: AiohttpClient,
    url: str,
    *,
    scope: str | EgressScope | None = None,
    headers: Mapping[str, str] | None = None,
    cookies: Sequence[Cookie] = (),
    timeouts: Timeouts | None = None,
    decode: bool = False,
    limit: int = 1 << 20,
    max_redirects: int = 10,
) -> tuple[HttpResponse, bytes]:
    async with http.get(
        url,
        scope=scope if isinstance(scope, EgressScope) else EgressScope(scope or url),
        headers=headers,
        cookies=cookies,
        timeouts=timeouts,
        decode=decode,
        max_redirects=max_redirects,
    ) as response:
        return response, await response.read(limit=limit)


# --- answers --------------------------------------------------------------------------------------


async def test_any_status_is_an_answer() -> None:
    async with (
        running({"/gone": ok(b"bye", "X-Twice: 1", "X-Twice: 2", status="410 Gone")}) as site,
        client(rule(site)) as http,
    ):
        response, body = await fetch(http, f"{site.url}/gone")

    assert (response.status, body, response.headers["x-twice"]) == (410, b"bye", "2")
    assert response.url == f"{site.url}/gone"


async def test_a_request_names_its_user_agent_and_asks_for_unencoded_bytes() -> None:
    async with running({"/": ok()}) as site, client(rule(site)) as http:
        await fetch(http, site.url)
        await fetch(
            http, site.url, headers={"User-Agent": "UA", "Accept-Encoding": "br"}, decode=True
        )
    plain, decoded = (request.headers for request in site.requests)

    assert (plain["accept-encoding"], plain["accept"]) == ("identity", "*/*")
    assert plain["user-agent"].startswith("mediavault/")
    assert (decoded["accept-encoding"], decoded["user-agent"]) == ("gzip, deflate", "UA")


async def test_an_addresses_escapes_arrive_as_they_were_written() -> None:
    async with running() as site, client(rule(site)) as http:
        await fetch(http, f"{site.url}/a%2Fb/%7e;x=1?sig=a%2Bb+c==&u=http://x/#fragment")

    assert site.requests[0].path == "/a%2Fb/%7e;x=1?sig=a%2Bb+c==&u=http://x/"


async def test_chunks_are_no_longer_than_asked_for() -> None:
    async with (
        running({"/": ok(b"0123456789")}) as site,
        client(rule(site)) as http,
        http.get(site.url, scope=EgressScope(site.url)) as response,
    ):
        chunks = [await response.read_chunk(4) for _ in range(4)]

    assert [len(chunk) for chunk in chunks] == [4, 4, 2, 0]


async def test_a_connection_is_used_again() -> None:
    async with running({"/": ok(b"x")}) as site, client(rule(site)) as http:
        for _ in range(3):
            await fetch(http, site.url)

    assert site.connections == 1


async def test_the_environments_proxy_and_netrc_are_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login canary password canary\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    async with (
        running({"/": ok(b"direct")}) as site,
        trapping() as trap,
        client(rule(site)) as http,
    ):
        monkeypatch.setenv("HTTP_PROXY", trap.url)
        monkeypatch.setenv("http_proxy", trap.url)
        _, body = await fetch(http, site.url)

    assert body == b"direct"
    assert trap.hits == 0
    assert "authorization" not in site.requests[0].headers


async def test_a_sites_cookies_are_not_stored() -> None:
    async with running({"/": ok(b"", "Set-Cookie: a=b")}) as site, client(rule(site)) as http:
        await fetch(http, site.url)
        await fetch(http, site.url)

    assert "cookie" not in site.requests[1].headers


async def test_reading_more_than_the_limit_is_too_large() -> None:
    async with running({"/": ok(bytes(2_000))}) as site, client(rule(site)) as http:
        await fetch(http, site.url, limit=2_000)
        with pytest.raises(TooLarge):
            await fetch(http, site.url, limit=1_999)


async def test_closing_twice_or_unused_is_harmless() -> None:
    http = AiohttpClient(EgressGuard())

    await http.close()
    await http.close()


# --- broken transfers -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ],
)
async def test_a_body_that_ends_early_is_incomplete(answer: bytes) -> None:
    async with running({"/": answer}, closing=["/"]) as site, client(rule(site)) as http:
        with pytest.raises(Incomplete):
            await fetch(http, site.url)


async def test_an_incomplete_body_reports_how_many_bytes_had_come() -> None:
    async with (
        running({"/": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"}, closing=["/"]) as site,
        client(rule(site)) as http,
        http.get(site.url, scope=EgressScope(site.url)) as response,
    ):
        first = await response.read_chunk()
        with pytest.raises(Incomplete) as caught:
            await response.read_chunk()

    assert first == b"half"
    assert caught.value.bytes_received == 4


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 40_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 500 + b"\r\n",
    ],
)
async def test_an_answer_that_is_not_http_is_a_network_failure(answer: bytes) -> None:
    async with running({"/": answer}, closing=["/"]) as site, client(rule(site)) as http:
        with pytest.raises(NetworkFailure) as caught:
            await fetch(http, f"{site.url}/?signature=canary")

    assert "canary" not in str(caught.value)


async def test_a_closed_port_and_an_unknown_name_are_network_failures() -> None:
    async with trapping() as gone:
        pass
    async with client(rule(gone)) as http:
        for url in (gone.url, "http://nowhere.test/"):
            with pytest.raises(NetworkFailure):
                await fetch(http, url)


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send a header that never ends: each byte arrives in time, the whole never does."""
    writer.write(b"HTTP/1.1 200 OK\r\nX: ")
    while not writer.is_closing():
        writer.write(b"a")
        await asyncio.sleep(0.02)


async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
    await reader.read()


@pytest.mark.parametrize("serve", [hang, drip, stall])
async def test_a_server_that_stays_silent_or_drips_times_out(serve: object) -> None:
    async with connections(serve) as port, client(f"127.0.0.1:{port}") as http:  # type: ignore[arg-type]
        with pytest.raises(TookTooLong):
            await fetch(http, f"http://127.0.0.1:{port}/", timeouts=QUICK)


async def test_the_total_time_holds_while_the_body_still_comes() -> None:
    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"a")
            await asyncio.sleep(0.01)

    async with connections(trickle) as port, client(f"127.0.0.1:{port}") as http:
        with pytest.raises(TookTooLong):
            await fetch(http, f"http://127.0.0.1:{port}/", timeouts=Timeouts(total_s=0.1))


async def test_a_look_up_that_hangs_times_out() -> None:
    async def never(host: str) -> Sequence[str]:
        return await asyncio.Event().wait() and []

    http = AiohttpClient(EgressGuard(resolver=never))
    with pytest.raises(TookTooLong):
        await fetch(http, "http://slow.test/", timeouts=Timeouts(connect_s=0.05, read_s=0.05))
    await http.close()


# --- compression ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("GZIP", gzip.compress)],
)
async def test_pages_are_decompressed_and_media_are_not(encoding: str, pack: object) -> None:
    packed: bytes = pack(b"<p>" * 5_000)  # type: ignore[operator]
    async with (
        running({"/": ok(packed, f"Content-Encoding: {encoding}")}) as site,
        client(rule(site)) as http,
    ):
        _, page = await fetch(http, site.url, decode=True)
        _, media = await fetch(http, site.url)

    assert page == b"<p>" * 5_000
    assert media == packed
    assert site.connections == 1


async def test_a_decompression_bomb_stops_at_the_limit() -> None:
    bomb = gzip.compress(bytes(30_000_000))
    async with (
        running({"/": ok(bomb, "Content-Encoding: gzip")}) as site,
        client(rule(site)) as http,
    ):
        with pytest.raises(TooLarge):
            await fetch(http, site.url, decode=True, limit=100_000)


async def test_a_stacked_encoding_is_refused_and_a_bodyless_answer_is_not() -> None:
    answers = {
        "/stack": ok(b"x", "Content-Encoding: gzip, gzip"),
        "/none": ok(b"", "Content-Encoding: gzip"),
        "/cut": ok(gzip.compress(b"abc" * 100)[:-4], "Content-Encoding: gzip"),
    }
    async with running(answers) as site, client(rule(site)) as http:
        with pytest.raises(HttpError):
            await fetch(http, f"{site.url}/stack", decode=True)
        with pytest.raises(Incomplete):
            await fetch(http, f"{site.url}/cut", decode=True)
        assert (await fetch(http, f"{site.url}/none", decode=True))[1] == b""


# --- the guard ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "[::ffff:127.0.0.1]", "localhost", "a.test", "0x7f.1", "0.0.0.0"]
)
async def test_a_private_address_gets_no_connection(host: str) -> None:
    async with trapping() as trap, client() as http:
        with pytest.raises(AddressRefused):
            await fetch(http, f"http://{host}:{trap.port}/")

    assert trap.hits == 0


@pytest.mark.parametrize("host", ["1.1.1.1", "public.test"])
async def test_a_port_where_no_web_server_lives_is_refused(host: str) -> None:
    async with client(names=Names(public_test=["1.1.1.1"])) as http:
        with pytest.raises(AddressRefused, match="port 25"):
            await fetch(http, f"http://{host}:25/")


async def test_the_socket_itself_is_checked_when_all_before_was_fooled() -> None:
    """aiohttp does not resolve literal addresses: the last check is where the socket is created."""

    class Fooled(EgressGuard):
        def check(self, url: object, *, exempt: bool) -> None:
            """Accept everything."""

    async with trapping() as trap:
        http = AiohttpClient(Fooled(resolver=Names()))
        with pytest.raises(AddressRefused):
            await fetch(http, trap.url)
        await http.close()

    assert trap.hits == 0


async def test_a_name_that_turns_inwards_between_two_requests_gets_no_connection() -> None:
    async with trapping() as trap:
        names = Names(evil_test=[["93.184.216.34"], ["127.0.0.1"]])
        guard = EgressGuard(resolver=names)
        await guard.resolve("evil.test", trap.port, scope=None)
        http = AiohttpClient(guard)
        with pytest.raises(AddressRefused):
            await fetch(http, f"http://evil.test:{trap.port}/")
        await http.close()

    assert trap.hits == 0
    assert names.asked == ["evil.test", "evil.test"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_to_a_private_address_is_refused(status: int) -> None:
    async with trapping() as trap, running() as site, client(rule(site)) as http:
        site.answers = {
            "/": redirect("/two"),
            "/two": redirect(f"http://127.1:{trap.port}/", status),
        }
        with pytest.raises(AddressRefused):
            await fetch(http, site.url)

    assert trap.hits == 0


async def test_a_public_post_does_not_reach_an_opened_server() -> None:
    async with trapping() as trap, client(rule(trap), rule(trap, "a.test")) as http:
        for host in ("127.0.0.1", "a.test"):
            with pytest.raises(AddressRefused):
                await fetch(http, f"http://{host}:{trap.port}/", scope="https://public.test/post")

    assert trap.hits == 0


async def test_an_exemption_does_not_hold_for_what_another_servers_list_has_named() -> None:
    """Neither by its own address nor by a redirect:
    who writes the list chooses what is requested.
    """
    async with (
        trapping() as trap,
        running({"/": ok(b"x"), "/away": redirect(f"http://a.test:{trap.port}/")}) as site,
        client(rule(site, "b.test"), rule(trap, "a.test")) as http,
    ):
        own, private = f"http://b.test:{site.port}", f"http://a.test:{trap.port}/"
        for listed_by in ("https://feed.test", f"http://b.test:{site.port + 1}", own, ""):
            with pytest.raises(AddressRefused):
                await fetch(http, private, scope=EgressScope(private, listed_by))
        with pytest.raises(AddressRefused):
            await fetch(http, f"{own}/away", scope=EgressScope(f"{own}/away", "https://feed.test"))
        await fetch(http, f"{own}/", scope=EgressScope(f"{own}/", own))

    assert (trap.hits, site.requests) == (0, site.requests[:1])


async def test_an_exempt_posts_connection_is_not_reused_for_a_public_post() -> None:
    async with running({"/": ok(b"x")}) as site, client(rule(site, "a.test")) as http:
        url = f"http://a.test:{site.port}/"
        await fetch(http, url)
        with pytest.raises(AddressRefused):
            await fetch(http, url, scope="https://public.test/post")
        await fetch(http, url)

    assert len(site.requests) == 2
    assert site.connections == 1


@pytest.mark.parametrize(
    "url",
    ["http://u:p@h.test/", "file:///etc/passwd", "http://127.0.0.2\\@h.test/", "http://h.test:0/"],
)
async def test_an_odd_address_is_bad(url: str) -> None:
    async with client() as http:
        for target, scope in ((url, "http://h.test/"), ("http://h.test/", url)):
            with pytest.raises(BadUrl):
                await fetch(http, target, scope=scope)


# --- redirects ------------------------------------------------------------------------------------


async def test_redirects_are_followed_and_the_answer_has_its_final_address() -> None:
    answers = {"/a": redirect("b/?x=1"), "/b/": redirect("../c", 308), "/c": ok(b"there")}
    async with running(answers) as site, client(rule(site)) as http:
        response, body = await fetch(http, f"{site.url}/a")

    assert (response.url, body) == (f"{site.url}/c", b"there")


async def test_a_redirect_without_an_address_and_a_304_are_answers() -> None:
    answers = {
        "/none": ok(b"x", status="302 Found"),
        "/same": ok(b"", "Location: /x", status="304 Not Modified"),
    }
    async with running(answers) as site, client(rule(site)) as http:
        for path, status in (("/none", 302), ("/same", 304)):
            assert (await fetch(http, site.url + path))[0].status == status


async def test_too_many_redirects_are_an_http_error() -> None:
    async with running({"/": redirect("/")}) as site, client(rule(site)) as http:
        with pytest.raises(HttpError, match="in a circle") as caught:
            await fetch(http, site.url)

    assert caught.value.http_status == 302
    assert len(site.requests) == 11


async def test_ten_redirects_are_followed() -> None:
    answers = {f"/{step}": redirect(f"/{step + 1}") for step in range(10)} | {"/10": ok(b"end")}
    async with running(answers) as site, client(rule(site)) as http:
        assert (await fetch(http, f"{site.url}/0"))[1] == b"end"
        with pytest.raises(HttpError):
            await fetch(http, f"{site.url}/0", max_redirects=9)


async def test_with_no_redirects_allowed_a_redirect_is_an_answer_and_is_not_followed() -> None:
    async with (
        running({"/": redirect("/end"), "/end": ok(b"end")}) as site,
        client(rule(site)) as http,
    ):
        assert (await fetch(http, f"{site.url}/", max_redirects=0))[0].status == 302
        assert len(site.requests) == 1


async def test_a_redirects_body_is_not_read() -> None:
    endless = b"HTTP/1.1 302 Found\r\nLocation: /end\r\n\r\n" + bytes(100_000)
    async with running({"/": endless, "/end": ok(b"end")}) as site, client(rule(site)) as http:
        assert (await fetch(http, site.url))[1] == b"end"


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "ftp://h/", "//u@h/", "data:,x", "http://h:0/"]
)
async def test_a_redirect_to_an_odd_address_is_an_http_error(location: str) -> None:
    async with running({"/": redirect(location)}) as site, client(rule(site)) as http:
        with pytest.raises(HttpError, match="not accepted"):
            await fetch(http, site.url)


# --- credentials ----------------------------------------------------------------------------------

SESSION = [
    Cookie("session", "canary", "a.test"),
    Cookie("wide", "canary", "a.test", host_only=False),
    Cookie("https-only", "canary", "a.test", secure=True),
    Cookie("deep", "canary", "a.test", path="/deep"),
    Cookie("old", "canary", "a.test", expires_at=START - timedelta(seconds=1)),
    Cookie("own", "other", "b.test"),
]


async def test_a_request_carries_the_cookies_of_its_scope() -> None:
    async with (
        running({"/": ok(), "/deep/x": ok()}) as site,
        client(rule(site, "a.test"), rule(site, "sub.a.test")) as http,
    ):
        for url in ("a.test", "sub.a.test", "a.test"):
            path = "/deep/x" if len(site.requests) == 2 else "/"
            await fetch(
                http,
                f"http://{url}:{site.port}{path}",
                cookies=SESSION,
                headers={"Cookie": "smuggled=1"},
            )

    sent = [request.headers.get("cookie") for request in site.requests]
    assert sent == [
        "session=canary; wide=canary",
        "wide=canary",
        "deep=canary; session=canary; wide=canary",
    ]


async def test_another_host_gets_only_its_own_cookies_and_no_authorization() -> None:
    async with running() as site, client(rule(site, "a.test"), rule(site, "b.test")) as http:
        site.answers = {"/": redirect(f"http://b.test:{site.port}/there"), "/there": ok()}
        headers = {"Authorization": "Bearer canary", "Referer": f"http://a.test:{site.port}/secret"}
        await fetch(http, f"http://a.test:{site.port}/", cookies=SESSION, headers=headers)
    first, second = (request.headers for request in site.requests)

    assert (first["cookie"], first["authorization"]) == (
        "session=canary; wide=canary",
        "Bearer canary",
    )
    assert second["cookie"] == "own=other"
    assert "canary" not in str(second)
    assert second["referer"] == f"http://a.test:{site.port}/"


async def test_another_host_does_not_get_the_page_of_the_first_host_as_referer() -> None:
    async with (
        running({"/": ok()}) as site,
        client(rule(site, "a.test"), rule(site, "b.test")) as http,
    ):
        headers = {"Referer": f"http://a.test:{site.port}/post?secret=canary"}
        await fetch(http, f"http://b.test:{site.port}/", headers=headers)
        await fetch(http, f"http://a.test:{site.port}/", headers=headers)
    other, same = (request.headers["referer"] for request in site.requests)

    assert other == f"http://a.test:{site.port}/"
    assert same == headers["Referer"]


async def test_another_port_of_the_same_host_gets_no_cookies() -> None:
    async with (
        running({"/": ok()}) as other,
        running({"/": redirect(f"http://a.test:{other.port}/")}) as site,
        client(rule(site, "a.test"), rule(other, "a.test")) as http,
    ):
        await fetch(http, f"http://a.test:{site.port}/", cookies=SESSION)

    assert "cookie" not in other.requests[0].headers


# --- TLS ------------------------------------------------------------------------------------------


async def test_https_goes_to_the_checked_address_under_the_names_own_certificate(
    tmp_path: Path,
) -> None:
    server, trusting = server_and_client_contexts("a.test", tmp_path)
    async with (
        running({"/": ok(b"sealed")}, tls=server) as site,
        client(rule(site, "a.test"), ssl_context=trusting) as http,
    ):
        assert (await fetch(http, f"https://a.test:{site.port}/"))[1] == b"sealed"

    assert site.requests[0].headers["host"] == f"a.test:{site.port}"


async def test_a_signed_in_request_is_not_redirected_down_to_plain_http(tmp_path: Path) -> None:
    server, trusting = server_and_client_contexts("a.test", tmp_path)
    async with (
        trapping() as trap,
        running({"/": redirect(f"http://a.test:{trap.port}/")}, tls=server) as site,
        client(rule(site, "a.test"), rule(trap, "a.test"), ssl_context=trusting) as http,
    ):
        with pytest.raises(HttpError, match="plain http"):
            await fetch(http, f"https://a.test:{site.port}/", cookies=SESSION)

    assert trap.hits == 0


@pytest.mark.parametrize("case", ["wrong name", "expired", "unknown issuer"])
async def test_a_certificate_that_is_not_valid_is_a_network_failure(
    case: str, tmp_path: Path
) -> None:
    age = timedelta(days=30) if case == "expired" else timedelta()
    server, trusting = server_and_client_contexts(
        "b.test" if case == "wrong name" else "a.test", tmp_path, age=age
    )
    async with running({"/": ok()}, tls=server) as site:
        known = None if case == "unknown issuer" else trusting
        async with client(rule(site, "a.test"), ssl_context=known) as http:
            with pytest.raises(NetworkFailure, match="certificate"):
                await fetch(http, f"https://a.test:{site.port}/")

    assert site.requests == []


async def test_a_server_without_tls_is_a_network_failure() -> None:
    async with running({"/": ok()}) as site, client(rule(site)) as http:
        with pytest.raises(MediavaultError) as caught:
            await fetch(http, f"https://127.0.0.1:{site.port}/", timeouts=QUICK)

    assert isinstance(caught.value, NetworkFailure | TookTooLong)
