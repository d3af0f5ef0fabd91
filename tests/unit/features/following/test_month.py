"""A month of a site that posts, renames, deletes, re-uploads, premieres, fails in waves, reorders
and answers with nothing.

Whatever happens, and wherever the worker is killed: each post that was published becomes one job,
and nothing else does.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediavault.core.failures import ExtractorBroken, HttpError
from mediavault.core.listings import Entry, EntryKind, ListCheck, Listing
from mediavault.core.platform import Platform
from mediavault.core.submission import Submission
from mediavault.features.following import records as stored
from mediavault.features.following.background.checks import Follower
from mediavault.features.following.model import Source, Start
from mediavault.platforms.registry import identify
from mediavault.store.port import JobQuery
from mediavault.store.trash import move_to_trash, new_batch, no_paths
from tests.fakes import FakeClock
from tests.memory_store import MemoryJobStore
from tests.stubs import make_context

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MONTH_H = 30 * 24
CHANNEL = "https://www.youtube.com/channel/UCaaaaaaaaaaaaaaaaaaaaaa"
PLAYLIST = "https://www.youtube.com/playlist?list=PLaaaaaaaaaaaaaaaa"


class Killed(BaseException):
    """The worker's process ends here."""


@dataclass
class Fuse:
    """Burns with each call of the store; the process is killed when it has burnt down."""

    left: int | None = None

    def burn(self) -> None:
        if self.left is None:
            return
        self.left -= 1
        if self.left <= 0:
            self.left = None
            raise Killed


class Mortal:
    """A port of the store, at which the process may be killed before and after each call."""

    def __init__(self, port: Any, fuse: Fuse) -> None:
        self._port, self._fuse = port, fuse

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._port, name)

        async def call(*args: Any, **options: Any) -> Any:
            self._fuse.burn()
            answer = await method(*args, **options)
            self._fuse.burn()
            return answer

        return call


@dataclass
class MortalStore:
    records: Mortal
    queue: Mortal
    catalogue: Mortal
    marks: Mortal
    site_limits: Mortal
    tables: Mortal


@dataclass
class Upload:
    number: int
    at: datetime
    premieres_at: datetime | None = None
    title: str = "A title"


@dataclass
class PracticeSite:
    """A channel, or a playlist in an order of its own."""

    clock: FakeClock
    random: random.Random
    is_playlist: bool
    uploads: list[Upload] = field(default_factory=list)  # oldest first
    count: int = 0
    fails_until: dict[str, datetime] = field(default_factory=dict)
    empty_until: datetime | None = None
    published: set[int] = field(default_factory=set)

    def upload(self, *, premiere: bool = False, title: str = "A title") -> None:
        self.count += 1
        now = self.clock.now()
        self.uploads.append(Upload(self.count, now, now + DAY if premiere else None, title))
        self.published.add(self.count)

    def rename(self) -> None:
        for upload in self.random.sample(self.uploads, min(3, len(self.uploads))):
            upload.title = f"Renamed {self.random.random()}"

    def delete(self) -> None:
        """Only posts that have been there for two days: what is gone sooner nobody can see."""
        old = [upload for upload in self.uploads if self.clock.now() - upload.at > 2 * DAY]
        if old:
            self.uploads.remove(self.random.choice(old))

    def entries(self) -> list[Entry]:
        shown = list(reversed(self.uploads))
        if self.is_playlist:
            self.random.shuffle(shown)
        return [self._entry(upload) for upload in shown]

    def _entry(self, upload: Upload) -> Entry:
        name = f"video{upload.number:06d}"
        finished = upload.premieres_at is None or upload.premieres_at <= self.clock.now()
        has_date = self.random.random() < 0.7 and not self.is_playlist
        return Entry(
            f"https://www.youtube.com/watch?v={name}",
            name,
            title=upload.title,
            published_at=upload.at if has_date else None,
            kind=EntryKind.VIDEO,
            finished=finished,
        )


