"""The bytes that the server sends, correct and deliberately wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from mediavault.demo import http_server
from mediavault.demo.http_server import (
    HOST,
    MAX_HEAD_BYTES,
    NO_LENGTH,
    HttpServer,
    PracticeRequest,
    PracticeResponse,
    read_request,
    requested_range,
    whole_or_range,
)
from mediavault.egress.http1 import BadMessage
from tests.fakes import FakeClock

BODY = bytes(range(256)) * 40


def answers(response: PracticeResponse) -> Callable[[PracticeRequest], Awaitable[PracticeResponse]]:
    async def handler(_: PracticeRequest) -> PracticeResponse:
        return response

    return handler


async def exchange(server: HttpServer, *heads: str) -> bytes:
    """Return everything that the server sends for these requests on one connection."""
    reader, writer = await asyncio.open_connection(HOST, server.port)
    try:
        for head in heads:
            writer.write(head.replace("HTTP/1.1", "HTTP/1.1\r\nHost: h").encode() + b"\r\n\r\n")
        writer.write_eof()
        return await reader.read()
    finally:
        writer.transport.abort()


def split(raw: bytes) -> tuple[str, bytes]:
    head, _, body = raw.partition(b"\r\n\r\n")
    return head.decode(), body


async def test_a_correct_answer_has_its_length_and_its_body() -> None:
    async with HttpServer(answers(PracticeResponse(200, (("Content-Type", "text/plain"),), BODY))) as server:
        head, body = split(await exchange(server, "GET / HTTP/1.1"))

    assert head.startswith("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 10240")
    assert body == BODY


async def test_a_connection_is_kept_for_the_next_request() -> None:
    async with HttpServer(answers(PracticeResponse(200, (), b"once"))) as server:
        raw = await exchange(server, "GET /a HTTP/1.1", "GET /b HTTP/1.1\r\nConnection: close", "GET /c HTTP/1.1")

    assert raw.count(b"HTTP/1.1 200") == 2
    assert raw.endswith(b"Connection: close\r\n\r\nonce")


async def test_head_gets_the_length_without_the_body() -> None:
    async with HttpServer(answers(PracticeResponse(200, (), BODY))) as server:
        head, body = split(await exchange(server, "HEAD / HTTP/1.1\r\nConnection: close"))

    assert "Content-Length: 10240" in head
    assert body == b""


async def test_a_body_can_be_cut_below_its_announced_length() -> None:
    async with HttpServer(answers(PracticeResponse(200, (), BODY, cut_at=1_000))) as server:
        head, body = split(await exchange(server, "GET / HTTP/1.1", "GET /never HTTP/1.1"))

    assert "Content-Length: 10240" in head
    assert body == BODY[:1_000]


async def test_a_length_can_be_wrong_or_missing() -> None:
    async with HttpServer(answers(PracticeResponse(200, (), b"five!", declared_length=1_005))) as server:
        lie, body = split(await exchange(server, "GET / HTTP/1.1"))
    async with HttpServer(answers(PracticeResponse(200, (), b"five!", declared_length=NO_LENGTH))) as server:
        silence, rest = split(await exchange(server, "GET / HTTP/1.1"))

    assert "Content-Length: 1005" in lie
    assert "Content-Length" not in silence
    assert body == rest == b"five!"


async def test_a_connection_can_be_reset() -> None:
    async with HttpServer(answers(PracticeResponse(200, (), BODY, cut_at=10, reset=True))) as server:
        with pytest.raises(ConnectionResetError):
            await exchange(server, "GET / HTTP/1.1")


async def test_a_slow_answer_waits_by_the_clock_before_and_between_its_pieces() -> None:
    clock = FakeClock(auto=True)
    slow = PracticeResponse(
        200, (), bytes(http_server.PIECE_BYTES * 2), delay_s=3.0, bytes_per_s=http_server.PIECE_BYTES
    )
    async with HttpServer(answers(slow), clock=clock) as server:
        await exchange(server, "GET / HTTP/1.1")

    assert clock.slept == [3.0, 1.0, 1.0]


async def test_a_malformed_request_is_refused() -> None:
    async with HttpServer(answers(PracticeResponse())) as server:
        nonsense = await exchange(server, "hello")
        too_long = await exchange(server, f"GET / HTTP/1.1\r\nX: {'x' * MAX_HEAD_BYTES * 2}")

    assert nonsense.startswith(b"HTTP/1.1 400 ")
    assert too_long.startswith(b"HTTP/1.1 400 ")


async def test_a_request_body_is_skipped_and_the_next_request_is_read() -> None:
    async with HttpServer(answers(PracticeResponse(200, (), b"ok"))) as server:
        raw = await exchange(server, "POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nbodyGET / HTTP/1.1")

    assert raw.count(b"HTTP/1.1 200") == 2


async def test_closing_ends_idle_and_busy_connections() -> None:
    began = asyncio.Event()

    async def never(_: PracticeRequest) -> PracticeResponse:
        began.set()
        await asyncio.Event().wait()
        return PracticeResponse()

    server = HttpServer(never)
    await server.start()
    idle, idle_writer = await asyncio.open_connection(HOST, server.port)
    busy = asyncio.create_task(exchange(server, "GET / HTTP/1.1"))
    await began.wait()
    await server.close()
    await server.close()

    assert await idle.read() == await busy == b""
    assert asyncio.all_tasks() == {asyncio.current_task()}
    idle_writer.close()


async def test_an_idle_connection_is_closed_after_a_while() -> None:
    async with HttpServer(answers(PracticeResponse()), idle_s=0.01) as server:
        reader, writer = await asyncio.open_connection(HOST, server.port)

        assert await reader.read() == b""
        writer.close()


async def test_a_bug_in_the_handler_is_raised_at_the_end() -> None:
    async def broken(_: PracticeRequest) -> PracticeResponse:
        raise ZeroDivisionError

    server = HttpServer(broken)
    await server.start()

    assert await exchange(server, "GET / HTTP/1.1") == b""
    with pytest.raises(ZeroDivisionError):
        await server.close()


async def test_connections_above_the_limit_are_closed_unanswered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "MAX_CONNECTIONS", 1)
    async with HttpServer(answers(PracticeResponse(200, (), b"ok"))) as server:
        reader, writer = await asyncio.open_connection(HOST, server.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        await reader.readuntil(b"ok")
        second, second_writer = await asyncio.open_connection(HOST, server.port)

        assert await second.read() == b""
        writer.close()
        second_writer.close()


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("bytes=0-", range(100)),
        ("bytes=10-19", range(10, 20)),
        ("bytes=90-500", range(90, 100)),
        ("bytes=-5", range(95, 100)),
        ("bytes=-500", range(100)),
        ("bytes=100-", range(100, 100)),
        ("bytes=5-4", None),
        ("bytes=0-1,5-6", None),
        ("bytes=-", None),
        ("items=0-1", None),
        (None, None),
    ],
)
def test_ranges_are_read_as_the_standard_says(value: str | None, wanted: range | None) -> None:
    assert requested_range(value, 100) == wanted


def file(**headers: str) -> PracticeResponse:
    request = PracticeRequest("GET", "/", headers={name.replace("_", "-"): value for name, value in headers.items()})
    return whole_or_range(request, BODY, "video/mp4", etag='"one"', last_modified="Fri, 01 May 2026 12:00:00 GMT")


def test_a_range_is_answered_with_its_position_in_the_file() -> None:
    part = file(range="bytes=100-199")

    assert part.status == 206
    assert ("Content-Range", "bytes 100-199/10240") in part.headers
    assert part.body == BODY[100:200]


def test_a_range_past_the_end_is_refused_with_the_length() -> None:
    refused = file(range="bytes=10240-")

    assert refused.status == 416
    assert ("Content-Range", "bytes */10240") in refused.headers
    assert refused.body == b""


@pytest.mark.parametrize(
    ("condition", "status"), [('"one"', 206), ('"two"', 200), ("Fri, 01 May 2026 12:00:00 GMT", 206)]
)
def test_a_range_of_another_version_is_answered_with_the_whole_file(condition: str, status: int) -> None:
    assert file(range="bytes=100-", if_range=condition).status == status


def test_a_request_is_read_with_its_query_headers_and_cookies() -> None:
    request, version = read_request(b"GET /a%20b?x=1&y= HTTP/1.1\r\nHost: h\r\nCOOKIE: a=1; b=2\r\n\r\n")

    assert (request.method, request.path, request.query, version) == ("GET", "/a b", {"x": "1", "y": ""}, "1.1")
    assert request.cookies == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    "head",
    ["GET /", "GET / SPDY/3", "GET / HTTP/1.1\r\nHost: h\r\nno colon", "GET / HTTP/1.1\r\nHost: h\r\n folded: x"],
)
def test_a_malformed_head_is_rejected(head: str) -> None:
    with pytest.raises(BadMessage):
        read_request(f"{head}\r\n\r\n".encode())
