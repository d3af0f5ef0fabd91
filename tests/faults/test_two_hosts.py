"""Two machines with one database and one library: one machine is cut off during a job.
Needs root.
"""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mediavault.core.clock import SystemClock
from mediavault.core.job import Job, JobStatus, Stage
from mediavault.store.port import Store
from tests.faults.house import House, end, start, until_swept
from tests.faults.laws import account_of
from tests.patience import patient
from tests.servers.hosts import Host, Network, two_hosts_and_a_database
from tests.stubs import new_job

pytestmark = pytest.mark.slow

POST = "https://videos.example/1"
LEASE_S = 6.0  # grows with the machine's load, because a worker must be able to renew it
SHORT_S = 0.5  # a download
PACE_S = 1.0  # bluesky's shortest interval
CLOCKS_S = 0.05  # by which the clock used for sleeping and the clock that is read may differ
BLUESKY = "https://bsky.app/profile/jane.bsky.social/post/3kpost"


@dataclass(slots=True)
class Machine:
    """``house`` has its own state folder and the library that both machines share."""

    host: Host
    house: House
    lease_s: float
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def worker(self, **how: Any) -> subprocess.Popen[bytes]:
        orders = self.house.orders(**{"store_url": self.host.url, "lease_s": self.lease_s, **how})
        process = start(orders, under=self.host.under, log=self.house.state / "log")
        self.workers.append(process)
        return process

    def saw(self, event: str) -> bool:
        return any(seen.startswith(event) for seen, _, _ in self.house.events())


@dataclass(slots=True)
class Fleet:
    ann: Machine
    bob: Machine
    store: Store
    lease_s: float

    async def submit(self, *urls: str, platform: str = "generic", **how: Any) -> list[Job]:
        clock = SystemClock()
        new = [new_job(url, clock=clock, platform=platform, **how) for url in urls]
        return [enqueued.job for enqueued in await self.store.queue.enqueue(new)]


@pytest.fixture
def network() -> Iterator[Network]:
    with two_hosts_and_a_database() as network:
        yield network


@pytest.fixture
async def fleet(network: Network, tmp_path: Path) -> AsyncIterator[Fleet]:
    library = tmp_path / "library"
    library.mkdir()
    lease_s = patient(LEASE_S, most=2)
    ann, bob = (
        Machine(host, House(tmp_path / name, network.own_url, library=library), lease_s)
        for name, host in (("ann", network.ann), ("bob", network.bob))
    )
    async with ann.house.store() as store:
        try:
            yield Fleet(ann, bob, store, lease_s)
        finally:
            for worker in (*ann.workers, *bob.workers):
                await asyncio.to_thread(end, worker)


async def until(condition: Callable[[], Awaitable[bool] | bool], within_s: float) -> float:
    """Wait until the condition is true, and return when that was, by the monotonic clock."""
    deadline = time.monotonic() + patient(within_s)
    while True:
        answer = condition()
        if answer if isinstance(answer, bool) else await answer:
            return time.monotonic()
        assert time.monotonic() < deadline, f"not within {patient(within_s):.0f} s"
        await asyncio.sleep(0.05)


def is_downloading(store: Store, job: Job, attempt: int = 1) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        now = await store.catalogue.get(job.id)
        return (
            now.status is JobStatus.RUNNING
            and now.attempt_count >= attempt
            and now.progress_pct >= 50
        )

    return look


def is_completed(store: Store, job: Job) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return (await store.catalogue.get(job.id)).status is JobStatus.COMPLETED

    return look


async def site_is_closed(store: Store) -> bool:
    return any(
        limit.is_closed(SystemClock().now()) for limit in await store.site_limits.all_limits()
    )


CUTS = {
    "unplugged": (Host.unplug, Host.plug_in),
    "no answers": (Host.lose_answers, Host.find_answers),
}


@pytest.mark.fault(
    "F25",
    "a worker is cut off from the database in mid-job",
    by="a namespace's link, a blackhole route",
)
@pytest.mark.parametrize("cut", CUTS)
async def test_a_host_that_is_cut_off_stops_before_its_lease_ends_and_the_other_finishes(
    fleet: Fleet, cut: str
) -> None:
    off, on = CUTS[cut]
    [job] = await fleet.submit(POST)
    fleet.ann.worker(longest_download_s=patient(60.0))
    await until(is_downloading(fleet.store, job), 30)
    fleet.bob.worker(longest_download_s=SHORT_S)

    off(fleet.ann.host)
    # a renewal that was in progress has arrived by now, or never will
    await asyncio.sleep(fleet.lease_s / 4)
    lease = (await fleet.store.catalogue.get(job.id)).lease_expires_at
    assert lease is not None
    lease_ends = time.monotonic() + (lease - SystemClock().now()).total_seconds()
    stopped_at = await until(lambda: fleet.ann.saw("stopped:lease_not_renewed"), 30)
    emptied_at = await until(
        lambda: not (fleet.ann.house.downloads / ".staging" / f"{job.id}.1").exists(), 30
    )
    completed_at = await until(is_completed(fleet.store, job), 30)
    on(fleet.ann.host)
    await until_swept(fleet.ann.house)
    account = await account_of(fleet.ann.house, fleet.store, [POST])
    print(
        f"stopped {lease_ends - stopped_at:.2f} s before the lease ended, completed"
        f" {completed_at - lease_ends:.2f} s after"
    )

    assert max(stopped_at, emptied_at) < lease_ends < completed_at
    assert account.broken == []
    assert account.attempts == 2


