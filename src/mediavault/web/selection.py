"""The posts that the user selected on the library's page: some by their ids,
or all that match a filter.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, replace

from mediavault.api.dependencies import to_job_id
from mediavault.core.failures import BadInput, JobNotFound
from mediavault.core.job import Job, JobId
from mediavault.features.jobs.library_filter import LibraryFilter, read_filter, to_query
from mediavault.features.jobs.service import Jobs
from mediavault.presentation.preferences import current
from mediavault.presentation.translation import gettext
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
