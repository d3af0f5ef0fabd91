"""API tokens: shown once, stored as a digest, each with a scope."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from mediavault.auth.keys import SHOWN_CHARS, digest_of, new_key
from mediavault.auth.scopes import Scope
from mediavault.auth.ttl_cache import TtlCache
from mediavault.core.clock import Clock
from mediavault.core.failures import BadInput, NotFound
from mediavault.core.logs import get_logger
from mediavault.core.messages import Message
from mediavault.core.names import label_or_none
from mediavault.core.records import Record, RecordKind
from mediavault.core.users import OWNER
from mediavault.store.port import Records
from mediavault.store.profiles import known_profile

PREFIX = "mv_"  # lets users and secret scanners recognise a token
MAX_NAME_CHARS = 80
MAX_TOKENS = 200
USED_EVERY = timedelta(minutes=1)  # the last use is stored no more often than this

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A token's record; ``key`` is its digest."""

    key: str
    name: str
    scope: Scope
    made_at: datetime
    used_at: datetime | None = None
    expires_at: datetime | None = None
    user: str = OWNER  # whose rights it has, within its scope
    profile: str | None = None  # of the posts that it submits without one

    @property
    def id(self) -> str:
        return self.key[:SHOWN_CHARS]


class ApiTokens:
    def __init__(self, records: Records, clock: Clock, *, on_ended: Callable[[], None] = lambda: None) -> None:
        self._records = records
        self._clock = clock
        self._on_ended = on_ended
        self._known: TtlCache[ApiToken] = TtlCache(clock)

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
        others = await self.all(user)
        name = _checked(name, others)
        profile = await known_profile(self._records, profile) if profile else None
        token, now = new_key(PREFIX), self._clock.now()
        ends = None if lives is None else now + lives
        made = ApiToken(digest_of(token), name, scope, now, None, ends, user, profile)
        await self._records.put(RecordKind.API_TOKEN, made.key, _value(made), expires_at=made.expires_at)
        return token, made

    async def all(self, user: str | None = None) -> list[ApiToken]:
        """Return the user's tokens, or those of all, sorted by name."""
        records = await self._records.all(RecordKind.API_TOKEN)
        tokens = [token for token in map(_token_or_none, records) if token is not None and user in (None, token.user)]
        return sorted(tokens, key=lambda token: (token.name.casefold(), token.key))

    async def revoke(self, named: str, user: str | None = None) -> list[ApiToken]:
        """Revoke the tokens, of this user or of anybody, with this name or id, and return them. Raises NotFound."""
        matches = [token for token in await self.all(user) if named in (token.name, token.id)]
        if not matches:
            raise NotFound("Unknown token.", help="It may have been revoked, or have expired.")
        await self._remove(matches)
        return matches

    async def revoke_all(self, user: str) -> None:
        """Revoke the tokens of a user."""
        await self._remove(await self.all(user))

    async def _remove(self, tokens: Iterable[ApiToken]) -> None:
        for token in tokens:
            await self._records.remove(RecordKind.API_TOKEN, token.key)
            self._known.forget(token.key)
            self._on_ended()

    async def find(self, token: str) -> ApiToken | None:
        return await self.by_key(digest_of(token)) if token.startswith(PREFIX) else None

    async def by_key(self, key: str) -> ApiToken | None:
        """The token with this digest; None when it was revoked or has expired. The call counts as a use."""
        token = await self._known.get(key, self._used)
        has_ended = token is not None and token.expires_at is not None and token.expires_at <= self._clock.now()
        return None if has_ended else token

    async def _used(self, key: str) -> ApiToken | None:
        """Read a token and, from time to time, store its last use. A token revoked at the same time stays revoked."""
        record = await self._records.get(RecordKind.API_TOKEN, key)
        if record is None or (token := _token_or_none(record)) is None:
            return None
        now = self._clock.now()
        if token.used_at is None or not timedelta(0) <= now - token.used_at < USED_EVERY:
            value = {**record.value, "used_at": now.isoformat()}
            await self._records.replace(
                RecordKind.API_TOKEN, key, value, if_value=record.value, expires_at=record.expires_at
            )
        return token


def _checked(name: str, others: list[ApiToken]) -> str:
    name = label_or_none(name, MAX_NAME_CHARS) or ""
    if not name:
        raise BadInput(
            Message("A token needs a name of at most %(max_name_chars)s characters.", max_name_chars=MAX_NAME_CHARS),
            help="Say what it is for.",
        )
    if any(name == other.name for other in others):
        raise BadInput(
            "There is a token with this name already.", help="Choose another name, or revoke the existing one."
        )
    if len(others) >= MAX_TOKENS:
        raise BadInput(
            Message("There are %(others)s tokens already.", others=len(others)), help="Revoke the unused ones."
        )
    return name


def _value(token: ApiToken) -> Mapping[str, Any]:
    used_at = None if token.used_at is None else token.used_at.isoformat()
    value = {"name": token.name, "made_at": token.made_at.isoformat(), "used_at": used_at}
    if token.profile is not None:
        value["profile"] = token.profile
    if token.user == OWNER:
        return {**value, "scope": token.scope}
    # Without "scope": an older version, which knows no users, must not take this for a token of the owner.
    return {**value, "user": token.user, "scope_of_user": token.scope}


def _token_or_none(record: Record) -> ApiToken | None:
    """Read a record; None when it is damaged, as in a backup that was changed: such a token grants no access."""
    try:
        return _token(record)
    except (LookupError, TypeError, ValueError):
        log.warning("record_not_read", kind=RecordKind.API_TOKEN)
        return None


def _token(record: Record) -> ApiToken:
    value = record.value
    used_at = None if value["used_at"] is None else datetime.fromisoformat(value["used_at"])
    made_at = datetime.fromisoformat(value["made_at"])
    if made_at.tzinfo is None or (used_at is not None and used_at.tzinfo is None):
        raise ValueError(Message("a time without a time zone"))
    user = str(value.get("user", OWNER))
    scope = Scope(value["scope"] if user == OWNER else value["scope_of_user"])
    profile = None if value.get("profile") is None else str(value["profile"])
    return ApiToken(record.key, str(value["name"]), scope, made_at, used_at, record.expires_at, user, profile)