@pytest.mark.fault(
    "F24",
    "a worker that was cut off goes on with what it had",
    by="a namespace's link, a rude worker",
)
async def test_a_host_that_ignores_its_lease_cannot_write_when_it_is_back(fleet: Fleet) -> None:
    """It never checks its lease; only the fence keeps it out."""
    [job] = await fleet.submit(POST)
    fleet.ann.worker(longest_download_s=2 * fleet.lease_s, rude=True)
    await until(is_downloading(fleet.store, job), 30)
    fleet.bob.worker(longest_download_s=SHORT_S)

    fleet.ann.host.unplug()
    await until(is_completed(fleet.store, job), 40)
    before = await fleet.store.catalogue.get(job.id)
    fleet.ann.host.plug_in()
    await until(lambda: fleet.ann.saw("rejected:"), 60)
    account = await account_of(fleet.ann.house, fleet.store, [POST])

    assert await fleet.store.catalogue.get(job.id) == before
    assert account.broken == []
    assert account.zombie_writes >= 1


async def test_a_host_that_is_back_works_again(fleet: Fleet) -> None:
    [first] = await fleet.submit(POST)
    fleet.ann.worker(longest_download_s=SHORT_S)
    await until(is_completed(fleet.store, first), 30)

    fleet.ann.host.unplug()
    await asyncio.sleep(2 * fleet.lease_s)
    [second] = await fleet.submit(POST.replace("1", "2"))
    fleet.ann.host.plug_in()
    await until(is_completed(fleet.store, second), 60)


async def test_two_hosts_share_the_pace_and_the_closing_of_a_site(fleet: Fleet) -> None:
    posts = [f"{BLUESKY}{number}" for number in range(4)]
    jobs = await fleet.submit(*posts, platform="bluesky")
    for machine in (fleet.ann, fleet.bob):
        machine.worker(longest_download_s=SHORT_S)
    for job in jobs:
        await until(is_completed(fleet.store, job), 60)
    turns = sorted(fleet.ann.house.turns() + fleet.bob.house.turns())
    requested_at = {url: at for at, url in fleet.ann.house.asked() + fleet.bob.house.asked()}
    permitted_at = {job: at for at, job in turns}
    early = [job for job in jobs if requested_at[job.post_url] < permitted_at[job.id] - CLOCKS_S]

    await fleet.submit(f"{BLUESKY}slowdown", platform="bluesky", max_attempts=1)
    await until(lambda: site_is_closed(fleet.store), 30)
    [late] = await fleet.submit(f"{BLUESKY}late", platform="bluesky")
    await until(is_completed(fleet.store, late), 60)
    requested_at = {url: at for at, url in fleet.ann.house.asked() + fleet.bob.house.asked()}

    gaps = [after - before for (before, _), (after, _) in itertools.pairwise(turns)]
    assert len(turns) == len(posts)
    # a slow machine may send a request later than permitted
    assert min(gaps) > PACE_S - CLOCKS_S, gaps
    assert early == []
    # the site was closed for 4 s on both hosts
    assert requested_at[f"{BLUESKY}late"] - requested_at[f"{BLUESKY}slowdown"] > 3.5


@pytest.mark.parametrize("where", ["the same host", "another host"])
async def test_a_job_whose_worker_is_killed_runs_again(fleet: Fleet, where: str) -> None:
    """On the same host a released lock shows its death before the lease ends;
    another host waits for the lease.
    """
    [job] = await fleet.submit(POST)
    victim = fleet.ann.worker(longest_download_s=patient(60.0))
    await until(is_downloading(fleet.store, job), 30)
    machine = fleet.ann if where == "the same host" else fleet.bob
    machine.worker(longest_download_s=patient(60.0))
    await until(
        lambda: (
            len(list((machine.house.state / "events").glob("*")))
            == (2 if machine is fleet.ann else 1)
        ),
        30,
    )

    victim.kill()
    lease = (await fleet.store.catalogue.get(job.id)).lease_expires_at
    await until(is_downloading(fleet.store, job, attempt=2), 60)
    claims = [
        record
        for record in await fleet.store.catalogue.history(job.id)
        if record.stage is Stage.CLAIM
    ]

    assert lease is not None
    assert len(claims) == 2
    assert (claims[1].at < lease) == (machine is fleet.ann)
