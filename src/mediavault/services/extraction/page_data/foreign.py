"""Media that the platform's own data give to other posts: what a page's metadata name of them is not the post's.

A document can speak of other posts only: saved under another address, or when the site moved on by itself. Each address
counts for the innermost record round it that has an id; the post's own record keeps all that stands below it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from mediavault.core.media import Candidate, Post
from mediavault.core.platform import Platform
from mediavault.services.extraction.media_identity import identity
from mediavault.services.extraction.media_urls import classify_media, media_key
from mediavault.services.extraction.page_data import (
    bilibili,
    bluesky,
    dailymotion,
    facebook,
    mastodon,
    meta_media,
    pinterest,
    reddit,
    snapchat,
    tiktok,
    tumblr,
    twitch,
    vimeo,
    weibo,
    x,
    youtube,
)
from mediavault.services.extraction.page_data.json_walk import MAX_DEPTH, MAX_NODES, Node, walk

_MAX_ADDRESSES = 20_000

# The ids of a node that is a record of one post or video with media; none for any other node
_IDS: Mapping[str, Callable[[Node], Collection[str]]] = {
    "x": x.ids_of,
    "tiktok": tiktok.ids_of,
    "instagram": meta_media.ids_of,
    "threads": meta_media.ids_of,
    "facebook": facebook.ids_of,
    "youtube": youtube.ids_of,
    "reddit": reddit.ids_of,
    "vimeo": vimeo.ids_of,
    "pinterest": pinterest.ids_of,
    "snapchat": snapchat.ids_of,
    "twitch": twitch.ids_of,
    "tumblr": tumblr.ids_of,
    "dailymotion": dailymotion.ids_of,
    "bilibili": bilibili.ids_of,
    "bluesky": bluesky.ids_of,
    "mastodon": mastodon.ids_of,
    "weibo": weibo.ids_of,
}
# Facebook's stories hold videos with ids of their own. Where the story's record stands in the data, the reader finds the
# videos in it and this is not asked; without it nothing ties a story's id to a video's, and every video would look
# foreign. So only the address of a video can be held against them; of a story's, the account that posted it.
_NAMES_A_VIDEO = re.compile(r"/(?:videos|reel|watch|video\.php)(?:[/?]|$)")


# Every record is a video, and its files stand in answers of their own, without its id
_KEEPS_FILES_APART = frozenset({"bilibili"})


@dataclass(frozen=True, slots=True)
class ForeignMedia:
    """Addresses without byte ranges (``identity``) and media keys, that stand in records of other posts alone."""

    addresses: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()

    def holds(self, candidate: Candidate) -> bool:
        return identity(candidate.url) in self.addresses or candidate.media_key in self.keys


NOTHING = ForeignMedia()


def foreign_media(post: Post, platform: Platform, documents: Sequence[object]) -> ForeignMedia:
    """What the documents give to other posts than ``post``; nothing where its id cannot be held against theirs."""
    name = platform.page_reader or platform.name
    ids_of = _IDS.get(name)
    if ids_of is None or not post.post_id:
        return NOTHING
    wanted = _names_of(post.post_id, name)
    if name == "facebook" and not _NAMES_A_VIDEO.search(post.url):
        if not post.handle:
            return NOTHING
        wanted, ids_of = frozenset({post.handle.lower()}), facebook.owners_of
    own, foreign = _sorted(wanted, ids_of, documents)
    keys = [frozenset(filter(None, (media_key(url, platform) for url in urls))) for urls in (own, foreign)]
    return ForeignMedia(frozenset(foreign - own), keys[1] - keys[0])


def names_other_videos(post: Post, platform: Platform, documents: Sequence[object]) -> bool:
    """Whether the documents hold videos of other posts, where they hold no record of this one."""
    name = platform.page_reader or platform.name
    ids_of = _IDS.get(name)
    if ids_of is None or not post.post_id:
        return False
    if name in _KEEPS_FILES_APART:
        return any(ids_of(node) for document in documents for node in walk(document))
    own, foreign = _sorted(_names_of(post.post_id, name), ids_of, documents)
    return any(classify_media(url, platform=platform).may_be_video for url in foreign - own)


def _names_of(post_id: str, platform: str) -> frozenset[str]:
    number = meta_media.number_of(post_id) if platform in ("instagram", "threads") else None
    return frozenset(filter(None, (post_id, number)))


def _sorted(
    wanted: frozenset[str], ids_of: Callable[[Node], Collection[str]], documents: Sequence[object]
) -> tuple[set[str], set[str]]:
    """The addresses below the post's own records, and those below records of others."""
    own: set[str] = set()
    foreign: set[str] = set()
    waiting: list[tuple[object, bool | None, int]] = [(document, None, 0) for document in documents]
    seen = 0
    while waiting and seen < MAX_NODES:
        value, is_own, depth = waiting.pop()
        seen += 1
        if isinstance(value, str):
            place = own if is_own else foreign
            if is_own is not None and value.startswith("http") and len(place) < _MAX_ADDRESSES:
                place.add(identity(value))
            continue
        if isinstance(value, dict):
            is_own = _whose(wanted, ids_of(value), outer=is_own)
        if isinstance(value, dict | list) and depth < MAX_DEPTH:
            inner = value.values() if isinstance(value, dict) else value
            waiting.extend((one, is_own, depth + 1) for one in inner if isinstance(one, dict | list | str))
    return own, foreign


def _whose(wanted: frozenset[str], ids: Collection[str], *, outer: bool | None) -> bool | None:
    """True: the post's; False: another's; None: nobody said. Ids of two kinds cannot be compared."""
    if outer is True or not ids:
        return outer
    if wanted.intersection(ids):
        return True
    return False if any(one.isdigit() == name.isdigit() for one in ids for name in wanted) else outer
