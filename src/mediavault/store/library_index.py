"""The library index of the SQL stores: its entry for a job, the conditions of queries, and its rows
as records (pure).

A store writes the index in the transaction that changes the job: the words when a job is stored and
when a checkpoint adds to them, the account's number of jobs at the checkpoint, the sums of an
account and a site when a job completes, and all of it when a job is removed or imported. Everything
else is read through database indexes on the jobs themselves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mediavault.core.clock import from_micros, plausible, to_micros
from mediavault.core.failures import ErrorCode
from mediavault.core.job import Job, JobStatus
from mediavault.core.marks import of_watching
from mediavault.core.media import SavedFile, key_of
from mediavault.store import codec, queries, search_words
from mediavault.store.queries import (
    AccountQuery,
    AccountSummary,
    FailureGroup,
    JobOrder,
    JobQuery,
    LibraryTotals,
    PlatformTotals,
    SortKey,
)
from mediavault.store.rows import moment
from mediavault.store.search_words import Term, account_line, needle

ACCOUNT_COLUMNS = (
    "key, platform, handle, display_name, slug, jobs, saved, bytes, duration_ms, latest_at"
)
# The columns of a stored job that :func:`entry_of` reads.
ENTRY_COLUMNS = (
    "seq, platform, status, bytes, duration_s, post_url, canonical_url, account, metadata"
)

# The same expressions as in the indexes jobs_posted, jobs_titled, jobs_longest and jobs_largest.
_VALUES = {
    JobOrder.PUBLISHED: "posted_at",
    JobOrder.EARLIEST: "posted_at",
    JobOrder.TITLE: "title_key",
    JobOrder.LONGEST: "coalesce(duration_s, -1)",
    JobOrder.LARGEST: "coalesce(bytes, -1)",
}


# --- the entries of jobs --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sums:
    """The number of jobs, and the number, bytes and milliseconds of the completed ones.

    Negative when jobs are removed.
    """

    jobs: int = 0
    saved: int = 0
    bytes: int = 0
    duration_ms: int = 0

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            self.jobs + other.jobs,
            self.saved + other.saved,
            self.bytes + other.bytes,
            self.duration_ms + other.duration_ms,
        )

    def __neg__(self) -> Sums:
        return Sums(-self.jobs, -self.saved, -self.bytes, -self.duration_ms)

    @property
    def values(self) -> dict[str, int]:
        """The sums by the columns of library_accounts."""
        return {
            "jobs": self.jobs,
            "saved": self.saved,
            "bytes": self.bytes,
            "duration_ms": self.duration_ms,
        }


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """The index's entry for one job; ``line`` holds the words that it is found by."""

    seq: int
    platform: str
    account: str | None
    sums: Sums
    line: str


def sums_of_completed(size: int | None, duration_s: float | None, *, jobs: int = 0) -> Sums:
    return Sums(jobs, 1, max(0, size or 0), queries.millis(max(0.0, duration_s or 0.0)))


def sums_of_saved(saved: SavedFile) -> Sums:
    """Return what a completion adds to the sums; the job itself was counted before."""
    return sums_of_completed(saved.bytes, saved.duration_s)


def entry_of(seq: int, values: Mapping[str, Any]) -> IndexEntry:
    """Return the entry of a stored job; ``values`` has at least the other ENTRY_COLUMNS,
    by name, as stored.
    """
    account = codec.account_from_json(values["account"])
    metadata = codec.metadata_from_json(values["metadata"])
    is_saved = values["status"] == JobStatus.COMPLETED.value
    return IndexEntry(
        seq=seq,
        platform=values["platform"],
        account=None if account is None else key_of(account),
        sums=sums_of_completed(values["bytes"], values["duration_s"], jobs=1)
        if is_saved
        else Sums(jobs=1),
        line=search_words.job_line(values["post_url"], values["canonical_url"], account, metadata),
    )


def running_values(job: Job) -> dict[str, Any]:
    """Return the values of a running job that :func:`entry_of` reads in addition to those of a
    checkpoint.
    """
    return {
        "platform": job.platform,
        "status": JobStatus.RUNNING.value,
        "bytes": None,
        "duration_s": None,
        "post_url": job.post_url,
        "canonical_url": job.canonical_url,
    }


@codec.decodes
def entry_from_row(row: Sequence[Any]) -> IndexEntry:
    """Return the entry of a row of ENTRY_COLUMNS."""
    values = dict(zip(ENTRY_COLUMNS.split(", "), row, strict=True))
    return entry_of(values["seq"], values)


