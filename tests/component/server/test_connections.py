"""Over real sockets: how many connections an address gets, and what becomes of those that are slow to say what they want."""

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
from tests.http_vault import House, MakeHouse
from tests.patience import patient

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]

HEALTH = "GET /healthz HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n"
CROWD, OTHER = "127.0.0.66", "127.0.0.67"


@asynccontextmanager
async def held(address: str, count: int, origin: str = CROWD) -> AsyncIterator[list[Connection]]:
    """Connections that the server has taken: each has been answered once. They end with the block."""
    async with AsyncExitStack() as stack:
        opened = []
        for _ in range(count):
            reader, writer = await connect(address, origin=origin)
            stack.callback(writer.close)
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert (await asyncio.wait_for(reader.readline(), patient(30))).startswith(b"HTTP/1.1 200")
            opened.append((reader, writer))
        yield opened


async def heard(connection: Connection) -> bytes:
    """All that comes until it ends, within 5 s; what was there when it was cut off is lost."""
    with contextlib.suppress(ConnectionError):
        return await asyncio.wait_for(connection[0].read(), patient(30))
    return b""


@pytest.fixture
def three_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "OF_AN_ADDRESS", 3)


def test_the_limits_are_as_specified() -> None:
    assert (connections.OF_AN_ADDRESS, MAX_BODY_BYTES, http_server.HEADER_DEADLINE_S) == (200, 64 * 1024, 10.0)


@pytest.mark.usefixtures("three_each")
async def test_one_connection_too_many_of_an_address_is_told_so_and_no_other_is_disturbed(house: House) -> None:
    async with serving(house) as address:
        async with held(address, 3) as first:
            refused = await ask(address, HEALTH, origin=CROWD)
            other = await ask(address, HEALTH, origin=OTHER)
            first[0][1].write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert b"HTTP/1.1 200" in await asyncio.wait_for(first[0][0].readuntil(b"HTTP/1.1 200"), patient(30))
        head, _, body = refused.partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 429 Too Many Requests")
    assert b"Retry-After: 10" in head
    assert json.loads(body)["code"] == "TOO_MANY"
    assert other.startswith(b"HTTP/1.1 200")


@pytest.mark.usefixtures("three_each")
async def test_a_websocket_keeps_its_place_until_it_ends(house: House) -> None:
    upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: vnc, the-key\r\n"
    async with serving(house) as address, held(address, 2):
        reader, writer = await connect(address, origin=CROWD)
        key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        writer.write(f"GET {RELAY_PATH} HTTP/1.1\r\nHost: {address}\r\n{upgrade}{key}\r\n".encode())
        assert (await asyncio.wait_for(reader.readline(), patient(30))).startswith(b"HTTP/1.1 101")
        assert (await ask(address, HEALTH, origin=CROWD)).startswith(b"HTTP/1.1 429")
        writer.close()
        while not (await ask(address, HEALTH, origin=CROWD)).startswith(b"HTTP/1.1 200"):
            await asyncio.sleep(0.01)


@pytest.mark.usefixtures("three_each")
async def test_a_connection_that_ends_makes_room(house: House) -> None:
    async with serving(house) as address:
        for _ in range(5):
            async with held(address, 3):
                pass
            async with asyncio.timeout(patient(30)):
                while not (await ask(address, HEALTH, origin=CROWD)).startswith(b"HTTP/1.1 200"):
                    await asyncio.sleep(0.01)


@pytest.mark.usefixtures("three_each")
async def test_one_that_is_turned_away_and_says_nothing_is_told_too(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "REFUSE_WITHIN_S", 0.05)
    async with serving(house) as address, held(address, 3):
        silent = await connect(address, origin=CROWD)
        said = await heard(silent)
        silent[1].close()

    assert said.startswith(b"HTTP/1.1 429")


