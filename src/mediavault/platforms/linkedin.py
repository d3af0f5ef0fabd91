"""What we know of linkedin.com; checked 2026-11-24 against published extractors.

LinkedIn: the guest page's ``<video data-sources>``, JSON-LD, or the signed-in page's voyager
records.

A guest page shows related posts below its own, each in an element that names it: only players of
the post's element count, and on a page without such elements only the first player. A voyager
answer names the post by the number in its urn, and the video by ``videoPlayMetadata``.
Checked 2026-11-24 against recorded pages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from urllib.parse import unquote

from mediavault.core.media import Candidate, Expected, Item, ItemRole, Post
from mediavault.core.platform import (
    AddressPattern,
    KnownFrom,
    Matching,
    MediaRules,
    Pace,
    PageData,
    PageReader,
    Platform,
    SignIn,
    Walls,
    YtdlpRules,
    paths,
)
from mediavault.extraction.page_data import build, values
from mediavault.extraction.page_data.build import own_candidates
from mediavault.extraction.page_data.values import Node, walk


def read(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """What the documents say about ``post``; None when they say nothing."""
    return _guest(post, platform, documents) or _signed_in(post, platform, documents)


# --- the guest page -------------------------------------------------------------------------------


def _guest(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    role, player = next(_players(post, documents), (ItemRole.MAIN, None))
    if player is None:
        return None
    picture = values.url(player.get("data-poster-url") or player.get("poster"))
    candidates = build.merged([c for source in _sources(player) for c in _source(platform, source)])
    key = values.text(player.get("data-digitalmedia-asset-urn"))
    item = Item(candidates, role=role, media_id=key, thumbnail_url=picture)
    return PageData(
        items=(item,) if candidates else (), thumbnail_url=picture, found=bool(candidates)
    )


_URNS = ("data-activity-urn", "data-featured-activity-urn", "data-attributed-urn")


def _players(post: Post, documents: Sequence[object]) -> Iterator[tuple[ItemRole, Node]]:
    """Yield the players after the element that names the post, up to the next post's;
    all if none names a post.
    """
    inside, role = True, ItemRole.MAIN
    for document in documents:
        attributes = values.obj(document, "attributes")
        if (
            "data-activity-urn" in attributes
            and attributes.get("data-test-id") == "feed-reshare-content"
        ):
            role = ItemRole.REPOSTED  # the post contains what it reposts
        elif "data-activity-urn" in attributes:
            inside, role = (
                any(str(attributes.get(name)).endswith(f":{post.post_id}") for name in _URNS),
                ItemRole.MAIN,
            )
        elif (
            inside
            and values.obj(document).get("element") == "video"
            and "data-sources" in attributes
        ):
            yield role, attributes


def _sources(player: Node) -> Sequence[Node]:
    return values.objects(values.parsed(str(player["data-sources"])))


def _source(platform: Platform, source: Node) -> list[Candidate]:
    bitrate = values.integer(source.get("data-bitrate") or source.get("bitrate"))
    return own_candidates(
        source.get("src"), platform, mime=values.text(source.get("type")), bitrate=bitrate
    )


# --- voyager --------------------------------------------------------------------------------------


def _signed_in(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """Read the records, which are normalised: the update names its video by urn, or holds it."""
    nodes = [node for document in documents for node in walk(document)]
    own = [node for node in nodes if _is_own(node, post.post_id)]
    update = next((node for node in own if _is_update(node)), None)
    items = _items(platform, own, nodes)
    if not items and update is None:
        return None
    items = items or _reshared(platform, update or {}, nodes) or _withheld(update or {})
    handle, name = next(filter(any, map(_actor, own)), (None, None))
    words = (values.text(values.obj(node, "commentary", "text").get("text")) for node in own)
    return PageData(
        items=items,
        handle=handle,
        display_name=name,
        text=next(filter(None, words), None),
        thumbnail_url=next((item.thumbnail_url for item in items), None),
        found=True,
    )


def _is_update(node: Node) -> bool:
    return "actor" in node and ("updateMetadata" in node or "commentary" in node)


def _items(platform: Platform, own: Sequence[Node], nodes: Sequence[Node]) -> tuple[Item, ...]:
    """Return the video that the post's records hold or name,
    or the only video where there is no other post.
    """
    metadata = [_metadata(node) for node in nodes if _metadata(node)]
    inside = [inner for node in own for inner in walk(_without_reshared(node))]
    named = {value for inner in inside for value in inner.values() if isinstance(value, str)}
    held = [record for inner in inside if (record := _metadata(inner))]
    chosen = held or [
        record
        for record in metadata
        if {str(record.get("media")), str(record.get("entityUrn"))} & named
    ]
    is_alone = len(metadata) == 1 and not any(
        _is_update(node) and node not in own for node in nodes
    )
    chosen = chosen or (metadata if is_alone and own else [])
    return tuple(item for record in chosen[:1] if (item := _item(platform, record)))


def _without_reshared(update: Node) -> Node:
    return {name: value for name, value in update.items() if name != "resharedUpdate"}


def _reshared(platform: Platform, update: Node, nodes: Sequence[Node]) -> tuple[Item, ...]:
    """Return the video of the post that this one shares, held or named by its urn."""
    urn = values.text(update.get("*resharedUpdate"))
    other = [node for node in nodes if urn and node.get("entityUrn") == urn and _is_update(node)]
    other = other or [held for held in (values.obj(update, "resharedUpdate"),) if held]
    match = re.search(r":(\d{10,25})", urn or str(other[0].get("entityUrn") if other else ""))
    items = _items(platform, other, nodes)
    return tuple(
        replace(item, role=ItemRole.REPOSTED, label=match[1] if match else None) for item in items
    )


def _withheld(update: Node) -> tuple[Item, ...]:
    """Return a video without files where the answer only announces one."""
    kinds = [*values.obj(update, "content"), str(values.obj(update, "content").get("$type"))]
    return (Item(),) if any("video" in kind.lower() for kind in kinds) else ()


def _actor(update: Node) -> tuple[str | None, str | None]:
    """Return handle and name of the account, as the update shows it:
    a name that links to the account's URL.
    """
    actor = values.obj(update, "actor")
    address = str(values.obj(actor, "navigationContext").get("actionTarget") or "")
    match = re.search(r"linkedin\.com/(?:in|company|school|showcase)/([^/?#]+)", address)
    return unquote(match[1]) if match else None, values.text(values.obj(actor, "name").get("text"))


def _metadata(node: Node) -> Node:
    """Return the video's own record; in a normalised answer the node itself can be the record."""
    if "progressiveStreams" in node:
        return node
    held = values.obj(node, "videoPlayMetadata")
    return held if "progressiveStreams" in held else {}


