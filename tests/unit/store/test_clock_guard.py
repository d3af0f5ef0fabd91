"""When an elapsed lease may be believed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mediavault.store.clock_guard import DEFAULT_LEASE, MAX_DRIFT_S, ClockGuard
from tests.fakes import FakeClock

SECOND = timedelta(seconds=1)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def look(guard: ClockGuard, clock: FakeClock) -> bool:
    return guard.may_reap(clock.now(), clock.monotonic())


def test_the_first_look_believes_the_clock(clock: FakeClock) -> None:
    assert look(ClockGuard(), clock)


def test_time_that_passes_is_no_jump(clock: FakeClock) -> None:
    guard = ClockGuard()
    look(guard, clock)
    clock.advance(timedelta(days=9))

    assert look(guard, clock)


@pytest.mark.parametrize("jump", [MAX_DRIFT_S + 0.1, -MAX_DRIFT_S - 0.1, 3e7, -3e7])
def test_a_jump_stops_belief_for_one_lease(clock: FakeClock, jump: float) -> None:
    guard = ClockGuard()
    look(guard, clock)
    clock.jump(jump)
    beliefs = [look(guard, clock)]
    clock.advance(DEFAULT_LEASE - SECOND)
    beliefs.append(look(guard, clock))
    clock.advance(SECOND)

    assert [*beliefs, look(guard, clock)] == [False, False, True]


@pytest.mark.parametrize("drift", [MAX_DRIFT_S - 0.1, 0.1 - MAX_DRIFT_S])
def test_a_clock_that_is_slewed_is_believed(clock: FakeClock, drift: float) -> None:
    guard = ClockGuard()
    look(guard, clock)
    clock.jump(drift)

    assert look(guard, clock)


def test_drift_is_counted_from_the_last_look_and_not_summed_up(clock: FakeClock) -> None:
    guard = ClockGuard()
    beliefs = []
    for _ in range(5):
        beliefs.append(look(guard, clock))
        clock.jump(MAX_DRIFT_S - 1)

    assert all(beliefs)


def test_a_second_jump_begins_the_wait_anew(clock: FakeClock) -> None:
    guard = ClockGuard()
    look(guard, clock)
    for _ in range(2):
        clock.jump(60)
        look(guard, clock)
        clock.advance(DEFAULT_LEASE - SECOND)

    assert not look(guard, clock)


def test_the_wait_is_as_long_as_the_longest_lease_given(clock: FakeClock) -> None:
    guard = ClockGuard()
    guard.lease_given(DEFAULT_LEASE * 3, clock.now(), clock.monotonic())
    guard.lease_given(SECOND, clock.now(), clock.monotonic())
    clock.jump(3600)
    look(guard, clock)
    clock.advance(DEFAULT_LEASE * 2)

    assert not look(guard, clock)


def test_giving_a_lease_is_a_look(clock: FakeClock) -> None:
    """The clock was wrong when the lease was given and is right again: the lease ends at a wrong time."""
    guard = ClockGuard()
    look(guard, clock)
    clock.jump(-3600)
    guard.lease_given(DEFAULT_LEASE, clock.now(), clock.monotonic())
    clock.jump(3600)

    assert not look(guard, clock)
