"""What we know of bsky.app; checked 2026-11-24 against recorded pages and the AT Protocol's
documentation.

Bluesky: the post's own view in an answer (getPostThread, getPosts, getRecord).

A post is identified by the last part of its ``at://`` address, and by its author where the page's
URL names one. The video of a quoted post is in the record's own view and becomes an item with that
role; parents and replies are ignored. Source: the lexicons app.bsky.embed.video, .recordWithMedia,
.record and app.bsky.feed.defs; checked 2026-11-24.

Bluesky's API of an account's posts: ``getAuthorFeed``, which takes a handle as well as a DID.

Servers that do not know the filter ``posts_with_video`` yet answer 400. Only the feed without a
filter has reposts. Source: the lexicon app.bsky.feed.getAuthorFeed; checked 2026-11-29.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import quote, unquote

from mediavault.core.failures import Deleted, Failure, LoginRequired
from mediavault.core.listings import Entry, EntryKind, ListCheck, Listing, ListPage
from mediavault.core.media import Expected, Item, ItemRole, ItemType, Post
from mediavault.core.messages import Message
from mediavault.core.platform import (
    AddressPattern,
    FeedRules,
    KnownFrom,
    Matching,
    MediaRules,
    Node,
    Pace,
    PageData,
    PageReader,
    Platform,
    SignIn,
    Walls,
    YtdlpRules,
    paths,
)
from mediavault.extraction.page_data import values
from mediavault.extraction.page_data.build import own_candidates
from mediavault.extraction.page_data.values import walk

_POST_URI = re.compile(r"^at://(?P<repo>[^/]+)/app\.bsky\.feed\.post/(?P<id>[\w-]+)$")
_ADDRESS = re.compile(r"/profile/(?P<repo>[^/?#]+)/post/")


def read(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """What the documents say about ``post``; None when they say nothing. Raises Deleted or
    LoginRequired where they do.
    """
    own = [node for document in documents for node in walk(document) if _is_own(node, post)]
    if not own:
        if failure := next(filter(None, map(_refusal, documents)), None):
            raise failure
        return None
    view = max(own, key=lambda node: ("author" in node) * 2 + ("embed" in node))
    return _page_data(platform, view)


def _is_own(node: Node, post: Post) -> bool:
    match = _POST_URI.match(str(node.get("uri", "")))
    if match is None or match["id"] != post.post_id or not _record(node):
        return False
    named = _ADDRESS.search(post.url)
    wanted = unquote(named["repo"]).lower() if named else None
    author = values.obj(node, "author")
    names = {match["repo"], values.text(author.get("did")), str(author.get("handle", "")).lower()}
    return (
        wanted is None or wanted in names or not (wanted.startswith("did:") or author.get("handle"))
    )


def ids_of(node: Node) -> set[str]:
    """Return the last part of the ``at://`` address of a post's view; none for any other node."""
    match = _POST_URI.match(str(node.get("uri", "")))
    return {match["id"]} if match and _record(node) else set()


def address_of(node: Node) -> str | None:
    """The URL of the post whose view a node is; None for any other node."""
    match = _POST_URI.match(str(node.get("uri", "")))
    author = values.text(values.obj(node, "author").get("handle")) or (
        match["repo"] if match else ""
    )
    return f"https://bsky.app/profile/{author}/post/{match['id']}" if match else None


def _record(node: Node) -> Node:
    item = "depth" in node  # of a thread: its value is a view, or replaces one
    return values.obj(node, "record") or (values.obj(node, "value") if not item else {})


def _page_data(platform: Platform, view: Node) -> PageData:
    record, author = _record(view), values.obj(view, "author")
    did = values.text(author.get("did")) or _repo(view)
    embed = values.obj(view, "embed") or next(iter(values.objects(view.get("embeds"))), {})
    items = _items(embed or values.obj(record, "embed"), did, platform)
    images = tuple(
        filter(None, (item.thumbnail_url for item in items if item.type is ItemType.IMAGE))
    )
    own = [item for item in items if item.role is ItemRole.MAIN]
    return PageData(
        items=items,
        handle=values.text(author.get("handle")),
        display_name=values.text(author.get("displayName")),
        text=values.text(record.get("text")),
        published_at=values.moment(record.get("createdAt")),
        thumbnail_url=next(filter(None, (item.thumbnail_url for item in own)), None)
        or _card_picture(embed),
        image_urls=images,
        found=True,
    )


def _repo(view: Node) -> str | None:
    match = _POST_URI.match(str(view.get("uri", "")))
    return match["repo"] if match and match["repo"].startswith("did:") else None


