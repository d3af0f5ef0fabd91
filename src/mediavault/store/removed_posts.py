"""The posts that users have deleted, so that no source brings them back."""

from __future__ import annotations

from collections.abc import Iterable

from mediavault.core.listings import post_key
from mediavault.core.records import RecordKind
from mediavault.store.port import Records


async def note_removed(records: Records, canonical_url: str) -> None:
    """Record that a user has deleted a post, so that no source brings it back."""
    await records.put(RecordKind.REMOVED_POST, post_key(canonical_url), {})


async def forget_removed(records: Records, canonical_url: str) -> None:
    """Record that a deleted post was restored."""
    await records.remove(RecordKind.REMOVED_POST, post_key(canonical_url))


async def removed(records: Records, posts: Iterable[str]) -> frozenset[str]:
    """Return which of these posts, by their keys, users have deleted."""
    return frozenset(await records.some(RecordKind.REMOVED_POST, list(posts)))