def _is_own(node: Node, post_id: str | None) -> bool:
    urns = (node.get("entityUrn"), node.get("urn"), node.get("*update"), node.get("backendUrn"))
    return bool(post_id) and any(f":{post_id}" in str(urn) for urn in urns if urn)


def _item(platform: Platform, metadata: Node) -> Item | None:
    candidates = build.merged(list(_candidates(platform, metadata)))
    return (
        Item(
            candidates,
            media_id=values.text(metadata.get("media")),
            thumbnail_url=_thumbnail(values.obj(metadata, "thumbnail")),
            expected=Expected(duration_s=values.milliseconds(metadata.get("duration"))),
        )
        if candidates
        else None
    )


def _candidates(platform: Platform, metadata: Node) -> Iterator[Candidate]:
    for stream in values.objects(metadata.get("progressiveStreams")):
        for location in values.objects(stream.get("streamingLocations")):
            yield from own_candidates(
                location.get("url"),
                platform,
                mime=values.text(stream.get("mediaType")),
                width=values.integer(stream.get("width")),
                height=values.integer(stream.get("height")),
                bitrate=values.integer(stream.get("bitRate")),
                size=values.integer(stream.get("size")),
            )
    for stream in values.objects(metadata.get("adaptiveStreams")):
        for location in values.objects(stream.get("masterPlaylists")):
            yield from own_candidates(location.get("url"), platform, mime="application/x-mpegurl")


