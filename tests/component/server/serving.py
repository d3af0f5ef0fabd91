"""A vault's API behind the real server on a loopback port, and raw requests to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

from fastapi import FastAPI

from mediavault.auth.proxies import ProxyRules
from mediavault.server.http_server import NO_PROXIES, serve_app
from tests.http_vault import ApiVault
from tests.patience import patient


@asynccontextmanager
async def serving(vault: ApiVault, proxies: ProxyRules = NO_PROXIES) -> AsyncIterator[str]:
    """Yield the ``host:port`` of a server that runs until the block ends."""
    stop, started = asyncio.Event(), asyncio.get_running_loop().create_future()
    app = cast("FastAPI", vault.client.app)
    base = vault.services.settings.base_path
    serve = serve_app(
        app,
        host="127.0.0.1",
        port=0,
        stop=stop,
        on_started=started.set_result,
        proxies=proxies,
        base=base,
    )
    task = asyncio.create_task(serve)
    try:
        address: str = await asyncio.wait_for(started, patient(30))
        yield address.removeprefix("http://")
    finally:
        stop.set()
        await asyncio.wait_for(task, patient(30))


async def connect(
    address: str, *, origin: str = "127.0.0.1"
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a connection from ``origin``, one of this machine's loopback addresses."""
    host, _, port = address.rpartition(":")
    return await asyncio.open_connection(host, int(port), local_addr=(origin, 0))


async def ask(
    address: str,
    request: str,
    *,
    until: Callable[[bytes], bool] | None = None,
    origin: str = "127.0.0.1",
) -> bytes:
    """Send one raw request and return all bytes received until the connection ended or ``until``
    returned true.
    """
    reader, writer = await connect(address, origin=origin)
    try:
        writer.write(request.replace("HOST", address).encode("latin-1"))
        answer = b""
        async with asyncio.timeout(patient(30)):
            while chunk := await reader.read(65_536):
                answer += chunk
                if until is not None and until(answer):
                    break
        return answer
    finally:
        writer.close()
        await writer.wait_closed()
