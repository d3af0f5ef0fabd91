"""What the pages ask, answered from all jobs at once: the reference that every store is held to (pure)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from mediavault.core.clock import to_micros
from mediavault.core.failures import AccountNotFound, ErrorCode
from mediavault.core.job import Job, JobStatus
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

EXAMPLES = 3  # jobs that a group of failures shows


def account_not_found(key: str) -> AccountNotFound:
    return AccountNotFound(
        Message("Unknown account %(key)s.", key=key),
        help="List the accounts to find its key; its jobs may have been removed.",
    )


# --- pages of jobs -----------------------------------------------------------------------------------------------


def page(jobs: Iterable[Job], query: JobQuery) -> JobPage:
    start = paging.after(query)
    found = in_order(jobs, query)
    if start is not None:
        descending = paging.is_descending(query.order)
        found = [job for job in found if _comes_after(paging.sort_key(job, query.order), start, descending=descending)]
    return paging.page_of(found, query)


def neighbours(job: Job, jobs: Iterable[Job], query: JobQuery) -> Neighbours:
    place, descending = paging.sort_key(job, query.order), paging.is_descending(query.order)
    newer = older = None
    for other in in_order(jobs, query):
        there = paging.sort_key(other, query.order)
        if there == place:
            continue
        if _comes_after(there, place, descending=descending):
            older = other
            break
        newer = other
    return Neighbours(newer, older)


def in_order(jobs: Iterable[Job], query: JobQuery) -> list[Job]:
    terms = search_words.asked(query.text)
    found = [job for job in jobs if _fits(job, query) and (terms is None or _is_about(job, terms))]
    descending = paging.is_descending(query.order)
    return sorted(found, key=lambda job: paging.sort_key(job, query.order), reverse=descending)


def _comes_after(place: paging.Place, start: paging.Place, *, descending: bool) -> bool:
    return place < start if descending else place > start


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


def _is_about(job: Job, terms: Sequence[search_words.Term]) -> bool:
    line = search_words.job_line(job.post_url, job.canonical_url, job.account, job.metadata)
    return bool(terms) and search_words.is_in(line, terms)


# --- accounts and totals -----------------------------------------------------------------------------------------


def accounts(jobs: Iterable[Job], query: AccountQuery) -> AccountPage:
    return account_page(_summaries(jobs).values(), query)


def account_page(summaries: Iterable[AccountSummary], query: AccountQuery) -> AccountPage:
    """The page of these accounts that a query asks for."""
    terms = search_words.asked(query.text)
    found = [
        one
        for one in summaries
        if (query.platform is None or one.platform == query.platform) and (terms is None or _is_named(one, terms))
    ]
    found.sort(key=_account_place)
    if query.cursor is not None:
        micros, key = paging.account_place(query.cursor)
        found = [one for one in found if _account_place(one) > (-micros, key)]
    return paging.account_page_of(found, query)


def account(jobs: Iterable[Job], key: str) -> AccountSummary:
    found = _summaries(jobs).get(key)
    if found is None:
        raise account_not_found(key)
    return found


def totals(jobs: Iterable[Job]) -> LibraryTotals:
    of_platform: dict[str, list[Job]] = defaultdict(list)
    for job in jobs:
        of_platform[job.platform].append(job)
    return totals_of([_platform_totals(name, of_platform[name]) for name in sorted(of_platform)])


def totals_of(platforms: Sequence[PlatformTotals]) -> LibraryTotals:
    """``platforms`` by name."""
    counts = Counter[JobStatus]()
    for one in platforms:
        counts.update(one.counts)
    return LibraryTotals(
        platforms=tuple(platforms),
        counts=every_state(counts),
        kept=sum(one.kept for one in platforms),
        bytes=sum(one.bytes for one in platforms),
        duration_s=seconds(sum(millis(one.duration_s) for one in platforms)),
        latest_at=max((one.latest_at for one in platforms), default=None),
    )


def every_state(counts: Mapping[JobStatus, int]) -> dict[JobStatus, int]:
    return {status: counts.get(status, 0) for status in JobStatus}


def millis(duration_s: float | None) -> int:
    """Sums are of whole milliseconds, so that they come out the same in whatever order they are added up."""
    return 0 if duration_s is None else round(duration_s * 1000)


def seconds(total_millis: int) -> float:
    return total_millis / 1000


def _platform_totals(platform: str, jobs: Collection[Job]) -> PlatformTotals:
    kept, size, duration_ms = _kept(jobs)
    return PlatformTotals(
        platform=platform,
        counts=every_state(Counter(job.status for job in jobs)),
        kept=kept,
        bytes=size,
        duration_s=seconds(duration_ms),
        latest_at=max(job.created_at for job in jobs),
    )


def _summaries(jobs: Iterable[Job]) -> dict[str, AccountSummary]:
    of_account: dict[str, list[Job]] = defaultdict(list)
    for job in jobs:
        if job.account is not None:
            of_account[key_of(job.account)].append(job)
    return {key: _summary(key, theirs) for key, theirs in of_account.items()}


def _summary(key: str, jobs: Collection[Job]) -> AccountSummary:
    newest = max(jobs, key=paging.age_of)
    assert newest.account is not None
    kept, size, duration_ms = _kept(jobs)
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


def _kept(jobs: Iterable[Job]) -> tuple[int, int, int]:
    """Of the completed jobs: how many, their bytes and milliseconds."""
    kept = [job for job in jobs if job.status is JobStatus.COMPLETED]
    return len(kept), sum(job.bytes or 0 for job in kept), sum(millis(job.duration_s) for job in kept)


def _account_place(one: AccountSummary) -> tuple[int, str]:
    return -to_micros(one.latest_at), one.key


def _is_named(one: AccountSummary, terms: Sequence[search_words.Term]) -> bool:
    return bool(terms) and search_words.is_in(search_words.account_line(one.handle, one.display_name), terms)


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
