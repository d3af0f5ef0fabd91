"""The pages' queries, answered from all jobs in memory: the reference that every store must agree with (pure)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from mediavault.core.clock import to_micros
from mediavault.core.failures import AccountNotFound, ErrorCode
from mediavault.core.job import Job, JobId, JobStatus
from mediavault.core.media import key_of
from mediavault.core.messages import Message
from mediavault.store import paging, search_words
from mediavault.store.queries import (
    AccountPage,
    AccountQuery,
    AccountSummary,
    FailureGroup,
    JobPage,
    JobQuery,
    LibraryTotals,
    Neighbours,
    PlatformTotals,
)

NamesOfJobs = Mapping[JobId, Collection[str]]
WordsOfJobs = Mapping[JobId, search_words.FurtherWords]

_NO_MARKS: NamesOfJobs = MappingProxyType({})
_NO_WORDS: WordsOfJobs = MappingProxyType({})

EXAMPLES = 3  # jobs that a group of failures shows


def account_not_found(key: str) -> AccountNotFound:
    return AccountNotFound(
        Message("Unknown account %(key)s.", key=key),
        help="List the accounts to find its key; its jobs may have been removed.",
    )


# --- pages of jobs -----------------------------------------------------------------------------------------------


def page(
    jobs: Iterable[Job], query: JobQuery, marks: NamesOfJobs = _NO_MARKS, words: WordsOfJobs = _NO_WORDS
) -> JobPage:
    start = paging.after(query)
    matches = in_order(jobs, query, marks, words)
    if start is not None:
        descending = paging.is_descending(query.order)
        matches = [
            job for job in matches if _comes_after(paging.sort_key(job, query.order), start, descending=descending)
        ]
    return paging.page_of(matches, query)


def neighbours(
    job: Job,
    jobs: Iterable[Job],
    query: JobQuery,
    marks: NamesOfJobs = _NO_MARKS,
    words: WordsOfJobs = _NO_WORDS,
) -> Neighbours:
    key, descending = paging.sort_key(job, query.order), paging.is_descending(query.order)
    newer = older = None
    for other in in_order(jobs, query, marks, words):
        other_key = paging.sort_key(other, query.order)
        if other_key == key:
            continue
        if _comes_after(other_key, key, descending=descending):
            older = other
            break
        newer = other
    return Neighbours(newer, older)


def in_order(
    jobs: Iterable[Job], query: JobQuery, marks: NamesOfJobs = _NO_MARKS, words: WordsOfJobs = _NO_WORDS
) -> list[Job]:
    """Return the query's jobs; ``marks`` are the names of each job's marks, ``words`` its further words."""
    terms = search_words.parse_search(query.text)
    matches = [
        job
        for job in jobs
        if _fits(job, query)
        and _is_marked(marks.get(job.id, ()), query)
        and (terms is None or _is_about(job, terms, words.get(job.id, {})))
    ]
    descending = paging.is_descending(query.order)
    return sorted(matches, key=lambda job: paging.sort_key(job, query.order), reverse=descending)


def _comes_after(key: paging.SortKey, start: paging.SortKey, *, descending: bool) -> bool:
    return key < start if descending else key > start


def _fits(job: Job, query: JobQuery) -> bool:
    return (
        (not query.statuses or job.status in query.statuses)
        and (query.platform is None or job.platform == query.platform)
        and (query.account is None or (job.account is not None and key_of(job.account) == query.account))
        and (query.since is None or job.created_at >= query.since)
        and (query.until is None or job.created_at < query.until)
        and (query.shortest_s is None or (job.duration_s is not None and job.duration_s >= query.shortest_s))
        and (query.longest_s is None or (job.duration_s is not None and job.duration_s <= query.longest_s))
    )


def _is_marked(names: Collection[str], query: JobQuery) -> bool:
    return all(name in names for name in query.marks) and not any(name in names for name in query.without)


def _is_about(job: Job, terms: Sequence[search_words.Term], words: search_words.FurtherWords) -> bool:
    line = search_words.job_line(job.post_url, job.canonical_url, job.account, job.metadata)
    return bool(terms) and search_words.is_in(search_words.full_line(line, words), terms)


# --- accounts and totals -----------------------------------------------------------------------------------------


def accounts(jobs: Iterable[Job], query: AccountQuery) -> AccountPage:
    return account_page(_summaries(jobs).values(), query)


def account_page(summaries: Iterable[AccountSummary], query: AccountQuery) -> AccountPage:
    """Return the query's page of these accounts."""
    terms = search_words.parse_search(query.text)
    matches = [
        summary
        for summary in summaries
        if (query.platform is None or summary.platform == query.platform)
        and (terms is None or _is_named(summary, terms))
    ]
    matches.sort(key=_account_sort_key)
    if query.cursor is not None:
        micros, key = paging.decode_account_cursor(query.cursor)
        matches = [summary for summary in matches if _account_sort_key(summary) > (-micros, key)]
    return paging.account_page_of(matches, query)


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