def _items(embed: Node, did: str | None, platform: Platform) -> tuple[Item, ...]:
    """Return a video, pictures, or either of them with a quoted post."""
    kind = str(embed.get("$type", "")).partition("#")[0].rpartition(".")[2]
    match kind:
        case "video":
            return (_video(embed, did, platform),)
        case "images" | "gallery":
            pictures = values.objects(embed.get("images")) or values.objects(embed.get("items"))
            return tuple(
                Item(type=ItemType.IMAGE, thumbnail_url=_picture(picture)) for picture in pictures
            )
        case "recordWithMedia":
            return (*_items(values.obj(embed, "media"), did, platform), *_quoted(embed, platform))
        case "record":
            return _quoted(embed, platform)
    return ()


def _picture(picture: Node) -> str | None:
    return values.url(picture.get("fullsize")) or values.url(
        picture.get("thumb") or picture.get("thumbnail")
    )


def _card_picture(embed: Node) -> str | None:
    return values.url(values.obj(embed, "external").get("thumb")) or values.url(
        values.obj(embed, "media", "external").get("thumb")
    )


def _video(embed: Node, did: str | None, platform: Platform) -> Item:
    """Return the video. A view names the playlist; a record only the blob,
    whose id gives the playlist's URL.
    """
    blob = values.obj(embed, "video")
    cid = values.text(embed.get("cid")) or values.text(values.obj(blob, "ref").get("$link"))
    playlist = values.url(embed.get("playlist"))
    if playlist is None and did and cid:
        playlist = f"https://video.bsky.app/watch/{quote(did, safe='')}/{cid}/playlist.m3u8"
    shape = values.obj(embed, "aspectRatio")
    is_gif = embed.get("presentation") == "gif"
    candidates = own_candidates(
        playlist,
        platform,
        media_key=cid,
        width=values.integer(shape.get("width")),
        height=values.integer(shape.get("height")),
    )
    return Item(
        tuple(candidates),
        type=ItemType.GIF if is_gif else ItemType.VIDEO,
        media_id=cid,
        thumbnail_url=values.url(embed.get("thumbnail")),
        expected=Expected(audio=False if is_gif else None),
    )


def _quoted(embed: Node, platform: Platform) -> tuple[Item, ...]:
    """Return a quoted post's items. ``record`` holds its view, one level deeper with media;
    lists are not posts.
    """
    view = values.obj(embed, "record")
    view = view if "uri" in view or "$type" in view else values.obj(view, "record")
    view = values.obj(view, "record") if "uri" not in view and "record" in view else view
    if not _POST_URI.match(str(view.get("uri", ""))):
        return ()
    did = values.text(values.obj(view, "author").get("did")) or _repo(view)
    label = str(view["uri"]).rpartition("/")[2]
    embeds = values.objects(view.get("embeds")) or [values.obj(view, "value", "embed")]
    items = (item for inner in embeds for item in _items(inner, did, platform))
    # what the quoted post quotes in turn is ignored
    return tuple(
        replace(item, role=ItemRole.QUOTED, label=label)
        for item in items
        if item.role is ItemRole.MAIN
    )


def _refusal(document: object) -> Failure | None:
    """Return the failure of an XRPC error, or of the entry that replaces a post which is gone or
    hidden.
    """
    answer = values.obj(document)
    error = values.text(answer.get("error"))
    requested = next(
        (entry for entry in values.objects(answer.get("thread")) if entry.get("depth") == 0), {}
    )
    # the second form of getPostThread is a list
    view = values.obj(answer, "thread") or values.obj(requested, "value")
    kind = str(view.get("$type", "")).rpartition("#")[2]
    if kind in {"notFoundPost", "threadItemNotFound"} or error in {"NotFound", "RecordNotFound"}:
        return Deleted("Bluesky says that this post does not exist.")
    if kind in {"blockedPost", "threadItemBlocked", "threadItemNoUnauthenticated"}:
        return LoginRequired("Bluesky shows this post only to some signed-in people.")
    if error in {"AccountTakedown", "AccountDeactivated", "AccountSuspended", "RepoTakendown"}:
        return Deleted(Message("Bluesky says that the account is gone (%(error)s).", error=error))
    return None


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
    return (
        values.obj(view, "reason", "by") if "reason" in view else values.obj(view, "post", "author")
    )


def _entry(view: Node) -> Entry | None:
    """Return a post of the feed as an entry; None where it has no video."""
    post = values.obj(view, "post")
    url = values.url(address_of(post))
    video = _has_video(values.obj(post, "embed")) or _has_video(values.obj(post, "record", "embed"))
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
        is_repost="reason" in view
        and not str(values.obj(view, "reason").get("$type", "")).endswith("#reasonPin"),
        is_reply=bool(values.obj(record, "reply")),
        language=next(languages, None),
        thumbnail_url=values.url(video.get("thumbnail")),
    )


