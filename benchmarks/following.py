"""What following costs: ``python -m benchmarks.following``.

500 sources that have seen 400 posts each, on SQLite: the processor time of a look on top of its
request, of a round in which nothing is due, and the time to read all sources for their page. Then
the requests that 100 sources need in a day, beside those of a poll every hour.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.following import set_source, set_state

from mediavault.core.clock import SystemClock
from mediavault.core.listings import Entry, ListCheck, Listing, post_key
from mediavault.core.platform import Platform
from mediavault.core.submission import Submission
from mediavault.features.following import records as stored
from mediavault.features.following.background.checks import Follower
from mediavault.features.following.decisions import interval, usual_gap
from mediavault.features.following.filters import Reason
from mediavault.features.following.model import EntryState, SeenEntry, Source, SourceState
from mediavault.platforms.registry import identify
from mediavault.store.sqlite.store import SqliteJobStore

SOURCES, SEEN, SHOWN, CHECKS = 500, 400, 15, 50
DAY = timedelta(days=1)
RHYTHMS: Mapping[str, float] = {  # days between two posts
    "several posts a day": 0.2,
    "a post a day": 1,
    "a post a week": 7,
    "a post a month": 30,
    "silent for a year": 365,
}


def url_of(source: int, number: int) -> str:
    return f"https://video{source}.example/post/{number}"


class Lister:
    """Shows the newest posts of each source, ``new`` of them unseen."""

    name, signed_in = "feed", False
    new = 0

    async def list_entries(
        self, check: ListCheck, platform: Platform, *, within_s: float
    ) -> Listing:
        source = int(check.url.rpartition("/")[2])
        numbers = range(SEEN + self.new - 1, SEEN + self.new - 1 - SHOWN, -1)
        entries = tuple(
            Entry(url_of(source, n), str(n), title=f"Post {n}", text="A description.")
            for n in numbers
        )
        return Listing(entries, title=f"Source {source}")


async def fill(store: SqliteJobStore, now: datetime) -> None:
    for source in range(SOURCES):
        one = Source(
            f"s-{source:06d}", f"https://feeds.example/{source}", "generic", now - 30 * DAY
        )
        state = SourceState(
            title=f"Source {source}",
            next_check_at=now + DAY,
            checked_at=now,
            checks=100,
            started=1,
            usual_entries=SHOWN,
            seen=SEEN,
            recent_ids=tuple(str(n) for n in range(200)),
            published=tuple(now - n * DAY for n in range(20)),
        )
        await set_source(store, one)
        await set_state(store, one.id, state)
        entries = {
            post_key(url_of(source, n)): SeenEntry(
                EntryState.SKIPPED, url_of(source, n), f"Post {n}", now, now, Reason.BEFORE
            )
            for n in range(SEEN)
        }
        await stored.put_seen(store.tables, one.id, entries)


async def cpu_ms(follower: Follower, store: SqliteJobStore, sources: Sequence[int]) -> list[float]:
    """The processor time of a look at each of these sources, all threads included."""
    found = []
    for source in sources:
        one = await stored.find_followed(store.tables, f"s-{source:06d}")
        held = await stored.acquire(store.tables, follower.context.clock, one)
        assert held is not None
        began = time.process_time()
        await follower._check(held, one)
        found.append((time.process_time() - began) * 1000)
    return found


async def measure() -> None:
    clock, lister = SystemClock(), Lister()
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteJobStore(Path(folder) / "jobs.sqlite3", clock)
        await store.open()
        try:
            await fill(store, clock.now())

            async def nobody() -> frozenset[str]:
                return frozenset()

            context: Any = SimpleNamespace(
                store=store,
                clock=clock,
                listers=[lister],
                live=None,
                pace={},
                retry=SimpleNamespace(jitter=lambda: 0.5),
                signed_in=nobody,
            )
            follower = Follower(context, Submission(identify, lambda *_: None, clock).read)
            print(f"{SOURCES} sources, {SOURCES * SEEN:,} seen posts, SQLite")
            for new in (0, 1):
                lister.new = new
                took = await cpu_ms(follower, store, range(new * CHECKS, (new + 1) * CHECKS))
                what = f"a look that finds {new} new of {SHOWN}"
                print(
                    f"  {what:<36} {statistics.median(took):6.1f} ms of processor time, at most"
                    f" {max(took):.1f}"
                )
            for what, work in (
                ("a round in which nothing is due", follower.round),
                ("all sources, for their page", lambda: stored.followed(store.tables)),
            ):
                times = []
                for _ in range(9):
                    began, cpu = time.monotonic(), time.process_time()
                    await work()
                    times.append(
                        ((time.monotonic() - began) * 1000, (time.process_time() - cpu) * 1000)
                    )
                wall, processor = (statistics.median(column) for column in zip(*times, strict=True))
                print(f"  {what:<36} {wall:6.1f} ms, {processor:.1f} ms of processor time")
        finally:
            await store.close()


def requests_a_day() -> None:
    """Simulate a year of looks at 100 sources of each rhythm,
    with random gaps between their posts.
    """
    choose, hours = random.Random(20261129), 24 * 100
    print(f"Requests a day for 100 sources, beside {hours:,} of a poll every hour")
    now = SystemClock().now()
    for what, days in RHYTHMS.items():
        checks, span = 0, 60.0
        for _ in range(100):
            source = Source("s-1", "https://feeds.example/", "generic", now)
            at, posts = 0.0, [-choose.expovariate(1 / days) for _ in range(1)]
            for _ in range(20):
                posts.insert(0, posts[0] - choose.expovariate(1 / days))
            upcoming = choose.expovariate(1 / days)
            while at < span:
                while upcoming <= at:
                    posts.append(upcoming)
                    upcoming += choose.expovariate(1 / days)
                times = [now + timedelta(days=post) for post in posts[-20:]]
                quiet = timedelta(days=at - posts[-1])
                at += interval(source, gap=usual_gap(times), quiet_for=quiet) / DAY
                checks += 1
        a_day = checks / span
        print(f"  {what:<22} {a_day:7,.0f}   {a_day / hours:5.2f} of the poll")
    account = replace(Source("s-1", "https://x.com/jane", "x", now), interval_minutes=60)
    least = interval(account, gap=None, quiet_for=None, uses_account=True)
    print(
        f"  {'with the account':<22} {100 * (DAY / least):7,.0f}  "
        f" {100 * (DAY / least) / hours:5.2f} of the poll, at most"
    )


def main() -> None:
    asyncio.run(measure())
    requests_a_day()


if __name__ == "__main__":
    main()
