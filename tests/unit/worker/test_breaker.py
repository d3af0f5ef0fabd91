"""When a worker whose disk fails claims again."""

from __future__ import annotations

from mediavault.worker.library_watch import Breaker


def test_attempts_that_fail_together_trip_the_breaker_once() -> None:
    breaker = Breaker(1.0)

    assert [breaker.trip(0.0), breaker.trip(0.1), breaker.trip(9.0)] == [10.0, None, None]
    assert breaker.is_open(9.9)
    assert not breaker.is_open(10.0)


def test_each_pause_is_twice_as_long_up_to_five_minutes() -> None:
    breaker, now, pauses = Breaker(1.0), 0.0, []
    for _ in range(8):
        pause = breaker.trip(now)
        assert pause is not None
        pauses.append(pause)
        now += pause

    assert pauses == [10, 20, 40, 80, 160, 300, 300, 300]


def test_after_a_pause_one_job_is_tried_before_the_others() -> None:
    breaker = Breaker(1.0)
    assert breaker.allows(3, 0) == 3

    breaker.trip(0.0)

    assert breaker.wants_proof(10.0)
    assert [breaker.allows(3, 0), breaker.allows(2, 1)] == [1, 0]


def test_a_saved_video_resets_the_breaker() -> None:
    breaker = Breaker(1.0)
    breaker.trip(0.0)

    assert breaker.reset()
    assert not breaker.reset()
    assert breaker.allows(3, 0) == 3
    assert not breaker.wants_proof(0.0)
