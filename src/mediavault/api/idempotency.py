"""``Idempotency-Key``: a request that is sent again with its key gets the first answer, instead of being carried out twice.

For clients that cannot know whether their request arrived. The answers are records in the store, so they hold in every
process and after a restart. A key is the client's own secret; whoever knows it and the request may read the answer.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from fastapi import Header

from mediavault.core.clock import Clock
from mediavault.core.failures import ErrorCode
from mediavault.core.messages import Message
from mediavault.core.records import RecordKind
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
        description="A random text, such as a UUID: the same request with the same key is answered as the first time, for a day.",
    ),
]


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An HTTP status and a body of JSON values."""

    status: int
    body: Any


async def answer_once(
    records: Records, clock: Clock, key: str | None, request: Any, answer: Callable[[], Awaitable[StoredAnswer]]
) -> StoredAnswer:
    """Return what ``answer`` returns, or what it returned for this key within a day. Without a key, call it each time.

    ``request`` is what the client asked for, as JSON values. Raises HttpRefusal: 422 when the key was used for another
    request, 409 while the first one is being answered. When ``answer`` raises, the key is free again.
    """
    if key is None:
        return await answer()
    name, asked = _digest(key), _digest(json.dumps(request, sort_keys=True))
    under_way = {"request": asked}
    is_first = await records.replace(
        RecordKind.ANSWER, name, under_way, if_value=None, expires_at=clock.now() + UNDER_WAY_FOR
    )
    if not is_first:
        return await _earlier_answer(records, name, asked)
    try:
        given = await answer()
    except BaseException:
        await records.remove(RecordKind.ANSWER, name)
        raise
    value = {**under_way, "status": given.status, "body": given.body}
    await records.put(RecordKind.ANSWER, name, value, expires_at=clock.now() + ANSWERED_FOR)
    return given


async def _earlier_answer(records: Records, name: str, asked: str) -> StoredAnswer:
    record = await records.get(RecordKind.ANSWER, name)
    if record is not None and record.value["request"] != asked:
        raise HttpRefusal(
            422,
            ErrorCode.BAD_REQUEST,
            Message("This %(header)s was used for another request.", header=HEADER),
            help="Use a new key for every new request.",
        )
    if record is None or "status" not in record.value:
        raise HttpRefusal(
            409,
            ErrorCode.TOO_MANY,
            "The same request is being answered.",
            help="Send it again in a few seconds.",
            headers={"Retry-After": "5"},
        )
    return StoredAnswer(record.value["status"], record.value["body"])


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
