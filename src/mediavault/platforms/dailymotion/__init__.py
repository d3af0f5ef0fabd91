"""What we know of dailymotion.com; checked 2026-11-24 against published extractors."""

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
from mediavault.platforms.dailymotion.feeds import PLAYLIST_FEEDS, account_feeds
from mediavault.platforms.dailymotion.reader import ids_of, read

_NOT_A_NAME = (
    "about|channel|cdn|crawler|embed|feed|fr|en|hub|legal|library|login|partner|partners|player|playlist|register|search"
    "|settings|signin|swf|topic|trending|upload|user|video|videos|watchlater|widget"
)

DAILYMOTION = Platform(
    name="dailymotion",
    title="Dailymotion",
    checked="2026-11-24",
    known_from=(KnownFrom.RECORDED, KnownFrom.PUBLISHED),
    reads="videos, also from embeds",
    leaves_out="channels' topics and hubs",
    extractors=("ytdlp", "browser"),
    matching=Matching(
        brands=("dailymotion",),
        hosts=(
            "dailymotion.com",
            "www.dailymotion.com",
            "touch.dailymotion.com",
            "m.dailymotion.com",
            "geo.dailymotion.com",
            "dai.ly",
            "www.dai.ly",
        ),
        posts=(
            AddressPattern(
                re.compile(r"^/(?:[a-z]{2}/)?(?:(?:embed|swf|crawler)/)?video/(?P<post_id>[A-Za-z0-9]{5,20})(?=[_/]|$)")
            ),
            AddressPattern(re.compile(r"^/swf/(?P<post_id>[xk][A-Za-z0-9]{4,20})(?=[_/]|$)")),
            AddressPattern(
                re.compile(r"^/(?P<post_id>[xk][A-Za-z0-9]{4,20})/?$"), host=re.compile(r"(?:www\.)?dai\.ly")
            ),
        ),
        playlists=paths(r"^/(?:embed/)?playlist/[^/]+", r"^/(?:topic|channel|hub)/[^/]+"),
        profiles=paths(
            r"^/user/(?P<handle>[\w-]+)(?:/|$)",
            rf"^/(?!(?:{_NOT_A_NAME})(?:/|$))(?P<handle>[\w-]+)/?(?:$|(?:videos|playlists|collections|about)/?$)",
            host=r"(?:www\.|m\.|touch\.)?dailymotion\.com",
        ),
        other_pages=paths(r"^/player(?:/[^/]+)?\.html$", rf"^/(?:{_NOT_A_NAME})?(?:/|$)"),
        canonical="https://www.dailymotion.com/video/{post_id}",
    ),
    reader=PageReader(
        read=read,
        account_path=re.compile(r"/(?:user/)?([\w-]{2,50})/?$"),
        ids_of=ids_of,
        json_paths=re.compile(r"/player/metadata/video/"),
        always_sent=True,
    ),
    ytdlp=YtdlpRules(("dailymotion",), handle="", lists_subtitles=True),
    lists=(
        ListRules(
            AddressPattern(
                re.compile(r"^/playlist/(?P<list>x[0-9a-z]+)(?:[_/]|$)"),
                canonical="https://www.dailymotion.com/playlist/{list}",
            ),
            ("dailymotion:playlist",),
            key="id",
        ),
        ListRules(
            AddressPattern(
                re.compile(rf"^/(?:user/)?(?!(?:{_NOT_A_NAME})(?:/|$))(?P<handle>[\w-]+)/?(?:$|videos/?$)"),
                host=re.compile(r"(?:www\.|m\.|touch\.)?dailymotion\.com"),
                canonical="https://www.dailymotion.com/{handle}",
            ),
            ("dailymotion:user",),
            newest_first=True,
        ),
    ),
    feeds=(PLAYLIST_FEEDS, account_feeds(_NOT_A_NAME)),
    media=MediaRules(
        hosts=(".dmcdn.net", ".dailymotion.com"),
        path=re.compile(r"/manifest/video/"),
        key=re.compile(r"/manifest/video/([A-Za-z0-9]+)"),
        signs_urls=True,
        tls_sensitive=True,
        watermark_no=re.compile(r"."),  # Dailymotion adds no watermark
    ),
    sign_in=SignIn(
        url="https://www.dailymotion.com/signin",
    ),
    walls=Walls(
        region_json=("DM007",),
        gone_text=("This video has been removed", "Content deleted"),
    ),
    pace=Pace(interval_s=(3, 5)),
)
