"""How long to wait after a cut, and after how many cuts to give up."""

from __future__ import annotations

from mediavault.download.pacing import PROGRESS_BYTES, InterruptionCounter, backoff_s


def test_each_cut_doubles_the_wait_up_to_a_minute() -> None:
    assert [backoff_s(failures) for failures in (1, 2, 3, 4, 20)] == [0.5, 1.0, 2.0, 4.0, 60.0]


def test_cuts_are_counted_until_progress_resets_the_count() -> None:
    cuts = InterruptionCounter(limit=2)

    assert [
        cuts.may_go_on(0),
        cuts.may_go_on(PROGRESS_BYTES - 1),
        cuts.may_go_on(PROGRESS_BYTES - 1),
    ] == [
        True,
        True,
        False,
    ]
    assert cuts.may_go_on(PROGRESS_BYTES)
    assert cuts.failures == 1


def test_coming_as_far_as_before_after_starting_over_is_not_progress() -> None:
    cuts = InterruptionCounter(limit=2)

    assert [cuts.may_go_on(5_000_000) for _ in range(3)] == [True, True, False]


def test_a_server_that_never_answered_gets_fewer_tries() -> None:
    cuts = InterruptionCounter(limit=5)

    assert [cuts.may_go_on(0, ever_answered=False) for _ in range(3)] == [True, True, False]
