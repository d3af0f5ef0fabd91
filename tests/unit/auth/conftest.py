"""A store in memory on a clock that a test moves, and hashes that cost next to nothing."""

from __future__ import annotations

import pytest

from mediavault.store.memory.store import MemoryJobStore
from tests.fakes import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(clock: FakeClock) -> MemoryJobStore:
    return MemoryJobStore(clock)


@pytest.fixture(autouse=True)
def cheap(cheap_hashing: None) -> None:
    """For every test of this folder."""
