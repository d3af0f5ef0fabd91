"""Web sessions, whose random ids browsers have in a cookie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import ClassVar

from mediavault.auth.grants import Grant, Grants
from mediavault.auth.keys import bound, new_key, same
from mediavault.core.records import RecordKind
from mediavault.core.users import OWNER

IDLE_FOR = timedelta(days=30)
_OF_A_USER = "user"  # a seal that no token has: an older version, which knows no users, refuses the session


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """The browser that signs in: its short name, its address, and whether it uses TLS."""

    browser: str = ""
    address: str = ""
    tls: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSession(Grant):
    """A session's record. The times are by the clock of the process that wrote them."""

    kind = RecordKind.WEB_SESSION
    used_every = timedelta(minutes=1)
    stored_names: ClassVar[Mapping[str, str]] = {"made_at": "begun_at", "used_at": "seen_at"}
    idle_for = IDLE_FOR
    is_cached = True

    browser: str
    address: str
    tls: bool
    bound: str


class WebSessions(Grants[WebSession]):
    of = WebSession

    async def begin(self, visit: ClientInfo, *, user: str = OWNER, bound_to: str | None = None) -> str:
        """Begin a session and return its id. With ``bound_to``, a token, the owner's session ends when that token changes."""
        session_id = new_key()
        seal = _OF_A_USER if user != OWNER else bound(session_id, bound_to) if bound_to else ""
        used_at = self._clock.now()
        await self._add(session_id, lives=IDLE_FOR, user=user, used_at=used_at, bound=seal, **asdict(visit))
        return session_id

    async def of_cookie(self, session_id: str, *, tls: bool, bound_to: str | None) -> WebSession | None:
        """Return the session of a cookie; None without one. ``tls``: whether it is the cookie that needs TLS."""
        session = await self.find(session_id)
        if session is None or session.tls is not tls:
            return None
        is_bound = session.bound and session.user == OWNER
        if is_bound and not (bound_to and same(session.bound, bound(session_id, bound_to))):
            return None
        return session
