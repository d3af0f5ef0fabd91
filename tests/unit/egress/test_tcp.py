"""Connecting, copying, and the owner of a connection."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from mediavault.core.failures import SiteUnreachable, TookTooLong
from mediavault.egress import tcp
from mediavault.egress.guard import Endpoint
from mediavault.egress.tcp import BUFFER_BYTES, Streams, dial, is_same_user, owner_of, tunnel
from tests.fakes import FakeClock
from tests.patience import patient
from tests.unit.egress.servers import trapping


def at(port: int, host: str = "127.0.0.1") -> Endpoint:
    return socket.AF_INET, (host, port)


@pytest.fixture
def mute() -> Iterator[Endpoint]:
    """An address that never answers: the backlog of a server that accepts nothing is full."""
    with socket.socket() as server, socket.socket() as first, socket.socket() as second:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(server.getsockname())
        yield at(server.getsockname()[1])


async def test_a_dead_address_is_passed_over() -> None:
    async with trapping() as gone:
        pass
    async with trapping() as trap:
        _, writer = await dial(
            [at(gone.port), at(gone.port), at(trap.port)], host="a.test", within_s=patient(30)
        )
        peer = writer.get_extra_info("peername")
        writer.close()
        await writer.wait_closed()

    assert peer == ("127.0.0.1", trap.port)


async def test_a_mute_address_costs_only_a_head_start(
    mute: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tcp, "HEAD_START_S", 0.02)
    async with trapping() as trap, asyncio.timeout(patient(30)):
        _, writer = await dial([mute, at(trap.port)], host="a.test", within_s=3_600)
        writer.close()
        await writer.wait_closed()


async def test_when_all_addresses_are_dead_it_is_a_network_failure() -> None:
    async with trapping() as gone:
        pass
    with pytest.raises(SiteUnreachable, match=r"^a\.test does not accept connections\.$"):
        await dial([at(gone.port)] * 3, host="a.test", within_s=patient(30))


async def test_when_all_addresses_are_mute_it_times_out(mute: Endpoint) -> None:
    with pytest.raises(TookTooLong):
        await dial([mute], host="a.test", within_s=0.05)


async def test_an_address_that_failed_does_not_cost_the_next_one_its_head_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tcp, "HEAD_START_S", 0.05)
    began: list[float] = []

    async def connect(endpoint: Endpoint) -> socket.socket:
        began.append(asyncio.get_running_loop().time())
        if len(began) == 1:
            raise ConnectionRefusedError
        return await asyncio.Event().wait() and socket.socket()

    monkeypatch.setattr(tcp, "_connect", connect)
    with pytest.raises(TookTooLong):
        await dial([at(1), at(2), at(3)], host="a.test", within_s=0.2)

    assert began[2] - began[1] >= 0.04


async def test_the_slowest_address_still_wins_when_it_is_the_only_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All attempts have started and one answers late;
    an attempt that lost leaves no socket behind.
    """
    monkeypatch.setattr(tcp, "HEAD_START_S", 0.01)
    late: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    real = tcp._connect
    made: list[socket.socket] = []

    async def connect(endpoint: Endpoint) -> socket.socket:
        await late
        made.append(await real(endpoint))
        return made[-1]

    monkeypatch.setattr(tcp, "_connect", connect)
    async with trapping() as trap:
        asyncio.get_running_loop().call_later(0.05, late.set_result, None)
        _, writer = await dial([at(trap.port)] * 3, host="a.test", within_s=patient(30))
        writer.close()
        await writer.wait_closed()

    assert all(sock.fileno() == -1 for sock in made)


def test_families_take_turns() -> None:
    """One broken family delays a connection by one head start,
    not by one for each of its addresses.
    """
    four = [at(80, f"192.0.2.{last}") for last in (1, 2)]
    six: list[Endpoint] = [(socket.AF_INET6, (f"2001:db8::{last}", 80, 0, 0)) for last in (1, 2, 3)]

    assert tcp._families_in_turn([*six, *four]) == [six[0], four[0], six[1], four[1], six[2]]


# --- tunnels ---


class Source(asyncio.Transport):
    """The receiving end of a connection: sends whenever it is not paused."""

    def __init__(self) -> None:
        super().__init__()
        self.sending = asyncio.Event()
        self.sending.set()
        self.reader = asyncio.StreamReader(limit=BUFFER_BYTES)
        self.reader.set_transport(self)
        self.sent = 0

    def pause_reading(self) -> None:
        self.sending.clear()

    def resume_reading(self) -> None:
        self.sending.set()

    async def pour(self, size: int) -> None:
        while self.sent < size:
            await self.sending.wait()
            self.reader.feed_data(bytes(BUFFER_BYTES))
            self.sent += BUFFER_BYTES
        self.reader.feed_eof()


class Sink:
    """The sending end of a connection, whose other end takes nothing until it ``takes``."""

    def __init__(self) -> None:
        self.takes = asyncio.Event()
        self.written = 0

    def write(self, data: bytes) -> None:
        self.written += len(data)

    async def drain(self) -> None:
        await self.takes.wait()

    def write_eof(self) -> None:
        pass


async def test_a_slow_reader_slows_the_server_down() -> None:
    """Buffers are bounded: what the browser does not take, the server cannot send."""
    server, browser, silent = Source(), Sink(), Source()
    silent.reader.feed_eof()
    passing = asyncio.create_task(tunnel(streams(server, Sink()), streams(silent, browser)))
    pouring = asyncio.create_task(server.pour(100 * BUFFER_BYTES))
    await FakeClock().settle(200)
    held_up = server.sent
    browser.takes.set()
    await asyncio.gather(pouring, passing)

    assert held_up <= 4 * BUFFER_BYTES
    assert browser.written == 100 * BUFFER_BYTES


def streams(source: Source, sink: Sink) -> Streams:
    return source.reader, cast("asyncio.StreamWriter", sink)


# --- owners ---

TABLE = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1 0 100 0 0 10 0
   1: 0100007F:C350 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1001        0 12 1 0 20 4 30 10 -1
   2: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 13 1 0 20 4 30 10 -1
"""  # noqa: E501


def test_the_other_ends_owner_is_found_by_both_ends() -> None:
    assert owner_of(TABLE, ("127.0.0.1", 50_000), ("127.0.0.1", 8_080)) == 1001


def test_a_connection_that_is_not_in_the_table_has_no_owner() -> None:
    assert owner_of(TABLE, ("127.0.0.1", 50_001), ("127.0.0.1", 8_080)) is None


@pytest.mark.parametrize("has_table", [True, False])
async def test_our_own_connection_is_let_in(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, has_table: bool
) -> None:
    if not has_table:
        monkeypatch.setattr(tcp, "SOCKET_TABLE", tmp_path / "none")
    judged: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        judged.set_result(is_same_user(writer))
        writer.close()

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as server:
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        assert await asyncio.wait_for(judged, patient(30))
        writer.close()
        await writer.wait_closed()


async def test_another_users_connection_is_not_let_in(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "tcp").write_text(TABLE)
    monkeypatch.setattr(tcp, "SOCKET_TABLE", tmp_path / "tcp")

    class Writer:
        def get_extra_info(self, name: str) -> tuple[str, int]:
            return {"peername": ("127.0.0.1", 50_000), "sockname": ("127.0.0.1", 8_080)}[name]

    monkeypatch.setattr("os.getuid", lambda: 1000)
    assert not is_same_user(Writer())  # type: ignore[arg-type]
