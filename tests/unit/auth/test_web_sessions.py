"""Who is signed in at the page."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mediavault.auth.keys import digest_of
from mediavault.auth.ttl_cache import KNOWN_FOR_S, MAX_KNOWN, TtlCache
from mediavault.auth.web_sessions import IDLE_FOR, SEEN_EVERY, ClientInfo, WebSession, WebSessions
from mediavault.core.records import RecordKind
from mediavault.store.memory.store import MemoryJobStore
from tests.fakes import START, FakeClock

SECOND = timedelta(seconds=1)
HERE = ClientInfo("Firefox, Linux", "192.0.2.1")


@pytest.fixture
def sessions(store: MemoryJobStore, clock: FakeClock) -> WebSessions:
    return WebSessions(store.records, clock)


async def find(sessions: WebSessions, session_id: str) -> WebSession | None:
    return await sessions.find(session_id, tls=False, bound_to=None)


async def test_a_session_says_who_and_since_when(sessions: WebSessions) -> None:
    session_id = await sessions.begin(HERE)
    found = await find(sessions, session_id)

    assert found == WebSession(digest_of(session_id), START, START, HERE)
    assert await sessions.all() == [found]


async def test_the_store_knows_no_id(sessions: WebSessions, store: MemoryJobStore) -> None:
    """What leaks of it signs nobody in, not even its keys."""
    session_id = await sessions.begin(HERE, bound_to="the vault's token")
    [record] = await store.records.all(RecordKind.WEB_SESSION)

    assert session_id not in str(record)
    assert "the vault's token" not in str(record)
    assert await find(sessions, record.key) is None


async def test_ids_are_long_and_never_the_same(sessions: WebSessions) -> None:
    ids = {await sessions.begin(HERE) for _ in range(50)}

    assert len(ids) == 50
    assert {len(each) for each in ids} == {43}


async def test_one_that_is_used_stays_and_an_idle_one_ends(sessions: WebSessions, clock: FakeClock) -> None:
    used, idle = await sessions.begin(HERE), await sessions.begin(HERE)
    for _ in range(3):
        clock.advance(IDLE_FOR - SECOND)
        assert await find(sessions, used)

    assert await find(sessions, idle) is None
    clock.advance(IDLE_FOR)
    assert await find(sessions, used) is None


async def test_its_last_use_is_written_once_a_minute(
    sessions: WebSessions, store: MemoryJobStore, clock: FakeClock
) -> None:
    session_id = await sessions.begin(HERE)
    written = []
    original = store.records.replace

    async def counted(*args: object, **options: object) -> bool:
        written.append(clock.now())
        return await original(*args, **options)  # type: ignore[arg-type]

    store.records.replace = counted  # type: ignore[method-assign]
    for _ in range(180):
        await find(sessions, session_id)
        clock.advance(1)

    assert len(written) <= 3
    assert (await sessions.all())[0].seen_at >= START + timedelta(seconds=120)


async def test_one_that_was_ended_is_gone_at_once_here_and_soon_elsewhere(
    sessions: WebSessions, store: MemoryJobStore, clock: FakeClock
) -> None:
    elsewhere = WebSessions(store.records, clock)
    session_id = await sessions.begin(HERE)
    assert await find(sessions, session_id)
    assert await find(elsewhere, session_id)

    assert await sessions.end(digest_of(session_id))
    assert await find(sessions, session_id) is None
    clock.advance(KNOWN_FOR_S)
    assert await find(elsewhere, session_id) is None
    assert not await sessions.end(digest_of(session_id))


async def test_a_use_never_brings_an_ended_one_back(
    sessions: WebSessions, store: MemoryJobStore, clock: FakeClock
) -> None:
    """The last use is written only where the session still stands."""
    session_id = await sessions.begin(HERE)
    clock.advance(SEEN_EVERY)
    read = store.records.get

    async def ended_meanwhile(kind: RecordKind, key: str) -> object:
        found = await read(kind, key)
        await sessions.end(key)
        return found

    store.records.get = ended_meanwhile  # type: ignore[method-assign, assignment]
    await find(sessions, session_id)
    store.records.get = read  # type: ignore[method-assign]

    assert await sessions.all() == []
    assert await find(sessions, session_id) is None


async def test_all_are_ended_but_one(sessions: WebSessions) -> None:
    first, second, third = [await sessions.begin(HERE) for _ in range(3)]
    for each in (first, second, third):
        assert await find(sessions, each)

    assert await sessions.end_all(but=digest_of(second)) == 2
    assert [await find(sessions, each) is not None for each in (first, second, third)] == [False, True, False]
    assert await sessions.end_all() == 1


async def test_one_that_began_with_a_token_ends_with_it(sessions: WebSessions) -> None:
    session_id = await sessions.begin(HERE, bound_to="mv_first")

    assert await sessions.find(session_id, tls=False, bound_to="mv_first")
    assert await sessions.find(session_id, tls=False, bound_to="mv_second") is None
    assert await sessions.find(session_id, tls=False, bound_to=None) is None


async def test_one_that_began_over_tls_is_good_in_its_own_cookie_alone(sessions: WebSessions) -> None:
    """Another page of the host's domain can set the other cookie, and read it over plain HTTP."""
    secure, plain = await sessions.begin(ClientInfo(tls=True)), await sessions.begin(ClientInfo())

    assert await sessions.find(secure, tls=True, bound_to=None)
    assert await sessions.find(secure, tls=False, bound_to=None) is None
    assert await sessions.find(plain, tls=True, bound_to=None) is None


async def test_the_latest_used_comes_first(sessions: WebSessions, clock: FakeClock) -> None:
    older = await sessions.begin(ClientInfo("older"))
    clock.advance(300)
    await sessions.begin(ClientInfo("newer"))
    assert [each.visit.browser for each in await sessions.all()] == ["newer", "older"]

    clock.advance(300)
    await find(sessions, older)
    assert [each.visit.browser for each in await sessions.all()] == ["older", "newer"]


async def test_what_is_remembered_is_bounded_and_what_is_unknown_is_not(clock: FakeClock) -> None:
    """Nobody fills the memory with ids that they make up."""
    remembered: TtlCache[str] = TtlCache(clock)

    async def nothing(_: str) -> None:
        return None

    async def same(key: str) -> str:
        return key

    for n in range(MAX_KNOWN * 2):
        await remembered.get(f"made up {n}", nothing)
        await remembered.get(f"real {n}", same)

    assert len(remembered._known) == MAX_KNOWN
