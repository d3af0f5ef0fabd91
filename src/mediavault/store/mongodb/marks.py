"""The marks on MongoDB: a list in the job's document, each with its name ``n``, its place ``p`` and
its text ``t``.

Each mark is one change of one document. A call that is interrupted may have stored some of its
marks.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from mediavault.core.job import JobId
from mediavault.core.marks import Mark, MarkCount
from mediavault.store import rows
from mediavault.store.mongodb.engine import Document, Documents, Filter
from mediavault.store.mongodb.schema import JOBS
from mediavault.store.mongodb.server import MongoServer

_EACH = {"$unwind": "$marks"}


async def put(server: MongoServer, marks: Sequence[Mark]) -> int:
    distinct, jobs = rows.distinct_marks(marks), server.database.documents(JOBS)
    new = await documents_of(server, distinct)
    return sum(
        [await _put(jobs, mark, document) for mark, document in zip(distinct, new, strict=True)]
    )


async def documents_of(server: MongoServer, marks: Sequence[Mark]) -> list[Document]:
    """Return marks as they are stored in their jobs' documents;
    one that asks for no place gets the present time.
    """
    now = await server.database.now() if server.now is None else server.now
    stored = [
        rows.mark_values(mark, now + index) for index, mark in enumerate(rows.distinct_marks(marks))
    ]
    return [
        {
            "n": values["name"],
            "p": values["number"] if values["place"] is None else values["place"],
            "t": values["text"],
        }
        for values in stored
    ]


async def _put(jobs: Documents, mark: Mark, new: Document) -> int:
    """Change the mark of that name, or add it where there is none;
    returns 0 if there is no such job.
    """
    changes = (
        {"marks.$.t": new["t"]}
        if mark.place is None
        else {"marks.$.t": new["t"], "marks.$.p": new["p"]}
    )
    if await jobs.change_all({"_id": mark.job_id, "marks.n": new["n"]}, {"$set": changes}):
        return 1
    return await jobs.change_all(
        {"_id": mark.job_id, "marks.n": {"$ne": new["n"]}}, {"$push": {"marks": new}}
    )


async def remove(
    server: MongoServer,
    name: str,
    job_ids: Collection[JobId] | None = None,
    *,
    if_text: str | None = None,
) -> int:
    name = rows.mark_name(name)
    mark = {"n": name} if if_text is None else {"n": name, "t": if_text}
    of_jobs: Filter = {} if job_ids is None else {"_id": {"$in": list(job_ids)}}
    where: Filter = {**of_jobs, "marks": {"$elemMatch": mark}}
    return await server.database.documents(JOBS).change_all(where, {"$pull": {"marks": mark}})


async def rename(server: MongoServer, name: str, new_name: str, *, text: str) -> int:
    name, new_name, text = rows.mark_name(name), rows.mark_name(new_name), rows.mark_name(text)
    jobs = server.database.documents(JOBS)
    if name != new_name:
        before = await jobs.count({"marks.n": name})
        both: Filter = {"$and": [{"marks.n": name}, {"marks.n": new_name}]}
        await jobs.change_all(both, {"$pull": {"marks": {"n": name}}})
        await jobs.change_all({"marks.n": name}, {"$set": {"marks.$.n": new_name}})
        if not before:
            return 0
    return await jobs.change_all({"marks.n": new_name}, {"$set": {"marks.$.t": text}})


async def of_jobs(
    server: MongoServer, job_ids: Collection[JobId]
) -> Mapping[JobId, tuple[Mark, ...]]:
    where: Filter = {"_id": {"$in": list(set(job_ids))}, "marks.n": {"$exists": True}}
    found = await server.database.documents(JOBS).find(where, fields={"marks": 1})
    by_job = {
        document["_id"]: [_mark(document["_id"], mark) for mark in document["marks"]]
        for document in found
    }
    return {
        job_id: tuple(sorted(marks, key=lambda mark: mark.name)) for job_id, marks in by_job.items()
    }


async def marked(
    server: MongoServer,
    name: str,
    *,
    after: Mark | None = None,
    limit: int = 100,
    newest_first: bool = False,
) -> list[Mark]:
    start, sign, direction = rows.mark_start(after, newest_first=newest_first), "$gt", 1
    if newest_first:
        sign, direction = "$lt", -1
    later: Filter = {
        "marks.n": rows.mark_name(name),
        "$or": [
            {"marks.p": {sign: start["place"]}},
            {"marks.p": start["place"], "_id": {sign: start["id"]}},
        ],
    }
    stages: list[Mapping[str, Any]] = [
        {"$match": {"marks.n": rows.mark_name(name)}},
        {"$project": {"marks": 1}},
        _EACH,
        {"$match": later},
        {"$sort": {"marks.p": direction, "_id": direction}},
        {"$limit": limit},
    ]
    return [
        _mark(row["_id"], row["marks"])
        for row in await server.database.documents(JOBS).aggregate(stages)
    ]


async def names(server: MongoServer, prefix: str) -> list[MarkCount]:
    begins: Filter = {"marks.n": {"$regex": f"^{re.escape(rows.mark_name(prefix))}"}}
    stages: list[Mapping[str, Any]] = [
        {"$match": begins},
        {"$project": {"marks": 1}},
        _EACH,
        {"$match": begins},
        {"$group": {"_id": "$marks.n", "text": {"$min": "$marks.t"}, "jobs": {"$sum": 1}}},
    ]
    found = await server.database.documents(JOBS).aggregate(stages)
    return sorted(
        (MarkCount(row["_id"], row["text"], row["jobs"]) for row in found),
        key=lambda count: count.name,
    )


def _mark(job_id: str, stored: Mapping[str, Any]) -> Mark:
    return rows.mark_from_row((job_id, stored["n"], stored["t"], stored["p"]))
