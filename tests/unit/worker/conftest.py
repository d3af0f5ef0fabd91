from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from mediavault.core.job import ClaimedJob, WorkerId
from mediavault.store.port import Store
from tests.fakes import FakeClock
from tests.memory_store import MemoryJobStore
from tests.stubs import new_job

LEASE = timedelta(seconds=90)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(auto=True)


@pytest.fixture
async def store(clock: FakeClock) -> AsyncIterator[Store]:
    store = MemoryJobStore(clock)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def claim(store: Store, clock: FakeClock) -> ClaimedJob:
    """One job, claimed."""
    await store.queue.enqueue([new_job(clock=clock)])
    (claimed,) = await store.queue.claim(WorkerId("w-1"), limit=1, lease=LEASE)
    return claimed
