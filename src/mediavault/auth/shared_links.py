"""Links that show one video to whoever has them: made by a user, with an end, a password where wanted, and revocable.

The link's key is random and only its digest is stored, so it can be shown once. Each request reads the record again: a
revoked link ends at once, in every process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from mediavault.auth.errors import TooManyTries, WrongSecret
from mediavault.auth.hashing import PasswordHashes
from mediavault.auth.keys import SHOWN_CHARS, bound, digest_of, new_key, same
from mediavault.auth.login_throttle import LoginThrottle
from mediavault.core.clock import Clock
from mediavault.core.failures import BadInput, NotFound
from mediavault.core.job import JobId
from mediavault.core.messages import Message
from mediavault.core.records import Record, RecordKind
from mediavault.core.users import OWNER
from mediavault.store.port import Records

MOST = 500  # links of a vault
MAX_PASSWORD_CHARS = 200
_KIND = RecordKind.SHARED_LINK


@dataclass(frozen=True, slots=True)
class SharedLink:
    """A link's record; ``key`` is its digest. It shows the video number ``item`` of the post."""

    key: str
    job_id: JobId
    item: int
    made_at: datetime
    expires_at: datetime | None = None
    password: str | None = None  # its hash
    user: str = OWNER  # who made it

    @property
    def id(self) -> str:
        return self.key[:SHOWN_CHARS]


class SharedLinks:
    def __init__(self, records: Records, clock: Clock, *, on_ended: Callable[[], object] = lambda: None) -> None:
        self._records, self._on_ended = records, on_ended
        self._clock = clock
        self._hashes = PasswordHashes()
        self._tries = LoginThrottle(clock)

    async def add(
        self, job_id: JobId, item: int, *, lives: timedelta | None = None, password: str = "", user: str = OWNER
    ) -> tuple[str, SharedLink]:
        """Create a link; return its key, which is possible only now, and its record. Raises BadInput."""
        if len(password) > MAX_PASSWORD_CHARS:
            raise BadInput(Message("A password can have at most %(most)s characters.", most=MAX_PASSWORD_CHARS))
        if len(await self.all()) >= MOST:
            raise BadInput(Message("There are already %(most)s shared links.", most=MOST), help="Revoke some of them.")
        key, now = new_key(), self._clock.now()
        hashed = await self._hashes.make(password) if password else None
        link = SharedLink(digest_of(key), job_id, item, now, None if lives is None else now + lives, hashed, user)
        await self._records.put(_KIND, link.key, _value(link), expires_at=link.expires_at)
        return key, link

    async def all(self, user: str | None = None) -> list[SharedLink]:
        """Return the links that this user made, or those of all, the newest first."""
        found = map(_link_or_none, await self._records.all(_KIND))
        links = [link for link in found if link is not None and user in (None, link.user)]
        return sorted(links, key=lambda link: (link.made_at, link.key), reverse=True)

    async def find(self, key: str) -> SharedLink | None:
        """Return the link with this key; None when it was revoked, or has expired."""
        record = await self._records.get(_KIND, digest_of(key))
        return None if record is None else _link_or_none(record)

    async def revoke_all(self, user: str) -> None:
        """Revoke the links that this user made."""
        for link in await self.all(user):
            await self._records.remove(_KIND, link.key)
        self._on_ended()

    async def revoke(self, link_id: str, user: str | None = None) -> None:
        """Revoke a link, of this user or of anybody, by its id. Raises NotFound."""
        for link in await self.all(user):
            if link.id == link_id:
                await self._records.remove(_KIND, link.key)
                self._on_ended()
                return
        raise NotFound("Unknown link.", help="It may have been revoked, or have expired.")

    async def unlock(self, link: SharedLink, key: str, password: str, address: str) -> str:
        """Return what proves to :meth:`is_unlocked` that this password opened the link. ``address``: the client's.

        Raises WrongSecret, TooManyTries.
        """
        if (wait_s := self._tries.begin(address, link.key)) is not None:
            raise TooManyTries(wait_s)
        if link.password is None or not await self._hashes.holds(link.password, password[: MAX_PASSWORD_CHARS + 1]):
            raise WrongSecret("Wrong password.")
        self._tries.succeeded(address, link.key)
        return bound(key, link.password)

    def is_unlocked(self, link: SharedLink, key: str, proof: str) -> bool:
        """Whether the link needs no password, or ``proof`` is what :meth:`unlock` returned for it."""
        return link.password is None or same(proof, bound(key, link.password))


def _value(link: SharedLink) -> dict[str, Any]:
    return {
        "job_id": link.job_id,
        "item": link.item,
        "made_at": link.made_at.isoformat(),
        "password": link.password,
        "user": link.user,
    }


def _link_or_none(record: Record) -> SharedLink | None:
    value: Mapping[str, Any] = record.value
    try:
        made_at = datetime.fromisoformat(value["made_at"])
        password = None if value["password"] is None else str(value["password"])
        job_id, item, user = JobId(str(value["job_id"])), int(value["item"]), str(value.get("user", OWNER))
        return SharedLink(record.key, job_id, item, made_at, record.expires_at, password, user)
    except (LookupError, TypeError, ValueError):
        return None