def totals_of(entries: Iterable[IndexEntry]) -> dict[str, Sums]:
    """Return the completed jobs' sums by platform, sorted,
    since every transaction must lock the rows in that order.
    """
    totals = defaultdict[str, Sums](Sums)
    for entry in entries:
        if entry.sums.saved:
            totals[entry.platform] += entry.sums
    return dict(sorted(totals.items()))


def accounts_of(entries: Iterable[IndexEntry]) -> dict[str, Sums]:
    """Return the sums of each account by its key, sorted as in :func:`totals_of`."""
    accounts = defaultdict[str, Sums](Sums)
    for entry in entries:
        if entry.account is not None:
            accounts[entry.account] += entry.sums
    return dict(sorted(accounts.items()))


def account_names(key: str, latest_at: int, account_json: str) -> dict[str, Any]:
    """Return the columns of an account that its newest job determines: its names,
    and when that job was stored.
    """
    account = codec.account_from_json(account_json)
    handle, name = (account.handle, account.display_name) if account else (None, None)
    return {
        "key": key,
        "handle": handle,
        "display_name": name,
        "line": account_line(handle, name),
        "latest_at": latest_at,
    }


# --- queries and their rows -----------------------------------------------------------------------


def value_of(order: JobOrder, marks: str) -> str | None:
    """Return the expression of what an order sorts by before age; ``marks`` is the marks' table.
    Its names are among the values of :func:`marked`.
    """
    if order is JobOrder.WATCHED:
        return f"(SELECT max(place) FROM {marks} WHERE job = seq AND name IN (:begun, :watched))"  # noqa: S608 - a constant
    return _VALUES.get(order)


def sorting(order: JobOrder, value: str | None, age: str, job_id: str, *, descending: bool) -> str:
    """Return the ``ORDER BY`` clause of jobs, given the names of what they are sorted by;
    ``value`` is None where that is only their age.
    """
    is_falling = queries.has_descending_values(order, descending=descending)
    columns = [(value, is_falling)] if value else []
    columns += [(age, descending), (job_id, descending)]
    terms = [f"{name} {'DESC' if falls else 'ASC'}" for name, falls in columns]
    return f"ORDER BY {', '.join(terms)}"


def conditions(
    query: JobQuery, start: SortKey | None, *, descending: bool, marks: str
) -> tuple[list[str], dict[str, Any]]:
    """Return a query's conditions on ``jobs``, except those of its words and marks, and their
    values by name.

    ``marks`` is the marks' table.

    Statuses come from the enum, so they may be literals in the SQL: only then can a partial index
    be used.
    """
    clauses: list[str] = []
    values: dict[str, Any] = dict(moments(query))
    statuses = sorted(repr(status.value) for status in set(query.statuses))
    if statuses:
        clauses.append(
            f"status = {statuses[0]}"
            if len(statuses) == 1
            else f"status IN ({', '.join(statuses)})"
        )
    if query.platform is not None:
        clauses.append("platform = :platform")
        values["platform"] = query.platform
    if query.account is not None:
        clauses.append("account_key = :account")
        values["account"] = query.account
    if query.since is not None:
        clauses.append("created_at >= :since")
    if query.until is not None:
        clauses.append("created_at < :until")
    if query.shortest_s is not None or query.longest_s is not None:
        clauses.append("duration_s >= :shortest")
        values["shortest"] = query.shortest_s or 0.0
    if query.longest_s is not None:
        clauses.append("duration_s <= :longest")
        values["longest"] = float(query.longest_s)
    for number, name in enumerate(sorted(query.without)):
        clauses.append(f"seq NOT IN (SELECT job FROM {marks} WHERE name = :without{number})")  # noqa: S608 - a constant
        values[f"without{number}"] = name
    if start is not None:
        sign, value = "<" if descending else ">", value_of(query.order, marks)
        values["start_at"], values["start_id"] = start[1:]
        by_age = f"(created_at, id) {sign} (:start_at, :start_id)"
        if value:
            values["start_value"] = start[0]
            is_falling = queries.has_descending_values(query.order, descending=descending)
            # The first condition says where in the index to begin: SQLite does not derive it from
            # the second.
            clauses.append(f"{value} {'<' if is_falling else '>'}= :start_value")
            clauses.append(
                f"({value}, created_at, id) {sign} (:start_value, :start_at, :start_id)"
                if is_falling is descending
                else f"({value} <> :start_value OR {by_age})"
            )
        else:
            clauses.append(by_age)
    return clauses, values


