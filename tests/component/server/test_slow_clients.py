"""Slow clients, on as many connections as they can get, do not delay other clients.

The vault is a separate process with as many descriptors as service managers allow; the slow clients
share one address.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.component.server.serving import ask
from tests.component.server.test_access_process import Process, environment
from tests.patience import patient

DESCRIPTORS = 1_024  # systemd's soft limit, and most shells'
SLOW_ONES = 600  # more than half of them
SLOW = "127.0.0.66"
BUFFER_BYTES = 2_048
FOR_S, EVERY_S, AGAIN_S = 2.0, 0.02, 1.0
ANSWERS = 20  # at least, however long they take
# usually two or three; waiting until slow clients are cut off would take a thousand times as long
TIMES = 100

HEADER = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"
BODY = (
    b"POST /api/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b"Content-Length: 60000\r\n\r\n["
)
EVENTS = b"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
WAYS = {"header": (HEADER, b"X: y\r\n"), "body": (BODY, b" "), "listening": (EVENTS, b"")}


@asynccontextmanager
async def vault(root: Path) -> AsyncIterator[str]:
    """Yield the ``host:port`` of a running vault."""

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))

    command = (sys.executable, "-m", "mediavault", "api")
    running = await asyncio.create_subprocess_exec(
        *command, env=environment(root), stderr=asyncio.subprocess.PIPE, preexec_fn=limited
    )
    process = Process(running)
    try:
        address = (await process.line("vault_open"))["address"]
        reading = asyncio.create_task(running.stderr.read())  # type: ignore[union-attr]
        yield address.removeprefix("http://")
    finally:
        running.terminate()
        await asyncio.wait_for(running.wait(), patient(30))
    await reading


async def be_slow(address: str, first: bytes, then: bytes) -> None:
    """Act as a slow client: begin a request, send a few more bytes at a time,
    read nothing, reconnect when cut off.
    """
    loop = asyncio.get_running_loop()
    host, _, port = address.rpartition(":")
    while True:
        with socket.socket() as raw, contextlib.suppress(ConnectionError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
            raw.setblocking(False)
            raw.bind((SLOW, 0))
            await loop.sock_connect(raw, (host, int(port)))
            raw.send(first)
            while True:
                await asyncio.sleep(AGAIN_S)
                raw.send(then)
        await asyncio.sleep(AGAIN_S)


async def answers(address: str, status: Callable[[bytes], None]) -> float:
    """Return the median time of many answers, in seconds,
    from another address than the slow clients'.
    """
    took: list[float] = []
    ends = time.monotonic() + FOR_S
    while time.monotonic() < ends or len(took) < ANSWERS:
        began = time.monotonic()
        answer = await ask(
            address, "GET /api/jobs HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n"
        )
        took.append(time.monotonic() - began)
        status(answer[:12])
        await asyncio.sleep(EVERY_S)
    return statistics.median(took)


@pytest.mark.parametrize("way", WAYS)
async def test_slow_clients_do_not_delay_other_clients(tmp_path: Path, way: str) -> None:
    statuses: set[bytes] = set()
    async with vault(tmp_path) as address:
        alone_s = await answers(address, statuses.add)
        crowd = [asyncio.create_task(be_slow(address, *WAYS[way])) for _ in range(SLOW_ONES)]
        await asyncio.sleep(AGAIN_S)
        crowded_s = await answers(address, statuses.add)
        for client in crowd:
            client.cancel()
        ends = await asyncio.gather(*crowd, return_exceptions=True)
    print({"way": way, "alone_s": alone_s, "crowded_s": crowded_s})

    assert {type(end) for end in ends} == {asyncio.CancelledError}
    assert statuses == {b"HTTP/1.1 200"}
    assert crowded_s < TIMES * alone_s
