"""Rebuilds a store from the sidecars of a library. The library is not changed, and nothing in the
store is lost.

Each video is checked against its sidecar before its job counts as completed. May be killed and
repeated.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from mediavault.core.companions import SIDECAR_SUFFIX
from mediavault.core.failures import ErrorCode, JobNotFound, StorageFailure
from mediavault.core.job import (
    DEFAULT_MAX_ATTEMPTS,
    HistoryRecord,
    ItemStatus,
    Job,
    JobId,
    JobItem,
    JobStatus,
    Stage,
    StepOutcome,
)
from mediavault.core.messages import Message
from mediavault.core.names import is_utf8
from mediavault.core.redaction import redact_distinctly
from mediavault.library.port import Library
from mediavault.library.sidecars import BadSidecar, Sidecar, read_sidecar
from mediavault.maintenance.companion_words import index_words
from mediavault.maintenance.examining import FileExaminer
from mediavault.maintenance.findings import is_saved_damaged, judge_size
from mediavault.store.episodes import remember_episode
from mediavault.store.losses import forget_losses
from mediavault.store.port import Store, StoredJob
from mediavault.store.tables import TRASH
from mediavault.store.transitions import saved_values

BATCH = 100
READERS = 4

OnSidecars = Callable[[int], None]


class RebuildRefusal(StrEnum):
    """Why a sidecar or job was not restored as completed, or what is wrong with its video. Printed
    for scripts: never renamed, only added.
    """

    BAD_SIDECAR = "bad_sidecar"
    MISSING = "missing"
    SIZE_DIFFERS = "size_differs"
    HASH_DIFFERS = "hash_differs"
    UNREADABLE = "unreadable"
    DAMAGED = "damaged"  # as it was saved, but it does not play whole: restored all the same
    DUPLICATE = "duplicate"  # another sidecar of the same video was used
    PARTIAL = "partial"  # a post that lacks some of its videos: restored as a failed job
    BAD_NAME = "bad_name"  # a name that no database can store
    CONFLICT = "conflict"  # the store has this post under another id, or its job is running


@dataclass(frozen=True, slots=True)
class Refused:
    """One refusal. ``path`` is that of the sidecar, or of the job's first video."""

    refusal: RebuildRefusal
    path: str
    job: JobId | None
    detail: str


@dataclass(slots=True)
class Rebuilt:
    """The counts of a rebuild, updated while the refusals are read."""

    sidecars: int = 0
    new: int = 0
    renewed: int = 0  # jobs that the store had, but not as completed
    known: int = 0
    partial: int = 0
    deleted: int = 0  # sidecars of posts in the trash, which stay there
    refused: int = 0
    damaged: int = 0  # videos that are as saved, and do not play whole; their jobs are restored