@dataclass
class Way:
    """One way to read the site's list: the newest 15, or all of it."""

    site: PracticeSite
    name: str
    shows: int | None
    signed_in: bool = False
    at_work: int = 0

    async def list_entries(
        self, check: ListCheck, platform: Platform, *, within_s: float
    ) -> Listing:
        assert self.at_work == 0, "two looks at the same time"
        self.at_work += 1
        try:
            return self._list(check)
        finally:
            self.at_work -= 1

    def _list(self, check: ListCheck) -> Listing:
        now = self.site.clock.now()
        if (until := self.site.fails_until.get(self.name)) is not None and now < until:
            raise self.site.random.choice([HttpError("404"), ExtractorBroken("500")])
        entries = (
            []
            if self.site.empty_until is not None and now < self.site.empty_until
            else self.site.entries()
        )
        limit = min(check.limit, self.shows or check.limit)
        return Listing(
            tuple(entries[:limit]),
            is_whole=limit >= len(entries),
            is_newest_first=not self.site.is_playlist,
        )


EVENTS = (
    "upload",
    "upload",
    "upload",
    "burst",
    "rename",
    "delete",
    "again",
    "premiere",
    "waves",
    "all_fail",
    "empty",
    "user",
)


@dataclass
class Month:
    """What happens in the month: events at hours, and after how many calls of the store the worker
    is killed.
    """

    seed: int
    is_playlist: bool
    start: Start
    before: int
    events: list[tuple[int, str]]
    kills: list[int]


@st.composite
def months(draw: st.DrawFn) -> Month:
    return Month(
        seed=draw(st.integers(0, 1 << 32)),
        is_playlist=draw(st.booleans()),
        start=draw(st.sampled_from([Start.NOW, Start.EVERYTHING])),
        before=draw(st.integers(0, 40)),
        events=sorted(
            draw(st.lists(st.tuples(st.integers(1, MONTH_H), st.sampled_from(EVENTS)), max_size=60))
        ),
        kills=draw(st.lists(st.integers(1, 400), max_size=30)),
    )


