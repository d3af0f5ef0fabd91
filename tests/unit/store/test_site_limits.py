"""How a gate moves, as pure functions: random days of an account against the law that its cap is."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediavault.core.job import JobId
from mediavault.core.site_limits import DAY, SOON, AccountPost, GateState, PermitRefusal, PermitRequest, SiteLimit
from mediavault.store.site_limits import account_free_at, acquire_permit, capacity, close
from tests.fakes import START

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def asked(job: int, cap: int) -> PermitRequest:
    return PermitRequest(JobId(f"j{job}"), "x", interval=timedelta(0), probe_within=HOUR, account_cap=cap)


@given(
    cap=st.integers(1, 4),
    asks=st.lists(st.tuples(st.integers(0, 9), st.sampled_from([0, 1, 300, 700, 1440])), max_size=60),
)
def test_no_24_hours_see_more_posts_of_an_account_than_its_cap(cap: int, asks: list[tuple[int, int]]) -> None:
    """Jobs ask when they like, early or late or never again; what is kept stays small all the while."""
    gate, now = SiteLimit("x"), START
    looked: list[tuple[int, timedelta]] = []
    for job, minutes in asks:
        now += timedelta(minutes=minutes)
        turn, gate = acquire_permit(gate, asked(job, cap), now)
        if turn.refused is None:
            looked.append((job, now - START))
        else:
            assert turn.refused is PermitRefusal.ACCOUNT_DAY
            assert now < turn.at
        within = {job for job, at in looked if now - START - DAY < at}
        assert len(within) <= cap
        assert len(gate.account_posts) <= 3 * cap


@given(cap=st.integers(1, 3), count=st.integers(1, 6))
def test_whoever_comes_at_the_time_that_he_was_told_is_let_in(cap: int, count: int) -> None:
    """As long as places are promised, which is to ``cap`` jobs; those after them are told when to ask again."""
    gate, told = SiteLimit("x"), {}
    for job in range(min(count, 2 * cap)):
        turn, gate = acquire_permit(gate, asked(job, cap), START + timedelta(minutes=job))
        if turn.refused:
            told[job] = turn.at

    for job, at in sorted(told.items(), key=lambda pair: pair[1]):
        turn, gate = acquire_permit(gate, asked(job, cap), at)
        assert turn.refused is None


def test_a_promise_does_not_count_as_a_post_before_its_time() -> None:
    gate = SiteLimit("x", account_posts=(AccountPost(JobId("a"), START), AccountPost(JobId("b"), START + HOUR)))

    assert gate.posts_within_day(START) == 1
    assert account_free_at(gate, JobId("c"), START, cap=2) == START + DAY


@pytest.mark.parametrize(
    ("next_turn", "at"), [(None, MINUTE), (START + 2 * MINUTE, 2 * MINUTE), (START + MINUTE / 2, MINUTE)]
)
def test_a_turn_with_a_pause_lies_no_nearer_and_the_next_one_behind_it(
    next_turn: datetime | None, at: timedelta
) -> None:
    request = replace(asked(1, 9), pause=MINUTE, max_wait=3 * MINUTE, interval=MINUTE)
    turn, after = acquire_permit(SiteLimit("x", next_turn_at=next_turn), request, START)

    assert (turn.refused, turn.at) == (None, START + at)
    assert after.next_turn_at == START + at + MINUTE


@pytest.mark.parametrize(
    ("gate", "count"),
    [
        (SiteLimit("x"), 5),
        (SiteLimit("x", next_turn_at=START), 1),
        (SiteLimit("x", next_turn_at=START + SOON), 1),
        (SiteLimit("x", next_turn_at=START + 2 * SOON), None),
        (SiteLimit("x", closed_until=START + HOUR, failures=1), None),
        (SiteLimit("x", closed_until=START, failures=1), 1),
        (SiteLimit("x", closed_until=START, failures=1, probing_until=START + HOUR), None),
        (SiteLimit("x", next_turn_at=START, offered_until=START + SOON), None),
        (SiteLimit("x", next_turn_at=START + DAY, offered_until=START + DAY), 1),  # the clock was set back since
    ],
)
def test_how_many_jobs_of_a_site_may_be_handed_out(gate: SiteLimit, count: int | None) -> None:
    assert capacity([gate], START, limit=5).get("x") == count


def test_a_gate_is_half_open_from_the_end_of_its_time_until_a_job_gets_through() -> None:
    gate = close(SiteLimit("x"), START, duration=HOUR, code=None, reason="")  # type: ignore[arg-type]

    assert [gate.state(START + n * HOUR) for n in (0, 1, 2)] == [
        GateState.CLOSED,
        GateState.HALF_OPEN,
        GateState.HALF_OPEN,
    ]
    assert SiteLimit("x").state(START) is GateState.OPEN
