"""Grants: what a random secret gives access to. API tokens, web sessions, shared links, RSS feeds
and the set-up token are kinds.

A grant is a record under the digest of its secret, so a copy of the store grants no access, and the
time of a look-up says nothing about a secret. The last use is written with compare-and-set: a grant
that ends at the same time stays ended.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar, Generic, Self, TypeVar

from mediavault.auth.keys import SHOWN_CHARS, digest_of
from mediavault.core.clock import Clock
from mediavault.core.failures import BadInput, NotFound
from mediavault.core.logs import get_logger
from mediavault.core.messages import Message
from mediavault.core.names import label_or_none
from mediavault.core.records import Record, RecordKind
from mediavault.core.typed_records import from_named_json, to_named_json
from mediavault.core.users import OWNER
from mediavault.store.port import Records

MAX_NAME_CHARS = 80
KNOWN_FOR_S = 3.0  # the time until another process's sign-out takes effect here
MAX_KNOWN = 512
_OUTSIDE = ("key", "expires_at")  # of the value: the record itself has them

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A grant's record; ``key`` is the digest of its secret. Each kind is a subclass."""

    kind: ClassVar[RecordKind]
    prefix: ClassVar[str] = ""  # of the secrets
    # the last use is stored no more often than this; None: never
    used_every: ClassVar[timedelta | None] = None
    idle_for: ClassVar[timedelta | None] = None  # one that is not used for this long ends
    is_cached: ClassVar[bool] = False  # else it ends at once in every process

    key: str
    made_at: datetime
    user: str = OWNER  # who made it, and whose rights it has
    used_at: datetime | None = None
    expires_at: datetime | None = None

    @property
    def id(self) -> str:
        """What names it on pages. It opens nothing."""
        return self.key[:SHOWN_CHARS]

    @property
    def names(self) -> tuple[str, ...]:
        """By what it can be revoked."""
        return (self.id,)

    @property
    def rank(self) -> tuple[Any, ...]:
        """Its place in lists: the one that was used or made last comes first."""
        return -(self.used_at or self.made_at).timestamp(), self.key

    def to_value(self) -> dict[str, Any]:
        """Return the value of the grant's record."""
        return {
            name: fact
            for name, fact in to_named_json(self, whole=True).items()
            if name not in _OUTSIDE
        }

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Read a record. LookupError, TypeError or ValueError for one that is damaged."""
        grant = from_named_json(cls, {**record.value, "key": record.key, "expires_at": None})
        if any(at is not None and at.tzinfo is None for at in (grant.made_at, grant.used_at)):
            raise ValueError(Message("a time without a time zone"))
        return replace(grant, expires_at=record.expires_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedGrant(Grant):
    """A grant to which its user gives a name."""

    name: str

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, self.id)

    @property
    def rank(self) -> tuple[Any, ...]:
        return self.name.casefold(), self.key


G = TypeVar("G", bound=Grant)


class Grants(Generic[G]):
    """The grants of one kind. ``on_ended`` is called when some may have ended;
    those that expire, the store removes.
    """

    of: type[G]

    def __init__(
        self, records: Records, clock: Clock, *, on_ended: Callable[[], None] = lambda: None
    ) -> None:
        self._records = records
        self._clock = clock
        self._on_ended = on_ended
        self._known: TtlCache[G] = TtlCache(clock)

    async def all(self, user: str | None = None) -> list[G]:
        """Return the grants of this user, or of all, sorted."""
        found = map(self._read, await self._records.all(self.of.kind))
        return sorted(
            (grant for grant in found if grant is not None and user in (None, grant.user)),
            key=lambda one: one.rank,
        )

    async def find(self, secret: str, *, is_use: bool = True) -> G | None:
        """Return the grant with this secret; None when it was revoked, or has expired."""
        return (
            await self.by_key(digest_of(secret), is_use=is_use)
            if secret.startswith(self.of.prefix)
            else None
        )

    async def by_key(self, key: str, *, is_use: bool = True) -> G | None:
        """Return the grant with this digest; None when it was revoked, or has expired."""
        read = partial(self._current, is_use=is_use)
        grant = await (self._known.get(key, read) if self.of.is_cached else read(key))
        has_ended = (
            grant is not None
            and grant.expires_at is not None
            and grant.expires_at <= self._clock.now()
        )
        return None if has_ended else grant

    async def revoke(self, named: str, user: str | None = None) -> list[G]:
        """End the grants with this name or id, of this user or of all users,
        and return them. Raises NotFound.
        """
        matches = [grant for grant in await self.all(user) if named in grant.names]
        if not matches:
            raise NotFound("Unknown name or id.", help="It may have been revoked, or have expired.")
        for grant in matches:
            await self.end(grant.key)
        return matches

    async def end(self, key: str) -> bool:
        """End the grant with this digest; return whether there was one."""
        ended = await self._records.remove(self.of.kind, key)
        self._known.forget(key)
        self._on_ended()
        return ended

    async def end_all(self, user: str | None = None) -> int:
        """End the grants of this user, or of all; return how many."""
        if user is None:
            ended = await self._records.remove_all(self.of.kind)
        else:
            ended = await end_grants(self._records, self.of.kind, user)
        self._known.forget_all()
        self._on_ended()
        return ended

    async def _add(self, secret: str, *, lives: timedelta | None = None, **values: Any) -> G:
        """Store a grant with these fields, and return it."""
        now = self._clock.now()
        expires_at = None if lives is None else now + lives
        grant = self.of(key=digest_of(secret), made_at=now, expires_at=expires_at, **values)
        await self._records.put(self.of.kind, grant.key, grant.to_value(), expires_at=expires_at)
        return grant

    async def _change(self, grant: G, changed: G) -> G:
        """Store a changed grant, and return it. Raises NotFound for one that has ended by now,
        or was changed by someone else.
        """
        is_stored = await self._records.replace(
            self.of.kind,
            grant.key,
            changed.to_value(),
            if_value=grant.to_value(),
            expires_at=changed.expires_at,
        )
        if not is_stored:
            raise NotFound("It has ended, or was changed just now.", help="Load the page again.")
        self._known.forget(grant.key)
        self._on_ended()
        return changed

    async def _current(self, key: str, *, is_use: bool) -> G | None:
        """Read a grant and, if this is a use of it, store from time to time that it was used."""
        record = await self._records.get(self.of.kind, key)
        if record is None or (grant := self._read(record)) is None:
            return None
        now, every, idle_for = self._clock.now(), self.of.used_every, self.of.idle_for
        is_recent = every is None or (
            grant.used_at is not None and timedelta(0) <= now - grant.used_at < every
        )
        if is_use and not is_recent:
            value = {**record.value, "used_at": now.isoformat()}
            expires_at = record.expires_at if idle_for is None else now + idle_for
            await self._records.replace(
                self.of.kind, key, value, if_value=record.value, expires_at=expires_at
            )
        return grant

    def _read(self, record: Record) -> G | None:
        """Read a record; None when it is damaged, as in a backup that was changed:
        such a grant opens nothing.
        """
        try:
            return self.of.from_record(record)
        except (LookupError, TypeError, ValueError, AttributeError):
            log.warning("record_not_read", kind=self.of.kind)
            return None


async def end_grants(records: Records, kind: RecordKind, user: str) -> int:
    """Remove a user's grants of a kind, damaged ones too, and return how many."""
    keys = [
        record.key for record in await records.all(kind) if record.value.get("user", OWNER) == user
    ]
    await records.put_all(kind, {}, remove=keys)
    return len(keys)


