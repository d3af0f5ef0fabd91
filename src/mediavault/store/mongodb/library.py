"""The queries of the library's pages on MongoDB: jobs in every order, accounts, totals, failures.

A job's document holds its words: ``words``, each once, which an index finds by their beginnings,
and ``line``, in order, for runs of characters. Accounts and totals are computed on request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mediavault.core.failures import ErrorCode
from mediavault.core.job import Job, JobId, JobStatus
from mediavault.core.marks import of_watching
from mediavault.store import codec, library_index, queries, search_words
from mediavault.store.mongodb import marks
from mediavault.store.mongodb.engine import FIRST_MOMENT, LEFT_OUT, Document, Filter, MongoDatabase
from mediavault.store.mongodb.reads import FAILED, get
from mediavault.store.mongodb.rows import job_from
from mediavault.store.mongodb.schema import JOBS
from mediavault.store.mongodb.server import MongoServer
from mediavault.store.queries import (
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
    SortKey,
)
from mediavault.store.rows import moment

_WATCHED_AT = "watched_at"  # computed on request
# what an order sorts by before age
VALUES = {
    JobOrder.PUBLISHED: "posted_at",
    JobOrder.EARLIEST: "posted_at",
    JobOrder.TITLE: "title_key",
    JobOrder.WATCHED: _WATCHED_AT,
    JobOrder.LONGEST: "duration_s",
    JobOrder.LARGEST: "bytes",
}
_NEWEST = [("created_at", -1), ("_id", -1)]
_IS_SAVED = {"$eq": ["$status", JobStatus.COMPLETED.value]}
_MILLIS = {"$toLong": {"$round": [{"$multiply": [{"$ifNull": ["$duration_s", 0.0]}, 1000]}, 0]}}
_SUMS = {
    "jobs": {"$sum": 1},
    "saved": {"$sum": {"$cond": [_IS_SAVED, 1, 0]}},
    "bytes": {"$sum": {"$cond": [_IS_SAVED, {"$ifNull": ["$bytes", 0]}, 0]}},
    "millis": {"$sum": {"$cond": [_IS_SAVED, _MILLIS, 0]}},
    "latest_at": {"$max": "$created_at"},
}


# --- pages of jobs --------------------------------------------------------------------------------


async def jobs(server: MongoServer, query: JobQuery) -> JobPage:
    found = await _select(server.database, query, queries.after(query), query.limit + 1)
    placed = queries.placed_by_marks(found, query)
    # A mark that is changed in between only leads to posts that were shown already.
    return queries.page_of(found, query, await marks.of_jobs(server, placed) if placed else {})


async def count(server: MongoServer, query: JobQuery) -> int:
    terms = search_words.parse_search(query.text)
    if terms == ():
        return 0
    return await server.database.documents(JOBS).count(page_filter(query, terms or ()))


async def neighbours(server: MongoServer, job_id: JobId, query: JobQuery) -> Neighbours:
    database, job = server.database, await get(server, job_id)
    placed = queries.placed_by_marks([job], query)
    noted = await marks.of_jobs(server, placed) if placed else {}
    key = queries.sort_key(job, query, noted.get(job_id, ()))
    before = await _select(database, query, key, 1, backwards=True)
    after = await _select(database, query, key, 1)
    return Neighbours(before[0] if before else None, after[0] if after else None)


async def _select(
    database: MongoDatabase,
    query: JobQuery,
    start: SortKey | None,
    limit: int,
    *,
    backwards: bool = False,
) -> list[Job]:
    terms = search_words.parse_search(query.text)
    if terms == ():
        return []
    descending = queries.is_descending(query.order) is not backwards
    is_falling = queries.has_descending_values(query.order, descending=descending)
    value, direction = VALUES.get(query.order), -1 if descending else 1
    order = [
        *([(value, -1 if is_falling else 1)] if value else []),
        ("created_at", direction),
        ("_id", direction),
    ]
    where, jobs = page_filter(query, terms or ()), database.documents(JOBS)
    later: Filter = (
        {}
        if start is None
        else {"$or": _after(value, start, descending=descending, is_falling=is_falling)}
    )
    if query.order is JobOrder.WATCHED:
        stages: list[Mapping[str, Any]] = [
            {"$match": where},
            {"$project": LEFT_OUT},
            {"$set": {_WATCHED_AT: _watched_at(query.watched_by)}},
            {"$match": later},
            {"$sort": dict(order)},
            {"$limit": limit},
        ]
        return [job_from(document) for document in await jobs.aggregate(stages)]
    both: Filter = {"$and": [where, later]} if later else where
    documents = await jobs.find(both, fields=LEFT_OUT, sort=order, limit=limit)
    return [job_from(document) for document in documents]


def _watched_at(user: str) -> Mapping[str, Any]:
    """Return the expression of when the user last watched a post."""
    own = {"$in": ["$$this.n", list(of_watching(user))]}
    of_user = {"$filter": {"input": "$marks", "cond": own}}
    return {"$max": {"$map": {"input": of_user, "in": "$$this.p"}}}


def page_filter(query: JobQuery, terms: Sequence[search_words.Term]) -> Filter:
    where: dict[str, Any] = {}
    if query.statuses:
        where["status"] = {"$in": sorted({status.value for status in query.statuses})}
    if query.platform is not None:
        where["platform"] = query.platform
    if query.account is not None:
        where["account_key"] = query.account
    moments = library_index.moments(query)
    if moments:
        signs = {"since": "$gte", "until": "$lt"}
        where["created_at"] = {signs[name]: micros for name, micros in moments.items()}
    length: dict[str, float] = {}
    if query.shortest_s is not None:
        length["$gte"] = float(query.shortest_s)
    if query.longest_s is not None:
        length["$lte"] = float(query.longest_s)
    more: list[Filter] = [{"duration_s": length}] if length else []
    if query.order is JobOrder.WATCHED:
        more.append({"marks.n": {"$in": list(of_watching(query.watched_by))}})
    more += [{"marks.n": name} for name in query.marks]
    more += [{"marks.n": {"$ne": name}} for name in query.without]
    more += [condition for term in terms for condition in _has(term)]
    return {**where, "$and": more} if more else where


def _has(term: search_words.Term) -> list[Filter]:
    """Return the filters of a term. No word has a character that is special in a regular
    expression.
    """
    if len(term) == 1:
        return [{"words": {"$regex": f"^{term[0]}"}}]
    return [{"words": {"$all": list(term)}}, {"line": {"$regex": f"{search_words.needle(term)}"}}]


def _after(
    value: str | None, start: SortKey, *, descending: bool, is_falling: bool
) -> list[Filter]:
    """Return the filters of what comes after ``start``. A missing value is null,
    and comes last where values fall.
    """
    sign = "$lt" if descending else "$gt"
    known, created_at, job_id = start
    later: list[Filter] = [
        {"created_at": {sign: created_at}},
        {"created_at": created_at, "_id": {sign: job_id}},
    ]
    if value is None:
        return later
    if known == queries.UNKNOWN and value != _WATCHED_AT:  # which is never missing
        without_value: list[Filter] = [{value: None, **condition} for condition in later]
        return without_value if is_falling else [*without_value, {value: {"$gte": 0}}]
    others: list[Filter] = [
        {value: {"$lt" if is_falling else "$gt": known}},
        *({value: known, **condition} for condition in later),
    ]
    return [*others, {value: None}] if is_falling else others


# --- accounts, totals, failures -------------------------------------------------------------------


async def accounts(server: MongoServer, query: AccountQuery) -> AccountPage:
    database = server.database
    where = (
        {"$gt": ""}
        if query.platform is None
        else {"$gte": f"{query.platform}/", "$lt": f"{query.platform}0"}
    )
    return queries.account_page(await _summaries(database, where), query)


async def account(server: MongoServer, key: str) -> AccountSummary:
    database = server.database
    for summary in await _summaries(database, {"$eq": key}):
        return summary
    raise queries.account_not_found(key)


async def _summaries(database: MongoDatabase, keys: Filter) -> list[AccountSummary]:
    stages: list[Filter] = [
        {"$match": {"account_key": keys}},
        {"$sort": dict(_NEWEST)},
        {"$group": {"_id": "$account_key", "account": {"$first": "$account"}, **_SUMS}},
    ]
    return [_summary(row) for row in await database.documents(JOBS).aggregate(stages)]


def _summary(row: Document) -> AccountSummary:
    named = codec.account_from_json(row["account"])
    assert named is not None  # it has a key
    latest_at = moment(row["latest_at"])
    assert latest_at is not None
    return AccountSummary(
        key=row["_id"],
        platform=named.platform,
        handle=named.handle,
        display_name=named.display_name,
        slug=named.slug,
        jobs=row["jobs"],
        saved=row["saved"],
        bytes=row["bytes"],
        duration_s=queries.seconds(int(row["millis"])),
        latest_at=latest_at,
    )


async def library_totals(server: MongoServer) -> LibraryTotals:
    database = server.database
    by_state = {"_id": {"platform": "$platform", "status": "$status"}, **_SUMS}
    rows = await database.documents(JOBS).aggregate([{"$group": by_state}])
    of_platform: dict[str, list[Document]] = {}
    for row in rows:
        of_platform.setdefault(row["_id"]["platform"], []).append(row)
    return queries.totals_of(
        [_platform_totals(name, of_platform[name]) for name in sorted(of_platform)]
    )


def _platform_totals(platform: str, rows: Sequence[Document]) -> PlatformTotals:
    latest_at = moment(max(row["latest_at"] for row in rows))
    assert latest_at is not None
    return PlatformTotals(
        platform=platform,
        counts=queries.with_all_statuses(
            {JobStatus(row["_id"]["status"]): row["jobs"] for row in rows}
        ),
        saved=sum(row["saved"] for row in rows),
        bytes=sum(row["bytes"] for row in rows),
        duration_s=queries.seconds(sum(int(row["millis"]) for row in rows)),
        latest_at=latest_at,
    )


async def failures(server: MongoServer) -> Sequence[FailureGroup]:
    database = server.database
    is_waiting = {"$gt": ["$retry_at", FIRST_MOMENT]}
    by_cause: Mapping[str, Any] = {
        "_id": {"code": "$error_code", "platform": "$platform"},
        "jobs": {"$sum": 1},
        "waiting": {"$sum": {"$cond": [is_waiting, 1, 0]}},
        "next_at": {"$min": "$retry_at"},
    }
    rows = await database.documents(JOBS).aggregate(
        [{"$match": {"status": FAILED}}, {"$group": by_cause}]
    )
    return queries.most_first([await _group(database, row) for row in rows])


async def _group(database: MongoDatabase, row: Document) -> FailureGroup:
    code, platform = row["_id"].get("code"), row["_id"]["platform"]
    theirs = {"status": FAILED, "error_code": code, "platform": platform}
    newest = await database.documents(JOBS).find(
        theirs, fields=LEFT_OUT, sort=_NEWEST, limit=queries.EXAMPLES
    )
    return FailureGroup(
        error_code=ErrorCode(code or ErrorCode.INTERNAL),
        platform=platform,
        jobs=row["jobs"],
        next_retry_at=moment(row["next_at"]),
        final=row["jobs"] - row["waiting"],
        examples=tuple(job_from(document) for document in newest),
    )
