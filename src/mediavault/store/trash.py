"""The trash: deleted posts, which can be restored until the trash is emptied; `features/trash` does
that.

A deleted post is a row with its job, history and marks, and its files out of sight. The row is
stored first, then the job is removed, then the files are moved; a restored post goes the other way.
While a job exists, it is not deleted, whatever a row says. So a kill at any point leaves the post
in the library or in the trash, and its files on the disk. Its further words are a row of another
table: they can be larger than all the rest, and only a restored post needs them.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from mediavault.core.clock import Clock, from_micros, to_micros
from mediavault.core.failures import JobNotFound, StorageFailure
from mediavault.core.job import Job, JobId
from mediavault.core.logs import get_logger
from mediavault.core.marks import FOUND_AGAIN, Mark
from mediavault.core.records import FILE_KINDS
from mediavault.store import rows
from mediavault.store.duplicates import forget_duplicates
from mediavault.store.port import Store, StoredJob
from mediavault.store.removed_posts import note_removed
from mediavault.store.tables import TRASH, TRASHED_WORDS, TableRow, Where

AT_ONCE = 50  # posts that are in memory at a time
RACES = 5  # how often a job may change while it is deleted

log = get_logger(__name__)

_BY_RULE = "retention-"

PathsOf = Callable[[Job], Sequence[str]]


class TrashFiles(Protocol):
    """What the trash needs of the library; each may raise StorageFailure."""

    def trash_path(self, job_id: str, relative: str) -> str:
        """Return where a file of a deleted post is put: the same path where files stay in place."""

    async def move(self, source: str, target: str) -> bool:
        """Move a file durably, without replacing; False when there is none,
        or the name is taken.
        """

    async def free_name(self, folder: str, stem: str, suffix: str) -> str: ...
    async def remove(self, *relatives: str) -> None:
        """Delete files below the download folder; missing ones are ignored."""

    async def tidy(self, folder: str) -> None:
        """Remove a folder that has only files about itself, such as a show's poster."""


@dataclass(frozen=True, slots=True)
class TrashedPost:
    """A deleted post. ``files`` maps each file's path in the library to its path in the trash;
    ``are_moved`` once all are there. ``batch`` is the same for posts that were deleted together.
    """

    job: Job
    deleted_at: datetime
    batch: str
    files: Mapping[str, str]
    bytes: int
    are_moved: bool
    value: Mapping[str, Any]

    @property
    def stored(self) -> StoredJob:
        """The job with its history and marks, which lists do not need."""
        return stored_job_from_json(self.value)

    @property
    def is_by_rule(self) -> bool:
        """Whether a retention rule deleted it."""
        return self.batch.startswith(_BY_RULE)


def new_batch() -> str:
    """Return a name for posts that are deleted together."""
    return secrets.token_hex(8)


def retention_batch() -> str:
    """Return a name for posts that retention rules delete together;
    one that a user restores is pinned.
    """
    return f"{_BY_RULE}{new_batch()}"


def no_paths(_job: Job) -> list[str]:
    """Return nothing: the files of a deleted post stay in the library."""
    return []