def new_name(name: str, others: Sequence[NamedGrant], *, most: int) -> str:
    """Return the name of a new grant, which none of ``others`` has;
    there may be ``most`` of them. Raises BadInput.
    """
    label = label_or_none(name, MAX_NAME_CHARS) or ""
    if not label:
        raise BadInput(
            Message(
                "Enter a name of at most %(max_name_chars)s characters.",
                max_name_chars=MAX_NAME_CHARS,
            ),
            help="Say what it is for.",
        )
    if any(label == other.name for other in others):
        raise BadInput(
            "This name is taken.", help="Choose another name, or revoke the existing one."
        )
    if len(others) >= most:
        raise BadInput(
            Message("There are already %(most)s of them.", most=most),
            help="Revoke the unused ones.",
        )
    return label


T = TypeVar("T")


class TtlCache(Generic[T]):
    """Caches values by key for ``KNOWN_FOR_S``, so that a page with forty pictures does not query
    the store forty times.

    The oldest are dropped when there are too many; None is not cached.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, T]] = OrderedDict()
        self._forgotten = 0

    async def get(self, key: str, read: Callable[[str], Awaitable[T | None]]) -> T | None:
        """Return the cached value, else what ``read`` returns now."""
        until, value = self._known.get(key, (0.0, None))
        if self._clock.monotonic() < until:
            return value
        forgotten = self._forgotten
        current = await read(key)
        # else it was forgotten during the read
        if current is not None and forgotten == self._forgotten:
            self._put(key, current)
        return current

    def forget(self, key: str) -> None:
        self._forgotten += 1
        self._known.pop(key, None)

    def forget_all(self) -> None:
        self._forgotten += 1
        self._known.clear()

    def _put(self, key: str, value: T) -> None:
        self._known[key] = (self._clock.monotonic() + KNOWN_FOR_S, value)
        self._known.move_to_end(key)
        while len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)
