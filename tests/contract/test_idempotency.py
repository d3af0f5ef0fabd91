"""Answers that are kept for repeated requests, in every store."""

from __future__ import annotations

from mediavault.api.idempotency import ANSWERED_FOR, Answer, KeyedRequest, StoredAnswer, answer_once
from mediavault.store.port import Store
from tests.fakes import FakeClock

KEY = "a-key-1234"
REQUEST = [{"post_url": "https://videos.example/watch/ü\ud800"}, False]


def numbered() -> Answer:
    """Return a function whose answers differ from each other."""
    calls = iter(range(200, 300))

    async def answer(_: KeyedRequest | None) -> StoredAnswer:
        return StoredAnswer(
            next(calls), {"title": "夜空\u202e", "jobs": [{"bytes": 2**40, "at": None}] * 500}
        )

    return answer


async def test_a_repeated_request_gets_the_first_answer_of_every_store(store: Store) -> None:
    # a database has its own clock
    answer, now = numbered(), FakeClock((await store.catalogue.report()).at)
    first = await answer_once(store.records, now, KEY, REQUEST, answer)

    assert await answer_once(store.records, now, KEY, REQUEST, answer) == first
    assert (await answer_once(store.records, now, "another-key", REQUEST, answer)).status == 201


async def test_an_answer_that_has_expired_is_given_anew(store: Store) -> None:
    answer = numbered()
    past = FakeClock((await store.catalogue.report()).at - ANSWERED_FOR)
    await answer_once(store.records, past, KEY, REQUEST, answer)

    assert (await answer_once(store.records, past, KEY, REQUEST, answer)).status == 201
