"""What must be true of a vault once its workers have stopped,
and a count of what became of its jobs.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from mediavault.core.job import HistoryRecord, Job, JobId, JobStatus, Stage
from mediavault.store.port import Store
from tests.faults.house import House, all_jobs
from tests.faults.worker_process import media_of

# The ends of an attempt. The job's history has exactly one of these for each attempt.
ENDS = (Stage.COMPLETE, Stage.FAIL, Stage.RELEASE, Stage.RECOVER, Stage.CANCEL)
AT_ONCE = 20


@dataclass(slots=True)
class Account:
    """What became of the jobs, and each law that was broken, in words."""

    jobs: int = 0
    attempts: int = 0
    ends: Counter[Stage] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)  # writes that a fence refused
    broken: list[str] = field(default_factory=list)

    @property
    def zombie_writes(self) -> int:
        return sum(self.rejected.values())

    def law(self, holds: bool, broken: str) -> None:
        if not holds:
            self.broken.append(broken)


async def account_of(house: House, store: Store, posts: Sequence[str]) -> Account:
    """Check the vault against every law, after its workers have stopped.
    ``posts`` are the acknowledged ones.
    """
    account = Account()
    jobs = await all_jobs(store)
    account.jobs, account.attempts = len(jobs), sum(job.attempt_count for job in jobs)
    _nothing_lost(account, jobs, posts)
    _every_file_is_there(account, house, jobs)
    histories: dict[JobId, list[HistoryRecord]] = {}
    for first in range(0, len(jobs), AT_ONCE):
        batch = jobs[first : first + AT_ONCE]
        records = await asyncio.gather(*(store.catalogue.history(job.id) for job in batch))
        histories |= {job.id: history for job, history in zip(batch, records, strict=True)}
    for job in jobs:
        _each_attempt_ended_once(account, job, histories[job.id])
    spent = sum(account.ends.values())
    account.law(spent == account.attempts, f"{account.attempts} attempts, but {spent} ends of one")
    _what_workers_saw(account, house, {job.id: job for job in jobs})
    return account


def _nothing_lost(account: Account, jobs: Sequence[Job], posts: Sequence[str]) -> None:
    stored = Counter(job.post_url for job in jobs)
    lost = set(posts) - stored.keys()
    account.law(not lost, f"lost: {sorted(lost)[:5]} of {len(lost)}")
    double = [url for url, times in stored.items() if times > 1]
    account.law(not double, f"stored twice: {double[:5]} of {len(double)}")
    stuck = [
        f"{job.post_url} is {job.status} ({job.error_code})"
        for job in jobs
        if job.status is not JobStatus.COMPLETED
    ]
    account.law(not stuck, f"not completed: {stuck[:5]} of {len(stuck)}")


def _every_file_is_there(account: Account, house: House, jobs: Sequence[Job]) -> None:
    named = Counter(job.output_path for job in jobs if job.output_path is not None)
    account.law(
        max(named.values(), default=1) == 1, f"one file, several jobs: {named.most_common(3)}"
    )
    for job in jobs:
        if job.status is not JobStatus.COMPLETED:
            continue
        path = house.downloads / (job.output_path or "?")
        body = path.read_bytes() if path.is_file() else b""
        is_it = body == media_of(job.post_url) and (job.bytes, job.sha256) == (
            len(body),
            hashlib.sha256(body).hexdigest(),
        )
        account.law(is_it, f"the file of {job.post_url} is not what its row says: {path}")
        account.law(path.with_suffix(".info.json").is_file(), f"no sidecar beside {path}")
    nobodys = {str(path.relative_to(house.downloads)) for path in house.videos()} - named.keys()
    account.law(not nobodys, f"files that no row names: {sorted(nobodys)[:5]} of {len(nobodys)}")
    account.law(not house.staging(), f"staging left: {house.staging()[:5]}")


def _each_attempt_ended_once(account: Account, job: Job, history: Sequence[HistoryRecord]) -> None:
    claims = [record.attempt for record in history if record.stage is Stage.CLAIM]
    account.law(
        claims == list(range(1, job.attempt_count + 1)),
        f"{job.post_url}: {job.attempt_count} attempts, claims {claims}",
    )
    ends = [
        (record.attempt, record.stage)
        for record in history
        if record.stage in ENDS and record.attempt
    ]
    account.law(
        [attempt for attempt, _ in ends] == claims, f"{job.post_url}: claims {claims}, ended {ends}"
    )
    kinds = Counter(stage for _, stage in ends)
    account.law(
        kinds[Stage.COMPLETE] == (job.status is JobStatus.COMPLETED),
        f"{job.post_url}: {job.status}, ended {ends}",
    )
    account.ends += kinds


def _what_workers_saw(account: Account, house: House, jobs: dict[JobId, Job]) -> None:
    for event, job_id, fence in house.events():
        if event.startswith("rejected:"):
            account.rejected[event.removeprefix("rejected:")] += 1
        elif event == "completed":
            last = jobs[JobId(job_id)].attempt_count if job_id in jobs else None
            account.law(
                last == int(fence),
                f"{job_id}: attempt {fence} completed it, attempt {last} was the last",
            )
