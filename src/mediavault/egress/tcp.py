"""TCP connections as asyncio streams: dialing, copying between two of them, closing, and the user
at the other end.

Several addresses of one host are tried as RFC 8305 ("happy eyeballs") describes.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from itertools import chain, zip_longest
from pathlib import Path

from mediavault.core import unreached
from mediavault.core.failures import NetworkFailure
from mediavault.core.messages import Message
from mediavault.egress.guard import Endpoint

HEAD_START_S = 0.25  # RFC 8305, section 5
BUFFER_BYTES = 65_536  # of each direction, before the sender is made to wait
LINGER_S = 30.0  # for the second direction of a tunnel after the first has ended
CLOSE_S = 1.0
SOCKET_TABLE = Path("/proc/net/tcp")  # proc(5)

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def dial(endpoints: Sequence[Endpoint], *, host: str, within_s: float) -> Streams:
    """Connect to one of ``endpoints`` of ``host``; each gets a head start before the next one is
    tried in parallel.

    Raises NetworkFailure when none answers, TookTooLong after ``within_s`` seconds.
    """
    try:
        async with asyncio.timeout(within_s):
            return await _streams(await first_socket(endpoints))
    except TimeoutError as exc:
        raise unreached.too_slow(host) from exc
    except OSError as exc:
        raise not_connected(exc, host) from exc


def not_connected(exc: OSError, host: str) -> NetworkFailure:
    """Return the failure of a connection: the site's, or that of the network between."""
    if isinstance(exc, ConnectionRefusedError):
        return unreached.refused(host)
    if isinstance(exc, ConnectionError):
        return unreached.hung_up(host)
    reason = os.strerror(exc.errno) if exc.errno else exc
    return NetworkFailure(
        Message("The connection to %(host)s failed (%(error)s).", host=host, error=reason)
    )


async def tunnel(first: Streams, second: Streams) -> None:
    """Copy bytes both ways until both ends have closed or one failed.
    A slow reader slows the sender down.
    """
    ways = [
        asyncio.create_task(_copy(first[0], second[1])),
        asyncio.create_task(_copy(second[0], first[1])),
    ]
    try:
        _, pending = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        if pending:
            await asyncio.wait(pending, timeout=LINGER_S)
    finally:
        await stop_tasks(*ways)


async def close(streams: Streams) -> None:
    """Close a connection; abort it when the other end does not take the remaining data within
    CLOSE_S seconds.
    """
    writer = streams[1]
    writer.close()
    try:
        async with asyncio.timeout(CLOSE_S):
            await writer.wait_closed()
    except (OSError, TimeoutError):
        writer.transport.abort()
    except asyncio.CancelledError:
        writer.transport.abort()
        raise


async def stop_tasks(*tasks: asyncio.Task[None]) -> None:
    """Cancel tasks and wait for their end; their errors are dropped."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(BUFFER_BYTES):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


async def _streams(connected: socket.socket) -> Streams:
    with ExitStack() as undo:
        undo.callback(connected.close)
        streams = await asyncio.open_connection(sock=connected, limit=BUFFER_BYTES)
        undo.pop_all()
    return streams


def _families_in_turn(endpoints: Sequence[Endpoint]) -> list[Endpoint]:
    """Alternate IPv6 and IPv4, beginning with the family of the first:
    a broken family costs one head start.
    """
    first = [endpoint for endpoint in endpoints if endpoint[0] == endpoints[0][0]]
    others = [endpoint for endpoint in endpoints if endpoint[0] != endpoints[0][0]]
    return [
        endpoint
        for endpoint in chain.from_iterable(zip_longest(first, others))
        if endpoint is not None
    ]


async def first_socket(endpoints: Sequence[Endpoint]) -> socket.socket:
    """Return a non-blocking socket that is connected to one of ``endpoints``. Raises OSError."""
    attempts: list[asyncio.Task[socket.socket]] = []
    try:
        for endpoint in _families_in_turn(endpoints):
            attempts.append(asyncio.create_task(_connect(endpoint)))
            await asyncio.wait(
                _pending(attempts), timeout=HEAD_START_S, return_when=asyncio.FIRST_COMPLETED
            )
            if winner := _winner(attempts):
                return winner
        while pending := _pending(attempts):
            await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            if winner := _winner(attempts):
                return winner
        return attempts[-1].result()  # all failed: raises the last one's error
    finally:
        await _discard(attempts)


def _pending(attempts: list[asyncio.Task[socket.socket]]) -> list[asyncio.Task[socket.socket]]:
    return [attempt for attempt in attempts if not attempt.done()]


def _winner(attempts: list[asyncio.Task[socket.socket]]) -> socket.socket | None:
    """Return the socket of an attempt that succeeded, and remove it,
    so that the socket is not discarded.
    """
    for attempt in attempts:
        if attempt.done() and attempt.exception() is None:
            attempts.remove(attempt)
            return attempt.result()
    return None


async def _discard(attempts: list[asyncio.Task[socket.socket]]) -> None:
    for attempt in attempts:
        attempt.cancel()
    for outcome in await asyncio.gather(*attempts, return_exceptions=True):
        # it connected after the last check and before the cancel
        if isinstance(outcome, socket.socket):
            outcome.close()


async def _connect(endpoint: Endpoint) -> socket.socket:
    family, sockaddr = endpoint
    with ExitStack() as undo:
        attempt = undo.enter_context(socket.socket(family, socket.SOCK_STREAM))
        attempt.settimeout(0.0)  # non-blocking
        await asyncio.get_running_loop().sock_connect(attempt, sockaddr)
        undo.pop_all()
    return attempt


# --- the other end of a loopback connection -------------------------------------------------------

_LOCAL, _REMOTE, _UID = 1, 2, 7


def is_same_user(writer: asyncio.StreamWriter) -> bool:
    """Return whether a process of our own user made this connection;
    always true where the kernel has no such table.
    """
    try:
        table = SOCKET_TABLE.read_text("ascii", "replace")
    except OSError:
        return True
    return (
        owner_of(table, writer.get_extra_info("peername"), writer.get_extra_info("sockname"))
        == os.getuid()
    )


def owner_of(table: str, local: tuple[str, int], remote: tuple[str, int]) -> int | None:
    """Return the user of the IPv4 socket at ``local`` that is connected to ``remote``;
    None when there is none.
    """
    wanted = [_kernel_format(*local), _kernel_format(*remote)]
    for line in table.splitlines()[1:]:
        columns = line.split()
        if len(columns) > _UID and columns[_LOCAL : _REMOTE + 1] == wanted:
            return int(columns[_UID])
    return None


def _kernel_format(host: str, port: int) -> str:
    """Format an address as the kernel does: a number in the machine's byte order."""
    (number,) = struct.unpack("=I", socket.inet_aton(host))
    return f"{number:08X}:{port:04X}"
