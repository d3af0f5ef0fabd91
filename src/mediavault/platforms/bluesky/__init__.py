"""What we know of bsky.app; checked 2026-11-24 against recorded pages and the AT Protocol's documentation."""

from __future__ import annotations

import re

from mediavault.core.platform import (
    AddressPattern,
    KnownFrom,
    Matching,
    MediaRules,
    Pace,
    PageReader,
    Platform,
    SignIn,
    Walls,
    YtdlpRules,
    paths,
)
from mediavault.platforms.bluesky.feeds import ACCOUNT_FEEDS
from mediavault.platforms.bluesky.reader import address_of, ids_of, read

_ID = r"(?P<post_id>[a-z0-9]{6,20})(?=/|$)"
_DID = r"did:(?:plc|web):[\w.:%-]+"
_NAME = r"(?P<handle>[\w-]+(?:\.[\w-]+)+)"  # a DNS name
_ANYONE = rf"(?:{_DID}|{_NAME})"

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
                re.compile(rf"^/profile/(?P<did>{_DID})/post/{_ID}"),
                canonical="https://bsky.app/profile/{did}/post/{post_id}",
            ),
            AddressPattern(re.compile(rf"^/profile/{_NAME}/post/{_ID}")),
            AddressPattern(
                re.compile(rf"^/embed/(?P<did>{_DID})/app\.bsky\.feed\.post/{_ID}"),
                canonical="https://bsky.app/profile/{did}/post/{post_id}",
            ),
        ),
        playlists=paths(
            rf"^/profile/{_ANYONE}/(?:feed|lists)/[\w-]+", r"^/(?:starter-pack|start|starter-pack-short)/[^/]+"
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
        json_paths=re.compile(r"/xrpc/app\.bsky\.(?:feed\.getPostThread|feed\.getPosts|unspecced\.getPostThreadV2)\b"),
        always_sent=True,
    ),
    ytdlp=YtdlpRules(("bluesky",), by_id_only=True),
    feeds=(ACCOUNT_FEEDS,),
    media=MediaRules(
        hosts=("video.bsky.app", "video.cdn.bsky.app", "cdn.bsky.app", "bsky.social", ".host.bsky.network"),
        path=re.compile(r"/watch/[^/]+/[^/]+/|/xrpc/com\.atproto\.sync\.getBlob"),
        key=re.compile(r"(?:/watch/[^/]+/|/hls/[^/]+/|[?&]cid=)(baf\w+)"),
        reject_path=re.compile(r"/thumbnail\.jpg"),
        account=re.compile(r"/(did:[a-z]+:[\w.-]+)"),
    ),
    sign_in=SignIn(
        url="https://bsky.app/login",
    ),
    walls=Walls(
        login_text=("This author has chosen to make their posts visible only to people who are signed in",),
        login_json=("!no-unauthenticated",),
        gone_text=("Post not found", "This post has been deleted"),
        gone_json=("NotFound", "AccountTakedown", "AccountDeactivated"),
    ),
    pace=Pace(interval_s=(1, 2)),
)
