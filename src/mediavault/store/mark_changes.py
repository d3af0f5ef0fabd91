"""Note something about posts: change their marks, and see to it that the sidecars follow."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import timedelta

from mediavault.core import marks
from mediavault.core.clock import Clock, to_micros
from mediavault.core.failures import BadInput, NotFound
from mediavault.core.fields import about
from mediavault.core.job import JobId
from mediavault.core.marks import Mark, MarkKind, Position, PostMarks
from mediavault.core.messages import Message
from mediavault.core.records import RecordKind
from mediavault.core.users import OWNER
from mediavault.store.port import Store

MOST_AT_ONCE = 20  # tags or collections that one change names
PAGE = 500
UNDO_LASTS = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkChange:
    """What one request changes: None and nothing stay as they are.
    ``add_to`` and ``remove_from`` are titles of collections.
    """

    favourite: bool | None = field(default=None, metadata=about("Whether they are favourites."))
    watched: bool | None = field(
        default=None, metadata=about("Whether they were watched.", option="--watched/--unwatched")
    )
    pinned: bool | None = field(
        default=None,
        metadata=about("Whether retention rules leave them alone.", option="--pin/--unpin"),
    )
    add_tags: tuple[str, ...] = field(
        default=(), metadata=about("Add this tag.", metavar="TAG", option="--tag")
    )
    remove_tags: tuple[str, ...] = field(
        default=(), metadata=about("Remove this tag.", metavar="TAG", option="--untag")
    )
    add_to: tuple[str, ...] = field(
        default=(), metadata=about("Add to this collection.", metavar="TITLE", option="--collect")
    )
    remove_from: tuple[str, ...] = field(
        default=(),
        metadata=about("Remove from this collection.", metavar="TITLE", option="--uncollect"),
    )
    note: str | None = field(default=None, metadata=about("Set the note; empty removes it."))

    @property
    def concerns_all(self) -> bool:
        """Whether it changes what all users see, and not only what is the user's own."""
        return not (self.note is None and self.pinned is None) or any(
            getattr(self, one.name) for one in fields(self) if "_" in one.name
        )


async def change_marks(
    store: Store, clock: Clock, user: str, job_ids: Sequence[JobId], change: MarkChange
) -> int:
    """Change the marks of these jobs; returns how many of them exist.

    Raises BadInput, before anything is changed, for a tag, title or note that can't be stored, or
    too many of them.
    """
    added, removed = _read(user, change)
    existing = await outdate(store, clock, job_ids)
    for name in removed:
        await store.marks.remove(name, job_ids)
    await store.marks.put([Mark(job_id, name, text) for name, text in added for job_id in job_ids])
    return existing


async def change_with_undo(
    store: Store, clock: Clock, user: str, job_ids: Sequence[JobId], change: MarkChange
) -> tuple[int, str]:
    """Change marks as ``change_marks`` does; returns also the key by which the user can undo that
    within an hour.
    """
    added, removed = _read(user, change)
    names = {*(name for name, _ in added), *removed}
    found = await store.marks.of_jobs(job_ids)
    before = [asdict(one) for of_job in found.values() for one in of_job if one.name in names]
    key = secrets.token_hex(8)
    value = {"jobs": list(job_ids), "names": sorted(names), "before": before}
    expires_at = clock.now() + UNDO_LASTS
    # first: a change that is interrupted can be undone as well
    await store.records.put(RecordKind.UNDO, f"{user}/{key}", value, expires_at=expires_at)
    return await change_marks(store, clock, user, job_ids, change), key


async def undo_change(store: Store, clock: Clock, user: str, key: str) -> int:
    """Bring back the marks as they were before a change of the user's, in their order;
    returns how many of the jobs exist. Raises NotFound if there is nothing to undo any more.
    """
    record = await store.records.get(RecordKind.UNDO, f"{user}/{key}")
    if record is None:
        raise NotFound("This can't be undone any more.", help="Change it by hand.")
    job_ids = record.value["jobs"]
    existing = await outdate(store, clock, job_ids)
    for name in record.value["names"]:
        await store.marks.remove(name, job_ids)
    await store.marks.put([Mark(**row) for row in record.value["before"]])
    await store.records.remove(RecordKind.UNDO, f"{user}/{key}")
    return existing


async def outdate(store: Store, clock: Clock, job_ids: Collection[JobId]) -> int:
    """Note, before the marks of these jobs change, that their sidecars have to be written;
    returns how many exist.
    """
    now = str(to_micros(clock.now()))
    return await store.marks.put([Mark(job_id, MarkKind.OUTDATED, now) for job_id in job_ids])


async def read_marks(store: Store, user: str, job_ids: Collection[JobId]) -> dict[JobId, PostMarks]:
    """Return what these jobs' marks say to the user; jobs without any are left out."""
    return {
        job_id: marks.post_marks(found, user)
        for job_id, found in (await store.marks.of_jobs(job_ids)).items()
    }