def totals_of(platforms: Sequence[PlatformTotals]) -> LibraryTotals:
    """Return the totals of ``platforms``, which are sorted by name."""
    counts = Counter[JobStatus]()
    for platform in platforms:
        counts.update(platform.counts)
    return LibraryTotals(
        platforms=tuple(platforms),
        counts=with_all_statuses(counts),
        kept=sum(platform.kept for platform in platforms),
        bytes=sum(platform.bytes for platform in platforms),
        duration_s=seconds(sum(millis(platform.duration_s) for platform in platforms)),
        latest_at=max((platform.latest_at for platform in platforms), default=None),
    )


def with_all_statuses(counts: Mapping[JobStatus, int]) -> dict[JobStatus, int]:
    return {status: counts.get(status, 0) for status in JobStatus}


def millis(duration_s: float | None) -> int:
    """Return whole milliseconds, so that a sum is the same in whatever order it is added up; 0 for None."""
    return 0 if duration_s is None else round(duration_s * 1000)


def seconds(total_millis: int) -> float:
    return total_millis / 1000


def _platform_totals(platform: str, jobs: Collection[Job]) -> PlatformTotals:
    kept, size, duration_ms = _sums_of_completed(jobs)
    return PlatformTotals(
        platform=platform,
        counts=with_all_statuses(Counter(job.status for job in jobs)),
        kept=kept,
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
    newest = max(jobs, key=paging.age_of)
    assert newest.account is not None
    kept, size, duration_ms = _sums_of_completed(jobs)
    return AccountSummary(
        key=key,
        platform=newest.account.platform,
        handle=newest.account.handle,
        display_name=newest.account.display_name,
        slug=newest.account.slug,
        jobs=len(jobs),
        kept=kept,
        bytes=size,
        duration_s=seconds(duration_ms),
        latest_at=newest.created_at,
    )


def _sums_of_completed(jobs: Iterable[Job]) -> tuple[int, int, int]:
    """Return the number, bytes and milliseconds of the completed jobs."""
    completed = [job for job in jobs if job.status is JobStatus.COMPLETED]
    return len(completed), sum(job.bytes or 0 for job in completed), sum(millis(job.duration_s) for job in completed)


def _account_sort_key(summary: AccountSummary) -> tuple[int, str]:
    return -to_micros(summary.latest_at), summary.key


def _is_named(summary: AccountSummary, terms: Sequence[search_words.Term]) -> bool:
    return bool(terms) and search_words.is_in(search_words.account_line(summary.handle, summary.display_name), terms)


# --- failures ----------------------------------------------------------------------------------------------------


def failures(jobs: Iterable[Job]) -> list[FailureGroup]:
    groups: dict[tuple[ErrorCode, str], list[Job]] = defaultdict(list)
    for job in jobs:
        if job.status is JobStatus.FAILED:
            groups[job.error_code or ErrorCode.INTERNAL, job.platform].append(job)
    return most_first([_group(code, platform, failed) for (code, platform), failed in groups.items()])


def most_first(groups: Iterable[FailureGroup]) -> list[FailureGroup]:
    return sorted(groups, key=lambda group: (-group.jobs, group.error_code, group.platform))


def _group(code: ErrorCode, platform: str, failed: Sequence[Job]) -> FailureGroup:
    waiting: list[datetime] = [job.retry_at for job in failed if job.retry_at is not None]
    return FailureGroup(
        error_code=code,
        platform=platform,
        jobs=len(failed),
        next_retry_at=min(waiting, default=None),
        final=len(failed) - len(waiting),
        examples=tuple(sorted(failed, key=paging.age_of, reverse=True)[:EXAMPLES]),
    )
