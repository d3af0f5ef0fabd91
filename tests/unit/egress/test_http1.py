"""Strict reading and forwarding of HTTP/1.1 messages."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest
from h11 import Data, EndOfMessage, Event, Response
from hypothesis import given
from hypothesis import strategies as st

from mediavault.egress.http1 import (
    BadMessage,
    HttpConnection,
    Request,
    end_to_end,
    header,
    parse_request,
)


def request(*headers: str, line: str = "GET http://h.test/ HTTP/1.1") -> Request:
    return parse_request("\r\n".join([line, "Host: h.test", *headers, "", ""]).encode("latin-1"))


class Written:
    """The sending half of a connection."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data

    async def drain(self) -> None: ...


def connection(received: bytes, *, is_server: bool) -> HttpConnection:
    """A connection whose other end has sent these bytes and closed."""
    reader = asyncio.StreamReader()
    reader.feed_data(received)
    reader.feed_eof()
    return HttpConnection((reader, cast("asyncio.StreamWriter", Written())), is_server=is_server)


async def events_of(raw: bytes, *, method: str | None = None) -> list[Event]:
    """The events of a request, or of the response to a request of ``method``, up to its end."""
    other = connection(raw, is_server=method is None)
    if method is not None:
        await other.send(
            Request(method=method, target="/", headers=[("Host", "h.test")]), EndOfMessage()
        )
    events: list[Event] = []
    while not events or not isinstance(events[-1], EndOfMessage):
        events.append(await other.receive())
    return events


async def response(
    *headers: str, line: str = "HTTP/1.1 200 OK", body: str = "", method: str = "GET"
) -> list[Event]:
    return await events_of("\r\n".join([line, *headers, "", body]).encode("latin-1"), method=method)


def body_of(events: list[Event]) -> bytes:
    return b"".join(bytes(event.data) for event in events if isinstance(event, Data))


def test_a_head_is_read() -> None:
    head = request("X:  a b\t ", "x: c", "Empty:")

    assert (head.method, head.target) == (b"GET", b"http://h.test/")
    assert (header(head, b"host"), header(head, b"x"), header(head, b"empty")) == (
        "h.test",
        "a b, c",
        "",
    )
    assert header(head, b"absent") is None


@pytest.mark.parametrize(
    ("line", "status", "reason"),
    [
        ("HTTP/1.1 200 OK", 200, "OK"),
        ("HTTP/1.0 404 Not Found", 404, "Not Found"),
        ("HTTP/1.1 204", 204, ""),
        ("HTTP/1.1 299 d'été", 299, "d'été"),
    ],
)
async def test_a_status_line_is_read(line: str, status: int, reason: str) -> None:
    head, *_ = await response(line=line)

    assert isinstance(head, Response)
    assert (head.status_code, bytes(head.reason).decode("latin-1")) == (status, reason)


@pytest.mark.parametrize(
    "line",
    [
        "GET / HTTP/2.0",
        "GET /",
        "GET  / HTTP/1.1",
        "get / HTTP/1.1",
        " GET / HTTP/1.1",
        "GET /a b HTTP/1.1",
        "GET /\xe9 HTTP/1.1",
        "",
        "\x16\x03",
    ],
)
def test_a_request_line_of_another_form_is_bad(line: str) -> None:
    with pytest.raises(BadMessage):
        request(line=line)


