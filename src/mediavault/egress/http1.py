"""HTTP/1.1 over asyncio streams. The messages are parsed, framed and written by h11, whose errors
become BadMessage.

Heads are read more strictly than h11 reads them: whatever two parsers could understand differently
is refused, because that is how one request is smuggled inside another. Sources: RFC 9112, RFC 9110
section 7.6.1.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import h11
from h11 import ConnectionClosed, Data, EndOfMessage, Event, InformationalResponse, Response
from h11 import Request as Request

from mediavault.egress.port import REFUSED_HEADER
from mediavault.egress.tcp import BUFFER_BYTES, Streams, stop_tasks

# in the middle of a message and between two requests; browsers keep idle connections as long
SILENCE_S = 300.0
MAX_INTERIM_RESPONSES = 8
HEAD_END = b"\r\n\r\n"

Headers = list[tuple[bytes, bytes]]

_START_LINE = re.compile(
    rb"(?:[A-Z]+ [^ \r\n]+ HTTP/1\.[01]|HTTP/1\.[01] [1-9][0-9]{2}(?: [^\r\n]*)?)\r\n"
)
# A line feed or carriage return alone, a folded line, and control characters: h11 accepts these in
# a head.
_AMBIGUOUS = re.compile(rb"(?<!\r)\n|\r(?!\n)|\n[ \t]|[^\t\r\n\x20-\x7e\x80-\xff]")
_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
    }
    | {b"upgrade", REFUSED_HEADER.lower().encode()}
)
# Connection cannot make these hop-by-hop
_FRAMING = frozenset({b"content-length", b"transfer-encoding", b"host"})


class BadMessage(Exception):
    """A message that is not HTTP/1 as RFC 9112 defines it, or that is ambiguous."""


class ResponseInterrupted(Exception):
    """The server's response ended early, after its head had been sent to the client."""


class HttpConnection:
    """A connection over which we are the server (``is_server``) or the client."""

    def __init__(self, streams: Streams, *, is_server: bool) -> None:
        self.streams = streams
        self._h11 = h11.Connection(h11.SERVER if is_server else h11.CLIENT)

    async def receive(self) -> Event:
        """Return the next event of the other end.

        Raises BadMessage, EOFError when the connection ends before a head, LimitOverrunError for a
        head that exceeds the reader's limit, TimeoutError after SILENCE_S seconds without a byte,
        and other OSErrors.
        """
        with _translate_errors():
            while (event := self._h11.next_event()) is h11.NEED_DATA:
                async with asyncio.timeout(SILENCE_S):
                    self._h11.receive_data(await self._read())
        if isinstance(event, ConnectionClosed) or not isinstance(event, Event):
            raise BadMessage("the connection is not in a state to receive")
        if isinstance(event, Request | Response):
            _check_framing(event)
        return event

    async def receive_request(self) -> Request | None:
        """Return the next request; None when the client has closed the connection.
        Raises as :meth:`receive`.
        """
        try:
            request = await self.receive()
        except EOFError:
            return None
        assert isinstance(request, Request)
        return request

    async def respond(self, status: int, text: str, *headers: tuple[str, str]) -> None:
        """Send a response of one line of text and end the connection with it.

        Raises OSError, and ResponseInterrupted when the head of another response has been sent.
        """
        if self._h11.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            raise ResponseInterrupted
        body = f"{text}\n".encode()
        fixed = [
            ("Content-Type", "text/plain"),
            ("Content-Length", str(len(body))),
            ("Connection", "close"),
        ]
        head = Response(
            status_code=status, reason=HTTPStatus(status).phrase, headers=[*fixed, *headers]
        )
        await self.send(head, Data(data=body), EndOfMessage())

    async def send(self, *events: Event) -> None:
        """Write events and wait until the other end takes them.
        Raises BadMessage where one is not legal now, OSError.
        """
        _, writer = self.streams
        with _translate_errors():
            data = b"".join(self._h11.send(event) or b"" for event in events)
        # at once: a client may take a close right after a head for a response that was cut off
        writer.write(data)
        await writer.drain()

    def start_next_cycle(self) -> bool:
        """Prepare for the next request, or return False when this connection cannot carry another
        one.
        """
        is_done = self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE
        if not is_done or self._h11.trailing_data[0]:  # the next head is in h11 already, unchecked
            return False
        self._h11.start_next_cycle()
        return True

    async def _read(self) -> bytes:
        """Read exactly one head, so that it can be checked, or any part of a body."""
        reader, _ = self.streams
        if self._h11.their_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            return await reader.read(BUFFER_BYTES)
        head = await reader.readuntil(HEAD_END)
        _check_head(head)
        return head


