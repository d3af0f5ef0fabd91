"""Opening a TCP connection to the first of several checked addresses that answers (RFC 8305, "happy eyeballs")."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import chain, zip_longest

from mediavault.core.errors import NetworkFailure, TookTooLong
from mediavault.services.egress.guard import Endpoint

HEAD_START_S = 0.25  # RFC 8305, section 5
BUFFER_BYTES = 65_536  # of each direction, before the sender is made to wait

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def dial(endpoints: Sequence[Endpoint], *, within_s: float) -> Streams:
    """Connect to one of ``endpoints``; each gets a head start before the next is tried beside it.

    Raises NetworkFailure when none answers, TookTooLong after ``within_s`` seconds.
    """
    try:
        async with asyncio.timeout(within_s):
            return await _streams(await _first_socket(_families_in_turn(endpoints)))
    except TimeoutError as exc:
        raise TookTooLong("The server did not answer in time.") from exc
    except OSError as exc:
        raise NetworkFailure(f"The server did not take the connection ({exc}).") from exc


async def _streams(connected: socket.socket) -> Streams:
    with ExitStack() as undo:
        undo.callback(connected.close)
        streams = await asyncio.open_connection(sock=connected, limit=BUFFER_BYTES)
        undo.pop_all()
    return streams


def _families_in_turn(endpoints: Sequence[Endpoint]) -> list[Endpoint]:
    """IPv6 and IPv4 by turns, beginning with the family that came first: one broken family costs one head start."""
    first = [endpoint for endpoint in endpoints if endpoint[0] == endpoints[0][0]]
    others = [endpoint for endpoint in endpoints if endpoint[0] != endpoints[0][0]]
    return [endpoint for endpoint in chain.from_iterable(zip_longest(first, others)) if endpoint is not None]


async def _first_socket(endpoints: Sequence[Endpoint]) -> socket.socket:
    attempts: list[asyncio.Task[socket.socket]] = []
    try:
        for endpoint in endpoints:
            attempts.append(asyncio.create_task(_connect(endpoint)))
            await asyncio.wait(_pending(attempts), timeout=HEAD_START_S, return_when=asyncio.FIRST_COMPLETED)
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
    """The socket of an attempt that succeeded; the attempt leaves the list, so that the socket is not discarded."""
    for attempt in attempts:
        if attempt.done() and attempt.exception() is None:
            attempts.remove(attempt)
            return attempt.result()
    return None


async def _discard(attempts: list[asyncio.Task[socket.socket]]) -> None:
    for attempt in attempts:
        attempt.cancel()
    for outcome in await asyncio.gather(*attempts, return_exceptions=True):
        if isinstance(outcome, socket.socket):  # it won in the moment between the look and the cancel
            outcome.close()


async def _connect(endpoint: Endpoint) -> socket.socket:
    family, sockaddr = endpoint
    with ExitStack() as undo:
        attempt = undo.enter_context(socket.socket(family, socket.SOCK_STREAM))
        attempt.settimeout(0.0)  # non-blocking
        await asyncio.get_running_loop().sock_connect(attempt, sockaddr)
        undo.pop_all()
    return attempt
