"""The trash: deleted posts, which can be restored until the trash is emptied.

A deleted post is a record with its job, history and marks, and its files out of sight. The record is stored first, then
the job is removed, then the files are moved; a restored post goes the other way. While a job exists, it is not deleted,
whatever a record says. So a kill at any point leaves the post in the library or in the trash, and its files on the disk.
"""

from __future__ import annotations

import posixpath
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from mediavault.core.clock import Clock
from mediavault.core.failures import JobNotFound, NotFound, StorageFailure, StoreError
from mediavault.core.job import Job, JobId
from mediavault.core.logs import get_logger
from mediavault.core.marks import Mark
from mediavault.core.media import KeptFile
from mediavault.core.messages import Message
from mediavault.core.records import CHECK_KINDS, Record, RecordKind
from mediavault.store import rows
from mediavault.store.port import Store, StoredJob

RACES = 5  # how often a job may change while it is deleted
SIDECAR_SUFFIX = ".info.json"
VERSIONS = 1_000  # of one post

log = get_logger(__name__)

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


def new_batch() -> str:
    """Return a name for posts that are deleted together."""
    return secrets.token_hex(8)


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
        marks = (await store.marks.of_jobs([job_id])).get(job_id, ())
        files_of = {path: files.trash_path(job_id, path) for path in paths_of(job)}
        size = (sum(item.kept.bytes for item in job.items if item.kept) or job.bytes or 0) if files_of else 0
        post = TrashedPost(StoredJob(job, history, marks), clock.now(), batch, files_of, size, are_moved=not files_of)
        await _put(store, post)
        try:
            removed = await store.catalogue.remove(job_id, as_of=job.updated_at if race < RACES else None)
        except JobNotFound:
            await store.records.remove(RecordKind.TRASH, job_id)
            continue  # it has changed, or is gone: then it is not found
        for kind in CHECK_KINDS:
            await store.records.remove(kind, job_id)
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
    get another.
    """
    job, names = post.stored.job, dict[str, str]()
    for path, trashed in post.files.items():
        names[path] = await _back(files, path, trashed, names)
    job = _renamed(job, names)
    stored = replace(post.stored, job=job)
    for version in range(job.version, job.version + VERSIONS):
        stored = replace(stored, job=replace(job, version=version))
        if await store.catalogue.import_jobs([stored]) or await _exists(store, job.id):
            await store.records.remove(RecordKind.TRASH, job.id)
            return await store.catalogue.get(job.id)
    raise StoreError(Message("The post has too many versions: %(url)s.", url=job.canonical_url))


async def _back(files: TrashFiles, path: str, trashed: str, names: Mapping[str, str]) -> str:
    """Move a file back and return its path: a free one if its own is taken. Files of one stem keep one stem."""
    stem, suffix = _split(path)
    renamed = next((_split(new)[0] for old, new in names.items() if _split(old)[0] == stem and old != new), None)
    if renamed is not None:
        await files.move(trashed, renamed + suffix)
        return renamed + suffix
    if trashed == path or await files.move(trashed, path):
        return path
    folder, name = posixpath.split(stem)
    free = await files.free_name(folder, name, suffix)
    return free if await files.move(trashed, free) else path  # no file in the trash: it was never moved, or is back


def _split(path: str) -> tuple[str, str]:
    """Return a path's stem, which the files of one video share, and the rest."""
    if path.endswith(SIDECAR_SUFFIX):
        return path.removesuffix(SIDECAR_SUFFIX), SIDECAR_SUFFIX
    return posixpath.splitext(path)


def _renamed(job: Job, names: Mapping[str, str]) -> Job:
    def new(path: str | None) -> str | None:
        return None if path is None else names.get(path, path)

    def kept(file: KeptFile) -> KeptFile:
        return replace(
            file, output_path=names.get(file.output_path, file.output_path), thumbnail_path=new(file.thumbnail_path)
        )

    items = tuple(replace(item, kept=kept(item.kept)) if item.kept else item for item in job.items)
    return replace(job, items=items, output_path=new(job.output_path), thumbnail_path=new(job.thumbnail_path))


async def remove_for_good(store: Store, files: TrashFiles, post: TrashedPost) -> None:
    """Delete the files of a post in the trash, then its record. Raises StorageFailure."""
    if not await _exists(store, post.stored.job.id):  # otherwise a kill has left the record of a post that was kept
        await _move_files(store, files, post)
        await files.remove(*post.files.values())
    await store.records.remove(RecordKind.TRASH, post.stored.job.id)


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


def _to_json(post: TrashedPost) -> dict[str, Any]:
    stored = post.stored
    return {
        "job": rows.stored_values(stored.job),
        "history": [list(rows.history_row(0, record)[1:]) for record in stored.history],
        "marks": [[mark.name, mark.text, mark.place] for mark in stored.marks],
        "deleted_at": post.deleted_at.isoformat(),
        "batch": post.batch,
        "files": dict(post.files),
        "bytes": post.bytes,
        "are_moved": post.are_moved,
    }


def _post(record: Record) -> TrashedPost:
    value = record.value
    job = rows.job_from(value["job"])
    history = tuple(rows.history_from_row(row) for row in value["history"])
    marks = tuple(Mark(job.id, *mark) for mark in value["marks"])
    return TrashedPost(
        StoredJob(job, history, marks),
        datetime.fromisoformat(value["deleted_at"]),
        value["batch"],
        value["files"],
        value["bytes"],
        are_moved=value["are_moved"],
    )