def parse_request(head: bytes) -> Request:
    """Parse a request's head with its empty line. Raises BadMessage."""
    _check_head(head)
    with _translate_errors():
        connection = h11.Connection(h11.SERVER)
        connection.receive_data(head)
        request = connection.next_event()
    if not isinstance(request, Request):
        raise BadMessage("not a whole request")
    _check_framing(request)
    return request


def header(message: Request | Response | InformationalResponse, name: bytes) -> str | None:
    """Return a header's value, several joined by commas; None when it is absent.
    ``name`` is in lower case.
    """
    values = [value.decode("latin-1") for key, value in message.headers if key == name]
    return ", ".join(values) if values else None


def end_to_end(message: Request | Response | InformationalResponse) -> Headers:
    """Return the headers to forward: all but those of the connection and those that Connection
    names.
    """
    named = {
        name.strip().lower()
        for name in (header(message, b"connection") or "").encode("latin-1").split(b",")
    }
    dropped = _HOP_BY_HOP | (named - _FRAMING)
    return [
        (name, value) for name, value in message.headers.raw_items() if name.lower() not in dropped
    ]


async def forward(
    client: HttpConnection, server: Streams, request: Request, *, host: str, path: str
) -> None:
    """Forward a request, under another host and path, and the server's response.

    Raises BadMessage, EOFError, LimitOverrunError or OSError while the client has not received the
    response's head, ResponseInterrupted later: closing the client's connection is then the only way
    to show that it is not whole.
    """
    upstream = HttpConnection(server, is_server=False)
    forwarded = [
        (name, value)
        for name, value in end_to_end(request)
        if name.lower() not in {b"host", b"expect"}
    ]
    headers = [(b"Host", host.encode("ascii")), *forwarded, (b"Connection", b"close")]
    await upstream.send(Request(method=request.method, target=path, headers=headers))
    upload = asyncio.create_task(_forward_body(client, upstream))
    try:
        response = await _final_response(upstream, client)
        headers = end_to_end(response)
        await client.send(
            Response(status_code=response.status_code, reason=response.reason, headers=headers)
        )
        try:
            await _forward_body(upstream, client)
        except (OSError, EOFError, BadMessage, asyncio.LimitOverrunError) as exc:
            raise ResponseInterrupted from exc
    finally:
        await stop_tasks(upload)


async def _final_response(server: HttpConnection, client: HttpConnection) -> Response:
    for _ in range(MAX_INTERIM_RESPONSES):
        response = await server.receive()
        # only the proxy may ask for a password
        if isinstance(response, Response) and response.status_code != 407:
            return response
        if not isinstance(response, InformationalResponse):
            raise BadMessage("not a response for a proxy's client")
        headers = end_to_end(response)
        await client.send(InformationalResponse(status_code=response.status_code, headers=headers))
    raise BadMessage("too many interim responses")


async def _forward_body(source: HttpConnection, sink: HttpConnection) -> None:
    while True:
        event = await source.receive()
        await sink.send(event)
        if isinstance(event, EndOfMessage):
            return


def _check_head(head: bytes) -> None:
    if not _START_LINE.match(head) or _AMBIGUOUS.search(head):
        raise BadMessage("not HTTP/1")


def _check_framing(message: Request | Response) -> None:
    """Refuse a message that states its length twice;
    h11 would follow Transfer-Encoding and ignore Content-Length.
    """
    names = {name for name, _ in message.headers}
    if b"transfer-encoding" in names and (
        b"content-length" in names or message.http_version == b"1.0"
    ):
        raise BadMessage("the message's length is ambiguous")


@contextmanager
def _translate_errors() -> Iterator[None]:
    try:
        yield
    except h11.ProtocolError as exc:
        raise BadMessage(str(exc)) from exc
