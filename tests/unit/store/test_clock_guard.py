"""When the clock may be trusted about an expired lease."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mediavault.store.sqlite.writer import DEFAULT_LEASE, MAX_DRIFT_S, ClockGuard
from tests.fakes import FakeClock

SECOND = timedelta(seconds=1)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def is_trusted(guard: ClockGuard, clock: FakeClock) -> bool:
    return guard.may_reap(clock.now(), clock.monotonic())


def test_the_first_check_trusts_the_clock(clock: FakeClock) -> None:
    assert is_trusted(ClockGuard(), clock)


def test_elapsed_time_is_not_a_jump(clock: FakeClock) -> None:
    guard = ClockGuard()
    is_trusted(guard, clock)
    clock.advance(timedelta(days=9))

    assert is_trusted(guard, clock)


@pytest.mark.parametrize("jump", [MAX_DRIFT_S + 0.1, -MAX_DRIFT_S - 0.1, 3e7, -3e7])
def test_after_a_jump_the_clock_is_not_trusted_for_one_lease(clock: FakeClock, jump: float) -> None:
    guard = ClockGuard()
    is_trusted(guard, clock)
    clock.jump(jump)
    verdicts = [is_trusted(guard, clock)]
    clock.advance(DEFAULT_LEASE - SECOND)
    verdicts.append(is_trusted(guard, clock))
    clock.advance(SECOND)

    assert [*verdicts, is_trusted(guard, clock)] == [False, False, True]


@pytest.mark.parametrize("drift", [MAX_DRIFT_S - 0.1, 0.1 - MAX_DRIFT_S])
def test_a_clock_that_is_slewed_is_trusted(clock: FakeClock, drift: float) -> None:
    guard = ClockGuard()
    is_trusted(guard, clock)
    clock.jump(drift)

    assert is_trusted(guard, clock)


def test_drift_is_counted_from_the_last_check_and_not_summed_up(clock: FakeClock) -> None:
    guard = ClockGuard()
    verdicts = []
    for _ in range(5):
        verdicts.append(is_trusted(guard, clock))
        clock.jump(MAX_DRIFT_S - 1)

    assert all(verdicts)


def test_a_second_jump_restarts_the_wait(clock: FakeClock) -> None:
    guard = ClockGuard()
    is_trusted(guard, clock)
    for _ in range(2):
        clock.jump(60)
        is_trusted(guard, clock)
        clock.advance(DEFAULT_LEASE - SECOND)

    assert not is_trusted(guard, clock)


def test_the_wait_is_as_long_as_the_longest_lease_given(clock: FakeClock) -> None:
    guard = ClockGuard()
    guard.lease_given(DEFAULT_LEASE * 3, clock.now(), clock.monotonic())
    guard.lease_given(SECOND, clock.now(), clock.monotonic())
    clock.jump(3600)
    is_trusted(guard, clock)
    clock.advance(DEFAULT_LEASE * 2)

    assert not is_trusted(guard, clock)


def test_giving_a_lease_counts_as_a_check(clock: FakeClock) -> None:
    """The clock was wrong when the lease was given and is right again:
    the lease ends at a wrong time.
    """
    guard = ClockGuard()
    is_trusted(guard, clock)
    clock.jump(-3600)
    guard.lease_given(DEFAULT_LEASE, clock.now(), clock.monotonic())
    clock.jump(3600)

    assert not is_trusted(guard, clock)
