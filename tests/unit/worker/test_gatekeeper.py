"""A site that wants to be left alone is left alone by all its jobs, and one job finds out when that is over."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from mediavault.core.errors import (
    AccountWarning,
    Challenge,
    Deleted,
    ErrorCode,
    Failure,
    IpBlocked,
    LoginRequired,
    NetworkFailure,
    RateLimited,
)
from mediavault.core.job import JobStatus, NewJob, WorkerId
from mediavault.platforms.facebook import FACEBOOK
from mediavault.platforms.generic import GENERIC
from mediavault.platforms.x import X
from mediavault.store.port import JobStore
from mediavault.worker.gatekeeper import GateClosed, closing, take_turn, tell
from mediavault.worker.pipeline import process_one_cycle
from mediavault.worker.tools import Tools
from tests.fakes import FakeClock
from tests.stubs import StubExtractor, make_tools, new_job
from tests.unit.worker.conftest import LEASE

W = WorkerId("w-1")


@pytest.fixture
def tools(store: JobStore, clock: FakeClock, tmp_path: Path) -> Tools:
    return make_tools(store, clock, tmp_path)


def x_job(clock: FakeClock, number: int) -> NewJob:
    return new_job(f"https://x.com/jane/status/{number}", clock=clock, platform="x")


@pytest.mark.parametrize(
    ("failure", "for_"),
    [
        (RateLimited("429", retry_after=timedelta(minutes=7)), timedelta(minutes=7)),
        (RateLimited("429"), timedelta(seconds=X.pace.cooldown_s)),
        (AccountWarning("locked"), timedelta(days=1)),
        (IpBlocked("no"), timedelta(hours=6)),
        (Challenge("human?"), timedelta(hours=1)),
        (Deleted("gone"), None),
        (NetworkFailure("reset"), None),
    ],
)
def test_what_closes_a_gate_and_for_how_long(failure: Failure, for_: timedelta | None) -> None:
    assert closing(failure, X) == for_


def test_a_login_wall_closes_the_gate_only_where_walls_hide_the_media() -> None:
    assert closing(LoginRequired("wall"), FACEBOOK) is not None
    assert closing(LoginRequired("wall"), X) is None or X.wall_blocks_media


async def test_turns_at_one_site_lie_an_interval_apart(tools: Tools, clock: FakeClock) -> None:
    shortest, longest = X.pace.interval_s
    began = clock.now()
    for _ in range(3):
        await take_turn(X, tools)

    assert (clock.now() - began).total_seconds() == pytest.approx(shortest + longest)  # jitter is a half


async def test_pages_of_no_known_site_have_no_gate(tools: Tools, store: JobStore) -> None:
    assert await take_turn(GENERIC, tools) is None
    await tell(GENERIC, None, RateLimited("429"), tools)

    assert await store.gates() == []


async def test_each_strike_closes_the_gate_for_twice_as_long_until_a_job_gets_through(
    tools: Tools, store: JobStore, clock: FakeClock
) -> None:
    for minutes in (7, 14, 28):
        await tell(X, None, RateLimited("429", retry_after=timedelta(minutes=7)), tools)
        (gate,) = await store.gates()
        assert gate.closed_until == clock.now() + timedelta(minutes=minutes)
        clock.advance(timedelta(minutes=minutes, seconds=1))

    turn = await take_turn(X, tools)
    with pytest.raises(GateClosed):
        await take_turn(X, tools)  # one probe at a time
    await tell(X, turn, None, tools)
    await take_turn(X, tools)

    (gate,) = await store.gates()
    assert (gate.strikes, gate.closed_until) == (0, None)


async def test_a_broken_line_tells_a_probe_nothing(tools: Tools, store: JobStore, clock: FakeClock) -> None:
    await tell(X, None, RateLimited("429", retry_after=timedelta(minutes=7)), tools)
    clock.advance(timedelta(minutes=8))
    turn = await take_turn(X, tools)
    await tell(X, turn, NetworkFailure("reset"), tools)

    (gate,) = await store.gates()
    assert gate.strikes == 1


async def test_a_429_of_one_job_holds_back_the_others_of_its_site_and_no_job_of_another(
    store: JobStore, clock: FakeClock, tmp_path: Path
) -> None:
    await store.enqueue([x_job(clock, 1), x_job(clock, 2), new_job("https://other.example/p", clock=clock)])
    (claim,) = await store.claim(W, limit=1, lease=LEASE)
    refused = StubExtractor(RateLimited("429", retry_after=timedelta(minutes=7)))
    await process_one_cycle(claim, make_tools(store, clock, tmp_path, extractor=refused))

    assert [c.job.platform for c in await store.claim(W, limit=9, lease=LEASE)] == ["generic"]
    clock.advance(timedelta(minutes=8))
    assert [c.job.platform for c in await store.claim(W, limit=9, lease=LEASE)] == ["x"]


async def test_a_job_that_finds_the_gate_closed_goes_back_into_the_queue_without_using_up_an_attempt(
    store: JobStore, clock: FakeClock, tools: Tools
) -> None:
    await store.enqueue([x_job(clock, 1)])
    (claim,) = await store.claim(W, limit=1, lease=LEASE)
    await store.close_gate("x", duration=timedelta(hours=1), code=ErrorCode.CHALLENGE, reason="a person is asked for")
    job = await process_one_cycle(claim, tools)

    assert (job.status, job.max_attempts - job.attempt_count) == (JobStatus.QUEUED, claim.job.max_attempts)
