"""The one-time set-up token, with which the first password is set from another machine."""

from __future__ import annotations

from datetime import timedelta

from mediavault.auth.keys import digest_of, new_setup_key, same
from mediavault.core.clock import Clock
from mediavault.core.records import RecordKind
from mediavault.store.port import Records

VALID_FOR = timedelta(hours=1)
INVITATION = "invitation"  # the only key of its kind: a new token replaces the previous one


class SetupToken:
    def __init__(self, records: Records, clock: Clock) -> None:
        self._records = records
        self._clock = clock

    async def issue(self) -> str:
        """Create a token and return it; only its digest is stored."""
        token = new_setup_key()
        ends = self._clock.now() + VALID_FOR
        value = {"digest": digest_of(token)}
        await self._records.put(RecordKind.SETUP, INVITATION, value, expires_at=ends)
        return token

    async def matches(self, token: str) -> bool:
        """Whether this is the token. Spaces around it and upper or lower case do not matter."""
        record = await self._records.get(RecordKind.SETUP, INVITATION)
        digest = digest_of(token.strip().lower())
        return same(digest, str(record.value["digest"]) if record else "")

    async def revoke(self) -> None:
        await self._records.remove(RecordKind.SETUP, INVITATION)