def _read(user: str, change: MarkChange) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the names and texts of the marks that are added,
    and the names of those that are removed.
    """
    if any(
        len(getattr(change, one.name)) > MOST_AT_ONCE for one in fields(change) if "_" in one.name
    ):
        raise BadInput(
            Message("More than %(most)s tags or collections at once.", most=MOST_AT_ONCE),
            help="Change some of them first.",
        )
    added = [(marks.tag(text), marks.tag_text(text)) for text in change.add_tags]
    added += [(marks.collection(text), marks.collection_title(text)) for text in change.add_to]
    removed = [*map(marks.tag, change.remove_tags), *map(marks.collection, change.remove_from)]
    switched = (
        (marks.favourite(user), change.favourite),
        (marks.watched(user), change.watched),
        (MarkKind.PINNED, change.pinned),
    )
    for name, is_set in switched:
        if is_set:
            added.append((name, ""))
        elif is_set is not None:
            removed.append(name)
    if change.watched is not None:  # both say that the user is done with the position
        removed.append(marks.position(user))
    if change.note is not None:
        if note := marks.note_text(change.note):
            added.append((MarkKind.NOTE, note))
        else:
            removed.append(MarkKind.NOTE)
    return added, removed


async def save_position(
    store: Store, clock: Clock, user: str, job_id: JobId, position: Position
) -> None:
    """Store where the user stopped watching a video: near its beginning nothing,
    near its end that it was watched, and when.
    """
    place = to_micros(clock.now())
    if position.share >= marks.WATCHED_SHARE:
        await outdate(store, clock, [job_id])
        await store.marks.put([Mark(job_id, marks.watched(user), place=place)])
        await store.marks.remove(marks.position(user), [job_id])
    elif position.at < marks.WORTH_RESUMING_S:
        await store.marks.remove(marks.position(user), [job_id])
    else:
        text = marks.position_to_text(position)
        await store.marks.put([Mark(job_id, marks.position(user), text, place)])


async def mark_added_by(store: Store, clock: Clock, user: str, job_ids: Sequence[JobId]) -> None:
    """Note who has added these jobs. What has no such note was added by the owner."""
    if user != OWNER and job_ids:
        await outdate(store, clock, job_ids)
        await store.marks.put([Mark(job_id, marks.added(user)) for job_id in job_ids])


async def forget_user(store: Store, clock: Clock, user: str) -> None:
    """Remove a user's favourites, positions and what the user has watched.
    What the user has added stays so noted.
    """
    for name in (marks.favourite(user), marks.watched(user)):
        await remove_name(store, clock, name)
    await store.marks.remove(marks.position(user))  # which no sidecar has


async def rename(store: Store, clock: Clock, name: str, new_name: str, text: str) -> int:
    """Rename a tag or a collection, and merge it with one that has the new name;
    returns how many jobs have that then.
    """
    for counted in (name, new_name):
        await _outdate_all(store, clock, counted)
    return await store.marks.rename(name, new_name, text=text)


async def remove_name(store: Store, clock: Clock, name: str) -> int:
    """Remove a tag or a collection from all jobs, which stay; returns how many had it."""
    await _outdate_all(store, clock, name)
    return await store.marks.remove(name)


async def move_in_order(store: Store, clock: Clock, name: str, job_id: JobId, where: str) -> None:
    """Move a job of a collection ``first``, ``up`` or ``down``. One that is at the end already,
    or gone, stays.
    """
    known = await _in_order(store, name)
    if job_id not in known or where not in ("first", "up", "down"):
        return
    order = list(known)
    place = order.index(job_id)
    to = 0 if where == "first" else max(0, place - 1) if where == "up" else place + 1
    order.insert(to, order.pop(place))
    await _put_places(store, clock, known, order)


async def put_in_order(store: Store, clock: Clock, name: str, job_ids: Sequence[JobId]) -> int:
    """Order a collection: these jobs first, the others behind them as before; returns how many it
    has.

    Jobs that are not in the collection are ignored.
    """
    known = await _in_order(store, name)
    wanted = [job_id for job_id in job_ids if job_id in known]
    await _put_places(store, clock, known, list(dict.fromkeys([*wanted, *known])))
    return len(known)


async def _in_order(store: Store, name: str) -> dict[JobId, Mark]:
    """Return the marks of a collection by their jobs, in its order."""
    return {mark.job_id: mark async for page in _pages(store, name) for mark in page}


async def _put_places(
    store: Store, clock: Clock, known: Mapping[JobId, Mark], order: Sequence[JobId]
) -> None:
    """Store the marks whose place this order changes."""
    placed = [replace(known[job_id], place=place) for place, job_id in enumerate(order)]
    moved = [mark for mark in placed if mark != known[mark.job_id]]
    await outdate(store, clock, [mark.job_id for mark in moved])
    await store.marks.put(moved)


async def _outdate_all(store: Store, clock: Clock, name: str) -> None:
    async for page in _pages(store, name):
        await outdate(store, clock, [mark.job_id for mark in page])


async def _pages(store: Store, name: str) -> AsyncIterator[list[Mark]]:
    after = None
    while page := await store.marks.marked(name, after=after, limit=PAGE):
        after = page[-1]
        yield page
