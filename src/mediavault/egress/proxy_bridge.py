"""A bridge to the proxy for a child process without network, which reaches nothing else.

An empty network namespace keeps a process from every address, the proxy's included. But a socket
stays in the namespace in which it was created, also in another process: the child listens on its
own loopback, sends the listening socket to us, and we forward its connections to the real proxy.
The child sees the proxy at its usual address.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mediavault.egress.tcp import BUFFER_BYTES, Streams, close, stop_tasks, tunnel


@asynccontextmanager
async def bridge_to(port: int) -> AsyncIterator[int]:
    """Yield a descriptor over which the child may send one listening socket (``socket.send_fds``).

    Its connections are forwarded to ``port`` of our loopback while the block runs.
    """
    parent_end, child_end = socket.socketpair()
    parent_end.settimeout(0)
    serving = asyncio.create_task(_receive_and_serve(parent_end, port))
    try:
        yield child_end.fileno()
    finally:
        await stop_tasks(serving)
        parent_end.close()
        child_end.close()


async def _receive_and_serve(parent_end: socket.socket, port: int) -> None:
    await _wait_readable(parent_end)
    _, descriptors, _, _ = socket.recv_fds(parent_end, 1, 1)
    for descriptor in descriptors:
        await _serve(socket.socket(fileno=descriptor), port)


async def _serve(listener: socket.socket, port: int) -> None:
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(_forward((reader, writer), port))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, sock=listener, limit=BUFFER_BYTES)
    try:
        await asyncio.Future()
    finally:
        server.close()
        await stop_tasks(*tasks)


async def _forward(client: Streams, port: int) -> None:
    try:
        server = await asyncio.open_connection("127.0.0.1", port, limit=BUFFER_BYTES)
        try:
            await tunnel(client, server)
        finally:
            await close(server)
    except OSError:
        client[1].transport.abort()
    finally:
        await close(client)


async def _wait_readable(parent_end: socket.socket) -> None:
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(parent_end, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(parent_end)
