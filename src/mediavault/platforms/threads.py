"""What we know of threads.com; checked 2026-11-24 against published extractors.

Threads: the post's own record in the page's Relay data or a GraphQL answer. Its form is
Instagram's.

Answers and recommended posts in the same document are ignored. A quoted or reposted post has its
own record: its media are items with that role. Checked 2026-11-24 against recorded answers of 2023
to 2026.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice

from mediavault.core.failures import LoginRequired
from mediavault.core.media import Item, ItemRole, ItemType, Post
from mediavault.core.platform import (
    AccountCookie,
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
    paths,
)
from mediavault.extraction.page_data import values
from mediavault.extraction.page_data.values import Node, walk
from mediavault.platforms import meta_media
from mediavault.platforms.instagram import selected, thumbnail
from mediavault.platforms.meta_media import ids_of, measures, numbers_of


def read(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """What the documents say about ``post``; None when they say nothing.
    Raises LoginRequired where it is withheld.
    """
    if not post.post_id:
        return None
    wanted = post.post_id
    records = (node for document in documents for node in walk(document))
    matches = (record for record in records if meta_media.is_media_of(record, wanted))
    own = list(islice(matches, meta_media.MAX_RECORDS))
    readings = [(_items(node, platform), node) for node in own]
    if not readings:
        if any(map(_is_withheld, documents)):
            raise LoginRequired(
                "Threads does not show this post to everyone; it may depend on sign-in, age or"
                " place."
            )
        return None
    items, node = max(
        readings, key=lambda pair: (len(pair[0]), meta_media.handle_of(pair[1]) is not None)
    )
    main = [item for item in items if item.role is ItemRole.MAIN]
    moments = (
        values.moment(record.get(name)) for record in (node, *own) for name in meta_media.PUBLISHED
    )
    return PageData(
        items=items,
        selected=selected(main, post.url),
        handle=next(filter(None, map(meta_media.handle_of, (node, *own))), None),
        display_name=next(filter(None, map(meta_media.display_name_of, (node, *own))), None),
        text=meta_media.caption_of(node),
        published_at=next(filter(None, moments), None),
        thumbnail_url=thumbnail(main),
        image_urls=tuple(
            item.thumbnail_url
            for item in main
            if item.type is ItemType.IMAGE and item.thumbnail_url
        ),
        found=True,
        metadata={"quoted_post_id": code}
        if (code := values.text(_other(node, "quoted_post").get("code")))
        else {},
    )


def _items(node: Node, platform: Platform) -> tuple[Item, ...]:
    """Return its own media, or those that it shows from Instagram;
    then those of a reposted and of a quoted post.
    """
    linked = values.obj(node, "text_post_app_info", "linked_inline_media")
    items = [
        *(
            meta_media.items_of(node, platform)
            or (meta_media.items_of(linked, platform) if linked else ())
        )
    ]
    for name, role in (("reposted_post", ItemRole.REPOSTED), ("quoted_post", ItemRole.QUOTED)):
        other = _other(node, name)
        if other:
            label = values.text(other.get("code"))
            items += meta_media.items_of(other, platform, role=role, label=label)
    return tuple(items)


def _other(node: Node, name: str) -> Node:
    about = values.obj(node, "text_post_app_info")
    other = values.obj(about, "share_info", name) or values.obj(about, name)
    return values.obj(other, "original_media") or other


def _is_withheld(document: object) -> bool:
    """Whether the page has, instead of the post, a note that it "can't be seen by certain
    audiences".
    """
    return any(node.get("__dr") == "BarcelonaGeoBlockedErrorRoot.react" for node in walk(document))


_ID = r"(?P<post_id>[\w-]{5,40})(?=/|$)"
_NAME = r"(?P<handle>[\w.]{1,30})"

THREADS = Platform(
    name="threads",
    title="Threads",
    checked="2026-11-24",
    known_from=(KnownFrom.RECORDED, KnownFrom.PUBLISHED),
    reads="posts with videos and pictures, those of the quoted or reposted post",
    leaves_out="feeds and tags; yt-dlp does not know the site, so there is no second way",
    extractors=("browser",),
    matching=Matching(
        hosts=(
            "threads.com",
            "www.threads.com",
            "l.threads.com",
            "threads.net",
            "www.threads.net",
            "l.threads.net",
        ),
        mirror_hosts=("vxthreads.net", "www.vxthreads.net", "fixthreads.net", "www.fixthreads.net"),
        share_links=(
            *paths(r"^/share/(?P<post_id>[\w-]{5,})/?$"),
            AddressPattern(
                re.compile(r"^/?$"),
                query={"u": re.compile(r"https?://.+")},
                host=re.compile(r"l\.threads\.(?:com|net)"),
            ),
        ),
        posts=(
            AddressPattern(re.compile(rf"^/@{_NAME}/post/{_ID}")),
            AddressPattern(re.compile(rf"^/t/{_ID}")),
        ),
        playlists=paths(r"^/custom_feed/", r"^/tag/[^/]+"),
        profiles=paths(rf"^/@{_NAME}/?(?:$|(?:replies|media|reposts)/?$)"),
        other_pages=paths(
            r"^/(?:$|(?:search|for_you|following|activity|login|settings|saved|liked|intent)(?:/|$))"
        ),
        canonical="https://www.threads.com/t/{post_id}",
        page="https://www.threads.com/@{handle}/post/{post_id}",
    ),
    reader=PageReader(
        read=read,
        ids_of=ids_of,
        aliases=numbers_of,
        json_paths=re.compile(r"/api/graphql|/graphql/query"),
        data_css="script[data-sjs]",
        always_sent=True,
    ),
    media=MediaRules(
        hosts=(".cdninstagram.com", ".fbcdn.net"),
        own_hosts=re.compile(r"(?!)"),  # it shares all of Instagram's
        path=re.compile(r"/(?:o1/)?v/t\d++(?:(?!/v/t\d)[^?])*\.mp4"),
        key=re.compile(r"/([\w-]{20,})\.mp4"),
        signs_urls=True,
        max_connections=2,  # an account is at risk: no more than a viewer's browser
        referer="https://www.threads.com/",
        measures=measures,
    ),
    sign_in=SignIn(
        url="https://www.threads.com/login",
        session_cookies=("sessionid",),
        account_cookie=AccountCookie("ds_user_id", re.compile(r"^(\d+)$")),
    ),
    walls=Walls(
        login_url=re.compile(r"^https://www\.threads\.(?:com|net)/login"),
        challenge_url=re.compile(
            r"^https://www\.(?:threads\.(?:com|net)|instagram\.com)/challenge/"
        ),
        challenge_text=("suspicious activity", "automated behavior"),
        gone_text=("Sorry, this page isn't available",),
        private_text=("This profile is private",),
    ),
    pace=Pace(interval_s=(10, 20)),
)
