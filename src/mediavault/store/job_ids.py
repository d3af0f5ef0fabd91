"""How users name jobs: by any beginning of an id that no other id has, or by the post's URL; and
the shortest such beginnings, which lists show.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import count, pairwise
from typing import TYPE_CHECKING

from mediavault.core.failures import BadInput, JobNotFound
from mediavault.core.job import JobId
from mediavault.core.messages import Message
from mediavault.store import transitions

if TYPE_CHECKING:
    from mediavault.core.submission import Submission
    from mediavault.store.port import JobCatalogue

SHORTEST_CHARS = 4  # of a beginning that names a job
SHOWN_CHARS = 8  # the first 32 bits of a UUIDv7: those of a minute's jobs are the same
ID_CHARS = 36
_COUNTED = 1_000  # ids with the same beginning
_NAMED = 3  # of these, in an error


async def find_job_id(catalogue: JobCatalogue, submission: Submission, text: str) -> JobId:
    """Return the id that a user means: an id, the beginning of one, or a post's URL, whose newest
    job is meant. A whole id is returned whether it has a job or not.

    Raises JobNotFound, BadInput for a beginning that is too short or that several ids have, and the
    errors of a submission for what looks like a URL and is none.
    """
    if is_url(text):
        url = submission.read(text).canonical_url
        job = (await catalogue.of_posts([url])).get(url)
        if job is None:
            raise JobNotFound(
                Message("There is no job of the post %(url)s.", url=url),
                help="See `mediavault list`, or save it with `mediavault get`.",
            )
        return job.id
    beginning = beginning_of_id(text)
    if len(beginning) >= ID_CHARS:
        return JobId(beginning)
    return only_match(beginning, await catalogue.ids_beginning([beginning], limit=_COUNTED))


def is_url(text: str) -> bool:
    """Return whether this names a post by its URL: no id has a slash."""
    return "/" in text


def beginning_of_id(text: str) -> str:
    """Return the beginning of an id, as ids are written. Raises BadInput if it is too short."""
    beginning = text.strip().lower()
    if len(beginning) < SHORTEST_CHARS:
        raise BadInput(
            Message("%(text)s is too short for a job's id.", text=text.strip() or '""'),
            help=Message(
                "Give at least %(count)d characters of the id, or the post's URL.",
                count=SHORTEST_CHARS,
            ),
        )
    return beginning


def only_match(beginning: str, ids: Iterable[str]) -> JobId:
    """Return the only id that begins like this. Raises JobNotFound, and BadInput for several."""
    matches = sorted(job_id for job_id in ids if job_id.startswith(beginning))
    if len(matches) > 1:
        named = list(shortest_of(matches, matches).values())
        raise BadInput(
            Message(
                "%(count)s jobs have an id that begins with %(text)s.",
                count=f"{_COUNTED}+" if len(matches) >= _COUNTED else str(len(matches)),
                text=beginning,
            ),
            help=Message(
                "Give more characters of the id, as in %(ids)s, or the post's URL.",
                ids=", ".join(named[:_NAMED]),
            ),
        )
    if not matches:
        raise transitions.job_not_found(JobId(beginning))
    return JobId(matches[0])


async def short_ids(catalogue: JobCatalogue, ids: Collection[JobId]) -> dict[str, str]:
    """Return the shortest beginning of each id that no other job's id has, but at least 8
    characters of it.
    """
    beginnings = {job_id[:SHOWN_CHARS] for job_id in ids}
    at_most = _COUNTED * max(len(beginnings), 10)
    similar = await catalogue.ids_beginning(beginnings, limit=at_most)
    if len(similar) == at_most:  # some may be missing
        return {job_id: job_id for job_id in ids}
    return shortest_of(ids, similar)


def shortest_of(ids: Collection[str], others: Collection[str]) -> dict[str, str]:
    """Return the shortest beginning of each id that none of the other ids has."""
    in_order = sorted({*ids, *others})
    needed = dict.fromkeys(in_order, SHOWN_CHARS)
    for one, next_one in pairwise(in_order):
        common = next(at for at in count(1) if one[:at] != next_one[:at])
        needed[one], needed[next_one] = max(needed[one], common), max(needed[next_one], common)
    return {
        # no hyphen at the end
        job_id: job_id[: needed[job_id] + (job_id[needed[job_id] - 1 : needed[job_id]] == "-")]
        for job_id in ids
    }
