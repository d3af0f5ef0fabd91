"""What every store promises about a post's items, a person's choice, and the sites' gates."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mediavault.core.errors import ErrorCode, LeaseLost
from mediavault.core.gates import Gate
from mediavault.core.job import ClaimedJob, ItemStatus, JobItem, WorkerId
from mediavault.core.media import Expected, Item, ItemRole, ItemType
from mediavault.store.port import JobStore
from tests.contract.stores import KEPT, LEASE, NOTHING_FOUND, STORES, numbered_job
from tests.fakes import FakeClock

W1, W2 = WorkerId("w-1"), WorkerId("w-2")
EVERY_SECOND, PROBE = timedelta(seconds=1), timedelta(minutes=10)
ITEMS = (
    JobItem(Item(type=ItemType.IMAGE), ItemStatus.SKIPPED),
    JobItem(
        Item(media_id="7", thumbnail_url="https://cdn.example/7.jpg", expected=Expected(4.5, False, 9)),
        ItemStatus.KEPT,
        KEPT,
    ),
    JobItem(Item(role=ItemRole.QUOTED, type=ItemType.GIF, label="99"), ItemStatus.WAITING),
    JobItem(Item(media_id="8"), ItemStatus.FAILED, None, ErrorCode.DELETED, "Gone."),
)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock) -> AsyncIterator[JobStore]:
    made = STORES[request.param](tmp_path, clock)
    await made.open()
    yield made
    await made.close()


async def claimed(store: JobStore, number: int = 1, *, platform: str = "generic") -> ClaimedJob:
    await store.enqueue([numbered_job(number, f"https://site.example/{number}", platform=platform)])
    (claim,) = await store.claim(W1, limit=1, lease=LEASE)
    return claim


async def test_items_come_back_as_they_were_written(store: JobStore) -> None:
    claim = await claimed(store)
    await store.save_items(claim, ITEMS)

    assert (await store.get(claim.id)).items == ITEMS


async def test_a_checkpoint_a_commit_and_a_completion_write_the_items_that_they_are_given(store: JobStore) -> None:
    claim = await claimed(store)
    await store.checkpoint(claim, replace(NOTHING_FOUND, items=ITEMS[:1]))
    assert (await store.get(claim.id)).items == ITEMS[:1]
    await store.begin_commit(claim, KEPT, ITEMS[:2])
    assert (await store.get(claim.id)).items == ITEMS[:2]
    job = await store.complete(claim, KEPT, ITEMS[:3])

    assert job.items == ITEMS[:3] == (await store.get(claim.id)).items


async def test_a_commit_and_a_completion_without_items_leave_them(store: JobStore) -> None:
    claim = await claimed(store)
    await store.save_items(claim, ITEMS)
    await store.begin_commit(claim, KEPT)

    assert (await store.complete(claim, KEPT)).items == ITEMS == (await store.get(claim.id)).items


async def test_a_stale_attempt_writes_no_items(store: JobStore) -> None:
    claim = await claimed(store)
    await store.cancel(claim.id)

    with pytest.raises(LeaseLost):
        await store.save_items(claim, ITEMS)
    assert (await store.get(claim.id)).items == ()


async def test_items_outlive_a_failed_attempt(store: JobStore) -> None:
    claim = await claimed(store)
    await store.save_items(claim, ITEMS)
    await store.fail(claim, error_code=ErrorCode.PARTIAL, error="Some.", retry_in=timedelta(0))
    await store.promote_due()
    (again,) = await store.claim(W2, limit=1, lease=LEASE)

    assert again.job.items == ITEMS


async def test_a_persons_choice_is_remembered_until_another_is_made(store: JobStore) -> None:
    claim = await claimed(store)
    assert claim.job.chosen_url is None
    for chosen, known in (("https://a.example/1", "https://a.example/1"), (None, "https://a.example/1"), ("b", "b")):
        await store.cancel(claim.id)
        assert (await store.retry(claim.id, chosen_url=chosen)).chosen_url == known
    (again,) = await store.claim(W1, limit=1, lease=LEASE)

    assert again.job.chosen_url == "b" == (await store.get(claim.id)).chosen_url


# --- gates --------------------------------------------------------------------------------------------------------


async def close(store: JobStore, platform: str = "x", *, minutes: float = 10, reason: str = "slow down") -> Gate:
    return await store.close_gate(
        platform, duration=timedelta(minutes=minutes), code=ErrorCode.RATE_LIMITED, reason=reason
    )


async def test_turns_lie_an_interval_apart_and_platforms_do_not_mind_each_other(
    store: JobStore, clock: FakeClock
) -> None:
    began = clock.now()
    turns = [await store.take_turn("x", interval=EVERY_SECOND, probe_within=PROBE) for _ in range(3)]
    other = await store.take_turn("tiktok", interval=EVERY_SECOND, probe_within=PROBE)

    assert [turn.at for turn in turns] == [began + n * EVERY_SECOND for n in range(3)]
    assert other.at == began
    assert not any(turn.is_probe for turn in turns)


async def test_a_turn_that_nobody_took_is_not_saved_up(store: JobStore, clock: FakeClock) -> None:
    await store.take_turn("x", interval=EVERY_SECOND, probe_within=PROBE)
    clock.advance(timedelta(hours=1))

    assert (await store.take_turn("x", interval=EVERY_SECOND, probe_within=PROBE)).at == clock.now()


async def test_a_closed_gate_says_until_when_and_its_jobs_are_not_claimed(store: JobStore, clock: FakeClock) -> None:
    await store.enqueue(
        [numbered_job(1, "https://x.example/1", platform="x"), numbered_job(2, "https://y.example/2", platform="y")]
    )
    gate = await close(store)
    assert (gate.closed_until, gate.strikes, gate.code) == (clock.now() + PROBE, 1, ErrorCode.RATE_LIMITED)
    turn = await store.take_turn("x", interval=EVERY_SECOND, probe_within=PROBE)

    assert (turn.at, turn.closed_until) == (None, gate.closed_until)
    assert [claim.job.platform for claim in await store.claim(W1, limit=9, lease=LEASE)] == ["y"]
    clock.advance(timedelta(minutes=10))
    assert [claim.job.platform for claim in await store.claim(W1, limit=9, lease=LEASE)] == ["x"]


async def test_closed_platforms_and_closed_gates_are_both_passed_over(store: JobStore) -> None:
    names = ("x", "y", "z")
    await store.enqueue([numbered_job(n, f"https://s.example/{n}", platform=name) for n, name in enumerate(names)])
    await close(store)

    assert [c.job.platform for c in await store.claim(W1, limit=9, lease=LEASE, closed_platforms={"y"})] == ["z"]


async def test_after_the_time_one_probes_and_the_others_wait_for_it(store: JobStore, clock: FakeClock) -> None:
    await close(store)
    clock.advance(timedelta(minutes=11))
    probe = await store.take_turn("x", interval=EVERY_SECOND, probe_within=PROBE)
    other = await store.take_turn("x", interval=EVERY_SECOND, probe_within=PROBE)

    assert (probe.is_probe, probe.at) == (True, clock.now())
    assert (other.at, other.closed_until) == (None, clock.now() + PROBE)
    clock.advance(timedelta(minutes=11))  # the probe never told anything
    assert (await store.take_turn("x", interval=EVERY_SECOND, probe_within=PROBE)).is_probe


async def test_an_opened_gate_has_no_strikes_left(store: JobStore, clock: FakeClock) -> None:
    await close(store)
    await store.open_gate("x")
    turn = await store.take_turn("x", interval=EVERY_SECOND, probe_within=PROBE)

    assert (turn.at, turn.is_probe) == (clock.now(), False)
    (gate,) = await store.gates()
    assert (gate.strikes, gate.closed_until, gate.code) == (0, None, None)


async def test_a_longer_closing_keeps_its_end_and_its_reason(store: JobStore, clock: FakeClock) -> None:
    await close(store, minutes=60, reason="account warned")
    gate = await close(store, minutes=1, reason="slow down")

    assert (gate.closed_until, gate.reason, gate.strikes) == (clock.now() + timedelta(hours=1), "account warned", 2)
    assert await store.gates() == [gate]


async def test_gates_are_listed_by_name(store: JobStore) -> None:
    for name in ("y", "x"):
        await close(store, name)

    assert [gate.platform for gate in await store.gates()] == ["x", "y"]
