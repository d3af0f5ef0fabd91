"""The sources that the vault follows, and the entries that it has seen of each.

A source is what a user has set; its state is what checks have found, written by the worker that
holds it: two rows. What a source has seen is a row for each entry, under the source's id and the
key of the post.
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import b64decode, b64encode
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from mediavault.core.clock import Clock, from_micros, in_pieces, to_micros
from mediavault.core.failures import BadInput, NotFound, StoreError
from mediavault.core.listings import post_key
from mediavault.core.logs import get_logger
from mediavault.core.marks import Mark, from_source
from mediavault.core.messages import Message
from mediavault.core.records import RecordKind
from mediavault.core.redaction import redact_page
from mediavault.core.typed_records import from_named_json, to_named_json
from mediavault.features.following.decisions import Decision, ListedPost, decide
from mediavault.features.following.model import EntryState, SeenEntry, Source, SourceState, checked
from mediavault.store.port import Records, Store, Tables
from mediavault.store.removed_posts import removed
from mediavault.store.tables import (
    SOURCE_ENTRIES,
    SOURCE_STATES,
    SOURCES,
    Range,
    Table,
    TableRow,
    Where,
)

ACQUIRED_FOR = timedelta(minutes=15)  # how long one check may take
MOST_SOURCES = 5_000
RACES = 5  # with other changes of the same row
_MAY_BE_DUE = 0  # in ``due_at``: a worker reads the source and sees for itself

T = TypeVar("T")

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Followed:
    """A source, and what checks have found."""

    source: Source
    state: SourceState

    @property
    def name(self) -> str:
        """The name that pages show."""
        return self.stated_name or redact_page(self.source.url)

    @property
    def stated_name(self) -> str:
        """The name that the site states, "" if none is known."""
        return self.state.title or self.state.handle or ""

    def is_due(self, now: datetime) -> bool:
        """Whether a worker may check it now."""
        if self.source.is_paused or (
            self.state.acquired_until is not None and self.state.acquired_until > now
        ):
            return False
        is_restarted = self.wants_backlog and not self.state.failures and self.state.checks > 0
        return is_restarted or self.state.next_check_at is None or self.state.next_check_at <= now

    @property
    def wants_backlog(self) -> bool:
        """Whether the earlier posts have yet to be read, for the current start."""
        return self.state.started != self.source.start_number


@dataclass(frozen=True, slots=True)
class NewSource:
    """A source to follow with many others, its name until its list has been read,
    and when that happens.
    """

    source: Source
    title: str
    check_at: datetime


def new_source_id() -> str:
    """Return an id that no other source has."""
    return f"s-{secrets.token_hex(6)}"


def id_of_url(url: str) -> str:
    """Return the id of an imported source: the same each time,
    so that an import that runs twice at once follows once.
    """
    return f"s-{hashlib.sha256(url.encode()).hexdigest()[:12]}"


async def followed(tables: Tables) -> list[Followed]:
    """Return all sources in the order in which they were followed. Unreadable ones are left out."""
    sources, states = await tables.select(SOURCES, {}), await tables.select(SOURCE_STATES, {})
    return _followed(sources, states)


async def some_followed(tables: Tables, source_ids: Collection[str]) -> dict[str, Followed]:
    """Return the sources with these ids, by id. Those that are not followed are left out."""
    keys = [(source_id,) for source_id in source_ids]
    found = _followed(await tables.some(SOURCES, keys), await tables.some(SOURCE_STATES, keys))
    return {one.source.id: one for one in found}


async def with_work(tables: Tables, now: datetime) -> list[Followed]:
    """Return the sources that may be due or have entries waiting, as :func:`followed` does: most
    rounds find none.

    Without those that are paused.
    """
    due = await tables.select(
        SOURCE_STATES, {"due_at": Range(at_most=to_micros(now))}, order=["due_at"]
    )
    waiting = await tables.select(SOURCE_STATES, {"waiting": Range(at_least=1)}, order=["waiting"])
    states = {row.columns["id"]: row for row in (*due, *waiting)}
    sources = await tables.some(SOURCES, [(str(source_id),) for source_id in states])
    return [
        followed
        for followed in _followed(sources, list(states.values()))
        if not followed.source.is_paused
    ]


def _followed(sources: Sequence[TableRow], states: Sequence[TableRow]) -> list[Followed]:
    state_of = {row.columns["id"]: row for row in states}
    found = [source for row in sources if (source := _source(row)) is not None]
    ordered = sorted(found, key=lambda source: (source.followed_at, source.id))
    return [Followed(source, _state(state_of.get(source.id))) for source in ordered]


async def find_followed(tables: Tables, source_id: str) -> Followed:
    """Return the source with this id. Raises NotFound."""
    if (one := (await some_followed(tables, [source_id])).get(source_id)) is None:
        raise _not_followed()
    return one


async def follow(tables: Tables, source: Source) -> Source:
    """Store a new source. Raises BadInput for invalid values,
    and if its URL is already followed.
    """
    source = checked(source)
    await refuse_followed(tables, source.url)
    if await tables.count(SOURCES, {}) >= MOST_SOURCES:
        raise BadInput(
            Message("There are already %(most)s sources, the most allowed.", most=MOST_SOURCES),
            help="Remove one first.",
        )
    await _add(tables, {source.id: (source, SourceState())})
    return source


async def refuse_followed(tables: Tables, url: str) -> None:
    """Raise BadInput if a source has the URL."""
    if await tables.count(SOURCES, {"url": url}):
        raise BadInput("This source is already followed.", help="Change it on its page.")


def _not_followed() -> NotFound:
    return NotFound(
        "There is no source with this ID.", help="It was removed or was never followed."
    )


async def follow_all(tables: Tables, new: Sequence[NewSource]) -> None:
    """Store new sources, none of which is followed yet; each has a name and the time of its first
    check.

    Raises BadInput, before anything is stored, for values that a source can't have.
    """
    states = {
        new_entry.source.id: SourceState(title=new_entry.title, next_check_at=new_entry.check_at)
        for new_entry in new
    }
    await _add(tables, {one.source.id: (checked(one.source), states[one.source.id]) for one in new})


async def _add(tables: Tables, new: Mapping[str, tuple[Source, SourceState]]) -> None:
    """Store sources with their states. The states come first, so that no worker checks a source
    earlier; a kill in between leaves states of no source, which nothing uses.
    """
    await tables.put(
        SOURCE_STATES, [_state_row(source_id, state) for source_id, (_, state) in new.items()]
    )
    await tables.put(SOURCES, [_source_row(source) for source, _ in new.values()])


async def change_source(
    tables: Tables, source_id: str, change: Callable[[Source], Source]
) -> Source:
    """Change the settings of a source. Raises NotFound, and BadInput for invalid values."""
    for _ in range(RACES):
        row = await _row_of(tables, SOURCES, source_id)
        before = None if row is None else _source(row)
        if row is None or before is None:
            raise _not_followed()
        after = restarted(before, checked(change(before)))
        if await tables.replace(SOURCES, _source_row(after), if_value=row.value):
            await tables.update(SOURCE_STATES, [(source_id,)], {"due_at": _MAY_BE_DUE})
            return after
    raise StoreError(
        "The source could not be changed because it was being changed elsewhere at the same time."
    )


def restarted(before: Source, after: Source) -> Source:
    """Return the changed source; if its start or filters have changed,
    skipped entries are decided again.
    """
    return (
        after
        if _wish(after) == _wish(before)
        else replace(after, start_number=before.start_number + 1)
    )


def _wish(source: Source) -> tuple[object, ...]:
    """Return the settings that decide about earlier posts."""
    return source.start, source.since, source.newest, source.filters


async def unfollow(store: Store, source_id: str) -> None:
    """Remove a source and its entries; its posts stay. Raises NotFound."""
    records, tables = store.records, store.tables
    if not await tables.remove(SOURCES, {"id": source_id}):
        raise _not_followed()
    await tables.remove(SOURCE_STATES, {"id": source_id})
    await records.remove(RecordKind.RETENTION_RULE, source_id)
    await records.remove(RecordKind.SOURCE_PICTURE, source_id)
    await tables.remove(SOURCE_ENTRIES, {"source": source_id})
    await store.marks.remove(from_source(source_id))


# --- looks ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AcquiredSource:
    """A source that this worker checks. ``held`` is its stored state during the check."""

    source: Source
    before: SourceState
    held: SourceState


async def acquire(tables: Tables, clock: Clock, one: Followed) -> AcquiredSource | None:
    """Hold a source for one check; None if another worker was faster, or it has changed."""
    held = replace(one.state, acquired_until=clock.now() + ACQUIRED_FOR)
    row = await _row_of(tables, SOURCE_STATES, one.source.id)
    is_ours = _state(row) == one.state and await _replace_state(tables, one.source.id, row, held)
    return AcquiredSource(one.source, one.state, held) if is_ours else None


async def release(tables: Tables, held: AcquiredSource, state: SourceState) -> bool:
    """Store what a check has found, and end the hold; False if it had ended,
    or the source is gone.
    """
    source_id = held.source.id
    is_stored = await _replace_state(
        tables, source_id, _state_row(source_id, held.held), replace(state, acquired_until=None)
    )
    row = await _row_of(tables, SOURCES, source_id)
    if row is None:
        await tables.remove(SOURCE_STATES, {"id": source_id})
        return False
    # changed during the check, which has set another time
    if is_stored and _source(row) != held.source:
        await tables.update(SOURCE_STATES, [(source_id,)], {"due_at": _MAY_BE_DUE})
    return is_stored


async def change_state(
    tables: Tables, source_id: str, change: Callable[[SourceState], SourceState]
) -> None:
    """Change the state of a source that no worker is checking; during a check, do nothing."""
    for _ in range(RACES):
        row = await _row_of(tables, SOURCE_STATES, source_id)
        before = _state(row)
        if before.acquired_until is not None or await _replace_state(
            tables, source_id, row, change(before)
        ):
            return


async def _replace_state(
    tables: Tables, source_id: str, before: TableRow | None, after: SourceState
) -> bool:
    """Store a state if the row is what is stored now, None for no row;
    returns whether it was stored.
    """
    if_value = None if before is None else before.value
    return await tables.replace(SOURCE_STATES, _state_row(source_id, after), if_value=if_value)


async def _row_of(tables: Tables, table: Table, source_id: str) -> TableRow | None:
    rows = await tables.some(table, [(source_id,)])
    return rows[0] if rows else None


async def check_now(tables: Tables, source_id: str) -> None:
    """Let the next round check a source. Raises NotFound."""
    await find_followed(tables, source_id)
    await change_state(tables, source_id, lambda state: replace(state, next_check_at=None))


# --- entries --------------------------------------------------------------------------------------


async def seen(tables: Tables, source_id: str, posts: Iterable[str]) -> dict[str, SeenEntry]:
    """Return the entries of these posts at a source, by the posts' keys.
    Posts that it has not seen are left out.
    """
    rows = await tables.some(SOURCE_ENTRIES, [(source_id, post) for post in posts])
    return await _entries(rows)


async def decisions(
    records: Records,
    one: Followed,
    posts: Sequence[ListedPost],
    existing: Mapping[str, SeenEntry],
    now: datetime,
    *,
    is_newest_first: bool,
) -> list[Decision]:
    """Decide about the posts of a source's list: see ``decisions.decide``."""
    by_url = {post_key(post.canonical_url): post.key for post in posts if post.canonical_url}
    decided = decide(
        posts,
        existing,
        {by_url[key] for key in await removed(records, by_url)},
        one.source,
        now,
        is_newest_first=is_newest_first,
        is_first=not one.state.checks,
        is_restarted=one.wants_backlog,
    )
    return [decision async for decision in in_pieces(decided)]


