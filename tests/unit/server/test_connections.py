"""The limit of concurrent requests per client address, also behind a proxy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from mediavault.server import connections
from mediavault.server.connections import AddressCounter
from tests.http_vault import TOKEN, ApiVault, MakeVault

CLIENT_ADDRESS = "127.0.0.1"  # of these tests' client


@pytest.fixture(autouse=True)
def three_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MAX_PER_ADDRESS", 3)


@asynccontextmanager
async def open_requests(vault: ApiVault, count: int, **headers: str) -> AsyncIterator[None]:
    """Keep ``count`` requests unfinished for the duration of the block."""
    async with AsyncExitStack() as stack:
        for _ in range(count):
            stream = await stack.enter_async_context(vault.client.open("/api/events", **headers))
            await stream.chunk()
        yield


async def test_a_request_above_the_limit_is_refused_until_others_have_ended(
    vault: ApiVault,
) -> None:
    async with open_requests(vault, 3):
        refused = await vault.client.get("/healthz")

    assert (refused.status, refused.json()["code"]) == (429, "TOO_MANY")
    assert int(refused.headers["retry-after"]) > 0
    assert refused.headers["x-content-type-options"] == "nosniff"
    assert (await vault.client.get("/healthz")).status == 200


async def test_behind_a_proxy_each_forwarded_address_is_counted_separately(
    make_vault: MakeVault,
) -> None:
    """The address is the rightmost hop that is not a trusted proxy; an IPv6 /64 counts as one."""
    vault = make_vault(token=TOKEN, trusted_proxies=(CLIENT_ADDRESS,))
    vault.client.headers["authorization"] = f"Bearer {TOKEN}"
    async with open_requests(vault, 3, x_forwarded_for="192.0.2.7, 2001:db8::1"):
        same = await vault.client.get("/healthz", x_forwarded_for="2001:db8::2")
        other = await vault.client.get("/healthz", x_forwarded_for="2001:db8::1, 192.0.2.7")

    assert (same.status, other.status) == (429, 200)


async def test_a_proxy_that_forwards_no_address_is_not_limited(make_vault: MakeVault) -> None:
    vault = make_vault(token=TOKEN, trusted_proxies=(CLIENT_ADDRESS,))
    vault.client.headers["authorization"] = f"Bearer {TOKEN}"
    async with open_requests(vault, 4):
        assert (await vault.client.get("/healthz")).status == 200


async def test_an_untrusted_client_cannot_hide_behind_a_forwarded_address(
    make_vault: MakeVault,
) -> None:
    vault = make_vault(token=TOKEN)
    vault.client.headers["authorization"] = f"Bearer {TOKEN}"
    async with open_requests(vault, 3):
        assert (await vault.client.get("/healthz", x_forwarded_for="192.0.2.7")).status == 429


async def test_a_refused_request_no_longer_counts(vault: ApiVault) -> None:
    for _ in range(9):
        assert (await vault.client.get("/api/jobs", host="evil.test")).status == 421

    assert (await vault.client.get("/healthz")).status == 200


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


def test_released_addresses_are_forgotten() -> None:
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