class Simulation:
    def __init__(self, month: Month, folder: Path) -> None:
        self.month = month
        self.random = random.Random(month.seed)
        self.clock = FakeClock(auto=True)
        self.store = MemoryJobStore(self.clock)
        self.site = PracticeSite(self.clock, self.random, month.is_playlist)
        self.fuse = Fuse()
        self.kills = list(month.kills)
        self.context = make_context(self.store, self.clock, folder)
        of = self.store
        ports = (of.records, of.queue, of.catalogue, of.marks, of.site_limits, of.tables)
        mortal: Any = MortalStore(*(Mortal(port, self.fuse) for port in ports))
        submission = Submission(identify=identify, check_url=lambda *_: None, clock=self.clock)
        ways = [Way(self.site, "ytdlp", None)]
        if not month.is_playlist:
            ways.insert(0, Way(self.site, "feed", 15))
        self.follower = Follower(replace(self.context, store=mortal, listers=ways), submission.read)
        self.deleted: set[int] = set()
        self.old: set[int] = set()

    async def run(self) -> None:
        for _ in range(self.month.before):
            self.site.upload()
        self.old = set(self.site.published)
        self.clock.advance(3 * DAY)
        url = PLAYLIST if self.month.is_playlist else CHANNEL
        source = Source("s-1", url, "youtube", self.clock.now(), start=self.month.start)
        await stored.follow(self.store.tables, source)
        await self.rounds(24, {})  # the first look sees what was there
        events: dict[int, list[str]] = {}
        for hour, event in self.month.events:
            events.setdefault(hour, []).append(event)
        await self.rounds(MONTH_H, events)
        self.site.fails_until, self.site.empty_until = {}, None
        await self.rounds(4 * 24, {})

    async def rounds(self, hours: int, events: dict[int, list[str]]) -> None:
        for hour in range(hours):
            self.clock.advance(HOUR)
            for event in events.get(hour, ()):
                await self._happen(event)
            await self.round()
            for job in await self._jobs():
                if job.status.value == "queued":
                    await self.store.queue.cancel(job.id)

    async def round(self) -> None:
        if self.kills and self.random.random() < 0.2:
            self.fuse.left = self.kills.pop()
        try:
            await self.follower.round()
        except Killed:
            self.fuse.left = None  # another process goes on

    async def _happen(self, event: str) -> None:
        site, now = self.site, self.clock.now()
        if event == "user":
            await self._user_deletes()
            return
        match event:
            case "upload":
                site.upload()
            case "burst":
                for _ in range(self.random.randint(2, 30)):
                    site.upload()
            case "again":
                site.upload(title="The same title again")
            case "premiere":
                site.upload(premiere=True)
            case "rename":
                site.rename()
            case "delete":
                site.delete()
            case "waves":
                site.fails_until["feed"] = now + self.random.randint(1, 30) * HOUR
            case "all_fail":
                site.fails_until |= {"feed": now + 12 * HOUR, "ytdlp": now + 12 * HOUR}
            case "empty":
                site.empty_until = now + 5 * HOUR

    async def _user_deletes(self) -> None:
        if jobs := await self._jobs():
            job = self.random.choice(jobs)
            library: Any = self.context.library
            await move_to_trash(
                self.store, library, self.clock, job.id, no_paths, batch=new_batch()
            )
            self.deleted.add(int(job.canonical_url[-6:]))

    async def _jobs(self) -> list[Any]:
        return list((await self.store.catalogue.jobs(JobQuery(limit=2_000))).jobs)

    async def check(self) -> None:
        jobs = await self._jobs()
        numbers = sorted(int(job.canonical_url[-6:]) for job in jobs)
        wanted = self.site.published - (self.old if self.month.start is Start.NOW else set())
        gone_before_their_turn = self.old - {upload.number for upload in self.site.uploads}
        assert len(numbers) == len(set(numbers)), "a post has two jobs"
        assert set(numbers) <= wanted, "a post that nobody wanted"
        assert not self.deleted & set(numbers), "a post that a user deleted came back"
        missed = wanted - set(numbers) - self.deleted
        if self.month.start is not Start.NOW:
            missed -= gone_before_their_turn
        assert not missed, "posts were missed"
        assert await stored.count_waiting(self.store.tables, "s-1") == 0


@settings(max_examples=12)
@given(months())
async def test_a_month_of_a_restless_site_gives_exactly_the_expected_jobs(
    tmp_path_factory: pytest.TempPathFactory, month: Month
) -> None:
    simulation = Simulation(month, tmp_path_factory.mktemp("month"))
    await simulation.run()
    await simulation.check()


async def test_a_worker_that_is_killed_at_any_call_of_the_store_loses_and_repeats_nothing(
    tmp_path: Path,
) -> None:
    """Some hours with posts from before, new ones and their turns;
    each call of the first rounds is tried.
    """
    calm = Month(seed=1, is_playlist=False, start=Start.EVERYTHING, before=6, events=[], kills=[])
    for at in itertools.count(1):
        simulation = Simulation(calm, tmp_path / str(at))
        for _ in range(calm.before):
            simulation.site.upload()
        simulation.clock.advance(DAY)
        source = Source("s-1", CHANNEL, "youtube", simulation.clock.now(), start=Start.EVERYTHING)
        await stored.follow(simulation.store.tables, source)
        simulation.clock.advance(HOUR)
        simulation.site.upload()
        simulation.fuse.left = at
        await simulation.round()
        simulation.site.upload()
        for _ in range(4):
            await simulation.rounds(1, {})
        was_killed = simulation.fuse.left is None
        simulation.fuse.left = None
        await simulation.rounds(10, {})
        simulation.old = set()
        await simulation.check()
        if not was_killed:
            break
    assert at > 60
