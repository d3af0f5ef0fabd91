"""The one-time token with which somebody at another machine sets the first password."""

from __future__ import annotations

from datetime import timedelta

from mediavault.access.keys import digest_of, new_setup_key, same
from mediavault.core.clock import Clock
from mediavault.core.records import RecordKind
from mediavault.store.record_port import RecordStore

VALID_FOR = timedelta(hours=1)
INVITATION = "invitation"  # the only key of the kind: a new one takes the place of the one before


class Invitation:
    def __init__(self, store: RecordStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def write(self) -> str:
        """The token; nobody can show it again."""
        token = new_setup_key()
        ends = self._clock.now() + VALID_FOR
        value = {"digest": digest_of(token)}
        await self._store.put_record(RecordKind.SETUP, INVITATION, value, expires_at=ends)
        return token

    async def is_for(self, token: str) -> bool:
        """However it was typed: blanks around it and capitals do not matter."""
        record = await self._store.get_record(RecordKind.SETUP, INVITATION)
        given = digest_of(token.strip().lower())
        return same(given, str(record.value["digest"]) if record else "")

    async def use_up(self) -> None:
        await self._store.remove_record(RecordKind.SETUP, INVITATION)
