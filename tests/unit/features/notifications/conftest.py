"""A notifier over the store in memory, with a fake clock, no jitter and a scripted sender."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from mediavault.core.failures import ErrorCode
from mediavault.core.job import ClaimedJob, JobId, WorkerId
from mediavault.core.media import SavedFile
from mediavault.features.notifications.model import (
    EventKind,
    NotificationDelivery,
    NotificationTarget,
)
from mediavault.features.notifications.notifier import SETTLED, Notifier
from mediavault.features.notifications.records import all_deliveries
from mediavault.features.notifications.service import Notifications
from mediavault.presentation.preferences import Appearance, use
from mediavault.server.services import SendResult
from mediavault.store.port import Store
from tests.fakes import FakeClock
from tests.memory_store import MemoryJobStore
from tests.notification_stubs import StubSender
from tests.stubs import new_job

URL = "https://hooks.example/secret-path?key=hidden"
SAVED = SavedFile("x/a.mp4", None, 1_000_000, "ab" * 32, 61.0, 640, 360)
LEASE = timedelta(seconds=90)


@dataclass
class Notified:
    """A vault with one notifier, and what its sender was given."""

    store: Store
    clock: FakeClock
    sender: StubSender
    notifier: Notifier
    _count: int = field(default=0, init=False)

    @property
    def users(self) -> Notifications:
        """Return what users do with the notifications of this vault."""
        return Notifications(self.store, self.clock, self.sender)

    async def target(
        self,
        url: str = URL,
        events: Sequence[EventKind] = tuple(EventKind),
        language: str = "en",
        **settings: Any,
    ) -> NotificationTarget:
        """Add a target, and let a round begin to look from now on."""
        of_user = copy_context()
        of_user.run(use, Appearance(locale=language))
        values = {"events": tuple(events), "vault": "https://vault.example", **settings}
        made = await asyncio.create_task(self.users.add(url, values), context=of_user)
        await self.notifier.collect()
        self.clock.advance(1)
        return made

    async def claim(self, platform: str = "generic") -> ClaimedJob:
        self._count += 1
        job = new_job(
            f"https://videos.example/watch/{self._count}", clock=self.clock, platform=platform
        )
        await self.store.queue.enqueue([job])
        [claim] = await self.store.queue.claim(WorkerId("w-1"), limit=1, lease=LEASE)
        return claim

    async def save(self) -> JobId:
        """Save a post."""
        claim = await self.claim()
        await self.store.queue.complete(claim, SAVED)
        return claim.id

    async def fail(
        self,
        code: ErrorCode,
        *,
        retry_in: timedelta | None = None,
        platform: str = "generic",
        error: str = "It broke.",
    ) -> JobId:
        """Fail a post, for good unless it is to be tried again."""
        claim = await self.claim(platform)
        await self.store.queue.fail(claim, error_code=code, error=error, retry_in=retry_in)
        return claim.id

    async def settle(self) -> int:
        """Let what happened settle, and keep its deliveries; returns how many."""
        self.clock.advance(SETTLED + timedelta(seconds=1))
        return await self.notifier.collect()

    async def deliveries(self) -> list[NotificationDelivery]:
        return await all_deliveries(self.store.records)

    def another(self, *results: SendResult, sender: StubSender | None = None) -> Notifier:
        """Return the notifier of another worker at the same store."""
        return Notifier(self.store, self.clock, sender or StubSender(*results), jitter=lambda: 0.0)


def make_notified(store: Store, clock: FakeClock) -> Notified:
    sender = StubSender()
    return Notified(store, clock, sender, Notifier(store, clock, sender, jitter=lambda: 0.0))


@pytest.fixture
def notified() -> Notified:
    clock = FakeClock()
    return make_notified(MemoryJobStore(clock), clock)
