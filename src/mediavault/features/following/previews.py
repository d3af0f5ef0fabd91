"""Previews of sources: drafts of what may be followed, and the lists that workers have read for
them.

Previews are temporary. A *draft* is a source as a user would follow or change it. A *reading*
tracks the progress of fetching its list; all drafts of a URL share it, so that another try with
other filters requests nothing from the site. The *list* is stored separately: it is large, and
workers look for waiting readings every few seconds.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from mediavault.core.clock import Clock
from mediavault.core.failures import ErrorCode, NotFound
from mediavault.core.logs import get_logger
from mediavault.core.messages import Message
from mediavault.core.records import Record, RecordKind
from mediavault.core.typed_records import from_named_json, to_named_json
from mediavault.features.following.decisions import ListedPost
from mediavault.features.following.model import Source, SourceState, checked
from mediavault.features.following.records import (
    Followed,
    find_followed,
    refuse_followed,
    restarted,
)
from mediavault.store.port import Records, Store

T = TypeVar("T")

LASTS = timedelta(hours=1)
FRESH_FOR = timedelta(minutes=15)  # as often as a source is looked at, at most
ACQUIRED_FOR = timedelta(minutes=5)  # how long one reading may take
MOST_DRAFTS, MOST_LISTS = 200, 50  # beyond these the oldest are removed

_KIND = RecordKind.SOURCE_PREVIEW
_DRAFT, _READING, _LIST = "draft/", "reading/", "list/"

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ListReading:
    """The progress of reading a list. ``key`` follows from the URL; ``stable_id`` is the one that a
    check of the source found.

    ``acquired_until``: a worker is reading. ``not_before``: the site's limits allow no request
    before then. ``read_at`` is when it was read or could not be: then ``error``, ``help`` and
    ``error_code`` say why.
    """

    key: str
    url: str
    platform: str
    asked_at: datetime
    stable_id: str = ""
    acquired_until: datetime | None = None
    not_before: datetime | None = None
    read_at: datetime | None = None
    error: Message | None = None
    help: Message | None = None
    error_code: ErrorCode | None = None

    @property
    def was_read(self) -> bool:
        """Whether there is a list."""
        return self.read_at is not None and self.error is None

    def is_acquired(self, now: datetime) -> bool:
        """Whether a worker is reading the list."""
        return (
            self.read_at is None and self.acquired_until is not None and self.acquired_until > now
        )

    def waits(self, now: datetime) -> bool:
        """Whether a worker may read it now."""
        return (
            self.read_at is None
            and not self.is_acquired(now)
            and (self.not_before is None or self.not_before <= now)
        )


@dataclass(frozen=True, slots=True)
class ReadList:
    """A list that was read for a preview, with the posts that its entries name."""

    posts: tuple[ListedPost, ...] = ()
    title: str | None = None
    handle: str | None = None
    is_whole: bool = False
    is_newest_first: bool = True
    method: str = ""


@dataclass(frozen=True, slots=True)
class SourcePreview:
    """A draft, the progress of reading its list, and the list once it has been read.

    ``draft`` is the source as a user would have it. ``is_followed``: it is followed already, and
    the draft changes it.
    """

    id: str
    draft: Followed
    reading: ListReading
    listing: ReadList | None
    is_followed: bool

    def as_of(self, now: datetime) -> Followed:
        """Return the draft as if it were followed now;
        a changed source keeps the time at which it was followed.
        """
        if self.is_followed:
            return self.draft
        return replace(self.draft, source=replace(self.draft.source, followed_at=now))


async def ask(store: Store, draft: Source, clock: Clock) -> str:
    """Request a preview of a source that is not followed yet, and return the preview's id.

    Raises BadInput for values that it can't have, and when its URL is followed already.
    """
    await refuse_followed(store.tables, draft.url)
    return await _ask(store, checked(draft), "", clock)


async def ask_of_change(store: Store, followed: Followed, draft: Source, clock: Clock) -> str:
    """Request a preview of a change to a source, and return the preview's id.
    Raises BadInput as ``change_source`` does.
    """
    return await _ask(
        store, restarted(followed.source, checked(draft)), followed.state.stable_id, clock
    )


async def _ask(store: Store, draft: Source, stable_id: str, clock: Clock) -> str:
    records, now, key = store.records, clock.now(), key_of(draft.url)
    record = await records.get(_KIND, _READING + key)
    reading = None if record is None else _read(ListReading, record)
    if (
        reading is None
        or _is_stale(reading, now)
        or (reading.was_read and await _list_of(records, reading) is None)
    ):
        if record is None:
            await _make_room(records, _READING, MOST_LISTS)
        reading = ListReading(key, draft.url, draft.platform, now, stable_id)
        # If another process created it first, use that one.
        await records.replace(
            _KIND,
            _READING + key,
            to_named_json(reading),
            if_value=None if record is None else record.value,
            expires_at=now + LASTS,
        )
    await _make_room(records, _DRAFT, MOST_DRAFTS)
    preview_id = f"p-{secrets.token_hex(6)}"
    ends = reading.asked_at + LASTS
    await records.put(_KIND, _DRAFT + preview_id, to_named_json(draft), expires_at=ends)
    return preview_id


def key_of(url: str) -> str:
    """Return the key of the reading of a list."""
    return hashlib.sha256(url.encode()).hexdigest()[:32]


def _is_stale(reading: ListReading, now: datetime) -> bool:
    """Whether the list is read again for a new request: it could not be read,
    or was read a while ago.
    """
    if reading.is_acquired(now):
        return False
    return reading.error is not None or now - (reading.read_at or reading.asked_at) > FRESH_FOR


async def _list_of(records: Records, reading: ListReading) -> ReadList | None:
    """Return the list that was read; None before that,
    or if another version of mediavault has stored it.
    """
    record = None if not reading.was_read else await records.get(_KIND, _LIST + reading.key)
    return None if record is None else _read(ReadList, record)


async def _make_room(records: Records, prefix: str, most: int) -> None:
    """Remove the oldest drafts or readings to make room for one more."""
    if await records.count_under(_KIND, prefix) < most:
        return
    oldest_first = sorted(
        await records.under(_KIND, prefix), key=lambda record: (record.updated_at, record.key)
    )
    for record in oldest_first[: len(oldest_first) - most + 1]:
        await records.remove(_KIND, record.key)
        await records.remove(_KIND, _LIST + record.key.removeprefix(prefix))


async def find_preview(store: Store, preview_id: str) -> SourcePreview:
    """Return a preview. Raises NotFound once it has expired."""
    records = store.records
    record = await records.get(_KIND, _DRAFT + preview_id)
    draft = None if record is None else _read(Source, record)
    record = None if draft is None else await records.get(_KIND, _READING + key_of(draft.url))
    reading = None if record is None else _read(ListReading, record)
    listing = None if reading is None else await _list_of(records, reading)
    if draft is None or reading is None or (reading.was_read and listing is None):
        raise NotFound(
            "This preview has expired.", help="Request a new one: previews are kept for an hour."
        )
    try:
        state, is_followed = (await find_followed(store.tables, draft.id)).state, True
    except NotFound:
        state, is_followed = SourceState(), False
    if listing is not None and not is_followed:
        state = SourceState(title=listing.title or "", handle=listing.handle)
    return SourcePreview(preview_id, Followed(draft, state), reading, listing, is_followed)


# --- reading --------------------------------------------------------------------------------------


async def waiting_readings(records: Records, now: datetime) -> list[ListReading]:
    """Return the lists that may be read now, oldest request first."""
    found = (_read(ListReading, record) for record in await records.under(_KIND, _READING))
    return sorted(
        (reading for reading in found if reading is not None and reading.waits(now)),
        key=lambda reading: (reading.asked_at, reading.key),
    )


async def acquire_reading(
    records: Records, clock: Clock, reading: ListReading
) -> ListReading | None:
    """Hold a list for this worker, and return the held reading;
    None if another worker was faster.
    """
    held = replace(reading, acquired_until=clock.now() + ACQUIRED_FOR)
    return held if await _replace(records, reading, held) else None


async def release_reading(
    records: Records, held: ListReading, after: ListReading, listing: ReadList | None = None
) -> None:
    """Store how the reading went, and the list that was read; nothing of it lasts longer than the
    reading.

    The list is stored first, so that a reading that is over has its list.
    """
    if listing is not None:
        ends = held.asked_at + LASTS
        await records.put(_KIND, _LIST + held.key, to_named_json(listing), expires_at=ends)
    await _replace(records, held, replace(after, acquired_until=None))


async def _replace(records: Records, before: ListReading, after: ListReading) -> bool:
    return await records.replace(
        _KIND,
        _READING + before.key,
        to_named_json(after),
        if_value=to_named_json(before),
        expires_at=before.asked_at + LASTS,
    )


def _read(kind: type[T], record: Record) -> T | None:
    """Return the stored value; None if it can't be read,
    such as one from another version of mediavault.
    """
    try:
        return from_named_json(kind, record.value)
    except (LookupError, TypeError, ValueError) as exc:
        log.warning("source_unreadable", source=record.key, error=str(exc))
        return None
