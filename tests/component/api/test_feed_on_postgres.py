"""Live events of a database with several writers: a change that commits late carries an older
timestamp.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from mediavault.api.feed import OVERLAP, Feed
from mediavault.core.clock import to_micros
from mediavault.store.postgres.engine import PostgresDatabase, positional
from mediavault.store.postgres.store import PostgresJobStore
from tests.contract.stores import numbered_job
from tests.fakes import FakeClock
from tests.servers import postgres

STAMP = positional(
    "UPDATE mediavault.jobs SET updated_at = :at::bigint, progress_pct = 7 WHERE id = :id::text"
)


async def test_a_change_that_another_machine_commits_late_is_sent(tmp_path: Path) -> None:
    clock, url = FakeClock(), postgres.database_for(tmp_path)
    store, other = PostgresJobStore(url, clock), PostgresDatabase(url)
    await store.open()
    await other.open()
    late, early = (
        result.job
        for result in await store.queue.enqueue(
            [numbered_job(n, f"https://s.example/{n}") for n in (1, 2)]
        )
    )
    feed = Feed(store.catalogue, clock)
    feed._poller = object()  # type: ignore[assignment]  # the test calls poll() itself
    listener = feed.join("")
    clock.advance(timedelta(minutes=1))
    await feed.poll()
    while listener._waiting.qsize():
        await listener.next()

    async with other.transaction() as txn:
        await txn.rows(STAMP, {"id": late.id, "at": to_micros(clock.now())})
        clock.advance(OVERLAP)
        await store.queue.cancel(early.id)
        assert await feed.poll() == 1
    assert await feed.poll() == 1

    heard = [await listener.next() for _ in range(listener._waiting.qsize())]
    assert [late.id.encode() in (event or b"") for event in heard] == [False, True]
    feed._poller = None
    feed.close()
    await other.close()
    await store.close()