class Rebuild:
    """One rebuild. ``read_data`` reads every video and compares hashes; without it only sizes are
    compared.

    It also examines the videos that are as saved, unless ``examiner`` is None.
    """

    def __init__(
        self,
        store: Store,
        library: Library,
        *,
        read_data: bool,
        examiner: FileExaminer | None = None,
        on_sidecars: OnSidecars = lambda _: None,
    ) -> None:
        self._examiner = examiner
        self._store, self._catalogue, self._marks = store, store.catalogue, store.marks
        self._library = library
        self._read_data = read_data
        self._on_sidecars = on_sidecars
        # sidecars of jobs with several videos, until all are read
        self._open_posts: dict[JobId, list[Sidecar]] = {}
        self._deleted: set[JobId] = set()
        self.done = Rebuilt()

    async def run(self) -> AsyncIterator[Refused]:
        """Yield every refusal when it occurs. Raises StorageFailure when the library cannot be
        read.
        """
        self._deleted = {JobId(key) for (key,) in await self._store.tables.keys(TRASH, {})}
        batch: list[str] = []
        async for file in self._library.walk():
            if file.path.endswith(SIDECAR_SUFFIX):
                batch.append(file.path)
            if len(batch) == BATCH:
                async for refused in self._counted(self._read_batch(batch)):
                    yield refused
                batch = []
        async for refused in self._counted(self._read_batch(batch)):
            yield refused
        incomplete, self._open_posts = list(self._open_posts.values()), {}
        async for refused in self._counted(self._import(incomplete)):
            yield refused
        await index_words(self._store, self._library, again=True)
        await forget_losses(self._store.records)

    async def _counted(self, refusals: AsyncIterator[Refused]) -> AsyncIterator[Refused]:
        async for refused in refusals:
            if refused.refusal is RebuildRefusal.DAMAGED:
                self.done.damaged += 1
            else:
                self.done.refused += 1
            yield refused

    async def _read_batch(self, paths: Sequence[str]) -> AsyncIterator[Refused]:
        readers = asyncio.Semaphore(READERS)
        whole: list[list[Sidecar]] = []
        for path, read in zip(
            paths, await asyncio.gather(*(self._read(path, readers) for path in paths)), strict=True
        ):
            self.done.sidecars += 1
            if isinstance(read, Refused):
                yield read
                continue
            sidecar, damage = read
            if sidecar.id in self._deleted:
                self.done.deleted += 1
                continue
            if damage:
                yield Refused(RebuildRefusal.DAMAGED, sidecar.saved.output_path, sidecar.id, damage)
            if not self._gather(sidecar, whole):
                yield Refused(
                    RebuildRefusal.DUPLICATE,
                    path,
                    sidecar.id,
                    "this video of the job has another sidecar",
                )
        async for refused in self._import(whole):
            yield refused
        self._on_sidecars(len(paths))

    def _gather(self, sidecar: Sidecar, whole: list[list[Sidecar]]) -> bool:
        """Add a sidecar to those of its job, which move to ``whole`` once complete;
        return False for a duplicate.
        """
        sidecars = self._open_posts.setdefault(sidecar.id, [])
        if any(_same_video(other, sidecar) for other in sidecars):
            return False
        sidecars.append(sidecar)
        if is_whole(sidecars):
            whole.append(self._open_posts.pop(sidecar.id))
        return True

    async def _read(self, path: str, readers: asyncio.Semaphore) -> tuple[Sidecar, str] | Refused:
        """Read a sidecar, check that its video is there and matches,
        and return it with the damage of its video, "" without.
        """
        if not is_utf8(path):
            return Refused(
                RebuildRefusal.BAD_NAME,
                path,
                None,
                "its name, or its folder's, is not UTF-8: rename it",
            )
        async with readers:
            try:
                value = await self._library.read_json(path)
            except StorageFailure as exc:
                return Refused(RebuildRefusal.UNREADABLE, path, None, exc.message)
            if value is None:
                return Refused(RebuildRefusal.BAD_SIDECAR, path, None, "it is not a JSON object")
            try:
                sidecar = read_sidecar(value, path)
            except BadSidecar as exc:
                return Refused(RebuildRefusal.BAD_SIDECAR, path, None, str(exc))
            problem = await self._problem_of(sidecar)
            if problem is not None:
                return Refused(problem[0], path, sidecar.id, problem[1])
            return sidecar, await self._damage_of(sidecar)

    async def _problem_of(self, sidecar: Sidecar) -> tuple[RebuildRefusal, str] | None:
        saved = sidecar.saved
        try:
            file = await self._library.open(saved.output_path)
            if file is not None:
                await file.close()
            if problem := judge_size(saved, file.size if file else None):
                return RebuildRefusal(problem[0].value), problem[
                    1
                ] or f"{saved.output_path} is not there"
            now = await self._library.digest(saved.output_path) if self._read_data else None
        except StorageFailure as exc:
            return RebuildRefusal.UNREADABLE, exc.message
        if now is not None and now.sha256 != saved.sha256:
            return RebuildRefusal.HASH_DIFFERS, f"{now.sha256} instead of {saved.sha256}"
        return None

    async def _damage_of(self, sidecar: Sidecar) -> str:
        if self._examiner is None or not self._read_data or sidecar.id in self._deleted:
            return ""
        if is_saved_damaged(sidecar.items, sidecar.item):
            return ""
        try:
            examined = await self._examiner.examine(sidecar.saved)
        except StorageFailure as exc:
            return exc.message
        return examined.detail if examined is not None and examined.problems else ""

    # --- into the store ---------------------------------------------------------------------------

    async def _import(self, posts: Sequence[Sequence[Sidecar]]) -> AsyncIterator[Refused]:
        new: list[StoredJob] = []
        renewed = 0
        for sidecars in posts:
            job = stored_job(sidecars)
            for sidecar in sidecars:
                await remember_episode(
                    sidecar.saved.output_path, sidecar.id, sidecar.item, self._store.records
                )
            existing = await self._existing(job.job.id)
            if existing is None:
                new.append(job)
            elif takes_the_place_of(job, existing):
                await self._catalogue.remove(job.job.id)
                new.append(with_history_of(job, existing))
                renewed += 1
            elif existing.job.status is JobStatus.RUNNING:
                yield _conflict(job, "the job is running")
                continue
            else:
                self.done.known += 1
            if job.job.status is not JobStatus.COMPLETED and existing is None:
                self.done.partial += 1
                yield Refused(
                    RebuildRefusal.PARTIAL,
                    job.job.output_path or "",
                    job.job.id,
                    job.job.error or "",
                )
        imported = await self._catalogue.import_jobs(new) if new else 0
        self.done.new += imported - renewed
        self.done.renewed += renewed
        if imported < len(new):
            for job in new:
                if await self._existing(job.job.id) is None:
                    yield _conflict(job, "the store has this post under another id")

    async def _existing(self, job_id: JobId) -> StoredJob | None:
        try:
            job, history = await self._catalogue.get(job_id), await self._catalogue.history(job_id)
            marks, words = (
                await self._marks.of_jobs([job_id]),
                await self._catalogue.words_of([job_id]),
            )
            return StoredJob(job, tuple(history), marks.get(job_id, ()), words.get(job_id, {}))
        except JobNotFound:
            return None


