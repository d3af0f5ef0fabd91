"""API tokens, each with a scope, and the one-time token with which the first password is set from another machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from mediavault.auth.grants import Grant, Grants, NamedGrant, new_name
from mediavault.auth.keys import new_key, new_setup_key
from mediavault.auth.scopes import Scope
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
    # Without "scope": an older version, which knows no users, must not take the token for one of the owner.
    stored_names_of_others: ClassVar[Mapping[str, str]] = {"scope": "scope_of_user"}

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
        return token, await self._add(token, lives=lives, name=name, scope=scope, user=user, profile=profile)


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