def marked(query: JobQuery, marks: str) -> tuple[list[str], dict[str, Any]]:
    """Return a ``SELECT`` of the jobs that have each mark which the query asks for, one of those
    whose marks its order is about, and the values; ``marks`` is the marks' table.
    """
    names = sorted(query.marks)
    selects = [
        f"SELECT job AS hit FROM {marks} WHERE name = :mark{number}"  # noqa: S608 - a constant
        for number in range(len(names))
    ]
    values = {f"mark{number}": name for number, name in enumerate(names)}
    if query.order is JobOrder.WATCHED:
        selects.append(f"SELECT DISTINCT job AS hit FROM {marks} WHERE name IN (:begun, :watched)")  # noqa: S608 - a constant
        values["begun"], values["watched"] = of_watching(query.watched_by)
    return selects, values


def account_conditions(
    query: AccountQuery, terms: Sequence[Term], has: str
) -> tuple[str, dict[str, Any]]:
    """Return a page's ``WHERE`` clause ("" for all) and its values;
    ``has`` is SQL that tests ``line`` for ``{}``.
    """
    clauses, values = [], dict[str, Any](limit=query.limit + 1)
    if query.platform is not None:
        clauses.append("platform = :platform")
        values["platform"] = query.platform
    for number, term in enumerate(terms):
        clauses.append(has.format(f":term{number}"))
        values[f"term{number}"] = needle(term)
    if query.cursor is not None:
        values["latest_at"], values["key"] = queries.decode_account_cursor(query.cursor)
        clauses.append("latest_at <= :latest_at AND (latest_at < :latest_at OR key > :key)")
    return (f"WHERE {' AND '.join(clauses)}" if clauses else ""), values


def moments(query: JobQuery) -> Mapping[str, int]:
    """Return ``since`` and ``until`` in microseconds if the query has them,
    limited to what a database can hold.
    """
    limits: Mapping[str, datetime | None] = {"since": query.since, "until": query.until}
    return {name: to_micros(plausible(at)) for name, at in limits.items() if at is not None}


@codec.decodes
def account_from_row(row: Sequence[Any]) -> AccountSummary:
    """Return the account of a row of ACCOUNT_COLUMNS."""
    key, platform, handle, display_name, slug, jobs, saved, size, duration_ms, latest_at = row
    duration_s = queries.seconds(int(duration_ms))
    return AccountSummary(
        key,
        platform,
        handle,
        display_name,
        slug,
        jobs,
        saved,
        int(size),
        duration_s,
        from_micros(latest_at),
    )


@codec.decodes
def totals_from_rows(rows: Iterable[Sequence[Any]]) -> LibraryTotals:
    """Return the totals of rows that are sorted by platform.

    A row is platform, status, jobs, bytes, milliseconds and the platform's newest ``created_at``.
    """
    by_platform: dict[str, list[Sequence[Any]]] = defaultdict(list)
    for row in rows:
        by_platform[row[0]].append(row)
    return queries.totals_of(
        [_platform_totals(name, platform_rows) for name, platform_rows in by_platform.items()]
    )


def _platform_totals(platform: str, rows: Sequence[Sequence[Any]]) -> PlatformTotals:
    counts = {JobStatus(status): int(jobs) for _, status, jobs, *_ in rows}
    return PlatformTotals(
        platform=platform,
        counts=queries.with_all_statuses(counts),
        saved=counts.get(JobStatus.COMPLETED, 0),
        bytes=sum(int(row[3]) for row in rows),
        duration_s=queries.seconds(sum(int(row[4]) for row in rows)),
        latest_at=from_micros(rows[0][5]),
    )


@codec.decodes
def failures_from_rows(
    rows: Iterable[Sequence[Any]], examples: Mapping[tuple[str, str], Sequence[Job]]
) -> list[FailureGroup]:
    """Return the groups of rows of error code, platform, number of jobs,
    number of final ones and earliest retry.
    """
    groups = [
        FailureGroup(
            ErrorCode(code),
            platform,
            jobs,
            moment(next_at),
            final,
            tuple(examples.get((code, platform), ())),
        )
        for code, platform, jobs, final, next_at in rows
    ]
    return queries.most_first(groups)
