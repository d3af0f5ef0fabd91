"""How often a password or token may be tried."""

from __future__ import annotations

from mediavault.auth.login_throttle import (
    MAX_ADDRESSES,
    TRIES_ALTOGETHER,
    TRIES_FOR_A_USER,
    TRIES_OF_AN_ADDRESS,
    LoginThrottle,
    address_bucket,
)
from tests.fakes import FakeClock


def allowed_tries(throttle: LoginThrottle, address: str, count: int) -> int:
    """Return how many of ``count`` tries are allowed."""
    return sum(throttle.begin(address) is None for _ in range(count))


def test_one_address_gets_ten_of_a_thousand_tries(clock: FakeClock) -> None:
    assert allowed_tries(LoginThrottle(clock), "192.0.2.1", 1_000) == TRIES_OF_AN_ADDRESS


def test_all_addresses_together_get_sixty_of_a_thousand_tries(clock: FakeClock) -> None:
    throttle = LoginThrottle(clock)

    tries = [throttle.begin(f"198.51.100.{n % 250}", f"user {n}") for n in range(1_000)]
    assert tries.count(None) == TRIES_ALTOGETHER


def test_one_user_gets_twenty_of_a_thousand_tries_from_all_addresses(clock: FakeClock) -> None:
    throttle = LoginThrottle(clock)

    tries = [throttle.begin(f"198.51.100.{n % 250}", "owner") for n in range(1_000)]
    assert tries.count(None) == TRIES_FOR_A_USER
    assert throttle.begin("192.0.2.1", "viewer") is None


def test_one_address_gets_ten_tries_whomever_they_name(clock: FakeClock) -> None:
    throttle = LoginThrottle(clock)

    assert [throttle.begin("192.0.2.1", f"user {n}") for n in range(100)].count(
        None
    ) == TRIES_OF_AN_ADDRESS


def test_a_success_clears_the_tries_of_its_user_at_its_address_alone(clock: FakeClock) -> None:
    throttle = LoginThrottle(clock)
    for _ in range(100):
        throttle.begin("192.0.2.1", "owner")
        throttle.succeeded("192.0.2.1", "viewer")
        throttle.succeeded("192.0.2.2", "owner")

    assert throttle.begin("192.0.2.1", "owner") is not None
    assert throttle.begin("192.0.2.1", "viewer") is None
    assert throttle.begin("192.0.2.2", "owner") is None


def test_tries_from_one_address_do_not_block_another(clock: FakeClock) -> None:
    throttle = LoginThrottle(clock)
    allowed_tries(throttle, "192.0.2.1", 1_000)

    assert throttle.begin("192.0.2.2") is None


def test_an_address_that_has_signed_in_is_not_blocked_by_others(clock: FakeClock) -> None:
    throttle = LoginThrottle(clock)
    throttle.succeeded("203.0.113.9")
    for n in range(200):
        allowed_tries(throttle, f"198.51.100.{n}", 10)

    assert throttle.begin("198.51.100.250") is not None
    assert allowed_tries(throttle, "203.0.113.9", 100) == TRIES_OF_AN_ADDRESS


def test_a_user_who_signs_in_at_hundreds_of_addresses_does_not_block_another_at_a_known_one(
    clock: FakeClock,
) -> None:
    throttle = LoginThrottle(clock)
    throttle.succeeded("203.0.113.1", "owner")
    for number in range(1_000):
        throttle.succeeded(f"2001:db8:{number:x}::1", "viewer")
    for number in range(TRIES_FOR_A_USER):
        throttle.begin(f"198.51.100.{number}", "owner")

    assert throttle.begin("198.51.100.99", "owner") is not None
    assert throttle.begin("203.0.113.1", "owner") is None


def test_the_reported_wait_is_the_actual_wait(clock: FakeClock) -> None:
    throttle = LoginThrottle(clock)
    allowed_tries(throttle, "192.0.2.1", 5)
    clock.advance(20)
    allowed_tries(throttle, "192.0.2.1", 100)
    wait_s = throttle.begin("192.0.2.1")
    assert wait_s == 40.0

    clock.advance(39.9)
    assert throttle.begin("192.0.2.1") is not None
    clock.advance(0.2)
    assert allowed_tries(throttle, "192.0.2.1", 100) == 5


def test_a_successful_sign_in_resets_the_tries_of_its_address(clock: FakeClock) -> None:
    throttle = LoginThrottle(clock)
    allowed_tries(throttle, "192.0.2.1", 9)
    throttle.succeeded("192.0.2.1")

    assert allowed_tries(throttle, "192.0.2.1", 100) == TRIES_OF_AN_ADDRESS


def test_an_ipv6_network_counts_as_one_address(clock: FakeClock) -> None:
    throttle = LoginThrottle(clock)

    assert (
        sum(allowed_tries(throttle, f"2001:db8:1:2::{n:x}", 1) for n in range(100))
        == TRIES_OF_AN_ADDRESS
    )
    assert throttle.begin("2001:db8:1:3::1") is None


def test_equivalent_addresses_share_a_bucket() -> None:
    assert address_bucket("::ffff:192.0.2.1") == address_bucket("192.0.2.1") == "192.0.2.1"
    assert address_bucket("fe80::1%eth0") == address_bucket("fe80::2")
    assert address_bucket("") == address_bucket("no address") == ""


def test_memory_is_bounded_with_any_number_of_addresses(clock: FakeClock) -> None:
    throttle = LoginThrottle(clock)
    for n in range(MAX_ADDRESSES * 2):
        throttle.begin(f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}", str(n) * 1_000)
        throttle.succeeded(f"11.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}")

    assert len(throttle._tries) <= MAX_ADDRESSES
    assert len(throttle._known) <= 256
    assert max(len(one.user) for one in throttle._all) <= 100
