"""What users do with marks: change them, order collections, save searches. API,
pages and command line call this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mediavault.core import marks
from mediavault.core.clock import Clock
from mediavault.core.failures import NotFound
from mediavault.core.job import JobId
from mediavault.core.marks import MarkCount, MarkKind, Position, PostMarks
from mediavault.core.users import OWNER, Role
from mediavault.server.authentication import require_role
from mediavault.store import mark_changes, queries, saved_searches
from mediavault.store.bulk import existing_jobs
from mediavault.store.mark_changes import MarkChange
from mediavault.store.port import JobPage, Store
from mediavault.store.saved_searches import SavedSearch


@dataclass(frozen=True, slots=True)
class UserMarks:
    """The marks of a vault as a user sees and changes them. ``kind`` is TAG or COLLECTION.

    What no post has raises NotFound; a tag, title or note that can't be stored raises BadInput.
    """

    store: Store
    clock: Clock
    user: str = OWNER

    async def change(self, job_ids: Sequence[JobId], values: Mapping[str, Any]) -> int:
        """Change the marks of these jobs by the fields of a ``MarkChange``;
        returns how many of them exist.
        """
        return await mark_changes.change_marks(
            self.store, self.clock, self.user, job_ids, MarkChange(**values)
        )

    async def change_with_undo(
        self, job_ids: Sequence[JobId], values: Mapping[str, Any]
    ) -> tuple[int, str]:
        """Change the marks as ``change`` does; returns also the key for ``undo``."""
        return await mark_changes.change_with_undo(
            self.store, self.clock, self.user, job_ids, MarkChange(**values)
        )

    async def undo(self, key: str) -> int:
        """Undo a change of the last hour; returns how many of the jobs exist. Raises NotFound."""
        return await mark_changes.undo_change(self.store, self.clock, self.user, key)

    async def change_all(
        self, job_ids: Sequence[JobId], values: Mapping[str, Any]
    ) -> dict[JobId, PostMarks]:
        """Change the marks of jobs, all or none of them, and return what is noted then.
        Raises JobNotFound.
        """
        for job_id in job_ids:
            await self.store.catalogue.get(job_id)
        await self.change(job_ids, values)
        return await self.of(job_ids)

    async def of(self, job_ids: Sequence[JobId]) -> dict[JobId, PostMarks]:
        """Return what is noted about these jobs."""
        found = await mark_changes.read_marks(self.store, self.user, job_ids)
        return {job_id: found.get(job_id, PostMarks()) for job_id in job_ids}

    async def save_position(self, job_id: JobId, position: Position) -> PostMarks:
        """Store where the user stopped watching, and return what is noted then. Raises JobNotFound.

        Within the first 10 seconds that is nothing; from nine tenths on, the video counts as
        watched.
        """
        await self.store.catalogue.get(job_id)
        await mark_changes.save_position(self.store, self.clock, self.user, job_id, position)
        return (await self.of([job_id]))[job_id]

    # --- tags and collections ---------------------------------------------------------------------

    async def names(self, kind: MarkKind) -> list[MarkCount]:
        """Return the tags, or the collections, with the number of their jobs, by name."""
        return await self.store.marks.names(f"{kind}/")

    async def rename(self, kind: MarkKind, name: str, new_name: str) -> MarkCount:
        """Rename a tag or a collection; it becomes one with what has the new name."""
        key, text_of = _forms(kind)
        text = text_of(new_name)
        count = await mark_changes.rename(self.store, self.clock, key(name), key(new_name), text)
        return MarkCount(key(new_name), text, _some(count))

    async def remove_name(self, kind: MarkKind, name: str) -> int:
        """Remove a tag or a collection from all jobs, which stay; returns how many had it."""
        return _some(await mark_changes.remove_name(self.store, self.clock, _forms(kind)[0](name)))

    async def collection(self, title: str, cursor: str | None, limit: int) -> JobPage:
        """Return a page of a collection's jobs, in its order.
        Raises BadInput for an invalid cursor.
        """
        name = marks.collection(title)
        after = queries.decode_mark_cursor(cursor, name) if cursor else None
        found = await self.store.marks.marked(name, after=after, limit=limit + 1)
        if not found and after is None:
            raise _no_such_name()
        shown = found[:limit]
        jobs = [
            job
            async for job in existing_jobs(self.store.catalogue, [mark.job_id for mark in shown])
        ]
        return JobPage(
            tuple(jobs), queries.mark_cursor_of(shown[-1]) if len(found) > limit else None
        )

    async def title(self, title: str) -> str | None:
        """Return a collection's title as it was written; None if it has no job."""
        found = await self.store.marks.marked(marks.collection(title), limit=1)
        return found[0].text if found else None

    async def order(self, title: str, job_ids: Sequence[JobId]) -> int:
        """Put a collection in order: these jobs come first; returns how many it has."""
        return _some(
            await mark_changes.put_in_order(
                self.store, self.clock, marks.collection(title), job_ids
            )
        )

    async def move(self, title: str, job_id: JobId, where: str) -> None:
        """Move a job of a collection ``first``, ``up`` or ``down``, or take it ``out``."""
        if where == "out":
            await self.change([job_id], {"remove_from": (title,)})
        else:
            await mark_changes.move_in_order(
                self.store, self.clock, marks.collection(title), job_id, where
            )

    # --- saved searches ---------------------------------------------------------------------------

    async def searches(self) -> list[SavedSearch]:
        """Return the user's saved searches, by name."""
        return await saved_searches.saved_searches(self.store.records, self.user)

    async def save_search(self, name: str, filter_: str) -> SavedSearch:
        """Save a search, replacing one of the same name."""
        return await saved_searches.save_search(self.store.records, self.user, name, filter_)

    async def remove_search(self, name: str) -> None:
        """Remove a saved search."""
        await saved_searches.remove_search(self.store.records, self.user, name)


def allowed(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the change. Raises HttpRefusal if the request's user may not make it:
    viewers change only what is their own.
    """
    if MarkChange(**values).concerns_all:
        require_role(Role.MEMBER)
    return values


def _forms(kind: MarkKind) -> tuple[Any, Any]:
    """Return what makes a mark's name of a text, and what makes the text that is shown."""
    is_tag = kind is MarkKind.TAG
    return (marks.tag, marks.tag_text) if is_tag else (marks.collection, marks.collection_title)


def _some(count: int) -> int:
    if not count:
        raise _no_such_name()
    return count


def _no_such_name() -> NotFound:
    return NotFound(
        "No post has this tag, or is in this collection.", help="Look at the list of them."
    )
