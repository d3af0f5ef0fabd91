"""A store in memory on a clock that a test moves, and hashes that cost next to nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mediavault.access import hashing
from mediavault.store.memory.store import MemoryJobStore
from tests.fakes import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(clock: FakeClock) -> MemoryJobStore:
    return MemoryJobStore(clock)


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(hashing, "MEMORY_KIB", 64)
    hashing._hasher.cache_clear()
    yield
    hashing._hasher.cache_clear()
