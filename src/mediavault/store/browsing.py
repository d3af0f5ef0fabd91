"""What the answers to the pages' queries have in common in every store: accounts, totals, failures (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from mediavault.core.clock import to_micros
from mediavault.core.failures import AccountNotFound
from mediavault.core.job import JobStatus
from mediavault.core.messages import Message
from mediavault.store import paging, search_words
from mediavault.store.queries import (
    AccountPage,
    AccountQuery,
    AccountSummary,
    FailureGroup,
    LibraryTotals,
    PlatformTotals,
)

EXAMPLES = 3  # jobs that a group of failures shows


def account_not_found(key: str) -> AccountNotFound:
    return AccountNotFound(
        Message("Unknown account %(key)s.", key=key),
        help="List the accounts to find its key; its jobs may have been removed.",
    )


# --- accounts and totals -----------------------------------------------------------------------------------------


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


def _account_sort_key(summary: AccountSummary) -> tuple[int, str]:
    return -to_micros(summary.latest_at), summary.key


def _is_named(summary: AccountSummary, terms: Sequence[search_words.Term]) -> bool:
    return bool(terms) and search_words.is_in(search_words.account_line(summary.handle, summary.display_name), terms)


# --- failures ----------------------------------------------------------------------------------------------------


def most_first(groups: Iterable[FailureGroup]) -> list[FailureGroup]:
    return sorted(groups, key=lambda group: (-group.jobs, group.error_code, group.platform))
