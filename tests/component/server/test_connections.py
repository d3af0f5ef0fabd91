"""Over real sockets: how many connections a client address gets,
and what happens to slow requests.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from structlog.testing import capture_logs

from mediavault.auth.proxies import ProxyRules
from mediavault.server import connections, http_server
from mediavault.server.long_responses import RELAY_PATH
from mediavault.server.middleware import MAX_BODY_BYTES
from tests.component.server.serving import ask, connect, serving
from tests.http_vault import ApiVault, MakeVault
from tests.patience import patient

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]

HEALTH = "GET /healthz HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n"
CROWD, OTHER = "127.0.0.66", "127.0.0.67"


@asynccontextmanager
async def open_connections(
    address: str, count: int, origin: str = CROWD
) -> AsyncIterator[list[Connection]]:
    """Yield connections that were accepted and answered once;
    they are closed when the block ends.
    """
    async with AsyncExitStack() as stack:
        opened = []
        for _ in range(count):
            reader, writer = await connect(address, origin=origin)
            stack.callback(writer.close)
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert (await asyncio.wait_for(reader.readline(), patient(30))).startswith(
                b"HTTP/1.1 200"
            )
            opened.append((reader, writer))
        yield opened


async def read_to_end(connection: Connection) -> bytes:
    """Return all bytes received until the connection ends, within 30 s; nothing if it is reset."""
    with contextlib.suppress(ConnectionError):
        return await asyncio.wait_for(connection[0].read(), patient(30))
    return b""


@pytest.fixture
def three_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MAX_PER_ADDRESS", 3)


def test_the_limits_are_as_specified() -> None:
    assert (connections.MAX_PER_ADDRESS, MAX_BODY_BYTES, http_server.HEADER_DEADLINE_S) == (
        200,
        64 * 1024,
        10.0,
    )


@pytest.mark.usefixtures("three_each")
async def test_a_connection_above_the_limit_of_its_address_gets_429_and_no_other_is_affected(
    vault: ApiVault,
) -> None:
    async with serving(vault) as address:
        async with open_connections(address, 3) as first:
            refused = await ask(address, HEALTH, origin=CROWD)
            other = await ask(address, HEALTH, origin=OTHER)
            first[0][1].write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert b"HTTP/1.1 200" in await asyncio.wait_for(
                first[0][0].readuntil(b"HTTP/1.1 200"), patient(30)
            )
        head, _, body = refused.partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 429 Too Many Requests")
    assert b"Retry-After: 10" in head
    assert json.loads(body)["code"] == "TOO_MANY"
    assert other.startswith(b"HTTP/1.1 200")


@pytest.mark.usefixtures("three_each")
async def test_a_websocket_counts_as_a_connection_until_it_ends(vault: ApiVault) -> None:
    upgrade = (
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Protocol: vnc, the-key\r\n"
    )
    async with serving(vault) as address, open_connections(address, 2):
        reader, writer = await connect(address, origin=CROWD)
        key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        writer.write(f"GET {RELAY_PATH} HTTP/1.1\r\nHost: {address}\r\n{upgrade}{key}\r\n".encode())
        assert (await asyncio.wait_for(reader.readline(), patient(30))).startswith(b"HTTP/1.1 101")
        assert (await ask(address, HEALTH, origin=CROWD)).startswith(b"HTTP/1.1 429")
        writer.close()
        while not (await ask(address, HEALTH, origin=CROWD)).startswith(b"HTTP/1.1 200"):
            await asyncio.sleep(0.01)


@pytest.mark.usefixtures("three_each")
async def test_a_connection_that_ends_makes_room_for_another(vault: ApiVault) -> None:
    async with serving(vault) as address:
        for _ in range(5):
            async with open_connections(address, 3):
                pass
            async with asyncio.timeout(patient(30)):
                while not (await ask(address, HEALTH, origin=CROWD)).startswith(b"HTTP/1.1 200"):
                    await asyncio.sleep(0.01)


@pytest.mark.usefixtures("three_each")
async def test_a_refused_connection_that_sends_nothing_gets_429_too(
    vault: ApiVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "REFUSE_WITHIN_S", 0.05)
    async with serving(vault) as address, open_connections(address, 3):
        silent = await connect(address, origin=CROWD)
        answer = await read_to_end(silent)
        silent[1].close()

    assert answer.startswith(b"HTTP/1.1 429")


@pytest.mark.usefixtures("three_each")
async def test_a_flood_of_refused_connections_is_cut_off(
    vault: ApiVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even refusals are sent to only a few at a time."""
    monkeypatch.setattr(connections, "MAX_REFUSALS", 1)
    monkeypatch.setattr(connections, "REFUSE_WITHIN_S", 0.5)
    async with serving(vault) as address, open_connections(address, 3):
        first, *flood = [await connect(address, origin=CROWD) for _ in range(20)]
        answers = [await read_to_end(connection) for connection in (first, *flood)]
        for _, writer in (first, *flood):
            writer.close()

    assert sum(answer.startswith(b"HTTP/1.1 429") for answer in answers) == 1
    assert sum(answer == b"" for answer in answers) == 19


