"""Sealed copies in the background: how far they are, how long they can be downloaded,
and how many there are.
"""

from __future__ import annotations

import asyncio
import io
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest

from mediavault.core.failures import NetworkFailure, NotFound
from mediavault.core.job import JobId
from mediavault.features.sealing.model import SealState, SealStep
from mediavault.features.sealing.service import MAX_READY, READY_FOR, SealedCopies, TooManySeals
from mediavault.store.port import JobQuery
from tests.sealing import SealingVault


@pytest.fixture
def vault(tmp_path: Path) -> SealingVault:
    return SealingVault(tmp_path / "vault")


@pytest.fixture
def copies(vault: SealingVault) -> SealedCopies:
    return SealedCopies(vault.store.catalogue, vault.sealer(), vault.clock)


async def is_ready(copies: SealedCopies, job_id: JobId) -> bool:
    try:
        await copies.open(job_id)
    except NotFound:
        return False
    return True


async def test_a_copy_is_made_then_sent_until_an_hour_has_passed(
    vault: SealingVault, copies: SealedCopies
) -> None:
    job = await vault.fill()
    assert copies.state(job.id) is None
    await copies.begin(job.id)
    await copies.begin(job.id)  # the same one
    assert copies.state(job.id) == SealState(SealStep.CHECKING)
    assert not await is_ready(copies, job.id)
    await copies.wait_for(job.id)
    state = copies.state(job.id)
    name, pieces = await copies.open(job.id)

    assert state is not None
    assert (state.step, state.error, state.sealed_at) == (None, None, vault.clock.now())
    body = b"".join([piece async for piece in pieces])
    assert f"{zipfile.ZipFile(io.BytesIO(body)).namelist()[0].partition('/')[0]}.zip" == name
    assert len(vault.browser.visits) == 1
    vault.clock.advance(READY_FOR + timedelta(seconds=1))
    assert copies.state(job.id) is None
    assert not await is_ready(copies, job.id)


async def test_a_damaged_file_is_reported_and_there_is_no_copy(
    vault: SealingVault, copies: SealedCopies
) -> None:
    job = await vault.fill()
    (vault.downloads / str(job.output_path)).unlink()
    await copies.begin(job.id)
    await copies.wait_for(job.id)
    state = copies.state(job.id)

    assert state is not None
    assert "is missing, or is not the file that was saved" in str(state.error)
    assert state.sealed_at is None
    assert not await is_ready(copies, job.id)


async def test_a_new_copy_replaces_the_one_before(
    vault: SealingVault, copies: SealedCopies
) -> None:
    job = await vault.fill()
    vault.browser.shown = NetworkFailure("The page did not load.")
    for _ in range(2):
        await copies.begin(job.id)
        assert not await is_ready(copies, job.id)
        await copies.wait_for(job.id)

    state = copies.state(job.id)
    assert state is not None
    assert len(state.not_captured) == 1


async def test_few_are_made_at_a_time_and_few_are_kept(
    vault: SealingVault, copies: SealedCopies
) -> None:
    await vault.fill(jobs=MAX_READY + 1)
    jobs = list((await vault.store.catalogue.jobs(JobQuery())).jobs)
    await copies.begin(jobs[0].id)
    await copies.begin(jobs[1].id)
    with pytest.raises(TooManySeals):
        await copies.begin(jobs[2].id)
    for job in jobs:
        await copies.wait_for(job.id)
        if copies.state(job.id) is None:
            await copies.begin(job.id)
            await copies.wait_for(job.id)

    are_ready = [await is_ready(copies, job.id) for job in jobs]
    # of the two made at a time, either may be the first
    assert sorted(are_ready[:2]) == [False, True]
    assert are_ready[2:] == [True] * (MAX_READY - 1)


async def test_a_bug_is_reported_as_one(vault: SealingVault, copies: SealedCopies) -> None:
    job = await vault.fill()
    vault.browser.shown = None  # type: ignore[assignment]
    await copies.begin(job.id)
    await copies.wait_for(job.id)
    state = copies.state(job.id)

    assert state is not None
    assert state.error == "The copy could not be sealed: an internal error."


async def test_the_end_of_the_process_cancels_what_is_being_made(
    vault: SealingVault, copies: SealedCopies
) -> None:
    job = await vault.fill()
    await copies.begin(job.id)
    await asyncio.sleep(0)
    await copies.aclose()

    assert not await is_ready(copies, job.id)