def _has_video(embed: Node) -> Node:
    """Return the video of an embed, in the form of a view or of a record;
    an empty node where there is none.
    """
    kind = str(embed.get("$type", "")).partition("#")[0]
    if kind == "app.bsky.embed.recordWithMedia":
        return _has_video(values.obj(embed, "media")) if "media" in embed else {}
    return embed if kind == "app.bsky.embed.video" else {}


_FEED = (
    "https://public.api.bsky.app/xrpc/app.bsky.feed.getAuthorFeed?actor={actor}&limit=50&filter="
)
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


_ID = r"(?P<post_id>[a-z0-9]{6,20})(?=/|$)"
_DID_OF_URL = r"did:(?:plc|web):[\w.:%-]+"
_NAME = r"(?P<handle>[\w-]+(?:\.[\w-]+)+)"  # a DNS name
_ANYONE = rf"(?:{_DID_OF_URL}|{_NAME})"

BLUESKY = Platform(
    name="bluesky",
    title="Bluesky",
    checked="2026-11-24",
    known_from=(KnownFrom.RECORDED, KnownFrom.DOCUMENTED),
    reads="posts with a video or a GIF, those of the quoted post",
    leaves_out="feeds, lists and starter packs",
    extractors=("api", "browser", "ytdlp"),
    api_url="https://public.api.bsky.app/xrpc/app.bsky.feed.getPostThread?depth=0&uri=at://{handle}/app.bsky.feed.post/{post_id}",
    matching=Matching(
        hosts=("bsky.app", "www.bsky.app", "main.bsky.dev", "staging.bsky.app", "embed.bsky.app"),
        host_suffixes=(".bsky.social",),
        mirror_hosts=(
            "fxbsky.app",
            "vxbsky.app",
            "bskyx.app",
            "bskye.app",
            "bskx.app",
            "cbsky.app",
            "xbsky.app",
            "bsyy.app",
        ),
        short_hosts=("go.bsky.app",),
        image_hosts=("cdn.bsky.app",),
        posts=(
            AddressPattern(
                re.compile(rf"^/profile/(?P<did>{_DID_OF_URL})/post/{_ID}"),
                canonical="https://bsky.app/profile/{did}/post/{post_id}",
            ),
            AddressPattern(re.compile(rf"^/profile/{_NAME}/post/{_ID}")),
            AddressPattern(
                re.compile(rf"^/embed/(?P<did>{_DID_OF_URL})/app\.bsky\.feed\.post/{_ID}"),
                canonical="https://bsky.app/profile/{did}/post/{post_id}",
            ),
        ),
        playlists=paths(
            rf"^/profile/{_ANYONE}/(?:feed|lists)/[\w-]+",
            r"^/(?:starter-pack|start|starter-pack-short)/[^/]+",
        ),
        profiles=paths(rf"^/profile/{_ANYONE}(?:/(?!post/)|$)")
        + paths(r"^/?$", host=r"(?P<handle>[\w-]+\.bsky\.social)"),  # leads to the account's page
        other_pages=paths(
            r"^/(?:$|(?:hashtag|search|feeds|lists|saved|notifications|settings|messages|moderation|intent|support)(?:/|$))"
        ),
        canonical="https://bsky.app/profile/{handle}/post/{post_id}",
    ),
    reader=PageReader(
        read=read,
        ids_of=ids_of,
        address_of=address_of,
        json_paths=re.compile(
            r"/xrpc/app\.bsky\.(?:feed\.getPostThread|feed\.getPosts|unspecced\.getPostThreadV2)\b"
        ),
        always_sent=True,
    ),
    ytdlp=YtdlpRules(("bluesky",), by_id_only=True),
    feeds=(ACCOUNT_FEEDS,),
    media=MediaRules(
        hosts=(
            "video.bsky.app",
            "video.cdn.bsky.app",
            "cdn.bsky.app",
            "bsky.social",
            ".host.bsky.network",
        ),
        path=re.compile(r"/watch/[^/]+/[^/]+/|/xrpc/com\.atproto\.sync\.getBlob"),
        key=re.compile(r"(?:/watch/[^/]+/|/hls/[^/]+/|[?&]cid=)(baf\w+)"),
        reject_path=re.compile(r"/thumbnail\.jpg"),
        account=re.compile(r"/(did:[a-z]+:[\w.-]+)"),
    ),
    sign_in=SignIn(
        url="https://bsky.app/login",
    ),
    walls=Walls(
        login_text=(
            "This author has chosen to make their posts visible only to people who are signed in",
        ),
        login_json=("!no-unauthenticated",),
        gone_text=("Post not found", "This post has been deleted"),
        gone_json=("NotFound", "AccountTakedown", "AccountDeactivated"),
    ),
    pace=Pace(interval_s=(1, 2)),
)
