"""The trash: deleted posts, which can be restored until the trash is emptied.

A deleted post is a row with its job, history and marks, and its files out of sight. The row is stored first, then the
job is removed, then the files are moved; a restored post goes the other way. While a job exists, it is not deleted,
whatever a row says. So a kill at any point leaves the post in the library or in the trash, and its files on the disk.
Its further words are a row of another table: they can be larger than all the rest, and only a restored post needs them.
"""

from __future__ import annotations

import posixpath
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from mediavault.core.clock import Clock, from_micros, to_micros
from mediavault.core.companions import split_stem
from mediavault.core.failures import JobNotFound, NotFound, StorageFailure, StoreError
from mediavault.core.job import Job, JobId, with_paths
from mediavault.core.logs import get_logger
from mediavault.core.marks import FOUND_AGAIN, Mark, MarkKind
from mediavault.core.messages import Message
from mediavault.core.records import FILE_KINDS
from mediavault.core.shows import episode_of
from mediavault.store import rows
from mediavault.store.port import Store, StoredJob
from mediavault.store.removed_posts import forget_removed, note_removed
from mediavault.store.search_words import further_words
from mediavault.store.tables import TRASH, TRASHED_WORDS, Range, TableRow, Where
from mediavault.store.twins import forget_twins

AT_ONCE = 50  # posts that are in memory at a time
RACES = 5  # how often a job may change while it is deleted
VERSIONS = 1_000  # of one post

log = get_logger(__name__)

_BY_RULE = "retention-"

PathsOf = Callable[[Job], Sequence[str]]


class TrashFiles(Protocol):
    """What the trash needs of the library; each may raise StorageFailure."""

    def trash_path(self, job_id: str, relative: str) -> str:
        """Return where a file of a deleted post is put: the same path where files stay in place."""

    async def move(self, source: str, target: str) -> bool:
        """Move a file durably, without replacing; False when there is none, or the name is taken."""

    async def free_name(self, folder: str, stem: str, suffix: str) -> str: ...
    async def remove(self, *relatives: str) -> None:
        """Delete files below the download folder; missing ones are ignored."""

    async def tidy(self, folder: str) -> None:
        """Remove a folder that has only files about itself, such as a show's poster."""


@dataclass(frozen=True, slots=True)
class TrashedPost:
    """A deleted post. ``files`` maps each file's path in the library to its path in the trash; ``are_moved`` once all
    are there. ``batch`` is the same for posts that were deleted together."""

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
    """Return a name for posts that retention rules delete together; one that a user restores is pinned."""
    return f"{_BY_RULE}{new_batch()}"


def no_paths(_job: Job) -> list[str]:
    """Return nothing: the files of a deleted post stay in the library."""
    return []


async def move_to_trash(
    store: Store, files: TrashFiles, clock: Clock, job_id: JobId, paths_of: PathsOf, *, batch: str
) -> Job:
    """Delete a post and return its job as it was. Raises JobNotFound.

    ``paths_of`` names the files that go with it (:func:`no_paths`: none). Files that can't be moved now,
    since the library is not there, are moved by a later :func:`empty_trash`.
    """
    for race in range(RACES + 1):
        job = await store.catalogue.get(job_id)
        history = tuple(await store.catalogue.history(job_id))
        noted = (await store.marks.of_jobs([job_id])).get(job_id, ())
        marks = tuple(mark for mark in noted if mark.kind not in FOUND_AGAIN)
        files_of = {path: files.trash_path(job_id, path) for path in paths_of(job)}
        size = (sum(item.kept.bytes for item in job.items if item.kept) or job.bytes or 0) if files_of else 0
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
            removed = await store.catalogue.remove(job_id, as_of=job.updated_at if race < RACES else None)
        except JobNotFound:
            await _forget(store, job_id)
            continue  # it has changed, or is gone: then it is not found
        for kind in FILE_KINDS:
            await store.records.remove(kind, job_id)
        await forget_twins(store, job_id)
        try:
            await _move_files(store, files, _post(row))
        except StorageFailure as exc:
            log.warning("trash_files_not_moved", job_id=job_id, trace_id=job.trace_id, error=exc.message)
        return removed
    raise JobNotFound("No job has this id.")


async def _move_files(store: Store, files: TrashFiles, post: TrashedPost) -> None:
    if not post.are_moved:
        for path, trashed in post.files.items():
            await files.move(path, trashed)
        await store.tables.update(TRASH, [(post.job.id,)], {"unmoved": None})


