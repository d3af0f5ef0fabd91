"""How long the queries of library pages take in a store with many saved videos:
``python -m benchmarks.library``.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.servers import running_postgres
from mediavault.core import media
from mediavault.core.clock import SystemClock
from mediavault.core.failures import ErrorCode
from mediavault.core.job import Job, JobId, JobStatus
from mediavault.core.marks import Mark
from mediavault.core.media import Account, Candidate, FoundIn, SourceType
from mediavault.store.library_index import ENTRY_COLUMNS, entry_from_row
from mediavault.store.port import AccountQuery, JobOrder, JobQuery, Store, StoredJob
from mediavault.store.postgres import engine as postgres_engine
from mediavault.store.postgres.sql import SQL, PostgresStatements
from mediavault.store.postgres.store import PostgresJobStore
from mediavault.store.rows import stored_values
from mediavault.store.sql import library as sql_library
from mediavault.store.sqlite import engine as sqlite_engine
from mediavault.store.sqlite import sql as sqlite_sql
from mediavault.store.sqlite.store import SqliteJobStore

JOBS, ROUNDS, DEEP, PAGE = 100_000, 9, 50, 50
BATCH = 500
BEGAN = datetime(2024, 1, 1, tzinfo=UTC)
PLATFORMS = (
    "youtube",
    "tiktok",
    "instagram",
    "x",
    "reddit",
    "vimeo",
    "facebook",
    "threads",
    "bluesky",
    "twitch",
)
SHARES = (30, 25, 15, 12, 6, 4, 3, 2, 2, 1)
WORDS = 12_000  # in the invented language of the titles; the most common ones come first
WATCHED, FAVOURITE, TAG, RARE_TAG = "watched/owner", "favourite/owner", "tag/some", "tag/rare"
RARE = "quagga"  # in one title of ten thousand

Ask = Callable[[], Awaitable[Any]]


def library(count: int) -> Iterator[Job]:
    """Yield saved videos of two thousand accounts, the same in every run.

    Every hundredth job has failed and every thousandth is waiting.
    """
    choose = random.Random(20261126)
    language = [
        "".join(choose.choices("abcdefghiklmnoprstuvz", k=choose.randint(2, 9)))
        for _ in range(WORDS)
    ]
    accounts = [
        media.account(
            platform, f"{choose.choice(language)}_{number}", choose.choice(language).title()
        )
        for platform, share in zip(PLATFORMS, SHARES, strict=True)
        for number in range(share * 20)
    ]
    for number in range(count):
        account = accounts[int(len(accounts) * choose.random() ** 1.5)]
        words = [language[int(WORDS * choose.random() ** 3)] for _ in range(choose.randint(4, 40))]
        if number % 10_000 == 77:
            words[0] = RARE
        yield _job(number, account, words, choose)


def _job(number: int, account: Account, words: list[str], choose: random.Random) -> Job:
    at = BEGAN + timedelta(minutes=9 * number, seconds=choose.randrange(540))
    url = f"https://www.{account.platform}.com/{account.handle}/video/{number:011d}"
    status = (
        JobStatus.FAILED
        if number % 100 == 1
        else JobStatus.QUEUED
        if number % 1000 == 2
        else JobStatus.COMPLETED
    )
    job = Job(
        id=JobId(f"0190{number:08x}-7000-8000-{choose.getrandbits(48):012x}"),
        trace_id=f"{number:032x}",
        post_url=url,
        canonical_url=url,
        platform=account.platform,
        status=status,
        created_at=at,
        updated_at=at,
        account=account,
        candidates=tuple(_candidate(number, index) for index in range(4)),
        metadata={
            "title": " ".join(words[:8]),
            "text": " ".join(words),
            "published_at": at.isoformat(),
        },
    )
    if status is JobStatus.FAILED:
        code = choose.choice(
            (
                ErrorCode.NETWORK,
                ErrorCode.LOGIN_REQUIRED,
                ErrorCode.DELETED,
                ErrorCode.EXTRACTOR_BROKEN,
            )
        )
        return replace(
            job,
            error_code=code,
            error="It did not work.",
            failed_at=at,
            retry_at=choose.choice((None, at)),
        )
    if status is JobStatus.QUEUED:
        return job
    length, size = round(choose.lognormvariate(4, 1.2), 2), choose.randrange(10**5, 10**9)
    path = f"{account.slug}/{number}.mp4"
    return replace(
        job,
        completed_at=at,
        duration_s=length,
        bytes=size,
        sha256=f"{number:064x}",
        output_path=path,
    )


def _candidate(number: int, index: int) -> Candidate:
    url = f"https://cdn.example/{number}/{index}.mp4?signature={number:064x}"
    return Candidate(
        url, SourceType.DIRECT, FoundIn.API, width=1080, height=1920, size=10**7, signed=True
    )


async def fill(store: Store, count: int) -> None:
    """Fill the store with the jobs, as if they came from another store."""
    for batch in batches(count):
        await store.catalogue.import_jobs([StoredJob(job) for job in batch])


async def fill_postgres(url: str, count: int) -> None:
    """Insert the same rows, and index them, in batches."""
    database, last = postgres_engine.PostgresDatabase(url), 0
    entries_sql = f"SELECT {ENTRY_COLUMNS} FROM {{s}}jobs WHERE seq > :last::bigint ORDER BY seq"
    await database.open()
    for batch in batches(count):
        async with database.transaction() as txn:
            await txn.many(SQL["import_job"], [stored_values(job) for job in batch])
            statements = PostgresStatements(txn, None)
            entries = [
                entry_from_row(row) for row in await statements.query(entries_sql, {"last": last})
            ]
            await sql_library.add(statements, entries)
            last = entries[-1].seq
    await database.close()


async def vacuum(url: str) -> None:
    database = postgres_engine.PostgresDatabase(url)
    connection = await database.connect()
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


def batches(count: int) -> Iterator[list[Job]]:
    jobs = library(count)
    while batch := list(islice(jobs, BATCH)):
        yield batch


async def cursor_of_page(store: Store, query: JobQuery, number: int) -> JobQuery:
    for _ in range(number - 1):
        query = replace(query, cursor=(await store.catalogue.jobs(query)).next_cursor)
    return query


async def questions(store: Store, count: int) -> dict[str, Ask]:
    saved = JobQuery(statuses=[JobStatus.COMPLETED], limit=PAGE)
    since, until = BEGAN + timedelta(minutes=3 * count), BEGAN + timedelta(minutes=5 * count)
    rich = (await store.catalogue.accounts(AccountQuery(platform="tiktok"))).accounts[0]
    some = (await store.catalogue.jobs(JobQuery(limit=PAGE))).jobs[-1]
    queries = {
        "first page, everything": JobQuery(limit=PAGE),
        "first page, kept": saved,
        f"page {DEEP} by its cursor, kept": await cursor_of_page(store, saved, DEEP),
        "a platform": replace(saved, platform="tiktok"),
        "a small platform": replace(saved, platform="twitch"),
        "an account": replace(saved, account=rich.key),
        "a rare word": replace(saved, text=RARE),
        "two letters": replace(saved, text="an"),
        "one letter": replace(saved, text="a"),
        "two words, one of them rare": replace(saved, text=f"{RARE} tiktok"),
        "two letters of a platform": replace(saved, text="an", platform="tiktok"),
        "two letters, the longest": replace(saved, text="an", order=JobOrder.LONGEST),
        "a date and a length": replace(
            saved, since=since, until=until, shortest_s=30.0, longest_s=35.0
        ),
        "a date and a length without any": replace(saved, since=since, until=until, shortest_s=1e7),
        **{f"{order.value} first": replace(saved, order=order) for order in JobOrder},
        "the longest of an account": replace(saved, account=rich.key, order=JobOrder.LONGEST),
        "the largest of a small platform": replace(
            saved, platform="twitch", order=JobOrder.LARGEST
        ),
    }
    queries |= {
        "a tag of five": replace(saved, marks=[RARE_TAG]),
        "a tag of one in a hundred": replace(saved, marks=[TAG]),
        "a tag and two letters": replace(saved, marks=[TAG], text="an"),
        "favourites": replace(saved, marks=[FAVOURITE]),
        "watched, half of all": replace(saved, marks=[WATCHED]),
        "not watched": replace(saved, without=[WATCHED]),
        "watched favourites, the longest": replace(
            saved, marks=[WATCHED, FAVOURITE], order=JobOrder.LONGEST
        ),
    }
    page = [job.id for job in (await store.catalogue.jobs(saved)).jobs]
    asks: dict[str, Ask] = {
        name: lambda query=query: store.catalogue.jobs(query)  # type: ignore[misc]
        for name, query in queries.items()
    }
    return asks | {
        "the marks of a page": lambda: store.marks.of_jobs(page),
        "all tags": lambda: store.marks.names("tag/"),
        "neighbours": lambda: store.catalogue.neighbours(some.id, saved),
        "accounts": lambda: store.catalogue.accounts(AccountQuery()),
        "accounts by name": lambda: store.catalogue.accounts(AccountQuery(text="an")),
        "an account's sums": lambda: store.catalogue.account(rich.key),
        "totals": store.catalogue.library_totals,
        "failures": store.catalogue.failures,
    }


class Statements:
    """Counts what is sent to the database."""

    def __init__(self) -> None:
        self.sent = 0

    @contextmanager
    def counted(self) -> Iterator[None]:
        fetch_all_plain, rows = sqlite_engine.fetch_all, postgres_engine.Transaction.rows

        def fetch_all(*args: Any) -> Any:
            self.sent += 1
            return fetch_all_plain(*args)

        async def counted_rows(*args: Any) -> Any:
            self.sent += 1
            return await rows(*args)

        sqlite_sql.fetch_all = fetch_all  # type: ignore[attr-defined,assignment]
        postgres_engine.Transaction.rows = counted_rows  # type: ignore[method-assign,assignment]
        try:
            yield
        finally:
            sqlite_sql.fetch_all = fetch_all_plain  # type: ignore[attr-defined]
            postgres_engine.Transaction.rows = rows  # type: ignore[method-assign]


async def mark(store: Store, count: int) -> None:
    """Mark jobs: half of them as watched, one in fifty as a favourite,
    one in a hundred with a tag, and five with another.
    """
    of_number = [job.id for batch in batches(count) for job in batch]
    for name, each in ((WATCHED, 2), (FAVOURITE, 50), (TAG, 100), (RARE_TAG, max(1, count // 5))):
        marked = [Mark(job_id, name) for job_id in of_number[::each]]
        for first in range(0, len(marked), BATCH):
            await store.marks.put(marked[first : first + BATCH])


async def measure(store: Store, count: int, rounds: int) -> None:
    print(f"| {'asked':34} | median ms | worst ms | statements |\n|{'-' * 36}|--:|--:|--:|")
    statements = Statements()
    for name, ask in (await questions(store, count)).items():
        await ask()
        times = []
        for _ in range(rounds):
            began = time.perf_counter()
            await ask()
            times.append((time.perf_counter() - began) * 1000)
        with statements.counted():
            statements.sent = 0
            await ask()
        print(
            (
                f"| {name:34} | {statistics.median(times):.1f} | {max(times):.1f} |"
                f" {statements.sent} |"
            ),
            flush=True,
        )


@asynccontextmanager
async def sqlite(count: int) -> AsyncIterator[Store]:
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteJobStore(Path(folder) / "jobs.db", SystemClock())
        await store.open()
        await fill(store, count)
        try:
            yield store
        finally:
            await store.close()


@asynccontextmanager
async def postgres(count: int) -> AsyncIterator[Store]:
    with running_postgres() as server:
        store = PostgresJobStore(server.url)
        await store.open()
        await fill_postgres(server.url, count)
        await vacuum(server.url)
        try:
            yield store
        finally:
            await store.close()


async def run(engine: str, count: int, rounds: int) -> None:
    async with {"sqlite": sqlite, "postgres": postgres}[engine](count) as store:
        await mark(store, count)
        print(f"\n{engine}, {count:,} jobs", flush=True)
        await measure(store, count, rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=JOBS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--engine", choices=("sqlite", "postgres"), action="append")
    options = parser.parse_args()
    for engine in options.engine or ("sqlite", "postgres"):
        asyncio.run(run(engine, options.jobs, options.rounds))


if __name__ == "__main__":
    main()
