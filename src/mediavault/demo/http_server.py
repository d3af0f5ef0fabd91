"""A small HTTP/1.1 server that can misbehave on purpose.

Real servers cut bodies, announce wrong lengths, reset connections and send slowly; frameworks prevent exactly that. So
this server writes its own bytes: a handler returns a :class:`PracticeResponse`, which says what is sent, including
false claims. It listens on 127.0.0.1 only and is made for practice and tests, not for the internet.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from types import TracebackType
from urllib.parse import parse_qsl, unquote, urlsplit

from mediavault.core.clock import Clock, SystemClock
from mediavault.egress.http1 import HEAD_END, BadMessage, parse_request

HOST = "127.0.0.1"
MAX_HEAD_BYTES = 32 << 10  # request line and headers
MAX_BODY_BYTES = 1 << 20  # of a request; it is read and dropped
MAX_CONNECTIONS = 256  # at once; further ones are closed without a response
IDLE_S = 30.0  # a kept-alive connection without a request
PIECE_BYTES = 64 << 10
NO_LENGTH = -1

_NO_BODY = frozenset({204, 304})


@dataclass(frozen=True, slots=True)
class PracticeRequest:
    """A parsed request. Header names are lower case; of repeated headers and parameters the last counts."""

    method: str
    path: str  # percent-decoded, without the query
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def cookies(self) -> dict[str, str]:
        try:
            return {name: morsel.value for name, morsel in SimpleCookie(self.headers.get("cookie", "")).items()}
        except CookieError:
            return {}


@dataclass(frozen=True, slots=True)
class PracticeResponse:
    """What is sent. After a false length, a cut or a reset the connection is closed, because its framing is lost."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    declared_length: int | None = None  # a Content-Length other than the body's; NO_LENGTH sends none
    cut_at: int | None = None  # close after this many bytes of the body
    reset: bool = False  # close with RST instead of FIN
    delay_s: float = 0.0  # before the first byte
    bytes_per_s: int | None = None

    @property
    def keeps_framing(self) -> bool:
        return self.declared_length is None and self.cut_at is None and not self.reset


Handler = Callable[[PracticeRequest], Awaitable[PracticeResponse]]


def whole_or_range(
    request: PracticeRequest,
    body: bytes,
    content_type: str,
    *,
    etag: str,
    last_modified: str,
    extra: tuple[tuple[str, str], ...] = (),
) -> PracticeResponse:
    """Return a correct response with validators: 200, or 206 or 416 for a single range (RFC 9110, section 14)."""
    headers = (
        ("Content-Type", content_type),
        ("Accept-Ranges", "bytes"),
        ("ETag", etag),
        ("Last-Modified", last_modified),
        *extra,
    )
    requested = requested_range(request.headers.get("range"), len(body))
    condition = request.headers.get("if-range")
    if requested is None or condition not in (None, etag, last_modified):
        return PracticeResponse(200, headers, body)
    if not requested:
        return PracticeResponse(416, (*headers, ("Content-Range", f"bytes */{len(body)}")))
    span = f"bytes {requested.start}-{requested.stop - 1}/{len(body)}"
    return PracticeResponse(206, (*headers, ("Content-Range", span)), body[requested.start : requested.stop])


_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def requested_range(value: str | None, size: int) -> range | None:
    """Return the bytes that a ``Range`` header requests; an empty range when there are none, None to ignore the header.

    Several ranges in one header are ignored, which RFC 9110 allows.
    """
    match = _RANGE.fullmatch((value or "").replace(" ", ""))
    if match is None or match[0] == "bytes=-":
        return None
    first, last = match[1], match[2]
    if not first:
        return range(max(0, size - int(last)), size)
    if last and int(last) < int(first):
        return None
    return range(min(int(first), size), min(int(last) + 1, size) if last else size)