async def all_seen(
    tables: Tables, source_id: str, *, limit: int, state: EntryState | None = None
) -> dict[str, SeenEntry]:
    """Return at most ``limit`` entries of a source, of one state or of all,
    in no particular order, by their posts' keys.
    """
    where = {"source": source_id} if state is None else {"source": source_id, "state": state.value}
    return await _entries(await tables.select(SOURCE_ENTRIES, where, limit=limit))


async def put_seen(tables: Tables, source_id: str, entries: Mapping[str, SeenEntry]) -> None:
    """Store entries that do not wait, or no longer, by their posts' keys."""
    rows = [_row(source_id, post, entry, None) async for post, entry in in_pieces(entries.items())]
    await tables.put(SOURCE_ENTRIES, rows)


async def put_waiting(
    tables: Tables, source_id: str, checked_at: datetime, entries: Sequence[tuple[str, SeenEntry]]
) -> None:
    """Let entries wait for their turn, in this order;
    those from a later check come after those from earlier ones.
    """
    first = to_micros(checked_at)
    numbered = in_pieces(enumerate(entries, first))
    rows = [_row(source_id, post, entry, place) async for place, (post, entry) in numbered]
    await tables.put(SOURCE_ENTRIES, rows)


async def next_waiting(tables: Tables, source_id: str, *, limit: int = 1) -> dict[str, SeenEntry]:
    """Return the next entries to take, in their order, by their posts' keys."""
    return await _entries(
        await tables.select(SOURCE_ENTRIES, _waiting(source_id), order=["place"], limit=limit)
    )


