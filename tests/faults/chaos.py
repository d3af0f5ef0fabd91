"""Worker processes under random kills, freezes, stops, cuts and restarts, and the laws that must
hold afterwards.

``make chaos SECONDS=60 STORE=postgres JOBS=1000 SEED=7``. The seed determines which fault comes
when; how the kernel and the network react is not reproducible. Half of the workers are rude: they
never check their leases, so that only the fence keeps out their late writes.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TypeVar

from mediavault.core.clock import SystemClock
from mediavault.core.failures import ErrorCode, StoreError
from mediavault.core.job import JobStatus
from mediavault.core.logs import configure_logs
from mediavault.store.port import Store
from tests.faults.engines import ENGINES, Engine
from tests.faults.house import House, until_swept
from tests.faults.laws import Account, account_of
from tests.faults.worker_process import Orders, work
from tests.patience import patient
from tests.stubs import new_job

T = TypeVar("T")

ATTEMPTS = 1000  # kills must not use up the attempts: the test is that nothing is lost
BATCH = 500
TROUBLE = 0.02
AWAY_S = 120.0  # how long the store may be unavailable; one call to a slow MongoDB takes a minute
SERVER_GAP_S = (1.0, 6.0)
WORKER_GAP_S = (0.2, 2.5)
SHORT_S = 60.0  # a longer storm has longer gaps, so that the work progresses


@dataclass(frozen=True, slots=True)
class Plan:
    """``seconds`` is the longest time that faults are injected; they end with the last job."""

    store: str = "sqlite"
    seconds: float = 20.0
    jobs: int = 300
    seed: int = field(default_factory=lambda: random.randrange(1 << 32))
    workers: int = 4
    mutant: str | None = None
    patience_s: float = 60.0  # if no further job is completed within this time, the rest is stuck
    longest_download_s: float = 0.9
    lease_s: float = field(
        default_factory=lambda: patient(2.0, most=2)
    )  # processes wait for a processor on a busy machine
    concurrency: int = 4

    def gap_s(self, chance: random.Random, shortest: float, longest: float) -> float:
        """Return a random time between two faults of one kind; a long storm lengthens it,
        up to six times.
        """
        return chance.uniform(shortest, longest) * min(6.0, max(1.0, self.seconds / SHORT_S))


@dataclass(slots=True)
class Outcome:
    plan: Plan
    account: Account
    happened: Counter[str]
    seconds: float

    def __str__(self) -> str:
        account, ends = self.account, self.account.ends
        verdict = (
            "\n".join(["BROKEN", *account.broken[:20]])
            if account.broken
            else "0 lost, 0 duplicate, 0 stuck"
        )
        return (
            f"{self.plan.store}: {account.jobs} jobs in {self.seconds:.0f} s, seed"
            f" {self.plan.seed}\n"
            f"happened: {_listed(self.happened)}\n"
            f"attempts {account.attempts} ="
            f" {_listed(Counter({stage.value: n for stage, n in ends.items()}))}\n"
            f"zombie writes rejected: {account.zombie_writes} ({_listed(account.rejected)})\n"
            f"{verdict}"
        )


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"


def begin(orders: Orders, log: Path) -> BaseProcess:
    """Start a worker process, forked from one that has loaded everything,
    because a storm needs many.
    """
    process = _FORKS.Process(target=work, args=(orders, log))
    process.start()
    return process


_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.faults.worker_process"])


class Tormentor:
    """Runs one worker process after another: kills it, freezes it beyond its lease,
    or stops it with SIGTERM.
    """

    def __init__(
        self, plan: Plan, house: House, begin: Callable[[], BaseProcess], chance: random.Random
    ) -> None:
        self._plan, self._house, self._begin, self._chance = plan, house, begin, chance
        self.worker = begin()
        self.happened: Counter[str] = Counter()
        self.crashes: list[int | None] = []  # exit codes of workers that ended on their own

    async def at_work(self) -> None:
        """Wait until the worker has started: killing it before it works proves nothing."""
        while not self._house.has_worker(self.worker.pid or 0):
            if not self.worker.is_alive():  # the server was unavailable when it started
                await self._replace()
            await asyncio.sleep(0.05)

    def let_go(self) -> None:
        """Thaw the worker, or start another one if it has just died."""
        if self.worker.is_alive():
            self._send(signal.SIGCONT)
        else:
            self.worker = self._begin()

    def _has_crashed(self) -> bool:
        if self.worker.is_alive():
            return False
        self.crashes.append(self.worker.exitcode)
        return True

    def end(self) -> None:
        """Stop the worker gracefully, or kill it if that takes longer than a drain may."""
        if self.worker.is_alive():
            self._send(signal.SIGCONT)
            self.worker.terminate()
            self.worker.join(20)
            self.worker.kill()
        self.worker.join()

    async def torment(self) -> None:
        """Inject faults until cancelled; the worker is left running."""
        try:
            while True:
                await self.at_work()
                await asyncio.sleep(self._plan.gap_s(self._chance, *WORKER_GAP_S))
                if self._has_crashed():
                    await self._replace()
                    continue
                [fault] = self._chance.choices(
                    [self._kill, self._freeze, self._ask_to_leave], [4, 4, 2]
                )
                await fault()
        finally:
            self.let_go()

    async def _kill(self) -> None:
        self.worker.kill()
        self.happened["kills"] += 1
        await self._replace()

    async def _ask_to_leave(self) -> None:
        self.worker.terminate()
        self.happened["stops"] += 1
        await self._replace()

    async def _replace(self) -> None:
        await asyncio.to_thread(self.worker.join)
        self.worker = self._begin()

    def _send(self, number: signal.Signals) -> None:
        """Send the signal. A worker that has just crashed, as one with a bug may,
        is replaced at the next fault.
        """
        assert self.worker.pid is not None
        with suppress(ProcessLookupError):
            os.kill(self.worker.pid, number)

    async def _freeze(self) -> None:
        """Freeze the worker long enough for another to take over its job,
        and sometimes to complete it.
        """
        self._send(signal.SIGSTOP)
        await asyncio.sleep(self._plan.lease_s * self._chance.uniform(1.0, 2.5))
        self._send(signal.SIGCONT)
        self.happened["freezes"] += 1


class Chaos:
    def __init__(self, plan: Plan, root: Path, engine: Engine) -> None:
        self._plan, self._engine = plan, engine
        self._house = House(root, engine.own_url)
        self._log = root / "workers.log"
        self._chance = random.Random(plan.seed)
        self._asked_again = 0
        self._posts = [f"https://videos.example/{number}" for number in range(plan.jobs)]

    async def run(self) -> Outcome:
        began = time.monotonic()
        async with self._house.store() as store:
            most = len(self._posts) * 4 // 5
            await self._submit(store, self._posts[:most])
            tormentors = [
                Tormentor(
                    self._plan,
                    self._house,
                    self._beginner(rude=bool(number % 2)),
                    random.Random(self._chance.random()),
                )
                for number in range(self._plan.workers)
            ]
            try:
                await asyncio.gather(*(tormentor.at_work() for tormentor in tormentors))
                await self._storm(store, tormentors, self._posts[most:])
                await until_swept(self._house, within_s=5 * self._plan.lease_s)
            finally:
                await asyncio.gather(
                    *(asyncio.to_thread(tormentor.end) for tormentor in tormentors)
                )
            account = await account_of(self._house, store, self._posts)
        crashes = [code for tormentor in tormentors for code in tormentor.crashes]
        account.law(not crashes, f"workers ended by themselves: {crashes}; {self._last_words()}")
        happened = sum((tormentor.happened for tormentor in tormentors), self._engine.happened)
        happened["posts given up, and asked for again"] = self._asked_again
        return Outcome(self._plan, account, happened, time.monotonic() - began)

    def _last_words(self) -> str:
        """Return what the last crashed process left in the log,
        without the workers' other lines.
        """
        _, _, last = self._log.read_text(errors="replace").rpartition("Process ForkServerProcess")
        return "\n".join([line for line in last.splitlines() if not line.startswith("{")][-30:])

    def _beginner(self, *, rude: bool) -> Callable[[], BaseProcess]:
        plan = self._plan
        orders = self._house.orders(
            rude=rude,
            lease_s=plan.lease_s,
            mutant=plan.mutant,
            trouble=TROUBLE,
            longest_download_s=plan.longest_download_s,
            concurrency=plan.concurrency,
            store_url=self._engine.url or self._house.url,
        )
        return lambda: begin(orders, self._log)

    async def _storm(
        self, store: Store, tormentors: Sequence[Tormentor], late_posts: Sequence[str]
    ) -> None:
        storm = [asyncio.create_task(tormentor.torment()) for tormentor in tormentors]
        if self._engine.misfortunes:
            storm.append(asyncio.create_task(self._befall(random.Random(self._chance.random()))))
        person = asyncio.create_task(
            self._person(store, late_posts, random.Random(self._chance.random()))
        )
        try:
            await self._all_done(store, within_s=self._plan.seconds)
        finally:
            for task in storm:
                task.cancel()
            ended = await asyncio.gather(*storm, return_exceptions=True)
        for result in ended:
            if isinstance(result, Exception):
                raise result
        await person
        await self._all_done(store, within_s=None)

    async def _befall(self, chance: random.Random) -> None:
        """Inject faults of the server and its connections. When cancelled,
        it leaves both intact.
        """
        while True:
            await asyncio.sleep(self._plan.gap_s(chance, *SERVER_GAP_S))
            name = chance.choice(sorted(self._engine.misfortunes))
            misfortune = asyncio.ensure_future(self._engine.misfortunes[name](chance))
            try:
                await asyncio.shield(misfortune)
            finally:
                await misfortune
            self._engine.happened[name] += 1

    async def _person(self, store: Store, posts: Sequence[str], chance: random.Random) -> None:
        """Submit the other posts while the storm goes on, and some that are already known."""
        waiting = list(posts)
        while waiting:
            count = max(1, chance.randrange(len(posts) // 20 + 2))
            batch, waiting = waiting[:count], waiting[count:]
            await self._submit(store, [*batch, chance.choice(self._posts)])
            await asyncio.sleep(chance.uniform(0, self._plan.seconds / 30))

    async def _submit(self, store: Store, posts: Sequence[str]) -> None:
        """Submit posts until that is acknowledged; submitting a post twice does no harm."""
        new = [new_job(url, clock=SystemClock(), max_attempts=ATTEMPTS) for url in posts]
        for first in range(0, len(new), BATCH):
            await insist(lambda some=new[first : first + BATCH]: store.queue.enqueue(some))  # type: ignore[misc]

    async def _all_done(self, store: Store, *, within_s: float | None) -> None:
        """Wait until all jobs are completed or the time is over; without ``within_s``,
        until progress stops.
        """
        began = moved = time.monotonic()
        done = -1
        while True:
            counts = (await insist(store.catalogue.report)).counts
            if counts.get(JobStatus.COMPLETED, 0) != done:
                done, moved = counts.get(JobStatus.COMPLETED, 0), time.monotonic()
            if done == len(self._posts):
                return
            await self._ask_again(store)
            now = time.monotonic()
            if (within_s is None and now - moved > patient(self._plan.patience_s)) or (
                within_s is not None and now - began > within_s
            ):
                return
            await asyncio.sleep(0.2)

    async def _ask_again(self, store: Store) -> None:
        """Retry posts as a user does after power cuts:
        random kills may hit an innocent post twice while it is read.
        """
        for group in await insist(store.catalogue.failures):
            if group.error_code is not ErrorCode.WORKER_DIED:
                continue
            for job in group.examples:
                await insist(lambda job_id=job.id: store.queue.retry(job_id))  # type: ignore[misc]
                self._asked_again += 1


async def insist(call: Callable[[], Awaitable[T]]) -> T:
    """Repeat the call while the server is unavailable; it may be restarting."""
    deadline = time.monotonic() + patient(AWAY_S)
    while True:
        try:
            return await call()
        except StoreError:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(0.1)


async def chaos(plan: Plan, root: Path) -> Outcome:
    """Run the plan below ``root``. Prints the seed first, so that it is known whatever happens."""
    print(f"chaos: {plan.jobs} jobs, {plan.store}, seed {plan.seed}", flush=True)
    async with ENGINES[plan.store](root) as engine:
        return await Chaos(plan, root, engine).run()


def main() -> int:
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("--store", choices=sorted(ENGINES), default="sqlite")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--concurrency", type=int, default=4)
    parser.add_argument("--lease-s", type=float, default=2.0)
    parser.add_argument("--mutant")
    plan = Plan(**vars(parser.parse_args()))
    configure_logs("error")
    with (
        tempfile.TemporaryDirectory(prefix="mediavault-chaos-") as folder,
        suppress(KeyboardInterrupt),
    ):
        outcome = asyncio.run(chaos(plan, Path(folder)))
        print(outcome)
        return 1 if outcome.account.broken else 0
    return 130


if __name__ == "__main__":
    sys.exit(main())