def _thumbnail(picture: Node) -> str | None:
    """Return the URL of a vector image's largest size: a root,
    and an ending for each size from small to large.
    """
    root = values.text(picture.get("rootUrl"))
    endings = [
        values.text(size.get("fileIdentifyingUrlPathSegment"))
        for size in values.objects(picture.get("artifacts"))
    ]
    return values.url(f"{root}{endings[-1]}") if root and endings and endings[-1] else None


_TYPE = r"(?P<type>activity|ugcPost|share)"
_ID = r"(?P<post_id>\d{15,20})"

LINKEDIN = Platform(
    name="linkedin",
    title="LinkedIn",
    checked="2026-11-24",
    known_from=(KnownFrom.RECORDED, KnownFrom.PUBLISHED),
    reads="posts with a video, as guests or signed in",
    leaves_out="events, courses, newsletters",
    extractors=("page", "browser", "ytdlp"),
    matching=Matching(
        brands=("linkedin",),
        hosts=("linkedin.com",),
        host_suffixes=(".linkedin.com",),  # www, m, and one for each country
        image_hosts=("media.licdn.com",),
        share_links=(
            AddressPattern(
                re.compile(r"^/(?:redir/redirect|safety/go)/?$"),
                query={"url": re.compile(r"https?://.+")},
            ),
        ),
        posts=(
            AddressPattern(
                re.compile(
                    r"^/feed/update/urn:li:(?P<type>groupPost):(?P<post_id>\d{1,12}-\d{15,20})(?=/|$)",
                    re.IGNORECASE,
                )
            ),
            AddressPattern(
                re.compile(
                    rf"^/posts/(?:(?P<handle>[^/_]{{1,100}})?[^/]*?[-_])?{_TYPE}-{_ID}(?=[-/]|$)"
                )
            ),
            AddressPattern(
                re.compile(
                    rf"^/(?:feed/update|embed/feed/update|video/live|video/event)/(?:urn:li:)?{_TYPE}:{_ID}(?=/|$)",
                    re.IGNORECASE,
                )
            ),
            *(
                AddressPattern(
                    re.compile(r"^/feed/?$"),
                    query={name: re.compile(rf"urn:li:{_TYPE}:{_ID}(?:,.*)?")},
                )
                for name in ("highlightedUpdateUrn", "highlightedUpdateUrns")
            ),
        ),
        lives=paths(r"^/(?:events|video/live|video/event)/[^/]+"),
        playlists=paths(r"^/learning/[^/]+/?$", r"^/newsletters/[^/]+", r"^/feed/hashtag/[^/]+"),
        profiles=paths(r"^/(?:in|company|school|showcase|groups|pub)/(?P<handle>[^/]+)(?:/|$)"),
        other_pages=paths(
            r"^/(?:$|(?:feed|jobs|learning|pulse|login|signup|authwall|uas|checkpoint|search|mynetwork|messaging|posts|top-content"
            r"|products|services|help|legal)(?:/|$))"
        ),
        # the type belongs to the id
        canonical="https://www.linkedin.com/feed/update/urn:li:{type}:{post_id}",
    ),
    reader=PageReader(
        read=read,
        account_path=re.compile(r"/(?:in|company|school|showcase)/([^/?#]{2,100})/?$"),
        json_paths=re.compile(r"/voyager/api/"),
    ),
    ytdlp=YtdlpRules(("linkedin",), handle=""),
    media=MediaRules(
        hosts=(".licdn.com",),
        path=re.compile(r"/playlist/"),
        key=re.compile(r"/playlist/(?:vid/)?(?:v2/)?([\w-]+)/"),
        signs_urls=True,
    ),
    sign_in=SignIn(
        url="https://www.linkedin.com/login",
        session_cookies=("li_at",),
    ),
    walls=Walls(
        blocks_media=True,
        login_url=re.compile(r"^https://(?:\w+\.)?linkedin\.com/(?:authwall|login|uas/login)"),
        login_text=("Sign in to view more content",),
        challenge_url=re.compile(r"^https://(?:\w+\.)?linkedin\.com/checkpoint/"),
        gone_text=("This post cannot be displayed",),
    ),
    pace=Pace(interval_s=(20, 40), account_daily_cap=40),
)