async def count_waiting(tables: Tables, source_id: str) -> int:
    """Return how many entries of a source wait for their turn."""
    return await tables.count(SOURCE_ENTRIES, _waiting(source_id))


def _waiting(source_id: str) -> Where:
    return {"source": source_id, "place": Range()}


# --- entries that are no longer on the list -------------------------------------------------------


async def compare_with_list(
    tables: Tables, source_id: str, posts: Collection[str], now: datetime, *, is_restart: bool
) -> None:
    """Note which entries a list that was read whole has named before and does not name any more.

    ``posts`` are the keys of what it names. With ``is_restart`` the source's filters have changed,
    and with them perhaps what the list names: then the missing ones are not called unlisted,
    neither now nor later. Costs the list's length, however many entries the source has seen.
    """
    at = to_micros(now)
    listed = {
        post
        for _, post in await tables.keys(
            SOURCE_ENTRIES, {"source": source_id, "listed_at": Range()}
        )
    }
    missing = [(source_id, post) for post in listed.difference(posts)]
    await tables.update(
        SOURCE_ENTRIES, missing, {"listed_at": None} | ({} if is_restart else {"unlisted_at": at})
    )
    await tables.update(
        SOURCE_ENTRIES,
        [(source_id, post) for post in posts if post not in listed],
        {"listed_at": at},
    )


