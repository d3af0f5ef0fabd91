"""An in-memory store on a clock that tests move, and cheap password hashes."""

from __future__ import annotations

import pytest

from tests.fakes import FakeClock
from tests.memory_store import MemoryJobStore


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(clock: FakeClock) -> MemoryJobStore:
    return MemoryJobStore(clock)


@pytest.fixture(autouse=True)
def cheap(cheap_hashing: None) -> None:
    """Use cheap password hashes in every test of this folder."""
