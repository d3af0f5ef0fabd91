"""What we know of vimeo.com; checked 2026-11-24 against recorded answers and published extractors."""

from __future__ import annotations

import re

from mediavault.core.platform import (
    AddressPattern,
    KnownFrom,
    ListRules,
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
from mediavault.platforms.vimeo.feeds import CHANNEL_FEEDS, account_feeds
from mediavault.platforms.vimeo.reader import ids_of, read

_ID = r"(?P<post_id>\d{3,12})"
_HASH = r"(?P<hash>[0-9a-f]{8,12})"
_UNLISTED = "https://vimeo.com/{post_id}/{hash}"  # without its hash an unlisted video is not found
_PLACES = (
    r"(?:m/|video/|videos/|manage/videos/|channels/[^/]+/|groups/[^/]+/videos/|(?:album|showcase)/[^/]+/video/"
    r"|event/\d+/videos/)?"
)
_NOT_A_NAME = (
    "about|album|api|blog|categories|channels|channel|cookie_policy|create|explore|event|events|features|for-hire|groups"
    "|group|hd|help|home|jobs|join|log_in|login|manage|moogaloop\\.swf|ondemand|on_demand|ott|player|privacy|search|settings"
    "|showcase|site_map|solutions|stats|stock|store|terms|upgrade|upload|video|videos|watch|watchlater"
)
_NAME = rf"(?!(?:{_NOT_A_NAME})(?:/|$))(?P<handle>[\w-]+)"

VIMEO = Platform(
    name="vimeo",
    title="Vimeo",
    checked="2026-11-24",
    known_from=(KnownFrom.RECORDED, KnownFrom.PUBLISHED),
    reads="videos, also unlisted ones with their hash, and those of embeds",
    leaves_out="live events, whole showcases and groups; copy-protected videos",
    extractors=("ytdlp", "browser"),
    matching=Matching(
        brands=("vimeo",),
        hosts=("vimeo.com", "www.vimeo.com", "player.vimeo.com", "vimeopro.com", "www.vimeopro.com"),
        image_hosts=("i.vimeocdn.com",),
        posts=(
            AddressPattern(re.compile(rf"^/{_PLACES}{_ID}/{_HASH}/?$"), canonical=_UNLISTED),
            AddressPattern(re.compile(rf"^/{_PLACES}{_ID}/?$"), query={"h": re.compile(_HASH)}, canonical=_UNLISTED),
            AddressPattern(re.compile(rf"^/{_PLACES}{_ID}/?(?:(?:description|comments|embed)/?)?$")),
            AddressPattern(
                re.compile(rf"^/(?P<handle>[\w-]+)/review/{_ID}/(?P<hash>[0-9a-f]{{8,12}})(?=/|$)"),
                canonical="https://vimeo.com/{handle}/review/{post_id}/{hash}",
            ),
            AddressPattern(re.compile(rf"^/[^/]+/[^/]+/video/{_ID}/?$"), host=re.compile(r"(?:www\.)?vimeopro\.com")),
            AddressPattern(re.compile(r"^/(?:album|showcase)/\d+/?$"), query={"video": re.compile(_ID)}),
            AddressPattern(re.compile(r"^/(?:hd|channels/[^/]+)/?$"), fragment=re.compile(_ID)),
            AddressPattern(re.compile(r"^/(?:moogaloop\.swf|play_redirect_hls)$"), query={"clip_id": re.compile(_ID)}),
        ),
        lives=paths(r"^/event/\d+(?:/|$)"),
        playlists=paths(r"^/(?:channels|groups|album|showcase|categories)/[^/]+")
        + paths(r"^/[^/]+/[^/]+/?$", host=r"(?:www\.)?vimeopro\.com"),
        profiles=paths(
            rf"^/{_NAME}/?(?:$|(?:likes|videos|about|albums|following|followers|collections)(?:/|$))",
            host=r"(?:www\.)?vimeo\.com",
        ),
        other_pages=paths(rf"^/(?:{_NOT_A_NAME})?(?:/|$)"),
        canonical="https://vimeo.com/{post_id}",
    ),
    reader=PageReader(
        read=read,
        account_path=re.compile(r"/(?!user/|channels/)([\w-]{2,50})/?$"),
        ids_of=ids_of,
        json_paths=re.compile(r"^https://player\.vimeo\.com/video/\d+/config|^https://api\.vimeo\.com/videos/\d+"),
    ),
    ytdlp=YtdlpRules(("vimeo", "vimeo:(?:review|event)")),
    lists=(
        ListRules(
            AddressPattern(
                re.compile(r"^/(?P<kind>channels|groups|album|showcase)/(?P<list>[\w-]+)(?:/videos)?/?$"),
                canonical="https://vimeo.com/{kind}/{list}",
            ),
            ("vimeo:(?:channel|group|album)",),
        ),
        ListRules(
            AddressPattern(
                re.compile(rf"^/{_NAME}/?(?:$|videos/?$)"),
                host=re.compile(r"(?:www\.)?vimeo\.com"),
                canonical="https://vimeo.com/{handle}/videos",
            ),
            ("vimeo:user",),
            newest_first=True,
        ),
    ),
    feeds=(CHANNEL_FEEDS, account_feeds(_NAME)),
    media=MediaRules(
        hosts=(".vimeocdn.com", ".akamaized.net"),
        own_hosts=re.compile(r"(?:.+\.)?vimeocdn\.com|\w*vod-(?:adaptive|progressive)[\w-]*\.akamaized\.net"),
        signs_urls=True,
        watermark_no=re.compile(r"."),  # Vimeo adds no watermark
        referer="https://vimeo.com/",
        tls_sensitive=True,
    ),
    sign_in=SignIn(
        url="https://vimeo.com/log_in",
        session_cookies=("vimeo",),
    ),
    walls=Walls(
        blocks_media=True,
        login_url=re.compile(r"^https://vimeo\.com/log_in"),
        login_json=("5460",),
        gone_text=("Sorry, we couldn’t find that page",),
        private_text=("Because of its privacy settings",),
    ),
    pace=Pace(interval_s=(3, 5)),
)
