"""The pages' queries, answered from all jobs in memory:
the reference that every store must agree with.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import total_ordering
from types import MappingProxyType
from typing import Any

from mediavault.core.failures import ErrorCode
from mediavault.core.job import Job, JobId, JobStatus
from mediavault.core.marks import Mark, of_watching
from mediavault.core.media import key_of
from mediavault.store import queries, search_words
from mediavault.store.queries import (
    EXAMPLES,
    AccountPage,
    AccountQuery,
    AccountSummary,
    FailureGroup,
    JobOrder,
    JobPage,
    JobQuery,
    LibraryTotals,
    Neighbours,
    PlatformTotals,
    account_not_found,
    account_page,
    millis,
    most_first,
    seconds,
    totals_of,
    with_all_statuses,
)

NamesOfJobs = Mapping[JobId, Collection[str]]
WordsOfJobs = Mapping[JobId, search_words.FurtherWords]

_NO_MARKS: NamesOfJobs = MappingProxyType({})
_NO_WORDS: WordsOfJobs = MappingProxyType({})

# --- pages of jobs --------------------------------------------------------------------------------


def page(
    jobs: Iterable[Job],
    query: JobQuery,
    marks: NamesOfJobs = _NO_MARKS,
    words: WordsOfJobs = _NO_WORDS,
) -> JobPage:
    start = queries.after(query)
    matches = in_order(jobs, query, marks, words)
    if start is not None:
        matches = [
            job for job in matches if _place(job, query, marks) > _place_of(start, query.order)
        ]
    return queries.page_of(matches, query, {job.id: _noted(job, marks) for job in matches})


def neighbours(
    job: Job,
    jobs: Iterable[Job],
    query: JobQuery,
    marks: NamesOfJobs = _NO_MARKS,
    words: WordsOfJobs = _NO_WORDS,
) -> Neighbours:
    own = _place(job, query, marks)
    newer = older = None
    for other in in_order(jobs, query, marks, words):
        if other.id == job.id:
            continue
        if _place(other, query, marks) > own:
            older = other
            break
        newer = other
    return Neighbours(newer, older)


def in_order(
    jobs: Iterable[Job],
    query: JobQuery,
    marks: NamesOfJobs = _NO_MARKS,
    words: WordsOfJobs = _NO_WORDS,
) -> list[Job]:
    """Return the query's jobs; ``marks`` are the names of each job's marks, or these by their
    names, ``words`` its further words.
    """
    terms = search_words.parse_search(query.text)
    matches = [
        job
        for job in jobs
        if _fits(job, query)
        and _is_marked(marks.get(job.id, ()), query)
        and (terms is None or _is_about(job, terms, words.get(job.id, {})))
    ]
    return sorted(matches, key=lambda job: _place(job, query, marks))


@total_ordering
@dataclass(frozen=True)
class _Falling:
    """A value that comes before smaller ones."""

    value: Any

    def __lt__(self, other: _Falling) -> bool:
        return bool(other.value < self.value)


def _place(job: Job, query: JobQuery, marks: NamesOfJobs) -> tuple[Any, Any]:
    return _place_of(queries.sort_key(job, query, _noted(job, marks)), query.order)


def _place_of(key: queries.SortKey, order: JobOrder) -> tuple[Any, Any]:
    """Return what sorts jobs in an order: titles rise, although of equal ones the newest is
    first.
    """
    value, *age = key
    rises = order in {JobOrder.EARLIEST, JobOrder.OLDEST}
    return (
        value if rises or order is JobOrder.TITLE else _Falling(value),
        age if rises else _Falling(age),
    )


def _noted(job: Job, marks: NamesOfJobs) -> Collection[Mark]:
    found = marks.get(job.id, ())
    return list(found.values()) if isinstance(found, Mapping) else ()


def _fits(job: Job, query: JobQuery) -> bool:
    return (
        (not query.statuses or job.status in query.statuses)
        and (query.platform is None or job.platform == query.platform)
        and (
            query.account is None
            or (job.account is not None and key_of(job.account) == query.account)
        )
        and (query.since is None or job.created_at >= query.since)
        and (query.until is None or job.created_at < query.until)
        and (
            query.shortest_s is None
            or (job.duration_s is not None and job.duration_s >= query.shortest_s)
        )
        and (
            query.longest_s is None
            or (job.duration_s is not None and job.duration_s <= query.longest_s)
        )
    )


def _is_marked(names: Collection[str], query: JobQuery) -> bool:
    own = of_watching(query.watched_by) if query.order is JobOrder.WATCHED else ()
    return (
        all(name in names for name in query.marks)
        and not any(name in names for name in query.without)
        and (not own or any(name in names for name in own))
    )


def _is_about(
    job: Job, terms: Sequence[search_words.Term], words: search_words.FurtherWords
) -> bool:
    line = search_words.job_line(job.post_url, job.canonical_url, job.account, job.metadata)
    return bool(terms) and search_words.is_in(search_words.full_line(line, words), terms)


# --- accounts and totals --------------------------------------------------------------------------


def accounts(jobs: Iterable[Job], query: AccountQuery) -> AccountPage:
    return account_page(_summaries(jobs).values(), query)


def account(jobs: Iterable[Job], key: str) -> AccountSummary:
    summary = _summaries(jobs).get(key)
    if summary is None:
        raise account_not_found(key)
    return summary


def totals(jobs: Iterable[Job]) -> LibraryTotals:
    by_platform: dict[str, list[Job]] = defaultdict(list)
    for job in jobs:
        by_platform[job.platform].append(job)
    return totals_of([_platform_totals(name, by_platform[name]) for name in sorted(by_platform)])


def _platform_totals(platform: str, jobs: Collection[Job]) -> PlatformTotals:
    saved, size, duration_ms = _sums_of_completed(jobs)
    return PlatformTotals(
        platform=platform,
        counts=with_all_statuses(Counter(job.status for job in jobs)),
        saved=saved,
        bytes=size,
        duration_s=seconds(duration_ms),
        latest_at=max(job.created_at for job in jobs),
    )


def _summaries(jobs: Iterable[Job]) -> dict[str, AccountSummary]:
    by_account: dict[str, list[Job]] = defaultdict(list)
    for job in jobs:
        if job.account is not None:
            by_account[key_of(job.account)].append(job)
    return {key: _summary(key, account_jobs) for key, account_jobs in by_account.items()}


def _summary(key: str, jobs: Collection[Job]) -> AccountSummary:
    newest = max(jobs, key=queries.age_of)
    assert newest.account is not None
    saved, size, duration_ms = _sums_of_completed(jobs)
    return AccountSummary(
        key=key,
        platform=newest.account.platform,
        handle=newest.account.handle,
        display_name=newest.account.display_name,
        slug=newest.account.slug,
        jobs=len(jobs),
        saved=saved,
        bytes=size,
        duration_s=seconds(duration_ms),
        latest_at=newest.created_at,
    )


def _sums_of_completed(jobs: Iterable[Job]) -> tuple[int, int, int]:
    """Return the number, bytes and milliseconds of the completed jobs."""
    completed = [job for job in jobs if job.status is JobStatus.COMPLETED]
    return (
        len(completed),
        sum(job.bytes or 0 for job in completed),
        sum(millis(job.duration_s) for job in completed),
    )


# --- failures -------------------------------------------------------------------------------------


def failures(jobs: Iterable[Job]) -> list[FailureGroup]:
    groups: dict[tuple[ErrorCode, str], list[Job]] = defaultdict(list)
    for job in jobs:
        if job.status is JobStatus.FAILED:
            groups[job.error_code or ErrorCode.INTERNAL, job.platform].append(job)
    return most_first(
        [_group(code, platform, failed) for (code, platform), failed in groups.items()]
    )


def _group(code: ErrorCode, platform: str, failed: Sequence[Job]) -> FailureGroup:
    waiting: list[datetime] = [job.retry_at for job in failed if job.retry_at is not None]
    return FailureGroup(
        error_code=code,
        platform=platform,
        jobs=len(failed),
        next_retry_at=min(waiting, default=None),
        final=len(failed) - len(waiting),
        examples=tuple(sorted(failed, key=queries.age_of, reverse=True)[:EXAMPLES]),
    )
