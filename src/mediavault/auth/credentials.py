"""The grants that authenticate requests: API tokens, the one-time token of the set-up,
and web sessions.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta

from mediavault.auth.grants import Grant, Grants, NamedGrant, new_name
from mediavault.auth.keys import bound, new_key, new_setup_key, same
from mediavault.auth.permissions import Scope
from mediavault.core.records import RecordKind
from mediavault.core.users import OWNER
from mediavault.store.profiles import known_profile

MAX_TOKENS = 200  # of a user
SETUP_LIVES = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken(NamedGrant):
    """A token's record. It has the rights of its user, within its scope."""

    kind = RecordKind.API_TOKEN
    prefix = "mv_"  # lets users and secret scanners recognise a token
    used_every = timedelta(minutes=1)
    is_cached = True

    scope: Scope
    profile: str | None = None  # of the posts that it submits without one


class ApiTokens(Grants[ApiToken]):
    of = ApiToken

    async def add(
        self,
        name: str,
        scope: Scope,
        *,
        lives: timedelta | None = None,
        user: str = OWNER,
        profile: str | None = None,
    ) -> tuple[str, ApiToken]:
        """Create a token; return it, which is possible only now, and its record.

        Raises BadInput for the name, and for a profile that does not exist.
        """
        name = new_name(name, await self.all(user), most=MAX_TOKENS)
        profile = await known_profile(self._records, profile) if profile else None
        token = new_key(ApiToken.prefix)
        return token, await self._add(
            token, lives=lives, name=name, scope=scope, user=user, profile=profile
        )


class SetupGrant(Grant):
    """The set-up token's record."""

    kind = RecordKind.SETUP


class SetupToken(Grants[SetupGrant]):
    of = SetupGrant

    async def issue(self) -> str:
        """Create a token and return it. It replaces the one before."""
        token = new_setup_key()
        await self.end_all()
        await self._add(token, lives=SETUP_LIVES)
        return token

    async def matches(self, token: str) -> bool:
        """Whether this is the token. Spaces around it and upper or lower case do not matter."""
        return await self.find(token.strip().lower()) is not None


IDLE_FOR = timedelta(days=30)
# a seal that no token has: an older version, which knows no users, refuses the session
_OF_A_USER = "user"


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
    idle_for = IDLE_FOR
    is_cached = True

    browser: str
    address: str
    tls: bool
    bound: str


class WebSessions(Grants[WebSession]):
    of = WebSession

    async def begin(
        self, visit: ClientInfo, *, user: str = OWNER, bound_to: str | None = None
    ) -> str:
        """Begin a session and return its id. With ``bound_to``, a token,
        the owner's session ends when that token changes.
        """
        session_id = new_key()
        seal = _OF_A_USER if user != OWNER else bound(session_id, bound_to) if bound_to else ""
        used_at = self._clock.now()
        await self._add(
            session_id, lives=IDLE_FOR, user=user, used_at=used_at, bound=seal, **asdict(visit)
        )
        return session_id

    async def of_cookie(
        self, session_id: str, *, tls: bool, bound_to: str | None
    ) -> WebSession | None:
        """Return the session of a cookie; None without one. ``tls``:
        whether it is the cookie that needs TLS.
        """
        session = await self.find(session_id)
        if session is None or session.tls is not tls:
            return None
        is_bound = session.bound and session.user == OWNER
        if is_bound and not (bound_to and same(session.bound, bound(session_id, bound_to))):
            return None
        return session
