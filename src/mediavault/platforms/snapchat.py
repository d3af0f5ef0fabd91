"""What we know of snapchat.com; checked 2026-11-24 against published extractors.

Snapchat: the page's ``__NEXT_DATA__``, with a spotlight among those that follow it, or the snaps of
a story.

A spotlight is identified by its story id; what follows it in the list is what the player shows
next, never the post. Checked 2026-11-24 against recorded pages.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mediavault.core.media import Candidate, Expected, Item, ItemType, Post
from mediavault.core.platform import (
    AddressPattern,
    KnownFrom,
    Matching,
    MediaRules,
    Pace,
    PageData,
    PageReader,
    Platform,
    YtdlpRules,
    paths,
)
from mediavault.extraction.page_data import build, values
from mediavault.extraction.page_data.build import own_candidates
from mediavault.extraction.page_data.values import Node, walk

_VIDEO = 1  # snapMediaType; 0 is a picture


def read(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """What the documents say about ``post``; None when they say nothing."""
    for document in documents:
        for node in walk(document):
            if _is_story(node) and _story_id(node) == post.post_id and post.post_id:
                return _page_data(platform, node, _account(document))
    return None


def _is_story(node: Node) -> bool:
    return "snapList" in node or "snapList" in values.obj(node, "story")


def _story_id(node: Node) -> str | None:
    story = values.obj(node, "story") or node
    story_id = story.get("storyId") or story.get("highlightId") or node.get("highlightId")
    return values.text(values.obj(story_id).get("value")) or values.text(story_id)


def ids_of(node: Node) -> set[str]:
    """Return the id of a story's node; none for any other node."""
    return {name} if _is_story(node) and (name := _story_id(node)) else set()


def _page_data(platform: Platform, node: Node, account: Node) -> PageData:
    story = values.obj(node, "story") or node
    facts = values.obj(node, "metadata", "videoMetadata") or values.obj(node, "videoMetadata")
    creator = (
        values.obj(facts, "creator", "personCreator") or values.obj(facts, "creator") or account
    )
    snaps = values.objects(story.get("snapList"))
    items = tuple(_item(platform, snap, facts if len(snaps) == 1 else {}) for snap in snaps)
    if not snaps and facts:
        items = (_item(platform, {"snapMediaType": _VIDEO}, facts),)
    millis = values.number(facts.get("uploadDateMs"))
    pictures = [values.url(facts.get("thumbnailUrl")), *(item.thumbnail_url for item in items)]
    return PageData(
        items=items,
        handle=values.text(creator.get("username")),
        display_name=values.text(
            creator.get("name") or creator.get("title") or creator.get("displayName")
        ),
        title=values.text(facts.get("name")) or values.text(_plain(story.get("storyTitle"))),
        text=values.text(facts.get("description")),
        published_at=values.moment(millis / 1_000) if millis else None,
        thumbnail_url=next(filter(None, pictures), None),
        found=True,
    )


def _item(platform: Platform, snap: Node, facts: Node) -> Item:
    """Return a snap as an item. The metadata's ``contentUrl`` is a copy for search engines,
    often watermarked.
    """
    urls = values.obj(snap, "snapUrls")
    picture = values.url(facts.get("thumbnailUrl")) or values.url(
        _plain(urls.get("mediaPreviewUrl"))
    )
    if values.number(snap.get("snapMediaType")) is None:
        return Item(type=ItemType.IMAGE, thumbnail_url=values.url(urls.get("mediaUrl")) or picture)
    seconds = values.milliseconds(facts.get("durationMs")) or values.milliseconds(
        snap.get("snapDurationMs")
    )
    candidates: list[Candidate] = []
    for address in (urls.get("mediaUrl"), facts.get("contentUrl")):
        candidates += own_candidates(
            address,
            platform,
            mime="video/mp4",
            width=values.integer(facts.get("width")),
            height=values.integer(facts.get("height")),
            duration_s=seconds,
        )
    return Item(
        build.merged(candidates),
        media_id=values.text(_plain(snap.get("snapId"))),
        thumbnail_url=picture,
        expected=Expected(duration_s=seconds),
    )


def _plain(value: object) -> object:
    return values.obj(value).get("value") if isinstance(value, dict) else value


def _account(document: object) -> Node:
    props = values.obj(document, "props", "pageProps")
    return values.obj(props, "userProfile", "publicProfileInfo") or values.obj(
        props, "publicUserProfile"
    )


_ID = r"(?P<post_id>[\w-]{10,255})(?=/|$)"
_NAME = r"(?P<handle>[\w.-]{1,36})"
_TABS = "avatar|stories|highlights|spotlights?|lenses|info"
_STORY = "https://www.snapchat.com/add/{handle}/{post_id}"

SNAPCHAT = Platform(
    name="snapchat",
    title="Snapchat",
    checked="2026-11-24",
    known_from=(KnownFrom.RECORDED, KnownFrom.PUBLISHED),
    reads="spotlights, single public stories and highlights",
    leaves_out="lenses, the map",
    extractors=("page", "browser", "ytdlp"),
    matching=Matching(
        brands=("snapchat",),
        hosts=("snapchat.com", "www.snapchat.com", "story.snapchat.com", "web.snapchat.com"),
        short_hosts=("t.snapchat.com",),
        share_links=paths(r"^/t/(?P<post_id>\w{5,})/?$"),
        posts=(
            AddressPattern(re.compile(rf"^/@{_NAME}/spotlight/{_ID}")),
            AddressPattern(re.compile(rf"^/spotlight/{_ID}")),
        ),
        stories=(
            AddressPattern(
                re.compile(rf"^/@{_NAME}/highlight/{_ID}"),
                canonical="https://www.snapchat.com/@{handle}/highlight/{post_id}",
            ),
            AddressPattern(
                re.compile(rf"^/p/(?P<owner>[\w-]{{10,60}})/{_ID}"),
                canonical="https://www.snapchat.com/p/{owner}/{post_id}",
            ),
            AddressPattern(re.compile(rf"^/(?:add|u|s)/{_NAME}/{_ID}"), canonical=_STORY),
            *paths(rf"^/s/{_NAME}/?$"),
        ),
        profiles=paths(
            rf"^/(?:add|u)/{_NAME}/?$", rf"^/@{_NAME}/?(?:$|(?:{_TABS})/?$)", r"^/p/[\w-]{10,60}/?$"
        ),
        other_pages=paths(
            r"^/(?:$|(?:spotlight|explore|discover|lens|unlock|topic|search|download|login|map|add|u|p)(?:/|$))"
        ),
        canonical="https://www.snapchat.com/spotlight/{post_id}",
    ),
    reader=PageReader(
        read=read,
        account_path=re.compile(r"/(?:add/|@)([\w.-]{2,36})/?$"),
        ids_of=ids_of,
        data_css="#__NEXT_DATA__",
        always_sent=True,
    ),
    ytdlp=YtdlpRules(("snapchatspotlight",), handle="uploader", display_name=""),
    media=MediaRules(
        hosts=(".sc-cdn.net",),
        signs_urls=True,
        watermark_yes=re.compile(r"\.27\.[A-Z]+"),  # the copy for sharing
        watermark_no=re.compile(r"\.1034\.[A-Z]+"),
    ),
    pace=Pace(interval_s=(3, 5)),
)
