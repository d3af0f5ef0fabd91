"""Sign-ins at the vault's pages."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mediavault.auth.credentials import IDLE_FOR, ClientInfo, WebSession, WebSessions
from mediavault.auth.grants import KNOWN_FOR_S, MAX_KNOWN, TtlCache
from mediavault.auth.keys import digest_of
from mediavault.core.records import RecordKind
from tests.fakes import START, FakeClock
from tests.memory_store import MemoryJobStore

SECOND = timedelta(seconds=1)
HERE = ClientInfo("Firefox, Linux", "192.0.2.1")


@pytest.fixture
def sessions(store: MemoryJobStore, clock: FakeClock) -> WebSessions:
    return WebSessions(store.records, clock)


async def find(sessions: WebSessions, session_id: str) -> WebSession | None:
    return await sessions.of_cookie(session_id, tls=False, bound_to=None)


async def test_a_session_records_its_client_and_its_start(sessions: WebSessions) -> None:
    session_id = await sessions.begin(HERE)
    session = await find(sessions, session_id)

    assert session == WebSession(
        key=digest_of(session_id),
        made_at=START,
        used_at=START,
        expires_at=START + IDLE_FOR,
        browser="Firefox, Linux",
        address="192.0.2.1",
        tls=False,
        bound="",
    )
    assert await sessions.all() == [session]


async def test_the_store_does_not_hold_session_ids(
    sessions: WebSessions, store: MemoryJobStore
) -> None:
    """A leaked store does not let anyone sign in, not even with its keys."""
    session_id = await sessions.begin(HERE, bound_to="the vault's token")
    [record] = await store.records.all(RecordKind.WEB_SESSION)

    assert session_id not in str(record)
    assert "the vault's token" not in str(record)
    assert await find(sessions, record.key) is None


async def test_ids_are_long_and_unique(sessions: WebSessions) -> None:
    ids = {await sessions.begin(HERE) for _ in range(50)}

    assert len(ids) == 50
    assert {len(session_id) for session_id in ids} == {43}


async def test_a_used_session_stays_and_an_idle_one_ends(
    sessions: WebSessions, clock: FakeClock
) -> None:
    used, idle = await sessions.begin(HERE), await sessions.begin(HERE)
    for _ in range(3):
        clock.advance(IDLE_FOR - SECOND)
        assert await find(sessions, used)

    assert await find(sessions, idle) is None
    clock.advance(IDLE_FOR)
    assert await find(sessions, used) is None


async def test_the_last_use_is_written_once_a_minute(
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
    [session] = await sessions.all()
    assert session.used_at is not None
    assert session.used_at >= START + timedelta(seconds=120)


async def test_an_ended_session_is_gone_at_once_locally_and_soon_elsewhere(
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


async def test_a_use_never_restores_an_ended_session(
    sessions: WebSessions, store: MemoryJobStore, clock: FakeClock
) -> None:
    """The last use is written only if the session still exists."""
    session_id = await sessions.begin(HERE)
    clock.advance(timedelta(minutes=1))
    read = store.records.get

    async def read_then_end(kind: RecordKind, key: str) -> object:
        record = await read(kind, key)
        await sessions.end(key)
        return record

    store.records.get = read_then_end  # type: ignore[method-assign, assignment]
    await find(sessions, session_id)
    store.records.get = read  # type: ignore[method-assign]

    assert await sessions.all() == []
    assert await find(sessions, session_id) is None


async def test_all_sessions_of_one_user_can_be_ended(sessions: WebSessions) -> None:
    first, second, third = [
        await sessions.begin(HERE, user=user) for user in ("jane", "owner", "jane")
    ]
    for each in (first, second, third):
        assert await find(sessions, each)

    assert await sessions.end_all("jane") == 2
    assert [await find(sessions, each) is not None for each in (first, second, third)] == [
        False,
        True,
        False,
    ]
    assert await sessions.end_all() == 1


async def test_a_session_started_with_a_token_ends_with_it(sessions: WebSessions) -> None:
    session_id = await sessions.begin(HERE, bound_to="mv_first")

    assert await sessions.of_cookie(session_id, tls=False, bound_to="mv_first")
    assert await sessions.of_cookie(session_id, tls=False, bound_to="mv_second") is None
    assert await sessions.of_cookie(session_id, tls=False, bound_to=None) is None


async def test_a_session_started_over_tls_is_valid_only_in_its_own_cookie(
    sessions: WebSessions,
) -> None:
    """Another page of the host's domain can set the other cookie, and read it over plain HTTP."""
    secure, plain = await sessions.begin(ClientInfo(tls=True)), await sessions.begin(ClientInfo())

    assert await sessions.of_cookie(secure, tls=True, bound_to=None)
    assert await sessions.of_cookie(secure, tls=False, bound_to=None) is None
    assert await sessions.of_cookie(plain, tls=True, bound_to=None) is None


async def test_the_most_recently_used_session_comes_first(
    sessions: WebSessions, clock: FakeClock
) -> None:
    older = await sessions.begin(ClientInfo("older"))
    clock.advance(300)
    await sessions.begin(ClientInfo("newer"))
    assert [session.browser for session in await sessions.all()] == ["newer", "older"]

    clock.advance(300)
    await find(sessions, older)
    assert [session.browser for session in await sessions.all()] == ["older", "newer"]


async def test_the_cache_is_bounded_and_unknown_keys_are_not_cached(clock: FakeClock) -> None:
    """Made-up ids cannot fill the memory."""
    cache: TtlCache[str] = TtlCache(clock)

    async def nothing(_: str) -> None:
        return None

    async def same(key: str) -> str:
        return key

    for n in range(MAX_KNOWN * 2):
        await cache.get(f"made up {n}", nothing)
        await cache.get(f"real {n}", same)

    assert len(cache._known) == MAX_KNOWN
