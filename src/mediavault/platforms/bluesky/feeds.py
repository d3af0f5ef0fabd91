"""Bluesky's API of an account's posts: ``getAuthorFeed``, which takes a handle as well as a DID.

Servers that do not know the filter ``posts_with_video`` yet answer 400. Only the feed without a filter has reposts.
Source: the lexicon app.bsky.feed.getAuthorFeed; checked 2026-11-29.
"""

from __future__ import annotations

import re

from mediavault.core.listings import Entry, EntryKind, ListCheck, Listing, ListPage
from mediavault.core.platform import AddressPattern, FeedRules, Node
from mediavault.extraction.page_data import values
from mediavault.platforms.bluesky.reader import address_of

_DID = re.compile(r"did:[a-z]+:[\w.:%-]+", re.ASCII)
_TITLE_CHARS = 150


def read_answer(_: ListCheck, document: object) -> ListPage | None:
    """Return what ``getAuthorFeed`` says; None for any other document."""
    answer = values.obj(document)
    if not isinstance(answer.get("feed"), list):
        return None
    views = values.objects(answer["feed"])
    account = next(filter(None, map(_owner, views)), {})
    did = str(account.get("did", ""))
    listing = Listing(
        tuple(filter(None, map(_entry, views))),
        stable_id=did if _DID.fullmatch(did) else None,
        title=values.text(account.get("displayName")) or values.text(account.get("handle")),
        handle=values.text(account.get("handle")),
        picture_url=values.url(account.get("avatar")),
    )
    return ListPage(listing, cursor=values.text(answer.get("cursor")) or "")


def _owner(view: Node) -> Node:
    """Return whose feed it is: the author of a post, or of a repost."""
    return values.obj(view, "reason", "by") if "reason" in view else values.obj(view, "post", "author")


def _entry(view: Node) -> Entry | None:
    """Return a post of the feed as an entry; None where it has no video."""
    post = values.obj(view, "post")
    url = values.url(address_of(post))
    video = _video(values.obj(post, "embed")) or _video(values.obj(post, "record", "embed"))
    if url is None or not video:
        return None
    record = values.obj(post, "record")
    text = values.text(record.get("text"))
    languages = filter(None, map(values.text, values.items(record.get("langs"))))
    return Entry(
        url,
        title=(text or "")[:_TITLE_CHARS] or None,
        text=text,
        published_at=values.moment(record.get("createdAt")),
        kind=EntryKind.VIDEO,
        is_repost="reason" in view and not str(values.obj(view, "reason").get("$type", "")).endswith("#reasonPin"),
        is_reply=bool(values.obj(record, "reply")),
        language=next(languages, None),
        thumbnail_url=values.url(video.get("thumbnail")),
    )


def _video(embed: Node) -> Node:
    """Return the video of an embed, in the form of a view or of a record; an empty node where there is none."""
    kind = str(embed.get("$type", "")).partition("#")[0]
    if kind == "app.bsky.embed.recordWithMedia":
        return _video(values.obj(embed, "media")) if "media" in embed else {}
    return embed if kind == "app.bsky.embed.video" else {}


_FEED = "https://public.api.bsky.app/xrpc/app.bsky.feed.getAuthorFeed?actor={actor}&limit=50&filter="
_ACTOR = r"(?P<actor>did:(?:plc|web):[\w.:%-]+|[\w-]+(?:\.[\w-]+)+)"

ACCOUNT_FEEDS = FeedRules(
    pages=(
        AddressPattern(re.compile(rf"^/profile/{_ACTOR}/?(?:$|rss/?$)")),
        AddressPattern(re.compile(r"^/?$"), host=re.compile(r"(?P<actor>[\w-]+\.bsky\.social)")),
    ),
    feed=f"{_FEED}posts_with_video",
    instead=(f"{_FEED}posts_with_media",),
    with_reposts=f"{_FEED}posts_with_replies",
    next_page="&cursor={cursor}",
    key_form=re.compile(rf"(?P<actor>{_DID.pattern})", re.ASCII),
    read_answer=read_answer,
)