@pytest.mark.usefixtures("three_each")
async def test_a_flood_of_refused_connections_is_cut_off(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even a refusal is said to more than a few at a time."""
    monkeypatch.setattr(connections, "MAX_REFUSALS", 1)
    monkeypatch.setattr(connections, "REFUSE_WITHIN_S", 0.5)
    async with serving(house) as address, held(address, 3):
        first, *flood = [await connect(address, origin=CROWD) for _ in range(20)]
        said = [await heard(each) for each in (first, *flood)]
        for _, writer in (first, *flood):
            writer.close()

    assert sum(answer.startswith(b"HTTP/1.1 429") for answer in said) == 1
    assert sum(answer == b"" for answer in said) == 19


@pytest.mark.usefixtures("three_each")
async def test_the_log_names_the_address_once_and_what_may_help(house: House) -> None:
    with capture_logs() as logs:
        async with serving(house) as address, held(address, 3):
            for _ in range(5):
                await ask(address, HEALTH, origin=CROWD)
    said = [line for line in logs if line["event"] == "too_many_connections"]

    assert [line["address"] for line in said] == [CROWD]
    assert "MEDIAVAULT_TRUSTED_PROXIES" in said[0]["help"]


@pytest.mark.usefixtures("three_each")
async def test_a_trusted_proxys_connections_are_not_limited(house: House) -> None:
    """They are everybody's; its requests are counted for the address that each names (tests/unit/server/test_connections.py)."""
    proxies = ProxyRules((ipaddress.ip_network(CROWD),))
    async with serving(house, proxies) as address, held(address, 9):
        assert (await ask(address, HEALTH, origin=CROWD)).startswith(b"HTTP/1.1 200")


async def test_what_the_process_can_hold_is_never_one_addresss_alone(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mediavault.server.http_server.resource.getrlimit", lambda _: (128, 128))
    async with serving(house) as address, held(address, 32):
        assert (await ask(address, HEALTH, origin=CROWD)).startswith(b"HTTP/1.1 429")
        async with held(address, 32, origin=OTHER):
            assert (await ask(address, HEALTH, origin="127.0.0.68")).startswith(b"HTTP/1.1 503")


# --- slow to say what they want -----------------------------------------------------------------------------------


async def test_a_password_of_a_megabyte_is_answered_and_the_connection_lives(make_house: MakeHouse) -> None:
    """Whoever is still sending hears why, and is not just cut off."""
    house = make_house(token="mv_a-long-random-token")
    async with serving(house) as address:
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
async def test_the_rest_of_a_body_that_nobody_reads_is_not_waited_for(
    house: House, monkeypatch: pytest.MonkeyPatch, drips: bool
) -> None:
    """It was answered before it was read. Neither bytes now and then nor one byte and silence keep it open."""
    monkeypatch.setattr(http_server, "LEFTOVER_DEADLINE_S", 0.2)
    async with serving(house) as address:
        reader, writer = await connect(address)
        writer.write(f"POST /api/jobs HTTP/1.1\r\nHost: {address}\r\nContent-Length: 60000\r\n\r\n".encode())
        status = await asyncio.wait_for(reader.readline(), patient(30))
        writer.write(b"x")
        dripping = asyncio.create_task(drip(writer, b"x")) if drips else None
        await heard((reader, writer))
        if dripping is not None:
            dripping.cancel()
        writer.close()

    assert status.startswith(b"HTTP/1.1 415")


async def test_a_body_that_never_comes_is_told_so_and_ended(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mediavault.server.middleware.BODY_DEADLINE_S", 0.1)
    post = "POST /api/jobs HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n["
    async with serving(house) as address:
        answer = await ask(address, post)

    assert answer.startswith(b"HTTP/1.1 408")


async def test_a_header_without_end_is_refused_long_before_it_fills_the_memory(house: House) -> None:
    async with serving(house) as address:
        answer = await ask(address, "GET / HTTP/1.1\r\nHost: HOST\r\nX: " + "y" * 65_536)

    assert answer.startswith(b"HTTP/1.1 400")


async def drip(writer: asyncio.StreamWriter, piece: bytes) -> None:
    with contextlib.suppress(ConnectionError):
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)
