"""Media that the site's own data assign to other posts. Where a page's metadata name them, they are
not the post's.

A document can hold other posts only: saved under another URL, or when the site moved on
automatically. Each URL belongs to the innermost record around it that has an id; all below the
post's own record is the post's.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from mediavault.core.media import Candidate, Post
from mediavault.core.platform import OwnRecords, Platform
from mediavault.extraction.media_urls import classify_media, identity, media_key
from mediavault.extraction.page_data import activity, blog_posts, microformats, values
from mediavault.extraction.page_data.values import MAX_DEPTH, MAX_NODES, Node, walk

_POST_URI = re.compile(r"^at://[^/]+/app\.bsky\.feed\.post/")


@dataclass(frozen=True, slots=True)
class TimelineListing:
    """A list of ``posts`` different posts; the account is set only where all of them are one
    account's.
    """

    posts: int = 0
    handle: str | None = None
    display_name: str | None = None


def read_timeline(documents: Sequence[object]) -> TimelineListing:
    """Return how many posts the documents list, and whose they are."""
    ids: set[str] = set()
    authors: dict[str, str | None] = {}
    for document in documents:
        ids |= {f"object {number}" for number, _ in enumerate(activity.objects_in(document))}
        ids |= {f"entry {number}" for number, _ in enumerate(microformats.entries_in(document))}
        for node in walk(document):
            if post_id := _post_id(node):
                ids.add(post_id)
                authors |= dict(_authors(node))
    handle = next(iter(authors)) if len(authors) == 1 else None
    return TimelineListing(len(ids), handle, authors[handle] if handle else None)


def _post_id(node: Node) -> str | None:
    """Return the id of a node that is a post on one of the sites that we know."""
    if "shortcode" in node and (
        "edge_media_to_caption" in node or "display_url" in node or "owner" in node
    ):
        return values.text(node.get("shortcode"))
    if "code" in node and "media_type" in node and "user" in node:
        return values.text(node.get("code"))
    if "rest_id" in node and "full_text" in values.obj(node, "legacy"):
        return values.text(node.get("rest_id"))
    if "full_text" in node and "user" in node:
        return values.text(node.get("id_str"))
    if "desc" in node and "author" in node and ("video" in node or "imagePost" in node):
        return str(node.get("id") or node.get("aweme_id"))
    if "record" in node and "author" in node and _POST_URI.match(str(node.get("uri", ""))):
        return str(node["uri"])
    if "media_attachments" in node and "account" in node:
        return str(node.get("id"))
    if "updateMetadata" in node and "actor" in node:
        return values.text(values.obj(node, "updateMetadata").get("urn"))
    if node.get("kind") == "t3":
        return str(values.obj(node, "data").get("id"))
    return _permalink(node)


def _permalink(node: Node) -> str | None:
    """Return the URL, or the id, of a post in an answer of Meta's Graph API or of Tumblr's API."""
    if "permalink" in node and isinstance(node.get("media_type"), str):
        return values.text(node.get("permalink"))
    if "id" in node and "source" in node and ("permalink_url" in node or "embed_html" in node):
        return str(node["id"])
    return blog_posts.address_of(node)


def _authors(node: Node) -> Iterator[tuple[str, str | None]]:
    accounts = (
        values.obj(node, "owner"),
        values.obj(node, "user"),
        values.obj(node, "author"),
        values.obj(node, "account"),
        values.obj(node, "core", "user_results", "result", "legacy"),
        values.obj(node, "core", "user_results", "result", "core"),
    )
    for account in accounts:
        handle = next(
            filter(
                None,
                (
                    values.text(account.get(n))
                    for n in ("username", "uniqueId", "unique_id", "screen_name", "acct", "handle")
                ),
            ),
            None,
        )
        if handle:
            names = ("full_name", "nickname", "name", "display_name", "displayName")
            yield handle, next(filter(None, (values.text(account.get(n)) for n in names)), None)


_MAX_ADDRESSES = 20_000


@dataclass(frozen=True, slots=True)
class ForeignMedia:
    """URLs without byte ranges (``identity``) and media keys that only records of other posts
    hold.
    """

    addresses: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()

    def holds(self, candidate: Candidate) -> bool:
        return identity(candidate.url) in self.addresses or candidate.media_key in self.keys


NO_FOREIGN_MEDIA = ForeignMedia()


def foreign_media(post: Post, platform: Platform, documents: Sequence[object]) -> ForeignMedia:
    """Return the media of other posts in the documents;
    none where the records of ``post`` cannot be recognised.
    """
    reader = platform.reader
    records = reader.own_records(post) if reader.own_records else _own_records(post, platform)
    if records is None:
        return NO_FOREIGN_MEDIA
    own, foreign = _sorted(records, documents)
    keys = [
        frozenset(filter(None, (media_key(url, platform) for url in urls)))
        for urls in (own, foreign)
    ]
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
    return OwnRecords(
        frozenset({post.post_id, *(aliases(post.post_id) if aliases else ())}), ids_of
    )


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
            waiting.extend(
                (child, is_own, depth + 1)
                for child in inner
                if isinstance(child, dict | list | str)
            )
    return own, foreign


def _whose(wanted: frozenset[str], ids: Collection[str], *, outer: bool | None) -> bool | None:
    """Return True for the post's, False for another's, None for unknown.
    Ids of two kinds cannot be compared.
    """
    if outer is True or not ids:
        return outer
    if wanted.intersection(ids):
        return True
    return (
        False
        if any(node_id.isdigit() == own_id.isdigit() for node_id in ids for own_id in wanted)
        else outer
    )