async def take_back(tables: Tables, source_id: str, posts: Collection[str]) -> None:
    """Note that entries which were unlisted are on the list again.
    Those that were not unlisted are left alone.
    """
    await tables.update(
        SOURCE_ENTRIES, [(source_id, post) for post in posts], {"unlisted_at": None}
    )


async def count_skipped(tables: Tables, source_id: str) -> int:
    """Return how many entries of a source were skipped. Reads all of them."""
    return await tables.count(
        SOURCE_ENTRIES, {"source": source_id, "state": EntryState.SKIPPED.value}
    )


async def count_unlisted(tables: Tables, source_id: str) -> int:
    """Return how many entries of a source are unlisted."""
    return await tables.count(SOURCE_ENTRIES, _unlisted(source_id))


async def unlisted_entries(tables: Tables, source_id: str, *, limit: int) -> dict[str, SeenEntry]:
    """Return unlisted entries of a source's list by their posts' keys, at most ``limit`` of them,
    the last that went first.
    """
    rows = await tables.select(
        SOURCE_ENTRIES, _unlisted(source_id), order=["unlisted_at"], descending=True, limit=limit
    )
    return await _entries(rows)


def _unlisted(source_id: str) -> Where:
    return {"source": source_id, "unlisted_at": Range()}


# --- posts of sources, and turns ------------------------------------------------------------------


