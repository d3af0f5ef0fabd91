"""How often a secret may be tried."""

from __future__ import annotations

from mediavault.auth.login_throttle import (
    MAX_ADDRESSES,
    TRIES_ALTOGETHER,
    TRIES_OF_AN_ADDRESS,
    LoginThrottle,
    address_bucket,
)
from tests.fakes import FakeClock


def tries(back_off: LoginThrottle, address: str, count: int) -> int:
    """How many of so many tries are looked at."""
    return sum(back_off.begin(address) is None for _ in range(count))


def test_a_thousand_tries_from_one_address_are_ten(clock: FakeClock) -> None:
    assert tries(LoginThrottle(clock), "192.0.2.1", 1_000) == TRIES_OF_AN_ADDRESS


def test_a_thousand_tries_from_as_many_addresses_are_twenty(clock: FakeClock) -> None:
    back_off = LoginThrottle(clock)

    assert sum(tries(back_off, f"198.51.100.{n % 250}", 1) for n in range(1_000)) == TRIES_ALTOGETHER


def test_one_address_does_not_keep_another_one_out(clock: FakeClock) -> None:
    back_off = LoginThrottle(clock)
    tries(back_off, "192.0.2.1", 1_000)

    assert back_off.begin("192.0.2.2") is None


def test_where_somebody_has_signed_in_strangers_keep_nobody_out(clock: FakeClock) -> None:
    back_off = LoginThrottle(clock)
    back_off.succeeded("203.0.113.9")
    for n in range(200):
        tries(back_off, f"198.51.100.{n}", 10)

    assert back_off.begin("198.51.100.250") is not None
    assert tries(back_off, "203.0.113.9", 100) == TRIES_OF_AN_ADDRESS


def test_it_tells_how_long_to_wait_and_keeps_its_word(clock: FakeClock) -> None:
    back_off = LoginThrottle(clock)
    tries(back_off, "192.0.2.1", 5)
    clock.advance(20)
    tries(back_off, "192.0.2.1", 100)
    wait_s = back_off.begin("192.0.2.1")
    assert wait_s == 40.0

    clock.advance(39.9)
    assert back_off.begin("192.0.2.1") is not None
    clock.advance(0.2)
    assert tries(back_off, "192.0.2.1", 100) == 5


def test_whoever_was_right_begins_anew(clock: FakeClock) -> None:
    back_off = LoginThrottle(clock)
    tries(back_off, "192.0.2.1", 9)
    back_off.succeeded("192.0.2.1")

    assert tries(back_off, "192.0.2.1", 100) == TRIES_OF_AN_ADDRESS


def test_all_of_an_ipv6_network_is_one_address(clock: FakeClock) -> None:
    back_off = LoginThrottle(clock)

    assert sum(tries(back_off, f"2001:db8:1:2::{n:x}", 1) for n in range(100)) == TRIES_OF_AN_ADDRESS
    assert back_off.begin("2001:db8:1:3::1") is None


def test_an_address_has_one_form() -> None:
    assert address_bucket("::ffff:192.0.2.1") == address_bucket("192.0.2.1") == "192.0.2.1"
    assert address_bucket("fe80::1%eth0") == address_bucket("fe80::2")
    assert address_bucket("") == address_bucket("no address") == ""


def test_memory_is_bounded_however_many_ask(clock: FakeClock) -> None:
    back_off = LoginThrottle(clock)
    for n in range(MAX_ADDRESSES * 2):
        back_off.begin(f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}")
        back_off.succeeded(f"11.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}")

    assert len(back_off._tries) <= MAX_ADDRESSES
    assert len(back_off._known) <= 256
