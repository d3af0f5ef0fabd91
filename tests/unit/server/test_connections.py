"""How many requests of one address run at once, also where a proxy forwards them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from mediavault.server import connections
from mediavault.server.connections import AddressCounter
from tests.http_vault import TOKEN, House, MakeHouse

ASKER = "127.0.0.1"  # from where the client of these tests asks


@pytest.fixture(autouse=True)
def three_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "OF_AN_ADDRESS", 3)


@asynccontextmanager
async def under_way(house: House, count: int, **headers: str) -> AsyncIterator[None]:
    """So many requests that are not answered to their end for the length of the block."""
    async with AsyncExitStack() as stack:
        for _ in range(count):
            stream = await stack.enter_async_context(house.client.open("/api/events", **headers))
            await stream.chunk()
        yield


async def test_one_too_many_is_told_to_come_back_and_finds_room_when_others_have_ended(house: House) -> None:
    async with under_way(house, 3):
        refused = await house.client.get("/healthz")

    assert (refused.status, refused.json()["code"]) == (429, "TOO_MANY")
    assert int(refused.headers["retry-after"]) > 0
    assert refused.headers["x-content-type-options"] == "nosniff"
    assert (await house.client.get("/healthz")).status == 200


async def test_behind_a_proxy_each_address_that_it_names_is_counted_by_itself(make_house: MakeHouse) -> None:
    """The rightmost hop that is no proxy of ours; an IPv6 /64 is one."""
    house = make_house(token=TOKEN, trusted_proxies=(ASKER,))
    house.client.headers["authorization"] = f"Bearer {TOKEN}"
    async with under_way(house, 3, x_forwarded_for="192.0.2.7, 2001:db8::1"):
        same = await house.client.get("/healthz", x_forwarded_for="2001:db8::2")
        other = await house.client.get("/healthz", x_forwarded_for="2001:db8::1, 192.0.2.7")

    assert (same.status, other.status) == (429, 200)


async def test_a_proxy_that_names_nobody_is_not_limited(make_house: MakeHouse) -> None:
    house = make_house(token=TOKEN, trusted_proxies=(ASKER,))
    house.client.headers["authorization"] = f"Bearer {TOKEN}"
    async with under_way(house, 4):
        assert (await house.client.get("/healthz")).status == 200


async def test_who_is_no_proxy_of_ours_hides_behind_no_other_address(make_house: MakeHouse) -> None:
    house = make_house(token=TOKEN)
    house.client.headers["authorization"] = f"Bearer {TOKEN}"
    async with under_way(house, 3):
        assert (await house.client.get("/healthz", x_forwarded_for="192.0.2.7")).status == 429


async def test_a_request_that_is_refused_or_breaks_is_under_way_no_more(house: House) -> None:
    for _ in range(9):
        assert (await house.client.get("/api/jobs", host="evil.test")).status == 421

    assert (await house.client.get("/healthz")).status == 200


def test_an_address_is_counted_up_to_the_limit_and_released() -> None:
    count = AddressCounter(2)
    first = [count.acquire("a") for _ in range(4)]
    count.release("a")

    assert first == [True, True, False, False]
    assert [count.acquire("a"), count.acquire("a")] == [True, False]


def test_addresses_are_counted_separately() -> None:
    count = AddressCounter(1)
    count.acquire("a")

    assert count.acquire("b")


def test_nobody_is_remembered_who_is_not_counts() -> None:
    """However many come and go, and however often they are refused."""
    count = AddressCounter(1)
    for n in range(1_000):
        count.acquire(str(n))
        count.acquire(str(n))
        assert count.release(str(n))

    assert not count._counts


def test_the_last_release_is_reported() -> None:
    count = AddressCounter(2)
    count.acquire("a")
    count.acquire("a")

    assert [count.release("a"), count.release("a")] == [False, True]
