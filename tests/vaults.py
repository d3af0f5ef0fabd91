"""Vaults with completed jobs, including their files, thumbnails and sidecars,
as ``keep`` leaves them.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from mediavault.core.companions import NFO_SUFFIX, SIDECAR_SUFFIX, sibling, thumb_path
from mediavault.core.job import ClaimedJob, ItemStatus, Job, JobItem, WorkerId
from mediavault.core.media import Account, Item, ItemType, SavedFile, SourceType
from mediavault.library.sidecars import write_sidecar
from mediavault.store.port import Checkpoint, JobQuery, Store, StoredJob
from tests.contract.stores import numbered_job
from tests.fakes import FakeClock
from tests.tiny_video import tiny_video

ANN = WorkerId("w-ann")
LEASE = timedelta(seconds=90)
VIDEO_BYTES = 2_000


async def fill(
    store: Store, root: Path, clock: FakeClock, *, jobs: int, videos: int = 1, first: int = 1
) -> None:
    """Create ``jobs`` completed jobs of ``videos`` videos each;
    every picture of the post is skipped.
    """
    numbers = range(first, first + jobs)
    await store.queue.enqueue(
        [numbered_job(number, f"https://videos.example/{number}") for number in numbers]
    )
    for claim in await store.queue.claim(ANN, limit=jobs, lease=LEASE):
        await complete(store, claim, root, clock, videos=videos)


async def complete(
    store: Store, claim: ClaimedJob, root: Path, clock: FakeClock, *, videos: int = 1
) -> Job:
    number = int(claim.job.trace_id, 16)
    account = Account("generic", f"ann{number % 7}", "Ann", f"ann{number % 7}")
    checkpoint = Checkpoint(
        None,
        None,
        SourceType.DIRECT,
        (),
        (),
        account,
        None,
        {"title": f"Film {number}", "text": "ü", "published_at": None, "post_id": str(number)},
    )
    await store.queue.checkpoint(claim, checkpoint)
    claim = ClaimedJob(await store.catalogue.get(claim.id), claim.worker)
    items = [JobItem(Item(media_id=f"{number}-{index}")) for index in range(videos)]
    items.insert(1, JobItem(Item(type=ItemType.IMAGE), ItemStatus.SKIPPED))
    for index, item in enumerate(items):
        if item.status is ItemStatus.WAITING:
            clock.advance(1)
            saved_file = place_video(
                root, f"{account.slug}/{number:06d}-{index}.mp4", seed=number * 100 + index
            )
            items[index] = JobItem(item.item, ItemStatus.SAVED, saved_file)
            facts = write_sidecar(claim.job, None, items, index, saved_file, saved_at=clock.now())
            (root / sibling(saved_file.output_path, SIDECAR_SUFFIX)).write_text(json.dumps(facts))
    await store.queue.complete(claim, next(item.saved for item in items if item.saved), items)
    return await store.catalogue.get(claim.id)


def place_video(root: Path, path: str, *, seed: int) -> SavedFile:
    """Write a tiny video, its picture twice, and what stands for its NFO."""
    video = root / path
    video.parent.mkdir(parents=True, exist_ok=True)
    body = tiny_video(random.Random(seed).randbytes(1_000), VIDEO_BYTES)
    video.write_bytes(body)
    for name in (
        sibling(path, ".jpg"),
        thumb_path(sibling(path, ".jpg")),
        sibling(path, NFO_SUFFIX),
    ):
        (root / name).write_bytes(b"picture")
    return SavedFile(
        path, sibling(path, ".jpg"), len(body), hashlib.sha256(body).hexdigest(), 4.25, 320, 180
    )


async def all_of(store: Store) -> Sequence[StoredJob]:
    """Return all jobs, newest first."""
    stored: list[StoredJob] = []
    cursor: str | None = None
    while True:
        page = await store.catalogue.jobs(JobQuery(cursor=cursor, limit=500))
        stored += [
            StoredJob(job, tuple(await store.catalogue.history(job.id))) for job in page.jobs
        ]
        if page.next_cursor is None:
            return stored
        cursor = page.next_cursor
