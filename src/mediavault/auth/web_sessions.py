"""Web sessions. The browser has a random id and the store its digest, so a copy of the store grants no access."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from mediavault.auth.keys import SHOWN_CHARS, bound, digest_of, new_key, same
from mediavault.auth.ttl_cache import TtlCache
from mediavault.core.clock import Clock
from mediavault.core.records import Record, RecordKind
from mediavault.core.users import OWNER
from mediavault.store.port import Records

IDLE_FOR = timedelta(days=30)  # a session that is not used for this long ends
_OF_A_USER = "user"  # a seal that no token has: an older version, which knows no users, refuses the session
SEEN_EVERY = timedelta(minutes=1)  # the last use is stored no more often than this


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """The browser that signs in: its short name, its address, and whether it uses TLS."""

    browser: str = ""
    address: str = ""
    tls: bool = False


@dataclass(frozen=True, slots=True)
class WebSession:
    """A session's record. ``key`` is the digest of its id; the times are by the clock of the process that wrote them."""

    key: str
    begun_at: datetime
    seen_at: datetime
    visit: ClientInfo
    bound: str = ""
    user: str = OWNER

    @property
    def name(self) -> str:
        """A name for forms, which cannot be used as a cookie."""
        return self.key[:SHOWN_CHARS]


class WebSessions:
    def __init__(self, records: Records, clock: Clock, *, on_ended: Callable[[], None] = lambda: None) -> None:
        self._records = records
        self._clock = clock
        self._on_ended = on_ended
        self._known: TtlCache[WebSession] = TtlCache(clock)

    async def begin(self, visit: ClientInfo, *, user: str = OWNER, bound_to: str | None = None) -> str:
        """Begin a session and return its id. With ``bound_to``, a token, it ends when that token changes."""
        session_id, now = new_key(), self._clock.now()
        seal = bound(session_id, bound_to) if bound_to else ""
        session = WebSession(digest_of(session_id), now, now, visit, seal, user)
        expires_at = now + IDLE_FOR
        await self._records.put(RecordKind.WEB_SESSION, session.key, _value(session), expires_at=expires_at)
        return session_id

    async def find(self, session_id: str, *, tls: bool, bound_to: str | None) -> WebSession | None:
        """Return the session of a cookie; None without one. ``tls``: whether it is the cookie that needs TLS."""
        key = digest_of(session_id)
        session = await self._known.get(key, self._seen)
        if session is None or session.visit.tls is not tls:
            return None
        if session.bound and not (bound_to and same(session.bound, bound(session_id, bound_to))):
            return None
        return session

    async def is_open(self, key: str) -> bool:
        """Whether the session with this key has not ended. The call counts as a use."""
        return await self._known.get(key, self._seen) is not None

    async def all(self, user: str | None = None) -> list[WebSession]:
        """Return the user's sessions, or those of all, the last used first."""
        sessions = [_session(record) for record in await self._records.all(RecordKind.WEB_SESSION)]
        found = (session for session in sessions if user in (None, session.user))
        return sorted(found, key=lambda session: session.seen_at, reverse=True)

    async def end(self, key: str) -> bool:
        ended = await self._records.remove(RecordKind.WEB_SESSION, key)
        self._known.forget(key)
        self._on_ended()
        return ended

    async def end_all(self, user: str | None = None) -> int:
        """End the user's sessions, or those of all; return how many."""
        if user is None:
            ended = await self._records.remove_all(RecordKind.WEB_SESSION)
        else:
            ended = sum([await self._records.remove(RecordKind.WEB_SESSION, one.key) for one in await self.all(user)])
        self._known.forget_all()
        self._on_ended()
        return ended

    async def _seen(self, key: str) -> WebSession | None:
        """Read a session and, from time to time, store its last use. A session ended at the same time stays ended."""
        record = await self._records.get(RecordKind.WEB_SESSION, key)
        if record is None:
            return None
        session, now = _session(record), self._clock.now()
        if not timedelta(0) <= now - session.seen_at < SEEN_EVERY:
            value = {**record.value, "seen_at": now.isoformat()}
            await self._records.replace(
                RecordKind.WEB_SESSION, key, value, if_value=record.value, expires_at=now + IDLE_FOR
            )
        return session


def _value(session: WebSession) -> Mapping[str, Any]:
    return {
        "begun_at": session.begun_at.isoformat(),
        "seen_at": session.seen_at.isoformat(),
        "browser": session.visit.browser,
        "address": session.visit.address,
        "tls": session.visit.tls,
        "bound": session.bound if session.user == OWNER else _OF_A_USER,
        "user": session.user,
    }


def _session(record: Record) -> WebSession:
    value = record.value
    visit = ClientInfo(str(value["browser"]), str(value["address"]), bool(value["tls"]))
    begun_at, seen_at = (datetime.fromisoformat(value[name]) for name in ("begun_at", "seen_at"))
    user = str(value.get("user", OWNER))
    return WebSession(record.key, begun_at, seen_at, visit, str(value["bound"]) if user == OWNER else "", user)
