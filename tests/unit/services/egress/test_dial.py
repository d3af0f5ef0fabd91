"""Connecting to the first of several addresses that answers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from mediavault.core.errors import NetworkFailure, TookTooLong
from mediavault.services.egress import dial as dialling
from mediavault.services.egress.dial import dial
from mediavault.services.egress.guard import Endpoint
from tests.patience import patient
from tests.unit.services.egress.servers import trapping


def at(port: int, host: str = "127.0.0.1") -> Endpoint:
    return socket.AF_INET, (host, port)


@pytest.fixture
def mute() -> Iterator[Endpoint]:
    """An address where nobody answers: the queue of a server that accepts nothing is full."""
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
        _, writer = await dial([at(gone.port), at(gone.port), at(trap.port)], within_s=patient(30))
        peer = writer.get_extra_info("peername")
        writer.close()
        await writer.wait_closed()

    assert peer == ("127.0.0.1", trap.port)


async def test_a_mute_address_costs_only_a_head_start(mute: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialling, "HEAD_START_S", 0.02)
    async with trapping() as trap, asyncio.timeout(patient(30)):
        _, writer = await dial([mute, at(trap.port)], within_s=3_600)
        writer.close()
        await writer.wait_closed()


async def test_when_all_are_dead_it_is_a_network_failure() -> None:
    async with trapping() as gone:
        pass
    with pytest.raises(NetworkFailure):
        await dial([at(gone.port)] * 3, within_s=patient(30))


async def test_when_all_are_mute_it_took_too_long(mute: Endpoint) -> None:
    with pytest.raises(TookTooLong):
        await dial([mute], within_s=0.05)


async def test_an_address_that_failed_does_not_cost_the_next_one_its_head_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dialling, "HEAD_START_S", 0.05)
    began: list[float] = []

    async def connect(endpoint: Endpoint) -> socket.socket:
        began.append(asyncio.get_running_loop().time())
        if len(began) == 1:
            raise ConnectionRefusedError
        return await asyncio.Event().wait() and socket.socket()

    monkeypatch.setattr(dialling, "_connect", connect)
    with pytest.raises(TookTooLong):
        await dial([at(1), at(2), at(3)], within_s=0.2)

    assert began[2] - began[1] >= 0.04


async def test_the_slowest_address_still_wins_when_it_is_the_only_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """All have begun, one answers late; another that was overtaken leaves no socket behind."""
    monkeypatch.setattr(dialling, "HEAD_START_S", 0.01)
    late: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    real = dialling._connect
    made: list[socket.socket] = []

    async def connect(endpoint: Endpoint) -> socket.socket:
        await late
        made.append(await real(endpoint))
        return made[-1]

    monkeypatch.setattr(dialling, "_connect", connect)
    async with trapping() as trap:
        asyncio.get_running_loop().call_later(0.05, late.set_result, None)
        _, writer = await dial([at(trap.port)] * 3, within_s=patient(30))
        writer.close()
        await writer.wait_closed()

    assert all(sock.fileno() == -1 for sock in made)


def test_families_take_turns() -> None:
    """One broken family delays a connection by one head start, not by one for each of its addresses."""
    four = [at(80, f"192.0.2.{last}") for last in (1, 2)]
    six: list[Endpoint] = [(socket.AF_INET6, (f"2001:db8::{last}", 80, 0, 0)) for last in (1, 2, 3)]

    assert dialling._families_in_turn([*six, *four]) == [six[0], four[0], six[1], four[1], six[2]]