def _same_video(sidecar: Sidecar, other: Sidecar) -> bool:
    media = sidecar.items[sidecar.item].item.media_id, other.items[other.item].item.media_id
    return media[0] == media[1] if None not in media else sidecar.item == other.item


def _conflict(job: StoredJob, why: str) -> Refused:
    return Refused(RebuildRefusal.CONFLICT, job.job.output_path or "", job.job.id, why)


async def count_sidecars(library: Library) -> int:
    """Return the number of sidecars, for a progress bar; lists the library once."""
    return sum([file.path.endswith(SIDECAR_SUFFIX) async for file in library.walk()])


# --- restoring ------------------------------------------------------------------------------------
# Restores a job from its sidecars.

REBUILT = Message("rebuilt from the files next to the videos in the library")


def is_whole(sidecars: Sequence[Sidecar]) -> bool:
    """Whether every video of the post that was to be saved has a sidecar."""
    return all(item.status in (ItemStatus.SAVED, ItemStatus.SKIPPED) for item in items_of(sidecars))


def items_of(sidecars: Sequence[Sidecar]) -> tuple[JobItem, ...]:
    """Return the post's items as in the newest sidecar; those with a sidecar,
    found by id or index, are saved.
    """
    newest = max(sidecars, key=lambda sidecar: sidecar.saved_at)
    items = list(newest.items)
    for sidecar in sorted(sidecars, key=lambda sidecar: sidecar.saved_at):
        items[_index_of(sidecar, items)] = replace(
            sidecar.items[sidecar.item], status=ItemStatus.SAVED, saved=sidecar.saved
        )
    return tuple(items)


def _index_of(sidecar: Sidecar, items: Sequence[JobItem]) -> int:
    """The index of a sidecar's item: an earlier attempt may have had the items in another order."""
    media_id = sidecar.items[sidecar.item].item.media_id
    by_id = (index for index, item in enumerate(items) if item.item.media_id == media_id)
    index = next(by_id, sidecar.item) if media_id is not None else sidecar.item
    return min(index, len(items) - 1)


