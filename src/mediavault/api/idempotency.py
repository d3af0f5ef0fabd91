"""``Idempotency-Key``: a request that is sent again with its key gets the first answer, instead of
being carried out twice.

For clients that cannot know whether their request arrived. The answers are records in the store, so
they hold in every process and after a restart. A key is the client's own secret; a client that
knows it and the request may read the answer.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Header

from mediavault.core.clock import Clock, from_micros, to_micros
from mediavault.core.failures import ErrorCode
from mediavault.core.job import JobId, job_id_at
from mediavault.core.messages import Message
from mediavault.core.records import Record, RecordKind
from mediavault.server.errors import HttpRefusal
from mediavault.store.port import Records

ANSWERED_FOR = timedelta(days=1)
UNDER_WAY_FOR = timedelta(minutes=1)  # a request whose process died may be repeated after that
HEADER = "Idempotency-Key"

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias=HEADER,
        min_length=8,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description=(
            "A random text, such as a UUID: the same request with the same key is answered as the"
            " first time, for a day."
        ),
    ),
]


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An HTTP status and a body of JSON values."""

    status: int
    body: Any


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request with a key. ``is_repeated``: an earlier process began to carry it out,
    and died before it answered.
    """

    name: str
    began: datetime
    is_repeated: bool

    def job_id(self, position: int) -> JobId:
        """Return the id of the request's job at this position:
        the same each time that it is carried out.
        """
        seed = hashlib.sha256(f"{self.name} {position}".encode()).digest()
        return job_id_at(self.began, int.from_bytes(seed))


Answer = Callable[[KeyedRequest | None], Awaitable[StoredAnswer]]


async def answer_once(
    records: Records, clock: Clock, key: str | None, request: Any, answer: Answer
) -> StoredAnswer:
    """Return what ``answer`` returns, or what it returned for this key within a day. Without a key,
    call it each time.

    ``request`` is what the client asked for, as JSON values. When a process dies between carrying a
    request out and storing its answer, ``answer`` is called again: it gets the request, and must
    not do again what was done. Raises HttpRefusal: 422 when the key was used for another request,
    409 while the first one is being answered. When ``answer`` raises, the key is free again.
    """
    if key is None:
        return await answer(None)
    name, asked, now = _digest(key), _digest(json.dumps(request, sort_keys=True)), clock.now()
    under_way: dict[str, Any] = {
        "request": asked,
        "began": to_micros(now),
        "until": to_micros(now + UNDER_WAY_FOR),
    }
    earlier = None
    if not await _take(records, name, under_way, instead_of=None, now=now):
        earlier = await records.get(RecordKind.ANSWER, name)
        _refuse_other(earlier, asked)
        if earlier is not None and "status" in earlier.value:
            return StoredAnswer(earlier.value["status"], earlier.value["body"])
        if earlier is None or earlier.value.get("until", to_micros(now) + 1) > to_micros(now):
            raise _still_under_way()
        under_way["began"] = earlier.value["began"]
        if not await _take(records, name, under_way, instead_of=earlier.value, now=now):
            raise _still_under_way()
    try:
        given = await answer(
            KeyedRequest(name, from_micros(under_way["began"]), is_repeated=earlier is not None)
        )
    except BaseException:
        await records.remove(RecordKind.ANSWER, name)
        raise
    value = {**under_way, "status": given.status, "body": given.body}
    await records.put(RecordKind.ANSWER, name, value, expires_at=clock.now() + ANSWERED_FOR)
    return given


async def _take(
    records: Records,
    name: str,
    under_way: Mapping[str, Any],
    *,
    instead_of: Mapping[str, Any] | None,
    now: datetime,
) -> bool:
    return await records.replace(
        RecordKind.ANSWER, name, under_way, if_value=instead_of, expires_at=now + ANSWERED_FOR
    )


def _refuse_other(earlier: Record | None, asked: str) -> None:
    if earlier is not None and earlier.value["request"] != asked:
        raise HttpRefusal(
            422,
            ErrorCode.BAD_REQUEST,
            Message("This %(header)s was used for another request.", header=HEADER),
            help="Use a new key for every new request.",
        )


def _still_under_way() -> HttpRefusal:
    return HttpRefusal(
        409,
        ErrorCode.TOO_MANY,
        "The same request is being answered.",
        help="Send it again in a few seconds.",
        headers={"Retry-After": "5"},
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
