"""RSS feeds: secret addresses at which a podcast app or a feed reader gets the posts of a filter.

A feed's secret follows from its id and a key in the state folder. So its address can be shown again, while the database
and its backups hold only a digest that opens nothing. A machine without that key serves the feed, and can't show its
address. Each request reads the record again: a revoked feed ends at once, in every process.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import os
import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from mediavault.auth.errors import TooManyTries
from mediavault.auth.keys import KEY_BYTES, digest_of, same
from mediavault.auth.login_throttle import LoginThrottle
from mediavault.core.clock import Clock
from mediavault.core.failures import BadInput, NotFound
from mediavault.core.logs import get_logger
from mediavault.core.messages import Message
from mediavault.core.names import label_or_none
from mediavault.core.records import Record, RecordKind
from mediavault.core.system_errors import translate_machine_errors
from mediavault.core.users import OWNER
from mediavault.store.port import Records

KEY_FILE = "feeds.key"
MAX_NAME_CHARS = 80
MOST = 100  # of a user
FETCHED_EVERY = timedelta(minutes=10)  # the last request is stored no more often than this
GUESSES = 100  # unknown secrets a minute: enough for an app that still asks for the files of a revoked feed
_KIND = RecordKind.RSS_FEED

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RssFeed:
    """A feed's record; ``key`` is its secret's digest.

    ``filter`` is the query of the library page's address. It is read as the user who made the feed, and in their time
    zone. ``base`` is the vault's address as they opened it, with a slash at the end.
    """

    key: str
    id: str
    name: str
    filter: str
    made_at: datetime
    user: str = OWNER
    locale: str = "en"
    zone: str = ""  # "" for UTC
    base: str = ""
    fetched_at: datetime | None = None


class RssFeeds:
    def __init__(
        self, records: Records, clock: Clock, state_dir: Path, *, on_ended: Callable[[], object] = lambda: None
    ) -> None:
        self._records, self._on_ended = records, on_ended
        self._clock = clock
        self._key_file = state_dir / KEY_FILE
        self._guesses = LoginThrottle(clock, per_address=GUESSES, per_user=GUESSES, total=GUESSES)

    async def add(
        self, name: str, filter_: str, *, user: str = OWNER, locale: str = "en", zone: str = "", base: str = ""
    ) -> RssFeed:
        """Make a feed and return its record. Raises BadInput for the name, StorageFailure for the key's file."""
        name = _checked(name, await self.all(user))
        feed_id, now = str(uuid.uuid4()), self._clock.now()
        secret = _secret(await asyncio.to_thread(_key_in, self._key_file), feed_id)
        feed = RssFeed(digest_of(secret), feed_id, name, filter_, now, user, locale, zone, base)
        await self._records.put(_KIND, feed.key, _value(feed))
        return feed

    async def all(self, user: str | None = None) -> list[RssFeed]:
        """Return the feeds of this user, or of all, sorted by name."""
        found = map(_feed_or_none, await self._records.all(_KIND))
        feeds = [feed for feed in found if feed is not None and user in (None, feed.user)]
        return sorted(feeds, key=lambda feed: (feed.name.casefold(), feed.key))

    async def secret_of(self, feed: RssFeed) -> str | None:
        """Return the secret of the feed's address; None if another key made it. Raises StorageFailure."""
        secret = _secret(await asyncio.to_thread(_key_in, self._key_file), feed.id)
        return secret if same(digest_of(secret), feed.key) else None

    async def find(self, secret: str, address: str) -> RssFeed | None:
        """Return the feed with this secret; None when it was revoked. ``address``: the client's.

        Raises TooManyTries when that address, or all together, have asked for too many that do not exist.
        """
        record = await self._records.get(_KIND, digest_of(secret))
        feed = None if record is None else _feed_or_none(record)
        if feed is None and (wait_s := self._guesses.begin(address)) is not None:
            raise TooManyTries(wait_s)
        return feed

    async def is_valid(self, feed: RssFeed) -> bool:
        """Whether the feed has not been revoked."""
        return await self._records.get(_KIND, feed.key) is not None

    async def fetched(self, feed: RssFeed) -> None:
        """Note that an app has asked for the feed. One that is revoked at the same time stays revoked."""
        now = self._clock.now()
        if feed.fetched_at is None or not timedelta(0) <= now - feed.fetched_at < FETCHED_EVERY:
            value = _value(feed)
            later = {**value, "fetched_at": now.isoformat()}
            await self._records.replace(_KIND, feed.key, later, if_value=value)

    async def revoke(self, named: str, user: str | None = None) -> list[RssFeed]:
        """Revoke the feeds, of this user or of anybody, with this name or id, and return them. Raises NotFound."""
        matches = [feed for feed in await self.all(user) if named in (feed.name, feed.id)]
        if not matches:
            raise NotFound("Unknown RSS feed.", help="It may have been revoked.")
        for feed in matches:
            await self._records.remove(_KIND, feed.key)
        self._on_ended()
        return matches

    async def revoke_all(self, user: str) -> None:
        """Revoke the feeds of a user."""
        for feed in await self.all(user):
            await self._records.remove(_KIND, feed.key)
        self._on_ended()


def _checked(name: str, others: list[RssFeed]) -> str:
    name = label_or_none(name, MAX_NAME_CHARS) or ""
    if not name:
        raise BadInput(
            Message(
                "An RSS feed needs a name of at most %(max_name_chars)s characters.", max_name_chars=MAX_NAME_CHARS
            ),
            help="Podcast apps show it.",
        )
    if any(name == other.name for other in others):
        raise BadInput(
            "There is already an RSS feed with this name.", help="Choose another name, or revoke the existing one."
        )
    if len(others) >= MOST:
        raise BadInput(Message("There are already %(most)s RSS feeds.", most=MOST), help="Revoke the unused ones.")
    return name


def _secret(key: bytes, feed_id: str) -> str:
    """Return 43 characters of base64url."""
    digest = hmac.new(key, feed_id.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _key_in(path: Path) -> bytes:
    """Return the key in this file, which is made if there is none. Raises StorageFailure."""
    with translate_machine_errors():
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _make_key(path)
        return path.read_bytes()


def _make_key(path: Path) -> None:
    """Write a new key. Of two processes that do so at once, one wins, and no one sees half a key."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()


def _value(feed: RssFeed) -> dict[str, Any]:
    return {
        "id": feed.id,
        "name": feed.name,
        "filter": feed.filter,
        "made_at": feed.made_at.isoformat(),
        "user": feed.user,
        "locale": feed.locale,
        "zone": feed.zone,
        "base": feed.base,
        "fetched_at": feed.fetched_at and feed.fetched_at.isoformat(),
    }


def _feed_or_none(record: Record) -> RssFeed | None:
    """Read a record; None when it is damaged, as in a backup that was changed: such a feed opens nothing."""
    value: Mapping[str, Any] = record.value
    try:
        texts = {name: str(value[name]) for name in ("name", "filter", "user", "locale", "zone", "base")}
        fetched_at = None if value["fetched_at"] is None else datetime.fromisoformat(value["fetched_at"])
        made_at = datetime.fromisoformat(value["made_at"])
        if made_at.tzinfo is None or (fetched_at is not None and fetched_at.tzinfo is None):
            raise ValueError(Message("a time without a time zone"))
        return RssFeed(key=record.key, id=str(uuid.UUID(value["id"])), made_at=made_at, fetched_at=fetched_at, **texts)
    except (LookupError, TypeError, ValueError, AttributeError):
        log.warning("record_not_read", kind=_KIND)
        return None
