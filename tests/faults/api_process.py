"""``mediavault api`` as a separate process, and a client for many concurrent requests,
each on its own connection.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.test_processes import environment
from tests.faults.vault_on_disk import VaultOnDisk
from tests.patience import patient

START_S = 60.0
ANSWER_S = 120.0
OF_AN_ADDRESS = 100  # fewer than the vault allows
OPENED_AT_ONCE = 100  # fewer than the server's backlog holds


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    took_s: float  # from the request's last byte to the answer's

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Api:
    process: subprocess.Popen[bytes]
    port: int

    async def connect(
        self, origin: str = "127.0.0.1"
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port, local_addr=(origin, 0))

    def request(self, path: str, body: Any = None) -> bytes:
        """Return a GET, or a POST of ``body`` as JSON;
        the server closes the connection after its response.
        """
        content = b"" if body is None else json.dumps(body).encode()
        lines = [
            f"{'GET' if body is None else 'POST'} {path} HTTP/1.1",
            f"Host: 127.0.0.1:{self.port}",
            "Connection: close",
            *(
                []
                if body is None
                else ["Content-Type: application/json", f"Content-Length: {len(content)}"]
            ),
        ]
        return "\r\n".join([*lines, "", ""]).encode() + content

    async def ask(self, path: str, body: Any = None) -> Answer:
        (answer,) = await self.ask_at_once([self.request(path, body)])
        return answer

    async def ask_at_once(self, requests: Sequence[bytes]) -> list[Answer]:
        """Open all connections first, so that the requests are sent together,
        a few from each of many addresses.
        """
        opening = asyncio.Semaphore(OPENED_AT_ONCE)

        async def opened(number: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            async with opening:
                return await self.connect(loopback(number // OF_AN_ADDRESS))

        connections = await asyncio.gather(*(opened(number) for number in range(len(requests))))
        async with asyncio.timeout(patient(ANSWER_S)):
            return await asyncio.gather(
                *(
                    _ask(*connection, request)
                    for connection, request in zip(connections, requests, strict=True)
                )
            )

    def memory_bytes(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) << 10


def loopback(number: int) -> str:
    """Return one of this machine's own addresses: 127.0.0.1, .2,
    … (Linux has all of 127.0.0.0/8).
    """
    return f"127.0.{number // 250}.{number % 250 + 1}"


async def _ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> Answer:
    began_s = time.monotonic()
    try:
        writer.write(request)
        head, _, body = (await reader.read(-1)).partition(b"\r\n\r\n")
    finally:
        writer.close()
    return Answer(int(head.split(b" ", 2)[1]), body, time.monotonic() - began_s)


@asynccontextmanager
async def api_of(vault: VaultOnDisk, env: Mapping[str, str] | None = None) -> AsyncIterator[Api]:
    """Run ``mediavault api`` until the block ends; its log goes to ``vault.log``."""
    every = {**environment(vault), "MEDIAVAULT_DATABASE_URL": vault.store_url, **(env or {})}
    with vault.log.open("ab") as log:
        earlier = log.tell()
        process = subprocess.Popen(
            [sys.executable, "-m", "mediavault", "api"], env=every, stderr=log
        )
    try:
        port = await _port_of(process, vault.log, earlier)
        yield Api(process, port)
    finally:
        process.terminate()
        try:
            await asyncio.to_thread(process.wait, patient(30))
        finally:
            process.kill()


async def _port_of(process: subprocess.Popen[bytes], log: Path, earlier: int) -> int:
    """Return the port from the log. ``earlier``: the bytes that other processes have already
    written to it.
    """
    deadline = time.monotonic() + patient(START_S)
    while b"vault_open" not in (logged := log.read_bytes()[earlier:]):
        assert process.poll() is None, logged.decode()[-3000:]
        assert time.monotonic() < deadline, logged.decode()[-3000:]
        await asyncio.sleep(0.02)
    opened = next(json.loads(line) for line in logged.splitlines() if b"vault_open" in line)
    return int(opened["address"].rpartition(":")[2])
