"""The server on a real loopback socket: the address, the deadlines, the end."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
import websockets
from uvicorn import Server
from uvicorn.protocols.http.h11_impl import H11Protocol
from websockets.asyncio.client import ClientConnection
from websockets.typing import Subprotocol

from mediavault.app import processes
from mediavault.core.failures import BadSetting
from mediavault.core.settings import Settings
from mediavault.server import http_server
from mediavault.server.http_server import bind
from mediavault.server.long_responses import RELAY_PATH
from tests.component.server.serving import ask, serving
from tests.http_vault import VIDEO, ApiVault, build_vault
from tests.patience import patient, until
from tests.session_stubs import StubSessions, StubWindows


async def test_a_file_comes_over_a_real_connection_by_ranges(vault: ApiVault) -> None:
    job = await vault.add_saved()
    async with serving(vault) as address:
        answer = await ask(
            address,
            (
                f"GET /files/{job.id}/video HTTP/1.1\r\nHost: HOST\r\nRange: bytes=-5\r\n"
                "Connection: close\r\n\r\n"
            ),
        )

    assert answer.startswith(b"HTTP/1.1 206")
    assert answer.endswith(VIDEO[-5:])
    assert b"server: uvicorn" not in answer.lower()


async def test_a_client_that_leaves_a_long_file_is_noticed(vault: ApiVault) -> None:
    job = await vault.add_saved(video=VIDEO * 400)
    async with serving(vault) as address:
        answer = await ask(
            address,
            f"GET /files/{job.id}/video HTTP/1.1\r\nHost: HOST\r\n\r\n",
            until=lambda got: len(got) > 9,
        )

    # and the server has ended in time, with no answer under way
    assert answer.startswith(b"HTTP/1.1 200")


async def test_an_open_event_stream_does_not_delay_the_shutdown(
    vault: ApiVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_server, "GRACE_S", 3_600)
    async with serving(vault) as address:
        host, _, port = address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"GET /api/events HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
        await asyncio.wait_for(reader.readuntil(b"retry: 2000"), patient(30))
    writer.close()  # the server has ended, although the stream was open
    await writer.wait_closed()


async def test_a_header_that_comes_too_slowly_ends_the_connection(
    vault: ApiVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even a byte now and then keeps it open."""
    monkeypatch.setattr(http_server, "HEADER_DEADLINE_S", 0.1)
    async with serving(vault) as address:
        host, _, port = address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET / HTTP/1.1\r\n")
        dripping = asyncio.create_task(_drip(writer))
        got = b""
        with contextlib.suppress(ConnectionResetError):
            got = await asyncio.wait_for(reader.read(), patient(30))
        dripping.cancel()
        writer.close()

    assert got == b""


async def test_a_long_answer_is_not_ended_by_the_header_deadline(
    vault: ApiVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_server, "HEADER_DEADLINE_S", 0.05)
    async with serving(vault) as address:
        host, _, port = address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"GET /api/events HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
        await asyncio.wait_for(reader.readuntil(b"retry: 2000\n\n"), patient(30))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.readuntil(b"never"), 0.15)

        assert reader.exception() is None
        writer.close()
        await writer.wait_closed()


# --- the WebSocket of the sign-in window


@asynccontextmanager
async def relayed(vault: ApiVault, address: str, base: str = "") -> AsyncIterator[ClientConnection]:
    cast("StubSessions", vault.services.sessions).add("x")
    await vault.services.windows.open("x")
    url = f"ws://{address}{base}{RELAY_PATH}"
    async with websockets.connect(
        url, subprotocols=[Subprotocol("vnc"), Subprotocol("the-key")]
    ) as socket:
        yield socket


async def test_the_screen_of_a_sign_in_window_comes_over_a_websocket(vault: ApiVault) -> None:
    screen = cast("StubWindows", vault.services.windows).screen
    async with serving(vault) as address, relayed(vault, address) as socket:
        screen.pictures.put_nowait(b"a picture" * 10_000)
        await socket.send(b"a click")

        assert socket.subprotocol == "vnc"
        assert await asyncio.wait_for(socket.recv(), patient(30)) == b"a picture" * 10_000
        assert await asyncio.wait_for(screen.received.get(), patient(30)) == b"a click"
        screen.pictures.put_nowait(b"")
        await asyncio.wait_for(socket.wait_closed(), patient(30))
    assert socket.close_code == 1001
    assert screen.viewers == 0


@pytest.mark.parametrize("base", ["/mediavault", ""])
async def test_a_vault_below_a_path_has_the_websocket_there_and_where_a_proxy_removes_the_path(
    base: str, tmp_path: Path
) -> None:
    vault = build_vault(tmp_path, base_path="/mediavault")
    async with serving(vault) as address, relayed(vault, address, base) as socket:
        cast("StubWindows", vault.services.windows).screen.pictures.put_nowait(b"a picture")

        assert await asyncio.wait_for(socket.recv(), patient(30)) == b"a picture"


async def test_a_message_that_is_too_large_ends_the_websocket(vault: ApiVault) -> None:
    async with serving(vault) as address, relayed(vault, address) as socket:
        await socket.send(bytes(http_server.MAX_SOCKET_MESSAGE_BYTES + 1))
        await asyncio.wait_for(socket.wait_closed(), patient(30))
    assert socket.close_code == 1009


