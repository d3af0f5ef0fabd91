"""Many listeners at ``/api/events``, in a separate process:
``python -m tests.faults.listeners PORT COUNT STALLED``.

Five at a time share one of this machine's loopback addresses, since the vault accepts no more from
one address. STALLED of the COUNT listeners read their first bytes and then nothing more; their
receive buffers are small. The process prints ``{"heard": N, "refused": N}`` once all are connected;
at the end of its standard input, it prints how many events each of the others was sent, and how
many of the stalled ones the server has dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys

from mediavault.api.feed import MAX_STREAMS_PER_CLIENT
from tests.faults.api_process import loopback
from tests.patience import patient

SMALL_BUFFER = 4096
OPENED_AT_ONCE = 100
DRAINED_WITHIN_S = 30.0


class Listener:
    def __init__(self, port: int, origin: str, *, stalls: bool) -> None:
        self._port, self._origin, self._stalls = port, origin, stalls
        self.events = 0
        self.status = 0
        self.finished = False

    async def open(self) -> None:
        raw = socket.socket()
        if self._stalls:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        raw.setblocking(False)
        raw.bind((self._origin, 0))
        await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", self._port))
        self._reader, self._writer = await asyncio.open_connection(sock=raw, limit=SMALL_BUFFER)
        self._writer.write(
            f"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n\r\n".encode()
        )
        head = await self._reader.readuntil(b"\r\n\r\n")
        self.status = int(head.split(b" ", 2)[1])
        if self.status == 200:
            await self._reader.readuntil(b"retry: 2000")
        else:
            self.close()  # as a browser does

    async def listen(self) -> None:
        left = b""
        while chunk := await self._reader.read(1 << 16):
            read = left + chunk
            self.events += read.count(b"event: job")
            left = read[-9:]
            if left.endswith(b"event: job"):
                left = b""
        self.finished = True

    async def rest(self) -> None:
        """What a stalled listener reads in the end: the end of the stream,
        if the server has dropped it.
        """
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(patient(DRAINED_WITHIN_S)):
                await self.listen()
        self.finished = self._reader.at_eof() or self._reader.exception() is not None

    def close(self) -> None:
        self._writer.close()


async def main(port: int, count: int, stalled: int) -> None:
    listeners = [
        Listener(port, loopback(number // MAX_STREAMS_PER_CLIENT), stalls=number < stalled)
        for number in range(count)
    ]
    opening = asyncio.Semaphore(OPENED_AT_ONCE)

    async def opened(listener: Listener) -> None:
        async with opening:
            await listener.open()

    # the stalled ones first, so that they are accepted
    for group in (listeners[:stalled], listeners[stalled:]):
        await asyncio.gather(*(opened(listener) for listener in group))
    heard = [listener for listener in listeners if listener.status == 200]
    refused = [listener for listener in listeners if listener.status == 503]
    print(json.dumps({"heard": len(heard), "refused": len(refused)}), flush=True)
    quick = heard[stalled:]
    tasks = [asyncio.create_task(listener.listen()) for listener in quick]
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.gather(*(listener.rest() for listener in heard[:stalled]))
    let_go = sum(listener.finished for listener in heard[:stalled])
    print(
        json.dumps({"events": [listener.events for listener in quick], "let_go": let_go}),
        flush=True,
    )
    for listener in listeners:
        listener.close()


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:4])))