async def trashed_posts(store: Store, where: Where, *, limit: int | None = None) -> list[TrashedPost]:
    """Return the posts in the trash that meet the conditions on the columns of TRASH, the latest first."""
    rows = await store.tables.select(TRASH, where, order=["deleted_at"], descending=True, limit=limit)
    return [_post(row) for row in rows]


async def all_trashed_posts(store: Store) -> AsyncIterator[TrashedPost]:
    """Yield what is in the trash, a few posts at a time."""
    after: tuple[str, ...] = ()
    while page := await store.tables.select(TRASH, {}, after=after, limit=AT_ONCE):
        for row in page:
            yield _post(row)
        after = page[-1].key_in(TRASH)


async def trashed_post(store: Store, job_id: JobId) -> TrashedPost:
    """Return a post in the trash. Raises NotFound."""
    for row in await store.tables.some(TRASH, [(job_id,)]):
        return _post(row)
    raise NotFound("This post is not in the trash.", help="It was restored, or removed for good.")


async def restore(store: Store, files: TrashFiles, post: TrashedPost) -> Job:
    """Bring a post back with its files, history and marks, and return its job. Raises StorageFailure.

    If the post was saved again in the meantime, this one becomes another version; if a file's name was taken, its files
    get another. What a retention rule had deleted is pinned.
    """
    stored, names = post.stored, dict[str, str]()
    job, marks = stored.job, stored.marks
    if post.is_by_rule:  # else the rule that deleted it would do so again
        marks = (*marks, Mark(job.id, MarkKind.PINNED))
    for path, trashed in post.files.items():
        names[path] = await _back(files, path, trashed, names)
    job = with_paths(job, names)
    words = [item for row in await store.tables.some(TRASHED_WORDS, [(job.id,)]) for item in row.value.items()]
    for version in range(job.version, job.version + VERSIONS):
        stored = StoredJob(replace(job, version=version), stored.history, marks, further_words(words))
        if await store.catalogue.import_jobs([stored]) or await _exists(store, job.id):
            await _forget(store, job.id)
            await forget_removed(store.records, job.canonical_url)
            return await store.catalogue.get(job.id)
    raise StoreError(Message("The post has too many versions: %(url)s.", url=job.canonical_url))


async def _back(files: TrashFiles, path: str, trashed: str, names: Mapping[str, str]) -> str:
    """Move a file back and return its path: a free one if its own is taken. Files of one stem keep one stem."""
    stem, suffix = split_stem(path)
    renamed = next(
        (split_stem(new)[0] for old, new in names.items() if split_stem(old)[0] == stem and old != new), None
    )
    if renamed is not None:
        await files.move(trashed, renamed + suffix)
        return renamed + suffix
    if trashed == path or await files.move(trashed, path):
        return path
    folder, name = posixpath.split(stem)
    free = await files.free_name(folder, name, suffix)
    return free if await files.move(trashed, free) else path  # no file in the trash: it was never moved, or is back


async def remove_for_good(store: Store, files: TrashFiles, post: TrashedPost) -> None:
    """Delete the files of a post in the trash, then its record. Raises StorageFailure."""
    if not await _exists(store, post.job.id):  # otherwise a kill has left the record of a post that was kept
        await _move_files(store, files, post)
        await files.remove(*post.files.values())
        for show in {episode.show for path in post.files if (episode := episode_of(path)) is not None}:
            await files.tidy(show)
    await _forget(store, post.job.id)


async def empty_trash(store: Store, files: TrashFiles, clock: Clock, *, older_than: timedelta = timedelta()) -> int:
    """Remove for good what was deleted that long ago; returns how many posts. Raises StorageFailure."""
    due, removed = {"deleted_at": Range(at_most=to_micros(clock.now() - older_than))}, 0
    while posts := await trashed_posts(store, due, limit=AT_ONCE):
        for post in posts:
            await remove_for_good(store, files, post)
        removed += len(posts)
    for key in sorted(await store.tables.keys(TRASH, {"unmoved": Range()})):
        for row in await store.tables.some(TRASH, [key]):  # unless it was restored just now
            if not await _exists(store, JobId(key[0])):
                await _move_files(store, files, _post(row))
    return removed


async def _exists(store: Store, job_id: JobId) -> bool:
    try:
        await store.catalogue.get(job_id)
    except JobNotFound:
        return False
    return True


# --- as a row ----------------------------------------------------------------------------------------------------


async def _forget(store: Store, job_id: JobId) -> None:
    for table in (TRASH, TRASHED_WORDS):
        await store.tables.remove(table, {"id": job_id})


def _post(row: TableRow) -> TrashedPost:
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