async def test_an_open_websocket_does_not_delay_the_shutdown(
    vault: ApiVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_server, "GRACE_S", 3_600)
    async with AsyncExitStack() as client:
        async with serving(vault) as address:
            socket = await client.enter_async_context(relayed(vault, address))
        await asyncio.wait_for(socket.wait_closed(), patient(30))
    assert cast("StubWindows", vault.services.windows).screen.viewers == 0


async def test_a_client_that_does_not_answer_pings_is_disconnected(
    vault: ApiVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_server, "SOCKET_PING_S", 0.1)
    screen = cast("StubWindows", vault.services.windows).screen
    async with serving(vault) as address, relayed(vault, address) as socket:
        socket.transport.pause_reading()
        await until(lambda: screen.viewers == 0)


async def test_a_websocket_has_no_header_deadline(
    vault: ApiVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_server, "HEADER_DEADLINE_S", 0.05)
    screen = cast("StubWindows", vault.services.windows).screen
    async with serving(vault) as address, relayed(vault, address) as socket:
        await asyncio.sleep(0.2)
        screen.pictures.put_nowait(b"a picture")

        assert await asyncio.wait_for(socket.recv(), patient(30)) == b"a picture"


async def test_an_upgrade_on_another_path_is_answered_as_http(vault: ApiVault) -> None:
    headers = (
        "Connection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    )
    async with serving(vault) as address:
        answer = await ask(address, f"GET /healthz HTTP/1.1\r\nHost: HOST\r\n{headers}\r\n")
        missing = await ask(address, f"GET /nowhere HTTP/1.1\r\nHost: HOST\r\n{headers}\r\n")

    assert answer.startswith(b"HTTP/1.1 200")
    assert missing.startswith(b"HTTP/1.1 404")


@pytest.mark.parametrize(
    "request_text",
    [
        (
            "POST /api/jobs HTTP/1.1\r\nHost: HOST\r\nContent-Length: 5\r\n"
            "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: HOST\r\nHost: HOST\r\n\r\n",
        "GET @evil.test HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n",
    ],
)
async def test_an_ambiguous_request_is_refused(vault: ApiVault, request_text: str) -> None:
    async with serving(vault) as address:
        answer = await ask(address, request_text, until=lambda got: b"\r\n\r\n" in got)

    assert answer.startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    "path", ["/files/../../../../etc/passwd", "/static/../app.py", "/..%2f..%2fetc/passwd"]
)
async def test_a_raw_path_with_dots_finds_nothing(vault: ApiVault, path: str) -> None:
    async with serving(vault) as address:
        answer = await ask(
            address, f"GET {path} HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n"
        )

    assert answer.startswith(b"HTTP/1.1 404")


def test_a_port_in_use_is_reported_in_words() -> None:
    (first,) = bind("127.0.0.1", 0)
    with first, pytest.raises(BadSetting, match="is used by another program"):
        bind("127.0.0.1", first.getsockname()[1])


async def test_a_vault_whose_port_is_taken_opens_nothing_and_starts_no_worker(
    tmp_path: Path,
) -> None:
    (first,) = bind("127.0.0.1", 0)
    state, library = tmp_path / "state", tmp_path / "library"
    settings = Settings(state_dir=state, download_dir=library, port=first.getsockname()[1])
    with first, pytest.raises(BadSetting, match="is used by another program"):
        await processes.serve(settings)

    assert not state.exists()
    assert not library.exists()


def test_an_address_of_another_machine_is_reported_in_words() -> None:
    with pytest.raises(BadSetting, match="cannot be listened on"):
        bind("192.0.2.1", 0)


def test_localhost_binds_all_its_addresses_on_one_port() -> None:
    bound = bind("localhost", 0)
    ports = {sock.getsockname()[1] for sock in bound}
    for sock in bound:
        sock.close()

    assert len(ports) == 1
    assert socket.AF_INET in {sock.family for sock in bound}


@pytest.mark.parametrize(
    ("ours", "uvicorns", "name", "parameters"),
    [
        (http_server._GuardedProtocol, H11Protocol, "connection_made", ["self", "transport"]),
        (http_server._GuardedProtocol, H11Protocol, "connection_lost", ["self", "exc"]),
        (http_server._GuardedProtocol, H11Protocol, "data_received", ["self", "data"]),
        (http_server._GuardedProtocol, H11Protocol, "on_response_complete", ["self"]),
        (http_server._Server, Server, "startup", ["self", "sockets"]),
        (http_server._Server, Server, "capture_signals", ["self"]),
    ],
)
def test_an_overridden_method_still_exists_in_uvicorn(
    ours: type, uvicorns: type, name: str, parameters: list[str]
) -> None:
    """A release of uvicorn that renames or changes one would otherwise switch off a limit without
    an error.
    """
    for kind in (ours, uvicorns):
        assert list(inspect.signature(vars(kind)[name]).parameters) == parameters


async def _drip(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while True:
            writer.write(b"X: y\r\n")
            await writer.drain()
            await asyncio.sleep(0.01)
