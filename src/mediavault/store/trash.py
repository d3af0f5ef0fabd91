"""The trash: deleted posts, which can be restored until the trash is emptied.

A deleted post is a record with its job, history and marks, and its files out of sight. The record is stored first, then
the job is removed, then the files are moved; a restored post goes the other way. While a job exists, it is not deleted,
whatever a record says. So a kill at any point leaves the post in the library or in the trash, and its files on the disk.
Its further words are in a separate record, since the list of the trash needs none of them.
"""

from __future__ import annotations

import posixpath
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from mediavault.core.clock import Clock
from mediavault.core.companions import split_stem
from mediavault.core.failures import JobNotFound, NotFound, StorageFailure, StoreError
from mediavault.core.job import Job, JobId, with_paths
from mediavault.core.logs import get_logger
from mediavault.core.marks import FOUND_AGAIN, Mark, MarkKind
from mediavault.core.messages import Message
from mediavault.core.records import FILE_KINDS, Record, RecordKind
from mediavault.core.shows import episode_of
from mediavault.store import rows
from mediavault.store.port import Store, StoredJob
from mediavault.store.removed_posts import forget_removed, note_removed
from mediavault.store.search_words import further_words
from mediavault.store.twins import forget_twins

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

    stored: StoredJob
    deleted_at: datetime
    batch: str
    files: Mapping[str, str]
    bytes: int
    are_moved: bool = False

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
        post = TrashedPost(StoredJob(job, history, marks), clock.now(), batch, files_of, size, are_moved=not files_of)
        await _put_words(store, job_id)
        await _put(store, post)
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
            await _move_files(store, files, post)
        except StorageFailure as exc:
            log.warning("trash_files_not_moved", job_id=job_id, trace_id=job.trace_id, error=exc.message)
        return removed
    raise JobNotFound("No job has this id.")


async def _move_files(store: Store, files: TrashFiles, post: TrashedPost) -> None:
    if not post.are_moved:
        for path, trashed in post.files.items():
            await files.move(path, trashed)
        await _put(store, replace(post, are_moved=True))


async def trashed_posts(store: Store) -> list[TrashedPost]:
    """Return what is in the trash, the latest first."""
    found = [_post(record) for record in await store.records.all(RecordKind.TRASH)]
    return sorted(found, key=lambda post: (post.deleted_at, post.stored.job.id), reverse=True)


async def trashed_post(store: Store, job_id: JobId) -> TrashedPost:
    """Return a post in the trash. Raises NotFound."""
    record = await store.records.get(RecordKind.TRASH, job_id)
    if record is None:
        raise NotFound("This post is not in the trash.", help="It was restored, or removed for good.")
    return _post(record)


async def restore(store: Store, files: TrashFiles, post: TrashedPost) -> Job:
    """Bring a post back with its files, history and marks, and return its job. Raises StorageFailure.

    If the post was saved again in the meantime, this one becomes another version; if a file's name was taken, its files
    get another. What a retention rule had deleted is pinned.
    """
    job, names = post.stored.job, dict[str, str]()
    marks = post.stored.marks
    if post.is_by_rule:  # else the rule that deleted it would do so again
        marks = (*marks, Mark(job.id, MarkKind.PINNED))
    for path, trashed in post.files.items():
        names[path] = await _back(files, path, trashed, names)
    job = with_paths(job, names)
    words = await store.records.get(RecordKind.TRASHED_WORDS, job.id)
    stored = replace(post.stored, job=job, marks=marks, words=further_words(words.value.items()) if words else {})
    for version in range(job.version, job.version + VERSIONS):
        stored = replace(stored, job=replace(job, version=version))
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
    if not await _exists(store, post.stored.job.id):  # otherwise a kill has left the record of a post that was kept
        await _move_files(store, files, post)
        await files.remove(*post.files.values())
        for show in {episode.show for path in post.files if (episode := episode_of(path)) is not None}:
            await files.tidy(show)
    await _forget(store, post.stored.job.id)


async def empty_trash(store: Store, files: TrashFiles, clock: Clock, *, older_than: timedelta = timedelta()) -> int:
    """Remove for good what was deleted that long ago; returns how many posts. Raises StorageFailure."""
    before, removed = clock.now() - older_than, 0
    for post in await trashed_posts(store):
        if post.deleted_at <= before:
            await remove_for_good(store, files, post)
            removed += 1
        elif not post.are_moved and not await _exists(store, post.stored.job.id):
            await _move_files(store, files, post)
    return removed


async def _exists(store: Store, job_id: JobId) -> bool:
    try:
        await store.catalogue.get(job_id)
    except JobNotFound:
        return False
    return True


# --- as a record -------------------------------------------------------------------------------------------------


async def _put(store: Store, post: TrashedPost) -> None:
    await store.records.put(RecordKind.TRASH, post.stored.job.id, _to_json(post))


async def _put_words(store: Store, job_id: JobId) -> None:
    words = (await store.catalogue.words_of([job_id])).get(job_id)
    if words:
        await store.records.put(RecordKind.TRASHED_WORDS, job_id, {source.value: words[source] for source in words})


async def _forget(store: Store, job_id: JobId) -> None:
    await store.records.remove(RecordKind.TRASH, job_id)
    await store.records.remove(RecordKind.TRASHED_WORDS, job_id)


def _to_json(post: TrashedPost) -> dict[str, Any]:
    return {
        **stored_job_to_json(post.stored),
        "deleted_at": post.deleted_at.isoformat(),
        "batch": post.batch,
        "files": dict(post.files),
        "bytes": post.bytes,
        "are_moved": post.are_moved,
    }


def _post(record: Record) -> TrashedPost:
    value = record.value
    return TrashedPost(
        stored_job_from_json(value),
        datetime.fromisoformat(value["deleted_at"]),
        value["batch"],
        value["files"],
        value["bytes"],
        are_moved=value["are_moved"],
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