async def mark_posts(store: Store, source_id: str, job_ids: Iterable[str]) -> None:
    """Record that the posts of these jobs came from a source."""
    await store.marks.put([Mark(job_id, from_source(source_id)) for job_id in job_ids])  # type: ignore[arg-type]


async def fill_turns(records: Records, served_by: Collection[str]) -> dict[str, datetime]:
    """Return when the next earlier post of each site or host may be taken (``Source.served_by``).
    Left out: now.
    """
    found = await records.some(RecordKind.SITE_FILL, served_by)
    return {name: datetime.fromisoformat(record.value["at"]) for name, record in found.items()}


async def take_fill_turn(
    records: Records, served_by: str, before: datetime | None, after: datetime
) -> bool:
    """Take a turn that was at ``before``; the next one is at ``after``.
    False when another worker was faster.
    """
    known = None if before is None else {"at": before.isoformat()}
    return await records.replace(
        RecordKind.SITE_FILL, served_by, {"at": after.isoformat()}, if_value=known
    )


# --- pictures -------------------------------------------------------------------------------------


async def put_picture(records: Records, source_id: str, jpeg: bytes) -> None:
    """Store the picture of a source, a small JPEG."""
    await records.put(RecordKind.SOURCE_PICTURE, source_id, {"jpeg": b64encode(jpeg).decode()})


async def find_picture(records: Records, source_id: str) -> bytes | None:
    """Return the picture of a source, a JPEG; None if it has none."""
    record = await records.get(RecordKind.SOURCE_PICTURE, source_id)
    return None if record is None else b64decode(record.value["jpeg"])


def _source_row(source: Source) -> TableRow:
    return TableRow({"id": source.id, "url": source.url}, to_named_json(source))


def _source(row: TableRow) -> Source | None:
    return _read(Source, row, str(row.columns["id"]))


def _state_row(source_id: str, state: SourceState) -> TableRow:
    due_at = _MAY_BE_DUE if state.next_check_at is None else to_micros(state.next_check_at)
    return TableRow(
        {"id": source_id, "due_at": due_at, "waiting": state.waiting}, to_named_json(state)
    )


def _state(row: TableRow | None) -> SourceState:
    """Return the state; a new one if there is none or it can't be read,
    so that the source is checked again.
    """
    read = None if row is None else _read(SourceState, row, str(row.columns["id"]))
    return SourceState() if read is None else read


def _read(kind: type[T], row: TableRow, source_id: str) -> T | None:
    try:
        return from_named_json(kind, row.value)
    except (LookupError, TypeError, ValueError) as exc:
        log.warning("source_unreadable", source=source_id, error=str(exc))
        return None


def _row(source_id: str, post: str, entry: SeenEntry, place: int | None) -> TableRow:
    """Return the row of an entry. What a list names, and what is gone from it, is noted apart."""
    columns = {"source": source_id, "post": post, "state": entry.state.value, "place": place}
    return TableRow(columns, to_named_json(replace(entry, unlisted_at=None)))


async def _entries(rows: Iterable[TableRow]) -> dict[str, SeenEntry]:
    """Return the entries of rows, by their posts' keys; those that can't be read are left out."""
    found: dict[str, SeenEntry] = {}
    async for row in in_pieces(rows):
        unlisted_at, entry = (
            row.columns["unlisted_at"],
            _read(SeenEntry, row, str(row.columns["source"])),
        )
        if entry is not None:
            entry = replace(
                entry, unlisted_at=None if unlisted_at is None else from_micros(int(unlisted_at))
            )
            found[str(row.columns["post"])] = entry
    return found
