"""What users do with deleted posts: look at them, restore them, and remove them for good. API,
pages, command line and worker call this.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from mediavault.core.clock import Clock, to_micros
from mediavault.core.companions import split_stem
from mediavault.core.failures import JobNotFound, NotFound, StoreError
from mediavault.core.job import Job, JobId, with_paths
from mediavault.core.marks import Mark, MarkKind
from mediavault.core.messages import Message
from mediavault.core.shows import episode_of
from mediavault.core.submission import Submission
from mediavault.presentation.schemas import JobView
from mediavault.presentation.views import job_view
from mediavault.store.job_ids import beginning_of_id, is_url, only_match
from mediavault.store.port import Store, StoredJob
from mediavault.store.removed_posts import forget_removed
from mediavault.store.search_words import further_words
from mediavault.store.tables import TRASH, TRASHED_WORDS, Range
from mediavault.store.trash import (
    TrashedPost,
    TrashFiles,
    forget,
    move_files,
    read_post,
    trashed_posts,
)


class TrashedView(BaseModel):
    """A post in the trash. ``bytes``: of its files there; ``until``:
    when they are removed for good.
    """

    model_config = ConfigDict(extra="forbid")

    job: JobView
    deleted_at: datetime
    until: datetime
    bytes: int
    batch: str


class TrashView(BaseModel):
    """The trash, the latest first. ``bytes``: of all files in it."""

    model_config = ConfigDict(extra="forbid")

    posts: list[TrashedView]
    bytes: int


AT_ONCE = 50  # posts that are in memory at a time while the trash is emptied
VERSIONS = 1_000  # of one post


def _wake_nothing() -> None:
    """For processes that show no pages."""


@dataclass(frozen=True, slots=True)
class Trash:
    """The service. ``wake`` tells the pages that are open that a post is back."""

    store: Store
    library: TrashFiles
    clock: Clock
    wake: Callable[[], None] = _wake_nothing

    async def listed(self, days: int, *, limit: int | None = None) -> TrashView:
        """Return the trash, whose posts stay that many days: at most ``limit`` of them,
        the latest first.
        """
        posts = [
            TrashedView(
                job=job_view(post.job),
                deleted_at=post.deleted_at,
                until=post.deleted_at + timedelta(days=days),
                bytes=post.bytes,
                batch=post.batch,
            )
            for post in await trashed_posts(self.store, {}, limit=limit)
        ]
        return TrashView(posts=posts, bytes=await self.store.tables.total(TRASH, "bytes"))

    async def count(self) -> int:
        """Return how many posts are in the trash."""
        return await self.store.tables.count(TRASH, {})

    async def find(self, text: str, submission: Submission) -> JobId:
        """Return the id of the post in the trash that a user means by an id, the beginning of one,
        or a URL, whose latest deleted post is meant. Raises NotFound, BadInput.
        """
        if not is_url(text):
            beginning = beginning_of_id(text)
            ids = [key[0] for key in await self.store.tables.keys(TRASH, {})]
            if not any(job_id.startswith(beginning) for job_id in ids):
                raise _not_in_the_trash()
            return only_match(beginning, ids)
        url = submission.read(text).canonical_url
        for post in await trashed_posts(self.store, {}):
            if post.job.canonical_url == url:
                return post.job.id
        raise _not_in_the_trash()

    async def restore(self, job_id: JobId) -> Job:
        """Bring a post back with its files, history and marks, and return its job. Raises NotFound,
        StorageFailure.

        If the post was saved again in the meantime, this one becomes another version; if a file's
        name was taken, its files get another. What a retention rule had deleted is pinned.
        """
        return await self._restore(await self._post(job_id))

    async def restore_batch(self, batch: str) -> list[JobId]:
        """Bring back all posts that were deleted together, and return their ids.
        Raises StorageFailure.
        """
        return [
            (await self._restore(post)).id
            for post in await trashed_posts(self.store, {"batch": batch})
        ]

    async def remove(self, job_id: JobId) -> None:
        """Remove a post and its files for good. Raises NotFound, StorageFailure."""
        await self._remove(await self._post(job_id))

    async def empty(self, *, older_than: timedelta = timedelta()) -> int:
        """Remove for good what was deleted that long ago; returns how many posts.
        Raises StorageFailure.
        """
        due, removed = {"deleted_at": Range(at_most=to_micros(self.clock.now() - older_than))}, 0
        while posts := await trashed_posts(self.store, due, limit=AT_ONCE):
            for post in posts:
                await self._remove(post)
            removed += len(posts)
        for key in sorted(await self.store.tables.keys(TRASH, {"unmoved": Range()})):
            # unless it was restored just now
            for row in await self.store.tables.some(TRASH, [key]):
                if not await self._exists(JobId(key[0])):
                    await move_files(self.store, self.library, read_post(row))
        return removed

    async def _post(self, job_id: JobId) -> TrashedPost:
        for row in await self.store.tables.some(TRASH, [(job_id,)]):
            return read_post(row)
        raise _not_in_the_trash()

    async def _restore(self, post: TrashedPost) -> Job:
        stored, names = post.stored, dict[str, str]()
        job, marks = stored.job, stored.marks
        if post.is_by_rule:  # else the rule that deleted it would do so again
            marks = (*marks, Mark(job.id, MarkKind.PINNED))
        for path, trashed in post.files.items():
            names[path] = await _back(self.library, path, trashed, names)
        job = with_paths(job, names)
        words = [
            item
            for row in await self.store.tables.some(TRASHED_WORDS, [(job.id,)])
            for item in row.value.items()
        ]
        for version in range(job.version, job.version + VERSIONS):
            stored = StoredJob(
                replace(job, version=version), stored.history, marks, further_words(words)
            )
            if await self.store.catalogue.import_jobs([stored]) or await self._exists(job.id):
                await forget(self.store, job.id)
                await forget_removed(self.store.records, job.canonical_url)
                self.wake()
                return await self.store.catalogue.get(job.id)
        raise StoreError(Message("The post has too many versions: %(url)s.", url=job.canonical_url))

    async def _remove(self, post: TrashedPost) -> None:
        # otherwise a kill has left the row of a post that was kept
        if not await self._exists(post.job.id):
            await move_files(self.store, self.library, post)
            await self.library.remove(*post.files.values())
            for show in {
                episode.show for path in post.files if (episode := episode_of(path)) is not None
            }:
                await self.library.tidy(show)
        await forget(self.store, post.job.id)

    async def _exists(self, job_id: JobId) -> bool:
        try:
            await self.store.catalogue.get(job_id)
        except JobNotFound:
            return False
        return True


def _not_in_the_trash() -> NotFound:
    return NotFound("This post is not in the trash.", help="It was restored, or removed for good.")


async def _back(files: TrashFiles, path: str, trashed: str, names: Mapping[str, str]) -> str:
    """Move a file back and return its path: a free one if its own is taken.
    Files of one stem keep one stem.
    """
    stem, suffix = split_stem(path)
    renamed = next(
        (
            split_stem(new)[0]
            for old, new in names.items()
            if split_stem(old)[0] == stem and old != new
        ),
        None,
    )
    if renamed is not None:
        await files.move(trashed, renamed + suffix)
        return renamed + suffix
    if trashed == path or await files.move(trashed, path):
        return path
    folder, name = posixpath.split(stem)
    free = await files.free_name(folder, name, suffix)
    # no file in the trash: it was never moved, or is back
    return free if await files.move(trashed, free) else path
