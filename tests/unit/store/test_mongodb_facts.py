"""Concerns about a MongoDB server and its connection, and how its errors,
URLs and changes are read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any, cast

import pytest
from pymongo import errors

from mediavault.app.storage import make_store, store_at
from mediavault.core.failures import StoreError
from mediavault.core.settings import Settings
from mediavault.store.calls import ConnectionLost
from mediavault.store.mongodb.engine import (
    Document,
    Documents,
    MongoDatabase,
    options_of,
    translate_errors,
)
from mediavault.store.mongodb.facts import ServerFacts, concerns, has_memory_leak, is_loopback
from mediavault.store.mongodb.server import until_lost
from mediavault.store.wake import ChangeListener
from tests.fakes import FakeClock
from tests.patience import patient


@pytest.mark.parametrize(
    ("version", "leaks"),
    [("7.0.27", True), ("7.0.28", False), ("8.0.17", False), ("8.0.16", True), ("8.2.3", False),
     ("8.3.0", False), ("6.3.2", True), ("7.3.4", True), ("9.0.0", False), ("8.0.17-rc0", False),
     ("", False)],
)  # fmt: skip
def test_releases_before_the_fix_are_known(version: str, leaks: bool) -> None:
    assert has_memory_leak(ServerFacts(version).numbers) is leaks


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mongodb://localhost/vault", []),
        ("mongodb://127.0.0.1:27018,[::1]/vault", []),
        ("mongodb://me:secret@db.example/vault?tls=true", []),
        ("mongodb+srv://me:secret@db.example/vault", []),
        ("mongodb://me:secret@db.example/vault", ["without TLS"]),
        ("mongodb://db.example/vault?ssl=true", ["without a password"]),
        ("mongodb://localhost,db.example/vault", ["without TLS and a password"]),
    ],
)
def test_a_server_on_the_network_wants_tls_and_a_password(url: str, words: Sequence[str]) -> None:
    problems = concerns(ServerFacts("8.2.3"), options_of(url))

    assert len(problems) == len(words)
    assert all(word in concern.what for word, concern in zip(words, problems, strict=True))
    assert "secret" not in str(problems)


def test_a_server_on_the_network_without_protection_is_refused_unless_it_is_allowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = "mongodb://me:secret@db.example/vault"
    with pytest.raises(StoreError, match="without TLS") as refused:
        make_store(Settings(database_url=url), FakeClock())

    assert "MEDIAVAULT_ALLOW_UNPROTECTED_DATABASE" in (refused.value.help or "")
    monkeypatch.setenv("MEDIAVAULT_ALLOW_UNPROTECTED_DATABASE", "true")
    assert make_store(Settings(database_url=url), FakeClock())
    assert store_at("mongodb://localhost/vault", FakeClock())


def test_an_old_release_is_a_concern() -> None:
    [concern] = concerns(ServerFacts("7.0.0"), options_of("mongodb://localhost"))

    assert "CVE-2025-14847" in concern.what
    assert concern.help


def test_a_unix_socket_is_not_a_network() -> None:
    assert is_loopback("/tmp/mongodb-27017.sock")
    assert not is_loopback("10.0.0.7")


@pytest.mark.parametrize(
    "wrong", ["w=1", "w=0", "w=3", "journal=false", "w=majority&journal=false"]
)
def test_less_than_a_majority_on_disk_is_refused(wrong: str) -> None:
    with pytest.raises(StoreError, match="may still be lost"):
        options_of(f"mongodb://localhost/vault?{wrong}")


def test_a_majority_may_be_named() -> None:
    assert options_of("mongodb://localhost/vault?w=majority&journal=true")["database"] == "vault"


def test_the_report_describes_the_server() -> None:
    assert str(ServerFacts("8.2.3", "rs0")) == "MongoDB 8.2.3, replica set rs0, w: majority"
    assert str(ServerFacts("8.2.3")) == "MongoDB 8.2.3, one server, w: majority"


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (errors.WTimeoutError("waiting for replication timed out"), ConnectionLost),
        (errors.NotPrimaryError("stepped down"), ConnectionLost),
        (errors.NetworkTimeout("timed out"), ConnectionLost),
        (errors.ServerSelectionTimeoutError("none"), ConnectionLost),
        (errors.OperationFailure("WriteConflict", 112), ConnectionLost),
        (errors.OperationFailure("not authorized", 13), StoreError),
        (errors.DocumentTooLarge("too large"), StoreError),
        (errors.InvalidURI("no"), StoreError),
        (OverflowError("8-byte ints"), StoreError),
    ],
)
def test_a_write_that_may_have_been_done_is_distinguished_from_one_that_was_refused(
    raised: Exception, kind: type[StoreError]
) -> None:
    with pytest.raises(StoreError) as caught, translate_errors():
        raise raised

    assert type(caught.value) is kind


class LosesUpserts:
    """A collection in which another client creates the document between the server's lookup and its
    write.
    """

    def __init__(self, *answers: Document | Exception | None) -> None:
        self._answers = list(answers)

    def with_options(self, **_: object) -> LosesUpserts:
        return self

    async def find_one_and_update(self, *_: object, **__: object) -> Document | None:
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.mark.parametrize(
    "lost", [errors.DuplicateKeyError("E11000"), None], ids=["refused", "answered with nothing"]
)
async def test_a_document_that_is_created_concurrently_is_updated_instead(
    lost: Exception | None,
) -> None:
    """A server may answer the loser of such a race with a duplicate key, or with nothing."""
    made: Document = {"_id": "x"}
    documents = Documents(cast("Any", LosesUpserts(lost, made)))

    assert await documents.put({"_id": "x"}, {"$set": {}}) == made


async def test_a_race_that_is_lost_again_and_again_is_a_lost_connection() -> None:
    documents = Documents(cast("Any", LosesUpserts(*[None] * 100)))

    with pytest.raises(ConnectionLost):
        await documents.put({"_id": "x"}, {"$set": {}})


class ChangesTwice(MongoDatabase):
    """A stream that brings two changes and breaks, each time."""

    def __init__(self) -> None:
        super().__init__("mongodb://localhost")
        self.streams: list[Sequence[Mapping[str, Any]]] = []

    async def changes(
        self, stages: Sequence[Mapping[str, Any]], on_begin: Callable[[], None]
    ) -> AsyncGenerator[Document, None]:
        self.streams.append(stages)
        on_begin()
        yield {"operationType": "insert", "documentKey": {"_id": "job-1"}, "status": "queued"}
        yield {"operationType": "update", "documentKey": {"_id": "job-2"}, "status": "cancelled"}
        yield {"operationType": "update", "documentKey": {"_id": "x"}}  # a site limit
        yield {"operationType": "delete", "documentKey": {"_id": "job-3"}}
        yield {"operationType": "update", "documentKey": {"_id": "w-1"}, "leaving": 1}
        raise ConnectionLost("the stream broke")


async def test_a_stream_of_changes_wakes_and_comes_back_after_a_loss() -> None:
    """It wakes once at its start, for what came while it was not listening, and at each change."""
    database, woken, clock = ChangesTwice(), asyncio.Semaphore(0), FakeClock(auto=True)
    words: list[str] = []
    listener = ChangeListener(lambda: until_lost(database, woken.release, words.append), clock)
    listener.listen()
    async with asyncio.timeout(patient(30)):
        for _ in range(6):
            await woken.acquire()
    await listener.close()

    assert len(database.streams) >= 2
    assert words[:4] == ["job-2", "job-3", "w-1", "job-2"]