def stored_job(sidecars: Sequence[Sidecar]) -> StoredJob:
    """Return the row of a job from its sidecars, completed if none is missing.

    A job that lacks a video is failed with PARTIAL, so that a user can retry it. A sidecar does not
    contain the candidates, the history, or the start of the last attempt; the completion time is
    that of the last saved file.
    """
    newest = max(sidecars, key=lambda sidecar: sidecar.saved_at)
    items = items_of(sidecars)
    first = next(item.saved for item in items if item.saved is not None)
    attempt = max(sidecar.attempt for sidecar in sidecars)
    job = Job(
        id=newest.id,
        trace_id=newest.trace_id,
        post_url=newest.post_url,
        canonical_url=newest.canonical_url,
        platform=newest.platform,
        profile=newest.profile,
        status=JobStatus.COMPLETED,
        created_at=newest.created_at,
        updated_at=newest.saved_at,
        version=newest.version,
        attempt_count=attempt,
        max_attempts=max(attempt, DEFAULT_MAX_ATTEMPTS),
        completed_at=newest.saved_at,
        progress_pct=100,
        stage=Stage.COMPLETE,
        bytes_done=first.bytes,
        bytes_total=first.bytes,
        items=items,
        metadata=newest.metadata,
        account=newest.account,
        **saved_values(first),
    )
    if is_whole(sidecars):
        return StoredJob(job, (_record(newest.saved_at, job),), newest.marks)
    return replace(_partial(job, items), marks=newest.marks)


def _partial(job: Job, items: Sequence[JobItem]) -> StoredJob:
    saved = sum(item.status is ItemStatus.SAVED for item in items)
    wanted = sum(item.status is not ItemStatus.SKIPPED for item in items)
    failed = replace(
        job,
        status=JobStatus.FAILED,
        completed_at=None,
        failed_at=job.updated_at,
        error_code=ErrorCode.PARTIAL,
        error=Message(
            "%(saved)d of %(wanted)d files saved; the rest were not in the library when it was"
            " rebuilt.",
            saved=saved,
            wanted=wanted,
        ),
    )
    return StoredJob(
        failed, (replace(_record(job.updated_at, failed), outcome=StepOutcome.FAILED),)
    )


def _record(at: datetime, job: Job) -> HistoryRecord:
    return HistoryRecord(
        at,
        job.attempt_count,
        Stage.COMPLETE,
        StepOutcome.OK,
        error_code=job.error_code,
        detail=REBUILT,
        bytes=job.bytes or 0,
    )


def takes_the_place_of(rebuilt: StoredJob, existing: StoredJob) -> bool:
    """Whether the store's row may be replaced: it is not completed, not running,
    and has no later attempt.
    """
    at_rest = existing.job.status in (JobStatus.QUEUED, JobStatus.FAILED, JobStatus.CANCELLED)
    completes = rebuilt.job.status is JobStatus.COMPLETED
    same_post = rebuilt.job.canonical_url in (
        existing.job.canonical_url,
        redact_distinctly(existing.job.canonical_url),
    )
    return at_rest and completes and same_post and existing.job.version == rebuilt.job.version


def with_history_of(rebuilt: StoredJob, existing: StoredJob) -> StoredJob:
    """Return the rebuilt job with the store's addresses, history, marks and words, and a fence that
    never decreases.

    A sidecar's addresses lack their secrets.
    """
    attempt = max(rebuilt.job.attempt_count, existing.job.attempt_count)
    job = replace(
        rebuilt.job,
        post_url=existing.job.post_url,
        canonical_url=existing.job.canonical_url,
        attempt_count=attempt,
        max_attempts=max(attempt, existing.job.max_attempts),
    )
    return StoredJob(
        job, (*existing.history, *rebuilt.history), existing.marks or rebuilt.marks, existing.words
    )
