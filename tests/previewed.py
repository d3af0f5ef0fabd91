"""A list that was read for a preview, without a worker."""

from __future__ import annotations

from dataclasses import replace

from mediavault.core.clock import Clock
from mediavault.core.failures import LoginRequired
from mediavault.core.following import Entry
from mediavault.core.following_decisions import named_posts
from mediavault.core.submission import Submission
from mediavault.platforms.registry import identify, seen_as
from mediavault.store import source_previews as stored
from mediavault.store.port import Records


async def read_what_waits(records: Records, clock: Clock, *entries: Entry, title: str | None = "Slow Trains") -> None:
    """Read all lists for which previews wait, as a worker that finds these entries does."""
    posts, _ = named_posts(entries, Submission(identify, lambda _: None, clock).read, seen_as)
    for reading in await stored.waiting_readings(records, clock.now()):
        held = await stored.hold_reading(records, clock, reading)
        assert held is not None
        listing = stored.ReadList(tuple(posts), title=title, is_whole=True)
        await stored.let_go_reading(records, held, replace(held, read_at=clock.now()), listing)


async def fail_what_waits(records: Records, clock: Clock) -> None:
    """Fail to read all lists for which previews wait: they are shown only after a sign-in."""
    failure = LoginRequired("This list is private.")
    for reading in await stored.waiting_readings(records, clock.now()):
        held = await stored.hold_reading(records, clock, reading)
        assert held is not None
        failed = replace(held, read_at=clock.now(), error=failure.message, error_code=failure.code)
        await stored.let_go_reading(records, held, failed)