@pytest.mark.usefixtures("three_each")
async def test_the_log_names_the_address_once_with_advice(vault: ApiVault) -> None:
    with capture_logs() as logs:
        async with serving(vault) as address, open_connections(address, 3):
            for _ in range(5):
                await ask(address, HEALTH, origin=CROWD)
    warnings = [line for line in logs if line["event"] == "too_many_connections"]

    assert [line["address"] for line in warnings] == [CROWD]
    assert "MEDIAVAULT_TRUSTED_PROXIES" in warnings[0]["help"]


@pytest.mark.usefixtures("three_each")
async def test_a_trusted_proxys_connections_are_not_limited(vault: ApiVault) -> None:
    """They serve many clients. Its requests are counted per client address:
    tests/unit/server/test_connections.py.
    """
    proxies = ProxyRules((ipaddress.ip_network(CROWD),))
    async with serving(vault, proxies) as address, open_connections(address, 9):
        assert (await ask(address, HEALTH, origin=CROWD)).startswith(b"HTTP/1.1 200")


async def test_no_single_address_gets_all_connections_of_the_process(
    vault: ApiVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mediavault.server.http_server.resource.getrlimit", lambda _: (128, 128))
    async with serving(vault) as address, open_connections(address, 32):
        assert (await ask(address, HEALTH, origin=CROWD)).startswith(b"HTTP/1.1 429")
        async with open_connections(address, 32, origin=OTHER):
            assert (await ask(address, HEALTH, origin="127.0.0.68")).startswith(b"HTTP/1.1 503")


# --- slow requests --------------------------------------------------------------------------------


async def test_a_password_of_a_megabyte_is_answered_and_the_connection_lives(
    make_vault: MakeVault,
) -> None:
    """A client that is still sending gets the reason, and is not just disconnected."""
    vault = make_vault(token="mv_a-long-random-token")
    async with serving(vault) as address:
        reader, writer = await connect(address)
        form = b"password=" + b"x" * 1_000_000
        kind = "Content-Type: application/x-www-form-urlencoded\r\nSec-Fetch-Site: same-origin"
        writer.write(f"POST /login HTTP/1.1\r\nHost: {address}\r\n{kind}\r\n".encode())
        writer.write(f"Content-Length: {len(form)}\r\n\r\n".encode() + form)
        await asyncio.wait_for(writer.drain(), patient(30))
        status = await asyncio.wait_for(reader.readline(), patient(30))
        writer.write(f"GET /healthz HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
        await asyncio.wait_for(reader.readuntil(b"HTTP/1.1 200"), patient(30))
        writer.close()

    assert status.startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize("drips", [True, False])
async def test_the_rest_of_an_unread_body_is_not_waited_for(
    vault: ApiVault, monkeypatch: pytest.MonkeyPatch, drips: bool
) -> None:
    """It was answered before its body was read. Neither a slow nor a stalled body keeps the
    connection open.
    """
    monkeypatch.setattr(http_server, "LEFTOVER_DEADLINE_S", 0.2)
    async with serving(vault) as address:
        reader, writer = await connect(address)
        writer.write(
            f"POST /api/jobs HTTP/1.1\r\nHost: {address}\r\nContent-Length: 60000\r\n\r\n".encode()
        )
        status = await asyncio.wait_for(reader.readline(), patient(30))
        writer.write(b"x")
        dripping = asyncio.create_task(drip(writer, b"x")) if drips else None
        await read_to_end((reader, writer))
        if dripping is not None:
            dripping.cancel()
        writer.close()

    assert status.startswith(b"HTTP/1.1 415")


async def test_a_body_that_never_arrives_gets_408_and_ends_the_connection(
    vault: ApiVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mediavault.server.middleware.BODY_DEADLINE_S", 0.1)
    post = (
        "POST /api/jobs HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/json\r\n"
        "Content-Length: 9\r\n\r\n["
    )
    async with serving(vault) as address:
        answer = await ask(address, post)

    assert answer.startswith(b"HTTP/1.1 408")


async def test_an_endless_header_is_refused_long_before_it_fills_the_memory(
    vault: ApiVault,
) -> None:
    async with serving(vault) as address:
        answer = await ask(address, "GET / HTTP/1.1\r\nHost: HOST\r\nX: " + "y" * 65_536)

    assert answer.startswith(b"HTTP/1.1 400")


async def drip(writer: asyncio.StreamWriter, piece: bytes) -> None:
    with contextlib.suppress(ConnectionError):
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)