class HttpServer:
    """The server: ``async with HttpServer(handler) as server: … server.origin``.

    A handler that raises is a bug of the site: its connection is closed, and :meth:`close` raises what it raised.
    """

    def __init__(self, handler: Handler, *, clock: Clock | None = None, idle_s: float = IDLE_S) -> None:
        self._handler = handler
        self._clock = clock or SystemClock()
        self._idle_s = idle_s
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._bugs: list[BaseException] = []
        self.port = 0

    @property
    def origin(self) -> str:
        return f"http://{HOST}:{self.port}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, HOST, 0, limit=MAX_HEAD_BYTES)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening, end every connection and wait until all are closed. Safe to call twice."""
        if self._server is None:
            return
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None
        if self._bugs:
            raise self._bugs[0]

    async def __aenter__(self) -> HttpServer:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A plain function, so that the task is ours: the streams module would report a cancelled one as an error.
        if len(self._connections) >= MAX_CONNECTIONS:
            writer.transport.abort()
            return
        connection = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._ended)

    def _ended(self, connection: asyncio.Task[None]) -> None:
        self._connections.discard(connection)
        if not connection.cancelled() and (bug := connection.exception()) is not None:
            self._bugs.append(bug)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Handle the requests of one connection in turn. A client that disconnects early is not an error."""
        try:
            while await self._exchange(reader, writer):
                pass
            await _close_gracefully(writer)
        except (ConnectionError, TimeoutError, asyncio.IncompleteReadError):
            pass
        except (BadMessage, asyncio.LimitOverrunError):
            with suppress(ConnectionError):
                await _send(writer, "GET", PracticeResponse(400, body=b"Bad request\n"), self._clock, keep=False)
        finally:
            writer.transport.abort()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Handle one request; return whether the connection stays open."""
        async with asyncio.timeout(self._idle_s):
            request, version = read_request(await reader.readuntil(HEAD_END))
            await reader.readexactly(_body_size(request))
        response = await self._handler(request)
        keep = response.keeps_framing and _wants_keep_alive(request, version)
        await _send(writer, request.method, response, self._clock, keep=keep)
        return keep


def read_request(head: bytes) -> tuple[PracticeRequest, str]:
    """Return a request and its HTTP version, such as "1.1", from its head. Raises BadMessage."""
    parsed = parse_request(head)
    headers = {name.decode("ascii"): value.decode("latin-1") for name, value in parsed.headers}
    target = urlsplit(parsed.target.decode("ascii"))
    query = dict(parse_qsl(target.query, keep_blank_values=True))
    request = PracticeRequest(parsed.method.decode("ascii"), unquote(target.path) or "/", query, headers)
    return request, parsed.http_version.decode("ascii")


def _body_size(request: PracticeRequest) -> int:
    length = request.headers.get("content-length", "0")
    if "transfer-encoding" in request.headers or int(length) > MAX_BODY_BYTES:
        raise BadMessage("a body that this server does not read")
    return int(length)


def _wants_keep_alive(request: PracticeRequest, version: str) -> bool:
    header = request.headers.get("connection", "").lower()
    return header == "keep-alive" or (version == "1.1" and header != "close")


async def _send(
    writer: asyncio.StreamWriter, method: str, response: PracticeResponse, clock: Clock, *, keep: bool
) -> None:
    if response.delay_s:
        await clock.sleep(response.delay_s)
    writer.write(_head(response, keep=keep))
    if method != "HEAD" and response.status not in _NO_BODY:
        await _send_body(writer, response, clock)
    await writer.drain()
    if response.reset:
        _arm_reset(writer)


def _head(response: PracticeResponse, *, keep: bool) -> bytes:
    lines = [f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in response.headers]
    length = len(response.body) if response.declared_length is None else response.declared_length
    if length != NO_LENGTH and response.status not in _NO_BODY:
        lines.append(f"Content-Length: {length}")
    lines.append(f"Connection: {'keep-alive' if keep else 'close'}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def _send_body(writer: asyncio.StreamWriter, response: PracticeResponse, clock: Clock) -> None:
    body = response.body[: response.cut_at]
    for start in range(0, len(body), PIECE_BYTES):
        piece = body[start : start + PIECE_BYTES]
        if response.bytes_per_s:
            await clock.sleep(len(piece) / response.bytes_per_s)
        writer.write(piece)
        await writer.drain()


def _arm_reset(writer: asyncio.StreamWriter) -> None:
    """Make the next close an RST: lingering for zero seconds drops unsent data (socket(7), SO_LINGER)."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def _close_gracefully(writer: asyncio.StreamWriter) -> None:
    """Close after the last byte is sent, so that the abort that follows discards nothing."""
    writer.close()
    await writer.wait_closed()
