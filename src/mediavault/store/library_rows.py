"""Rows of the SQL stores' shelves and the records they stand for, and what both ask for in the same words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from mediavault.core.clock import from_micros, plausible, to_micros
from mediavault.core.failures import ErrorCode
from mediavault.core.job import Job, JobStatus
from mediavault.store import browsing, codec, paging
from mediavault.store.paging import Place
from mediavault.store.queries import (
    AccountQuery,
    AccountSummary,
    FailureGroup,
    JobOrder,
    JobQuery,
    LibraryTotals,
    PlatformTotals,
)
from mediavault.store.rows import moment
from mediavault.store.search_words import Term, account_line, needle

ACCOUNT_COLUMNS = "key, platform, handle, display_name, slug, jobs, kept, bytes, duration_ms, latest_at"


VALUES = {JobOrder.LONGEST: "duration_s", JobOrder.LARGEST: "bytes"}  # what an order goes by before age
# The queue has indexes of its own for these, in the order of age, or there are few of them.
_FEW = frozenset({JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.FAILED, JobStatus.CANCELLED})


def asks_the_shelf(query: JobQuery) -> bool:
    """Whether the queue's own indexes do not answer: they know one state, moments, and the platform of the few."""
    if query.text or query.account or query.order in VALUES or (query.shortest_s, query.longest_s) != (None, None):
        return True
    states = set(query.statuses)
    return not (len(states) == 1 and states <= _FEW) and bool(states or query.platform)


def conditions(query: JobQuery, start: Place | None, *, descending: bool) -> tuple[list[str], dict[str, Any]]:
    """What a query asks for besides its words, and the values by name; the same on ``jobs`` and ``shelf``.

    Statuses come from the enum, so they may stand in the text: only then may a partial index be used.
    """
    said: list[str] = []
    values: dict[str, Any] = dict(moments(query))
    statuses = sorted(repr(status.value) for status in set(query.statuses))
    if statuses:
        said.append(f"status = {statuses[0]}" if len(statuses) == 1 else f"status IN ({', '.join(statuses)})")
    for name in ("platform", "account"):
        if (wanted := getattr(query, name)) is not None:
            said.append(f"{name} = :{name}")
            values[name] = wanted
    if query.since is not None:
        said.append("created_at >= :since")
    if query.until is not None:
        said.append("created_at < :until")
    if query.shortest_s is not None or query.longest_s is not None:
        said.append("duration_s >= :shortest")
        values["shortest"] = max(0.0, query.shortest_s or 0.0)  # what is not known is -1
    if query.longest_s is not None:
        said.append("duration_s <= :longest")
        values["longest"] = float(query.longest_s)
    if start is not None:
        sign, value = "<" if descending else ">", VALUES.get(query.order)
        values["start_at"], values["start_id"] = start[1:]
        if value:
            said.append(f"({value}, created_at, id) {sign} (:start_value, :start_at, :start_id)")
            values["start_value"] = start[0]
        else:
            said.append(f"(created_at, id) {sign} (:start_at, :start_id)")
    return said, values


def account_conditions(query: AccountQuery, terms: Sequence[Term], has: str) -> tuple[str, dict[str, Any]]:
    """The ``WHERE`` of a page of accounts, "" for all, and its values; ``has`` says that ``line`` holds a ``{}``."""
    said, values = [], dict[str, Any](limit=query.limit + 1)
    if query.platform is not None:
        said.append("platform = :platform")
        values["platform"] = query.platform
    for number, term in enumerate(terms):
        said.append(has.format(f":term{number}"))
        values[f"term{number}"] = needle(term)
    if query.cursor is not None:
        values["latest_at"], values["key"] = paging.account_place(query.cursor)
        said.append("latest_at <= :latest_at AND (latest_at < :latest_at OR key > :key)")
    return (f"WHERE {' AND '.join(said)}" if said else ""), values


def account_values(key: str, latest_at: int, account_json: str) -> dict[str, Any]:
    """What an account is called by its newest job."""
    account = codec.account_from_json(account_json)
    handle, name = (account.handle, account.display_name) if account else (None, None)
    return {
        "key": key,
        "handle": handle,
        "display_name": name,
        "line": account_line(handle, name),
        "latest_at": latest_at,
    }


def moments(query: JobQuery) -> Mapping[str, int]:
    """``since`` and ``until`` in microseconds, as far as they are asked for, within what a database can hold."""
    asked: Mapping[str, datetime | None] = {"since": query.since, "until": query.until}
    return {name: to_micros(plausible(at)) for name, at in asked.items() if at is not None}


def account_from_row(row: Sequence[Any]) -> AccountSummary:
    """``row`` has ACCOUNT_COLUMNS."""
    key, platform, handle, display_name, slug, jobs, kept, size, duration_ms, latest_at = row
    lasts_s = browsing.seconds(int(duration_ms))
    return AccountSummary(
        key, platform, handle, display_name, slug, jobs, kept, int(size), lasts_s, from_micros(latest_at)
    )


def totals_from_rows(rows: Iterable[Sequence[Any]]) -> LibraryTotals:
    """Rows of platform, status, jobs, bytes, milliseconds and the platform's newest moment, by platform."""
    of_platform: dict[str, list[Sequence[Any]]] = defaultdict(list)
    for row in rows:
        of_platform[row[0]].append(row)
    return browsing.totals_of([_platform_totals(name, theirs) for name, theirs in of_platform.items()])


def _platform_totals(platform: str, rows: Sequence[Sequence[Any]]) -> PlatformTotals:
    counts = {JobStatus(status): int(jobs) for _, status, jobs, *_ in rows}
    return PlatformTotals(
        platform=platform,
        counts=browsing.every_state(counts),
        kept=counts.get(JobStatus.COMPLETED, 0),
        bytes=sum(int(row[3]) for row in rows),
        duration_s=browsing.seconds(sum(int(row[4]) for row in rows)),
        latest_at=from_micros(rows[0][5]),
    )


def failures_from_rows(
    rows: Iterable[Sequence[Any]], examples: Mapping[tuple[str, str], Sequence[Job]]
) -> list[FailureGroup]:
    """Rows of cause, platform, how many, how many of them final, and the earliest next try."""
    groups = [
        FailureGroup(ErrorCode(code), platform, jobs, moment(next_at), final, tuple(examples.get((code, platform), ())))
        for code, platform, jobs, final, next_at in rows
    ]
    return browsing.most_first(groups)