@pytest.mark.parametrize(
    "head", [b"", b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"]
)
def test_a_request_without_exactly_one_host_is_bad(head: bytes) -> None:
    with pytest.raises(BadMessage):
        parse_request(head)


@pytest.mark.parametrize(
    "line", ["HTTP/1.1 20 OK", "HTTP/2 200", "HTTP/1.1 200\tOK", "ICY 200 OK", "HTTP/1.1 099 x"]
)
async def test_a_status_line_of_another_form_is_bad(line: str) -> None:
    with pytest.raises(BadMessage):
        await response(line=line)


BAD_HEADERS = [
    " folded",
    "No-Colon",
    "Space : x",
    "Nul: \x00",
    "Bell: \x07",
    "Cr: a\rb",
    ": x",
    "Lf: a\nb: c",
]


@pytest.mark.parametrize("bad", BAD_HEADERS)
async def test_a_header_of_another_form_is_bad(bad: str) -> None:
    with pytest.raises(BadMessage):
        request(bad)
    with pytest.raises(BadMessage):
        await response(bad)


@pytest.mark.parametrize(
    ("headers", "body", "read"),
    [
        ((), "to the end", b"to the end"),
        (("Content-Length: 5",), "five!", b"five!"),
        (("Content-Length: 5", "Content-Length: 5"), "five!", b"five!"),
        (("Transfer-Encoding: Chunked",), "1\r\na\r\n2;name=value\r\nbc\r\n0\r\n\r\n", b"abc"),
    ],
)
async def test_a_responses_body_is_read(headers: tuple[str, ...], body: str, read: bytes) -> None:
    assert body_of(await response(*headers, body=body)) == read


@pytest.mark.parametrize(("status", "method"), [("204", "GET"), ("304", "GET"), ("200", "HEAD")])
async def test_a_response_without_a_body_ends_with_its_head(status: str, method: str) -> None:
    events = await response("Content-Length: 9", line=f"HTTP/1.1 {status} x", method=method)

    assert body_of(events) == b""


@pytest.mark.parametrize(
    "headers",
    [
        ("Content-Length: 5", "Content-Length: 6"),
        ("Content-Length: 5, 6",),
        ("Content-Length: -1",),
        ("Content-Length: +1",),
        ("Content-Length: 0x10",),
        ("Content-Length: ",),
        ("Content-Length: 999999999999999999999",),
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
        ("Transfer-Encoding: gzip, chunked",),
        ("Transfer-Encoding: xchunked",),
    ],
)
async def test_a_message_with_two_lengths_or_an_odd_one_is_bad(headers: tuple[str, ...]) -> None:
    with pytest.raises(BadMessage):
        await response(*headers)
    with pytest.raises(BadMessage):
        request(*headers)


async def test_chunks_in_http_1_0_are_bad() -> None:
    with pytest.raises(BadMessage):
        await response("Transfer-Encoding: chunked", line="HTTP/1.0 200 OK")


async def test_a_request_without_length_has_no_body() -> None:
    assert body_of(await events_of(b"POST / HTTP/1.1\r\nHost: h.test\r\n\r\nGET")) == b""


@pytest.mark.parametrize("line", ["", "-1", "0x5", "g", "1_0", "f" * 21, "5\n"])
async def test_a_chunks_size_of_another_form_is_bad(line: str) -> None:
    with pytest.raises(BadMessage):
        await response("Transfer-Encoding: chunked", body=f"{line}\r\nabcde\r\n0\r\n\r\n")


async def test_a_connection_with_bytes_after_its_request_body_carries_no_other_request() -> None:
    """The head of the next request would not be checked."""
    client = connection(
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nxGET / HTTP/1.1\r\n\r\n",
        is_server=True,
    )
    while not isinstance(await client.receive(), EndOfMessage):
        pass
    await client.send(Response(status_code=204, headers=[]), EndOfMessage())

    assert not client.start_next_cycle()


def test_headers_of_the_connection_are_not_forwarded() -> None:
    head = request(
        *(
            "Proxy-Authorization: Basic x",
            "Proxy-Connection: keep-alive",
            "Keep-Alive: 5",
            "Upgrade: websocket",
            "TE: x",
        ),
        *("Connection: close, X-Named, Host", "X-Named: 1", "X-Kept: 1"),
    )

    assert end_to_end(head) == [(b"Host", b"h.test"), (b"X-Kept", b"1")]


async def test_a_length_cannot_be_removed_by_naming_it_in_the_connection_header() -> None:
    """Otherwise the two ends would disagree about where the message ends."""
    head, *_ = await response("Connection: content-length", "Content-Length: 5", body="five!")

    assert isinstance(head, Response)
    assert end_to_end(head) == [(b"Content-Length", b"5")]


@given(st.binary(max_size=80))
def test_any_bytes_are_a_head_or_bad_and_nothing_else(raw: bytes) -> None:
    try:
        head = parse_request(raw)
    except BadMessage:
        return

    assert head.method


@given(st.sampled_from(["GET", None]), st.binary(max_size=80))
async def test_any_bytes_of_the_other_end_are_an_event_or_bad(
    method: str | None, raw: bytes
) -> None:
    try:
        await events_of(raw, method=method)
    except (BadMessage, EOFError):
        return
