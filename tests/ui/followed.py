"""Sources for the sample vault: one whose posts from before are being taken, one that fails, one
paused, one new; and retention rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from mediavault.core.clock import SystemClock
from mediavault.core.job import Job, JobStatus
from mediavault.core.listings import Entry, EntryKind
from mediavault.core.messages import Message
from mediavault.features.following import previews as source_previews
from mediavault.features.following import records as stored
from mediavault.features.following.filters import Filters, Reason
from mediavault.features.following.inbox import note_arrivals
from mediavault.features.following.model import EntryState, SeenEntry, Source, SourceState, Start
from mediavault.features.retention import records as retention
from mediavault.features.retention.model import WHOLE_VAULT, RetentionRule
from mediavault.store.port import JobQuery, Store
from tests.following import set_state
from tests.media import jpeg
from tests.previewed import read_what_waits

CHANNEL, FEED, PAUSED, FRESH = (
    "s-000000000001",
    "s-000000000002",
    "s-000000000003",
    "s-000000000004",
)
WAITING = 1_240


async def add_sources(store: Store, saved: Sequence[Job]) -> None:
    """Follow four sources; the newest saved posts came from the first."""
    now = SystemClock().now()
    records = store.records
    trains = Source(
        CHANNEL, "https://www.youtube.com/@slow-trains", "youtube", now - timedelta(days=3),
        start=Start.EVERYTHING, per_day=140, collection="To watch",
        filters=Filters(lacking=("trailer", "/part \\d+/"), shortest_s=90.0,
                        kinds=(EntryKind.VIDEO, EntryKind.LIVE)),
    )  # fmt: skip
    others = (
        Source(FEED, "https://walks.example/feed.xml", "generic", now - timedelta(days=9)),
        Source(PAUSED, "https://bsky.app/profile/bees.example", "bluesky", now - timedelta(days=20),
               is_paused=True),
        Source(FRESH, "https://www.tiktok.com/@night-rides", "tiktok", now - timedelta(seconds=20),
               start=Start.NEWEST, newest=50),
    )  # fmt: skip
    for source in (trains, *others):
        await stored.follow(store.tables, source)
    states = {
        CHANNEL: SourceState(
            title="Slow Trains", handle="@slow-trains", checked_at=now - timedelta(minutes=12),
            checks=9, started=1, seen=1_320, next_check_at=now + timedelta(minutes=14),
            has_picture=True, unlisted=1, waiting=WAITING, skipped=3, new_at_last_check=2,
            fill_at=now + timedelta(minutes=7),
        ),
        FEED: SourceState(
            title="Walks through marshes", checked_at=now - timedelta(days=2), checks=40, started=1,
            seen=96, skipped=96, next_check_at=now + timedelta(hours=5), failures=9,
            failing_since=now - timedelta(days=2),
            error=Message("%(host)s answered %(status)s.", host="walks.example", status=500),
            help="It is tried again.",
        ),
        PAUSED: SourceState(title="Bees", handle="bees.example", checked_at=now - timedelta(days=4),
                            checks=3, started=1, seen=30, waiting=12),
    }  # fmt: skip
    for source_id, state in states.items():
        await set_state(store, source_id, state)
    await stored.mark_posts(store, CHANNEL, [job.id for job in saved[:5]])
    for status in (JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.FAILED):
        jobs = (await store.catalogue.jobs(JobQuery((status,), limit=2))).jobs
        await stored.mark_posts(store, FEED, [job.id for job in jobs])
        await note_arrivals(store, [job.id for job in jobs], are_news=True)
    await note_arrivals(store, [job.id for job in saved[:3]], are_news=True)
    await note_arrivals(store, [job.id for job in saved[3:5]], are_news=False)
    await stored.put_picture(records, CHANNEL, jpeg())
    unlisted = replace(_entry(0, now - timedelta(days=30), EntryState.SAVED), job_id=saved[0].id)
    await stored.put_seen(store.tables, CHANNEL, {"gone": unlisted})
    for posts in (["gone"], []):
        await stored.compare_with_list(
            store.tables, CHANNEL, posts, now - timedelta(days=2), is_restart=False
        )
    places = [
        (f"waits-{number}", _entry(number, now - timedelta(days=number), EntryState.WAITING))
        for number in range(1, 61)
    ]
    await stored.put_waiting(store.tables, CHANNEL, now, [(post, entry) for post, entry in places])
    skipped = enumerate((Reason.LENGTH, Reason.WORDS, Reason.MEMBERS), start=100)
    await stored.put_seen(
        store.tables,
        CHANNEL,
        {
            f"passed-{n}": _entry(n, now - timedelta(days=n), EntryState.SKIPPED, why)
            for n, why in skipped
        },
    )
    await _add_rules(store)


async def _add_rules(store: Store) -> None:
    """Let all but the newest 20 posts go, without those of two sources."""
    records, clock = store.records, SystemClock()
    await retention.set_rule(store, WHOLE_VAULT, RetentionRule(newest=20, is_on=True))
    await retention.set_rule(store, FEED, RetentionRule(days=90, watched_days=7))
    await retention.set_rule(store, PAUSED, RetentionRule())
    rules = await retention.retention_rules(records)
    plan = await retention.make_plan(store, rules, clock, None)
    await retention.put_plan(records, plan, before=await retention.read_plan(records))


def _entry(number: int, at: datetime, state: EntryState, reason: Reason | None = None) -> SeenEntry:
    url = f"https://www.youtube.com/watch?v=sample{number:05}"
    return SeenEntry(state, url, f"Journey {number}: along the coast", at, at, reason)


async def preview_that_waits(store: Store) -> str:
    """Ask for a preview of a channel, and return the path of its page: nothing reads its list."""
    draft = Source(
        "s-draft", "https://www.youtube.com/@jane/videos", "youtube", SystemClock().now()
    )
    return f"/sources/preview/{await source_previews.ask(store, draft, SystemClock())}"


async def preview_that_was_read(store: Store) -> str:
    """Ask for a preview of a playlist with filters, read its list,
    and return the path of its page.
    """
    now = SystemClock().now()
    draft = Source(
        "s-draft", (
            "https://www.youtube.com/playlist?list=PLnight-rides"
        ), "youtube", now, start=Start.NEWEST, newest=40,
        filters=Filters(lacking=("trailer",), shortest_s=60.0, kinds=(EntryKind.VIDEO,)),
    )  # fmt: skip
    asked = await source_previews.ask(store, draft, SystemClock())
    entries = [
        Entry(
            f"https://www.youtube.com/watch?v=preview{number:04}", f"preview{number:04}",
            f"Night ride {number}",
            text="Through the rain" if number % 3 else None,
            published_at=now - timedelta(days=number),
            duration_s=None if number % 7 == 0 else 20.0 if number % 5 == 0 else 600.0 + number,
            kind=EntryKind.SHORT if number % 11 == 0 else EntryKind.VIDEO,
            members_only=number % 13 == 0,
        )
        for number in range(1, 160)
    ]  # fmt: skip
    await read_what_waits(store.records, SystemClock(), *entries, title="Night rides")
    return f"/sources/preview/{asked}"
