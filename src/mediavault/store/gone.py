"""What a source's list named before and does not name any more.

What the last list that was read whole named is a record without contents for each entry. An entry that is missing from the
next one gets the fact, and a second record by which it is found.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from mediavault.core.following import SeenEntry
from mediavault.core.records import RecordKind
from mediavault.store.following import put_seen, seen
from mediavault.store.port import Records

PAGE = 1_000
FEW_MISSING = 50  # entries whose records are removed one by one


async def compare_with_list(
    records: Records, source_id: str, posts: Collection[str], now: datetime, *, is_restart: bool
) -> None:
    """Note which entries a list that was read whole has named before and does not name any more.

    ``posts`` are the keys of what it names. With ``is_restart`` the source's filters have changed, and with them perhaps
    what the list names: then the missing ones are not called gone, neither now nor later. Costs the list's length,
    however many entries the source has seen.
    """
    prefix = f"{source_id}/"
    listed, after = set[str](), ""
    while page := await records.under(RecordKind.SOURCE_LISTED, prefix, after=after, limit=PAGE):
        listed.update(record.key.removeprefix(prefix) for record in page)
        after = page[-1].key
    missing = listed.difference(posts)
    if missing and not is_restart:  # first the fact: a kill in between repeats it
        await records.put_all(RecordKind.SOURCE_GONE, {prefix + post: {} for post in missing})
        known = await seen(records, source_id, missing)
        await put_seen(
            records, source_id, {post: replace(entry, gone_at=entry.gone_at or now) for post, entry in known.items()}
        )
    if len(missing) > FEW_MISSING:
        await records.remove_under(RecordKind.SOURCE_LISTED, prefix)
        listed = set()
    else:
        for post in missing:
            await records.remove(RecordKind.SOURCE_LISTED, prefix + post)
    await records.put_all(RecordKind.SOURCE_LISTED, {prefix + post: {} for post in posts if post not in listed})


async def take_back(records: Records, source_id: str, posts: Collection[str]) -> None:
    """Note that entries which were gone from the list are on it again. Those that were not gone are left alone."""
    back = {
        post: replace(entry, gone_at=None)
        for post, entry in (await seen(records, source_id, posts)).items()
        if entry.gone_at is not None
    }
    await put_seen(records, source_id, back)
    for post in posts:
        await records.remove(RecordKind.SOURCE_GONE, f"{source_id}/{post}")


async def count_gone(records: Records, source_id: str) -> int:
    """Return how many entries of a source are gone from its list."""
    return await records.count_under(RecordKind.SOURCE_GONE, f"{source_id}/")


async def gone_entries(records: Records, source_id: str, *, limit: int) -> list[SeenEntry]:
    """Return entries that are gone from a source's list, at most ``limit`` of them, the last that went first."""
    prefix = f"{source_id}/"
    found = await records.under(RecordKind.SOURCE_GONE, prefix, limit=limit)
    known = await seen(records, source_id, [record.key.removeprefix(prefix) for record in found])
    gone = [(entry.gone_at, entry) for entry in known.values() if entry.gone_at is not None]
    return [entry for _, entry in sorted(gone, key=lambda one: one[0], reverse=True)]
