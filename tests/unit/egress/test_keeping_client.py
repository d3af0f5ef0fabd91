"""A response that was begun is finished by the next plain request for its URL,
and otherwise closed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from mediavault.core.cookies import Cookie
from mediavault.core.urls import EgressScope
from mediavault.egress.keeping_client import KEEP_S, MAX_KEPT, KeepingClient
from mediavault.egress.port import HttpResponse
from tests.fakes import FakeClock
from tests.stubs import StubResponse

URL, POST = "https://a.example/v.mp4", "https://a.example/post"
BODY = b"0123456789"
COOKIE = Cookie("a", "b", domain="a.example", path="/", secure=True, host_only=True)


class Pieces(StubResponse):
    """A response that arrives three bytes at a time."""

    def __init__(self) -> None:
        super().__init__(200, BODY, {})
        self._pieces: Iterator[bytes] = iter([BODY[:3], BODY[3:6], BODY[6:]])

    async def read_chunk(self, limit: int = 1 << 20) -> bytes:
        return next(self._pieces, b"")

    async def read(self, *, limit: int) -> bytes:
        return b"".join(self._pieces)


class Site:
    """Counts the requests, and the responses that are open."""

    def __init__(self) -> None:
        self.requests = self.open = 0
        self.closed = False

    @asynccontextmanager
    async def get(self, url: str, **_: Any) -> AsyncIterator[HttpResponse]:
        self.requests += 1
        self.open += 1
        try:
            yield Pieces()
        finally:
            self.open -= 1

    async def close(self) -> None:
        self.closed = True


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
async def client(site: Site, clock: FakeClock) -> AsyncIterator[KeepingClient]:
    client = KeepingClient(site, clock)
    yield client
    await client.close()
    assert (site.open, site.closed) == (0, True)


async def look(client: KeepingClient, url: str = URL) -> None:
    """Read the beginning of a response and keep the rest."""
    async with AsyncExitStack() as stack:
        response = await stack.enter_async_context(
            client.get(url, scope=EgressScope(POST), decode=True)
        )
        client.keep(
            url,
            scope=EgressScope(POST),
            response=response,
            head=await response.read_chunk(),
            stack=stack,
        )


async def read(client: KeepingClient, **options: Any) -> bytes:
    async with client.get(URL, **{"scope": EgressScope(POST)} | options) as response:
        body = b""
        while piece := await response.read_chunk(2):
            body += piece
        return body


async def test_the_next_request_goes_on_with_the_response(
    client: KeepingClient, site: Site
) -> None:
    await look(client)
    assert site.open == 1

    assert await read(client) == BODY
    assert (site.requests, site.open) == (1, 0)


async def test_it_can_be_read_at_once(client: KeepingClient, site: Site) -> None:
    await look(client)

    async with client.get(URL, scope=EgressScope(POST), decode=True) as response:
        assert (response.status, await response.read(limit=99)) == (200, BODY)


async def test_a_response_is_used_once(client: KeepingClient, site: Site) -> None:
    await look(client)

    assert [await read(client), await read(client)] == [BODY, BODY]
    assert site.requests == 2


@pytest.mark.parametrize(
    "options",
    [
        {"headers": {"range": "bytes=3-"}},
        {"cookies": (COOKIE,)},
        {"scope": EgressScope("https://other.example/")},
    ],
    ids=["a part of it", "with cookies", "for another post"],
)
async def test_another_request_is_sent(
    options: dict[str, Any], client: KeepingClient, site: Site
) -> None:
    await look(client)
    await read(client, **options)

    assert site.requests == 2
    assert site.open == 1  # the kept one still is


async def test_a_response_that_nobody_wants_is_closed(
    client: KeepingClient, site: Site, clock: FakeClock
) -> None:
    await look(client)
    await clock.settle()
    clock.advance(KEEP_S)
    await clock.settle()

    assert site.open == 0
    assert await read(client) == BODY
    assert site.requests == 2


async def test_no_more_than_a_few_are_kept(client: KeepingClient, site: Site) -> None:
    for number in range(MAX_KEPT + 3):
        await look(client, f"{URL}?{number}")

    assert site.open == MAX_KEPT


async def test_a_second_response_for_the_same_url_is_not_kept(
    client: KeepingClient, site: Site
) -> None:
    async with AsyncExitStack() as stack:
        response = await stack.enter_async_context(client.get(URL, scope=EgressScope(POST)))
        await look(client)
        client.keep(URL, scope=EgressScope(POST), response=response, head=b"", stack=stack)

    assert site.open == 1
