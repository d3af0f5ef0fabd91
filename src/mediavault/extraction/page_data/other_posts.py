"""Media that the site's own data assign to other posts. Where a page's metadata name them, they are not the post's.

A document can hold other posts only: saved under another URL, or when the site moved on automatically. Each URL belongs
to the innermost record around it that has an id; all below the post's own record is the post's.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from mediavault.core.media import Candidate, Post
from mediavault.core.platform import OwnRecords, Platform
from mediavault.extraction.media_identity import identity
from mediavault.extraction.media_urls import classify_media, media_key
from mediavault.extraction.page_data.json_walk import MAX_DEPTH, MAX_NODES, walk

_MAX_ADDRESSES = 20_000


@dataclass(frozen=True, slots=True)
class ForeignMedia:
    """URLs without byte ranges (``identity``) and media keys that only records of other posts hold."""

    addresses: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()

    def holds(self, candidate: Candidate) -> bool:
        return identity(candidate.url) in self.addresses or candidate.media_key in self.keys


NO_FOREIGN_MEDIA = ForeignMedia()


def foreign_media(post: Post, platform: Platform, documents: Sequence[object]) -> ForeignMedia:
    """Return the media of other posts in the documents; none where the records of ``post`` cannot be recognised."""
    reader = platform.reader
    records = reader.own_records(post) if reader.own_records else _own_records(post, platform)
    if records is None:
        return NO_FOREIGN_MEDIA
    own, foreign = _sorted(records, documents)
    keys = [frozenset(filter(None, (media_key(url, platform) for url in urls))) for urls in (own, foreign)]
    return ForeignMedia(frozenset(foreign - own), keys[1] - keys[0])


def names_other_videos(post: Post, platform: Platform, documents: Sequence[object]) -> bool:
    """Whether the documents hold videos of other posts, where they hold no record of this one."""
    records = _own_records(post, platform)
    if records is None:
        return False
    if platform.reader.files_apart:
        return any(records.ids_of(node) for document in documents for node in walk(document))
    own, foreign = _sorted(records, documents)
    return any(classify_media(url, platform=platform).may_be_video for url in foreign - own)


def _own_records(post: Post, platform: Platform) -> OwnRecords | None:
    ids_of, aliases = platform.reader.ids_of, platform.reader.aliases
    if ids_of is None or not post.post_id:
        return None
    return OwnRecords(frozenset({post.post_id, *(aliases(post.post_id) if aliases else ())}), ids_of)


def _sorted(records: OwnRecords, documents: Sequence[object]) -> tuple[set[str], set[str]]:
    """Return the URLs below the post's own records, and those below records of others."""
    own: set[str] = set()
    foreign: set[str] = set()
    waiting: list[tuple[object, bool | None, int]] = [(document, None, 0) for document in documents]
    seen = 0
    while waiting and seen < MAX_NODES:
        value, is_own, depth = waiting.pop()
        seen += 1
        if isinstance(value, str):
            urls = own if is_own else foreign
            if is_own is not None and value.startswith("http") and len(urls) < _MAX_ADDRESSES:
                urls.add(identity(value))
            continue
        if isinstance(value, dict):
            is_own = _whose(records.wanted, records.ids_of(value), outer=is_own)
        if isinstance(value, dict | list) and depth < MAX_DEPTH:
            inner = value.values() if isinstance(value, dict) else value
            waiting.extend((child, is_own, depth + 1) for child in inner if isinstance(child, dict | list | str))
    return own, foreign


def _whose(wanted: frozenset[str], ids: Collection[str], *, outer: bool | None) -> bool | None:
    """Return True for the post's, False for another's, None for unknown. Ids of two kinds cannot be compared."""
    if outer is True or not ids:
        return outer
    if wanted.intersection(ids):
        return True
    return False if any(node_id.isdigit() == own_id.isdigit() for node_id in ids for own_id in wanted) else outer
