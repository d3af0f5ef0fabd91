"""Passing bytes between two connections, a buffer at a time: a slow reader slows the sender down."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from mediavault.services.egress.dial import BUFFER_BYTES, Streams
from mediavault.services.egress.http1 import (
    CHUNKED,
    UNTIL_CLOSE,
    BadMessage,
    Framing,
    Head,
    answer_framing,
    chunk_size,
    end_to_end,
    parse_answer,
    request_framing,
    write_head,
)

SILENCE_S = 300.0  # of a server in the middle of an answer; browsers keep idle connections as long
LINGER_S = 30.0  # for the second direction of a tunnel after the first has ended
CLOSE_S = 1.0
MAX_INTERIM_ANSWERS = 8
MAX_TRAILER_LINES = 64


async def tunnel(one: Streams, other: Streams) -> None:
    """Pass bytes both ways until both ends have closed, or one broke."""
    ways = [asyncio.create_task(_pump(one[0], other[1])), asyncio.create_task(_pump(other[0], one[1]))]
    try:
        _, pending = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        if pending:
            await asyncio.wait(pending, timeout=LINGER_S)
    finally:
        await _end(*ways)


async def exchange(client: Streams, server: Streams, request: Head) -> bool:
    """Pass one request's body up and its answer down; whether the client's connection can carry another request.

    The request's head must have been sent. Raises BadMessage or OSError while nothing has gone to the client yet;
    later the connection's end tells the client that the answer is not whole.
    """
    upload = asyncio.create_task(_copy_body(client[0], server[1], request_framing(request)))
    try:
        answer, framing = await _final_answer(server[0], client[1], method=request.start[0])
        goes_on = framing != UNTIL_CLOSE and "close" not in (request.get("connection") or "").lower()
        headers = [*end_to_end(answer), ("Connection", "keep-alive" if goes_on else "close")]
        client[1].write(write_head(f"HTTP/1.1 {' '.join(answer.start)}", headers))
        try:
            await _copy_body(server[0], client[1], framing)
        except (OSError, EOFError, BadMessage, asyncio.LimitOverrunError) as exc:
            raise AnswerBroke from exc
        return goes_on and upload.done() and upload.exception() is None
    finally:
        await _end(upload)


class AnswerBroke(Exception):
    """The server's answer ended early, after its head had gone to the client."""


async def close(streams: Streams) -> None:
    """Close a connection; at once when its other end does not take what is left to send."""
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


async def _final_answer(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, method: str
) -> tuple[Head, Framing]:
    for _ in range(MAX_INTERIM_ANSWERS):
        async with asyncio.timeout(SILENCE_S):
            answer = parse_answer(await reader.readuntil(b"\r\n\r\n"))
        status = int(answer.start[0])
        if status in {101, 407}:  # no upgrade was asked for; and only the proxy itself may ask for a password
            raise BadMessage("not an answer for a proxy's client")
        if status >= 200:
            return answer, answer_framing(answer, method=method)
        writer.write(write_head(f"HTTP/1.1 {' '.join(answer.start)}", end_to_end(answer)))
    raise BadMessage("no end of interim answers")


async def _copy_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, framing: Framing) -> None:
    if framing == CHUNKED:
        await _copy_chunks(reader, writer)
    elif framing == UNTIL_CLOSE:
        while data := await _read(reader, BUFFER_BYTES):
            writer.write(data)
            await writer.drain()
    else:
        await _copy_exactly(reader, writer, int(framing))


async def _copy_chunks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        line = await _read_line(reader)
        writer.write(line)
        size = chunk_size(line)
        if size == 0:
            break
        await _copy_exactly(reader, writer, size + len(b"\r\n"))
    for _ in range(MAX_TRAILER_LINES):
        line = await _read_line(reader)
        writer.write(line)
        if line == b"\r\n":
            return await writer.drain()
    raise BadMessage("no end of trailers")


async def _copy_exactly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, size: int) -> None:
    while size:
        data = await _read(reader, min(size, BUFFER_BYTES))
        if not data:
            raise EOFError
        size -= len(data)
        writer.write(data)
        await writer.drain()


async def _read(reader: asyncio.StreamReader, limit: int) -> bytes:
    async with asyncio.timeout(SILENCE_S):
        return await reader.read(limit)


async def _read_line(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(SILENCE_S):
        return await reader.readuntil(b"\r\n")


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(BUFFER_BYTES):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


async def _end(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
