"""Requests that are sent again with their ``Idempotency-Key``,
to the same process or to another one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mediavault.api.idempotency import (
    ANSWERED_FOR,
    UNDER_WAY_FOR,
    Answer,
    KeyedRequest,
    StoredAnswer,
    answer_once,
)
from mediavault.core.failures import BadUrl, StoreError
from mediavault.core.job import JobId, JobStatus
from mediavault.core.records import RecordKind
from mediavault.server.errors import HttpRefusal
from mediavault.web.app import create_app
from tests.asgi_client import AsgiClient
from tests.http_vault import POST, ApiVault

OTHER = "https://videos.example/watch/2"
KEY = {"idempotency-key": "0f8fad5b-d9cb-469f-a165-70867728950e"}


async def send(
    vault: ApiVault, body: object = None, *, path: str = "/api/jobs", **headers: str
) -> tuple[int, Any]:
    answer = await vault.client.post(path, body or {"post_url": POST}, **(KEY | headers))
    return answer.status, answer.json()


async def test_the_same_request_gets_the_same_answer_although_the_job_has_changed(
    vault: ApiVault,
) -> None:
    first = await send(vault)
    await vault.store.queue.cancel(JobId(first[1]["id"]))

    assert first[0] == 201
    assert await send(vault) == first


async def test_a_forced_save_that_is_sent_again_makes_one_version(vault: ApiVault) -> None:
    await vault.add()
    first = await send(vault, path="/api/jobs?force=true")
    again = await send(vault, path="/api/jobs?force=true")

    assert first == again
    assert (await vault.store.catalogue.report()).counts[JobStatus.QUEUED] == 2


@pytest.mark.parametrize("posts", [[POST], [POST, OTHER, POST]])
async def test_a_forced_save_whose_process_died_before_its_answer_is_not_carried_out_again(
    vault: ApiVault, monkeypatch: pytest.MonkeyPatch, posts: list[str]
) -> None:
    """The jobs are stored, and the answer is not: the client sees an error,
    and sends the request again.
    """

    put = vault.store.records.put

    async def dies(kind: RecordKind, key: str, value: Mapping[str, Any], **more: Any) -> None:
        if "status" in value:
            raise StoreError("killed")
        await put(kind, key, value, **more)

    await vault.add()
    body = {"post_urls": posts}
    with monkeypatch.context() as patch:
        patch.setattr(vault.store.records, "put", dies)
        status, _ = await send(vault, body, path="/api/jobs?force=true")
    stored = (await vault.store.catalogue.report()).counts[JobStatus.QUEUED]
    vault.clock.advance(UNDER_WAY_FOR)
    again, answer = await send(vault, body, path="/api/jobs?force=true")

    assert (status, again) == (503, 201)
    assert (
        (await vault.store.catalogue.report()).counts[JobStatus.QUEUED]
        == stored
        == 1 + len(set(posts))
    )
    assert [job["post_url"] for job in answer["jobs"]] == posts
    assert await send(vault, body, path="/api/jobs?force=true") == (201, answer)


async def test_another_process_gives_the_same_answer(vault: ApiVault) -> None:
    """So does the same vault after a restart: only the store is shared."""
    first = await send(vault)
    other = create_app(replace(vault.services))
    twin = replace(vault, client=AsgiClient(other))

    assert await send(twin) == first
    await other.state.feed.aclose()


async def test_an_answer_is_forgotten_after_a_day(vault: ApiVault) -> None:
    await send(vault)
    vault.clock.advance(ANSWERED_FOR - timedelta(seconds=1))
    assert (await send(vault))[0] == 201
    vault.clock.advance(timedelta(seconds=1))

    assert (await send(vault))[0] == 200


async def test_a_key_of_another_request_is_refused(vault: ApiVault) -> None:
    await send(vault)
    status, error = await send(vault, {"post_url": OTHER})

    assert (status, error["code"]) == (422, "BAD_REQUEST")
    assert (await send(vault, path="/api/jobs?force=true"))[0] == 422
    assert (await vault.store.catalogue.report()).counts[JobStatus.QUEUED] == 1


@pytest.mark.parametrize("key", ["", "short", "with a space", "k" * 201, "ünïcödé-key"])
async def test_a_malformed_key_is_refused_and_nothing_is_stored(vault: ApiVault, key: str) -> None:
    status, error = await send(vault, **{"idempotency-key": key})

    assert (status, error["code"]) == (422, "BAD_REQUEST")
    assert "Idempotency-Key" in error["message"]
    assert await vault.store.records.all(RecordKind.ANSWER) == []
    assert (await vault.store.catalogue.report()).counts[JobStatus.QUEUED] == 0


async def test_a_refused_request_leaves_the_key_free(vault: ApiVault) -> None:
    assert (await send(vault, {"post_url": "ftp://x.example/"}))[0] == 422
    assert await vault.store.records.all(RecordKind.ANSWER) == []

    assert (await send(vault, {"post_url": "ftp://x.example/"}))[1]["code"] == "BAD_URL"


async def test_the_key_itself_is_not_stored(vault: ApiVault) -> None:
    await send(vault)
    [record] = await vault.store.records.all(RecordKind.ANSWER)

    assert KEY["idempotency-key"] not in f"{record.key} {record.value}"


# --- the same moment, and processes that die


def saying(*statuses: int, until: asyncio.Event | None = None) -> tuple[list[int], Answer]:
    """Return a list of the calls so far, and a function that gives these statuses,
    one for each call.
    """
    calls: list[int] = []

    async def answer(_: KeyedRequest | None) -> StoredAnswer:
        calls.append(statuses[len(calls)])
        if until is not None:
            await until.wait()
        return StoredAnswer(calls[-1], {"number": len(calls)})

    return calls, answer


async def test_a_request_is_carried_out_once_even_if_it_arrives_twice_at_the_same_moment(
    vault: ApiVault,
) -> None:
    go = asyncio.Event()
    calls, answer = saying(201, until=go)
    ask = (vault.store.records, vault.clock, "a-key-1234", [POST])
    first = asyncio.create_task(answer_once(*ask, answer))
    while not calls:
        await asyncio.sleep(0)

    with pytest.raises(HttpRefusal) as refusal:
        await answer_once(*ask, answer)
    assert (refusal.value.status, refusal.value.headers) == (409, {"Retry-After": "5"})
    go.set()
    assert await first == await answer_once(*ask, answer) == StoredAnswer(201, {"number": 1})


async def test_a_request_whose_process_died_can_be_sent_again_after_a_minute(
    vault: ApiVault,
) -> None:
    never = asyncio.Event()
    died, stuck = saying(201, until=never)
    calls, answer = saying(200)
    ask = (vault.store.records, vault.clock, "a-key-1234", [POST])
    first = asyncio.create_task(answer_once(*ask, stuck))
    while not died:
        await asyncio.sleep(0)
    with pytest.raises(HttpRefusal):
        await answer_once(*ask, answer)

    vault.clock.advance(UNDER_WAY_FOR)
    assert (await answer_once(*ask, answer)).status == 200
    assert calls == [200]
    first.cancel()


async def test_an_answer_that_raises_is_asked_again_at_once(vault: ApiVault) -> None:
    async def refuse(_: KeyedRequest | None) -> StoredAnswer:
        raise BadUrl("no")

    calls, answer = saying(201)
    with pytest.raises(BadUrl):
        await answer_once(vault.store.records, vault.clock, "a-key-1234", [], refuse)

    assert (
        await answer_once(vault.store.records, vault.clock, "a-key-1234", [], answer)
    ).status == 201
    assert calls == [201]
