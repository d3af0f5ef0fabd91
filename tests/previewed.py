"""A list that was read for a preview, without a worker."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from mediavault.core.clock import Clock
from mediavault.core.failures import LoginRequired
from mediavault.core.listings import Entry
from mediavault.core.records import RecordKind
from mediavault.core.submission import Submission
from mediavault.core.typed_records import to_named_json
from mediavault.features.following import previews as stored
from mediavault.features.following.decisions import named_posts
from mediavault.features.following.model import Source
from mediavault.platforms.registry import identify, seen_as
from mediavault.store.port import Records


async def read_what_waits(
    records: Records, clock: Clock, *entries: Entry, title: str | None = "Slow Trains"
) -> None:
    """Read all lists for which previews wait, as a worker that finds these entries does."""
    posts, _ = await named_posts(
        entries, Submission(identify, lambda *_: None, clock).read, seen_as
    )
    for reading in await stored.waiting_readings(records, clock.now()):
        held = await stored.acquire_reading(records, clock, reading)
        assert held is not None
        listing = stored.ReadList(tuple(posts), title=title, is_whole=True)
        await stored.release_reading(records, held, replace(held, read_at=clock.now()), listing)


async def add_preview(
    records: Records, draft: Source, preview_id: str, listing: stored.ReadList, now: datetime
) -> None:
    """Store a preview with this id whose list was read."""
    reading = stored.ListReading(
        stored.key_of(draft.url), draft.url, draft.platform, now, read_at=now
    )
    for name, value in (
        (f"draft/{preview_id}", draft),
        (f"reading/{reading.key}", reading),
        (f"list/{reading.key}", listing),
    ):
        await records.put(
            RecordKind.SOURCE_PREVIEW, name, to_named_json(value), expires_at=now + stored.LASTS
        )


async def fail_what_waits(records: Records, clock: Clock) -> None:
    """Fail to read all lists for which previews wait: they are shown only after a sign-in."""
    failure = LoginRequired("This list is private.")
    for reading in await stored.waiting_readings(records, clock.now()):
        held = await stored.acquire_reading(records, clock, reading)
        assert held is not None
        failed = replace(held, read_at=clock.now(), error=failure.message, error_code=failure.code)
        await stored.release_reading(records, held, failed)