async def move_to_trash(
    store: Store, files: TrashFiles, clock: Clock, job_id: JobId, paths_of: PathsOf, *, batch: str
) -> Job:
    """Delete a post and return its job as it was. Raises JobNotFound.

    ``paths_of`` names the files that go with it (:func:`no_paths`: none). Files that can't be moved
    now, since the library is not there, are moved when the trash is emptied the next time.
    """
    for race in range(RACES + 1):
        job = await store.catalogue.get(job_id)
        history = tuple(await store.catalogue.history(job_id))
        post_marks = (await store.marks.of_jobs([job_id])).get(job_id, ())
        marks = tuple(mark for mark in post_marks if mark.kind not in FOUND_AGAIN)
        files_of = {path: files.trash_path(job_id, path) for path in paths_of(job)}
        size = (
            (sum(item.saved.bytes for item in job.items if item.saved) or job.bytes or 0)
            if files_of
            else 0
        )
        row = TableRow(
            {
                "id": job_id,
                "deleted_at": to_micros(clock.now()),
                "batch": batch,
                "bytes": size,
                "unmoved": len(files_of) or None,
            },
            {**stored_job_to_json(StoredJob(job, history, marks)), "files": files_of},
        )
        words = (await store.catalogue.words_of([job_id])).get(job_id, {})
        if words:
            by_source = {source.value: line for source, line in words.items()}
            await store.tables.put(TRASHED_WORDS, [TableRow({"id": job_id}, by_source)])
        await store.tables.put(TRASH, [row])
        await note_removed(store.records, job.canonical_url)
        try:
            removed = await store.catalogue.remove(
                job_id, as_of=job.updated_at if race < RACES else None
            )
        except JobNotFound:
            await forget(store, job_id)
            continue  # it has changed, or is gone: then it is not found
        for kind in FILE_KINDS:
            await store.records.remove(kind, job_id)
        await forget_duplicates(store, job_id)
        try:
            await move_files(store, files, read_post(row))
        except StorageFailure as exc:
            log.warning(
                "trash_files_not_moved", job_id=job_id, trace_id=job.trace_id, error=exc.message
            )
        return removed
    raise JobNotFound("No job has this id.")


async def move_files(store: Store, files: TrashFiles, post: TrashedPost) -> None:
    """Move a deleted post's files to the trash, unless they are there. Raises StorageFailure."""
    if not post.are_moved:
        for path, trashed in post.files.items():
            await files.move(path, trashed)
        await store.tables.update(TRASH, [(post.job.id,)], {"unmoved": None})


async def trashed_posts(
    store: Store, where: Where, *, limit: int | None = None
) -> list[TrashedPost]:
    """Return the posts in the trash that meet the conditions on the columns of TRASH,
    the latest first.
    """
    rows = await store.tables.select(
        TRASH, where, order=["deleted_at"], descending=True, limit=limit
    )
    return [read_post(row) for row in rows]


async def all_trashed_posts(store: Store) -> AsyncIterator[TrashedPost]:
    """Yield what is in the trash, a few posts at a time."""
    after: tuple[str, ...] = ()
    while page := await store.tables.select(TRASH, {}, after=after, limit=AT_ONCE):
        for row in page:
            yield read_post(row)
        after = page[-1].key_in(TRASH)


# --- as a row -------------------------------------------------------------------------------------


async def forget(store: Store, job_id: JobId) -> None:
    """Remove what the trash has of a post, which was restored or removed for good."""
    for table in (TRASH, TRASHED_WORDS):
        await store.tables.remove(table, {"id": job_id})


def read_post(row: TableRow) -> TrashedPost:
    """Return the deleted post of a row of TRASH."""
    columns, value = row.columns, row.value
    return TrashedPost(
        rows.job_from(value["job"]),
        from_micros(int(columns["deleted_at"] or 0)),
        str(columns["batch"]),
        value["files"],
        int(columns["bytes"] or 0),
        are_moved=columns["unmoved"] is None,
        value=value,
    )


def stored_job_to_json(stored: StoredJob) -> dict[str, Any]:
    """Return a job with its history and its marks as JSON values, for a record."""
    return {
        "job": rows.stored_values(stored.job),
        "history": [list(rows.history_row(0, record)[1:]) for record in stored.history],
        "marks": [[mark.name, mark.text, mark.place] for mark in stored.marks],
    }


def stored_job_from_json(value: Mapping[str, Any]) -> StoredJob:
    """Invert :func:`stored_job_to_json`."""
    job = rows.job_from(value["job"])
    history = tuple(rows.history_from_row(row) for row in value["history"])
    return StoredJob(job, history, tuple(Mark(job.id, *mark) for mark in value["marks"]))
