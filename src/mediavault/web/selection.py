"""The posts that the user selected on the library's page: some by their ids,
or all that match a filter.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from mediavault.api.dependencies import to_job_id
from mediavault.core.failures import BadInput, JobNotFound
from mediavault.core.job import Job, JobId
from mediavault.features.jobs.library_filter import LibraryFilter, read_filter, to_query
from mediavault.features.jobs.service import Jobs
from mediavault.presentation.preferences import current
from mediavault.presentation.translation import N_, gettext, ngettext
from mediavault.server.authentication import current_user
from mediavault.store.bulk import existing_jobs, iter_pages
from mediavault.store.port import JobCatalogue

# posts that one request downloads, removes or retries; their ids take 37 kB of a form
MAX_AT_ONCE = 1_000
MAX_FIELDS = MAX_AT_ONCE + 50
_PAGE = 200

Fields = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Selection:
    """Either ``ids``, or everything that ``filter`` matches when ``ids`` is None."""

    filter: LibraryFilter
    ids: tuple[JobId, ...] | None = None


def read_selection(fields: Fields) -> Selection:
    """Read a selection from a form or an address: ``id`` (repeated, or several separated by
    spaces), or ``everything``.

    ``everything`` selects all that the filter matches, even with ids. Raises BadInput, also when
    nothing is selected.
    """
    library_filter = read_filter({name: values[0] for name, values in fields.items() if values})
    if "everything" in fields:
        return Selection(library_filter)
    words = [word for value in fields.get("id", ()) for word in value.split()]
    if not words:
        raise BadInput(
            gettext("Nothing is selected."), help=gettext("Select one or more videos first.")
        )
    if len(words) > MAX_AT_ONCE:
        raise too_many()
    return Selection(library_filter, tuple(dict.fromkeys(_job_id(word) for word in words)))


def too_many() -> BadInput:
    return BadInput(
        gettext("That is more than %(most)s posts.") % {"most": MAX_AT_ONCE},
        help=gettext("Select fewer, or narrow the filter, for example by account or date."),
    )


async def ids_of(catalogue: JobCatalogue, selection: Selection) -> tuple[JobId, ...]:
    """Return the ids of the selected posts. Raises BadInput when there are more than
    ``MAX_AT_ONCE``.

    A part of them would be a selection that the user did not make.
    """
    if selection.ids is not None:
        return selection.ids
    ids: list[JobId] = []
    async for page in pages_of(catalogue, selection):
        ids += [job.id for job in page]
        if len(ids) > MAX_AT_ONCE:
            raise too_many()
    return tuple(ids)


async def pages_of(
    catalogue: JobCatalogue, selection: Selection
) -> AsyncGenerator[Sequence[Job], None]:
    """Yield the selected jobs in pages, without a limit; jobs that no longer exist are left out."""
    if selection.ids is not None:
        async for job in existing_jobs(catalogue, selection.ids):
            yield (job,)
        return
    async for page in iter_pages(
        catalogue, to_query(selection.filter, current().zone, current_user(), limit=_PAGE)
    ):
        yield page


@dataclass(frozen=True, slots=True)
class SelectionResult:
    """How many jobs an action changed, and how many it left unchanged: already removed,
    or not in a suitable state.
    """

    count: int = 0
    left: int = 0


class Action(StrEnum):
    """What can be done to a selection. The values are in addresses."""

    RETRIED = "retried"
    REMOVED = "removed"
    RESTORED = "restored"
    UNDONE = "undone"
    FAVOURITE = "favourite"
    UNFAVOURITE = "unfavourite"
    WATCHED = "watched"
    UNWATCHED = "unwatched"
    LEAVE = "leave"
    PIN = "pin"
    UNPIN = "unpin"
    TAG = "tag"
    UNTAG = "untag"
    COLLECT = "collect"
    UNCOLLECT = "uncollect"


_DONE: Mapping[Action, str] = {
    Action.RETRIED: N_("Trying %(count)s again."),
    Action.REMOVED: N_("Moved %(count)s to the trash."),
    Action.RESTORED: N_("Restored %(count)s."),
    Action.UNDONE: N_("Undone."),
    Action.FAVOURITE: N_("Added %(count)s to your favourites."),
    Action.UNFAVOURITE: N_("Removed %(count)s from your favourites."),
    Action.WATCHED: N_("Marked %(count)s as watched."),
    Action.UNWATCHED: N_("Marked %(count)s as not watched."),
    Action.LEAVE: N_("Removed %(count)s from Continue watching."),
    Action.PIN: N_("Pinned %(count)s."),
    Action.UNPIN: N_("Unpinned %(count)s."),
    Action.TAG: N_("Tagged %(count)s with “%(name)s”."),
    Action.UNTAG: N_("Removed the tag “%(name)s” from %(count)s."),
    Action.COLLECT: N_("Added %(count)s to “%(name)s”."),
    Action.UNCOLLECT: N_("Removed %(count)s from “%(name)s”."),
}
_DONE_PARAMETER = re.compile(r"([a-z]{3,12})-(\d{1,6})-(\d{1,6})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Done:
    """An action that was performed. ``name`` is the tag's or the collection's. An address does not
    carry it: anybody could make a link with a name of their choice.
    """

    action: Action
    result: SelectionResult
    name: str = ""

    @property
    def parameter(self) -> str:
        """The action in the address of a redirect, which ``read_done`` reads."""
        return f"{self.action}-{self.result.count}-{self.result.left}"

    @property
    def message(self) -> str:
        text = _DONE[self.action]
        if "%(name)s" in text and not self.name:
            text = N_("Changed %(count)s.")
        message = gettext(text) % {"count": self.result.count, "name": self.name}
        if not self.result.left:
            return message
        rest = ngettext(
            "%(left)s was left unchanged.", "%(left)s were left unchanged.", self.result.left
        )
        return f"{message} {rest % {'left': self.result.left}}"


def read_done(text: str) -> Done | None:
    """Return the action that a redirect's parameter names; None without one."""
    match = _DONE_PARAMETER.fullmatch(text)
    if match is None or match[1] not in frozenset(Action):
        return None
    return Done(Action(match[1]), SelectionResult(int(match[2]), int(match[3])))


@dataclass(frozen=True, slots=True)
class Undo:
    """The form that undoes an action: where it is sent, and its one field."""

    address: str
    field: str
    key: str


def undo_marks(key: str) -> Undo:
    return Undo("/library/undo", "undo", key)


def undo_removal(batch: str) -> Undo:
    return Undo("/trash/restore", "batch", batch)


async def retry_selected(jobs: Jobs, job_ids: Sequence[JobId]) -> SelectionResult:
    count = await jobs.retry_each(job_ids)
    return SelectionResult(count, left=len(job_ids) - count)


async def remove_each(jobs: Jobs, job_ids: Sequence[JobId], *, batch: str) -> SelectionResult:
    """Move the jobs to the trash with their files, in turn.

    Raises StorageFailure if files can't be moved; jobs that are in the trash by then stay there.
    """
    done = SelectionResult()
    for job_id in job_ids:
        try:
            await jobs.remove(job_id, files=True, batch=batch)
            done = replace(done, count=done.count + 1)
        except JobNotFound:
            done = replace(done, left=done.left + 1)
    return done


def _job_id(word: str) -> JobId:
    try:
        return to_job_id(word)
    except JobNotFound:
        raise BadInput(
            gettext("A selected post has an invalid id."), help=gettext("Load the page again.")
        ) from None
