"""What we know of youtube.com; checked 2026-11-24 against recorded pages and published
extractors.
"""

from __future__ import annotations

import re

from mediavault.core.listings import EntryKind
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
from mediavault.platforms.youtube.reader import LIST_FEEDS, channel_feeds, ids_of, read, story_of

_ID = r"(?!videoseries|live_stream)(?P<post_id>[\w-]{11})(?![\w-])"
# ten: the last letter was lost in copying; the site reports that
_VIDEO = re.compile(r"(?P<post_id>[\w-]{10,11})")
_LIST = re.compile(r"[\w-]{2,}")
_NOT_A_NAME = (
    "about|account|ads|attribution_link|browse|c|channel|clip|course|creators|e|embed|feed|gaming|hashtag|howyoutubeworks"
    "|kids|learning|live|live_chat|live_stream|logout|music|movies|news|oembed|paid_memberships|playlist|podcasts|post|premium|redirect|reporthistory|results"
    "|search|shared|shorts|signin|source|sports|storefront|t|tv|upload|user|v|vi|watch|watch_popup|watch_videos|youtubei"
)
_TABS = (
    "featured|home|videos|streams|shorts|live|playlists|podcasts|releases|courses|posts|community|channels|about|search"
    "|store|membership|join"
)
_CHANNEL = rf"@[^/]+|(?:channel|user|c)/[^/]+|(?!(?:{_NOT_A_NAME})(?:/|$))[\w-]+"
_LIST_PATH = r"^/(?:playlist|watch|embed|embed/videoseries)/?$"
_NOTHING = re.compile(r"")

YOUTUBE = Platform(
    name="youtube",
    title="YouTube",
    checked="2026-11-24",
    known_from=(KnownFrom.RECORDED, KnownFrom.PUBLISHED),
    reads="videos, shorts, ended broadcasts",
    leaves_out="clips are saved as the whole video; copy-protected films",
    extractors=("ytdlp", "browser"),
    matching=Matching(
        brands=("youtube",),
        hosts=(
            "youtube.com",
            "youtu.be",
            "www.youtu.be",
            "youtube-nocookie.com",
            "www.youtube-nocookie.com",
            "youtubekids.com",
            "www.youtubekids.com",
            "youtube.googleapis.com",
            "www.youtubeeducation.com",
        ),
        host_suffixes=(".youtube.com",),  # www, m, music, gaming, consent
        image_hosts=("i.ytimg.com", "img.youtube.com", "yt3.ggpht.com"),
        share_links=(
            *paths(r"^/(?:attribution_link|redirect)/?$"),
            *paths(r"^/(?:m|ml|d)/?$", host=r"consent\.youtube\.com"),
        ),
        posts=(
            AddressPattern(
                re.compile(
                    r"^/(?:(?:watch|watch_popup|movie|ytscreeningroom|watch/video/control)(?:\.php)?/?)?$"
                ),
                query={"v": _VIDEO},
            ),
            AddressPattern(re.compile(r"^/(?:watch/?)?$"), query={"vi": _VIDEO}),
            AddressPattern(
                re.compile(r"^/watch/?$"), fragment=re.compile(rf"!?(?:.*&)?v={_ID}(?:&.*)?")
            ),
            AddressPattern(
                re.compile(r"^/(?:user/)?[\w-]+/?$"), fragment=re.compile(rf"p/(?:\w+/)*{_ID}")
            ),  # until 2011
            AddressPattern(re.compile(rf"^/(?:shorts|live|embed|v|vi|e|watch)/{_ID}")),
            AddressPattern(
                re.compile(r"^/clip/(?P<post_id>Ug[\w-]{20,40})/?$"),
                canonical="https://www.youtube.com/clip/{post_id}",
            ),
            AddressPattern(re.compile(rf"^/{_ID}/?$"), host=re.compile(r"(?:www\.)?youtu\.be")),
        ),
        lives=paths(r"^/embed/live_stream", r"^/live(?:/|$)"),
        playlists=(
            AddressPattern(re.compile(r"^/(?:watch|embed)/?$"), query={"list": _LIST}),
            *paths(
                r"^/(?:playlist|embed/videoseries|results|watch_videos)/?$",
                r"^/(?:feed|hashtag|source)/[^/]+",
            ),
            *paths(r"^/(?:browse/(?:VL|MPREb|OLAK)|search)", host=r"music\.youtube\.com"),
        ),
        profiles=(
            *paths(
                r"^/(?P<handle>@[^/]+)(?:/|$)", r"^/(?:channel|user|c)/(?P<handle>[^/]+)(?:/|$)"
            ),
            *paths(r"^/browse/(?P<handle>UC[\w-]+)", host=r"music\.youtube\.com"),
            *paths(
                rf"^/(?!(?:{_NOT_A_NAME})(?:/|$))(?P<handle>[\w-]+)/?(?:$|(?:{_TABS})/?$)",
                host=r".*youtube\.com",
            ),
        ),
        other_pages=paths(rf"^/(?:{_NOT_A_NAME})?(?:/|$)"),
        canonical="https://www.youtube.com/watch?v={post_id}",
    ),
    reader=PageReader(
        read=read,
        ids_of=ids_of,
        story_of=story_of,
        json_paths=re.compile(r"/youtubei/v1/player"),
        data_css="#movie_player",
        always_sent=True,
    ),
    ytdlp=YtdlpRules(
        ("youtube", "youtube:(?:clip|consent)", "youtubeytbe"), wall_s=120.0, lists_subtitles=True
    ),
    lists=(
        ListRules(
            AddressPattern(
                re.compile(
                    rf"^/(?P<channel>{_CHANNEL})/?(?:$|(?P<tab>videos|shorts|streams)/?$|(?:featured|home)/?$)"
                ),
                host=re.compile(r".*youtube\.com"),
                canonical="https://www.youtube.com/{channel}/{tab}",
            ),
            ("youtube:tab",),
            tabs={EntryKind.VIDEO: "videos", EntryKind.SHORT: "shorts", EntryKind.LIVE: "streams"},
            newest_first=True,
            rough_dates=True,
            key="channel_id",
            by_key="https://www.youtube.com/channel/{key}/{tab}",
            title="channel",
        ),
        # an account's uploads: all (UU), or its videos, shorts, streams or posts for members (UULF,
        # UUSH, UULV, UUMO)
        ListRules(
            AddressPattern(
                re.compile(_LIST_PATH),
                query={"list": re.compile(r"(?P<list>UU[\w-]+)"), "v": _NOTHING},
                canonical="https://www.youtube.com/playlist?list={list}",
            ),
            ("youtube:tab", "youtube:playlist"),
            newest_first=True,
            rough_dates=True,
            key="id",
        ),
        ListRules(  # any order; mixes (RD) are different for everybody, and have no end
            AddressPattern(
                re.compile(_LIST_PATH),
                query={"list": re.compile(r"(?!RD)(?P<list>[\w-]{2,})"), "v": _NOTHING},
                canonical="https://www.youtube.com/playlist?list={list}",
            ),
            ("youtube:tab", "youtube:playlist"),
            rough_dates=True,
            key="id",
        ),
    ),
    feeds=(LIST_FEEDS, channel_feeds(_NOT_A_NAME)),
    media=MediaRules(
        hosts=(".googlevideo.com", ".ytimg.com", "yt3.ggpht.com"),
        path=re.compile(r"/videoplayback|/api/manifest/"),
        key=re.compile(r"[?&/]id[=/]([\w-]{11,})"),
        signs_urls=True,
        max_range_bytes=10 * 1024 * 1024,  # larger requests are throttled to the speed of playing
        watermark_no=re.compile(r"/videoplayback"),  # YouTube adds no watermark
    ),
    sign_in=SignIn(
        url="https://accounts.google.com/ServiceLogin?service=youtube",
        session_cookies=("SAPISID", "LOGIN_INFO"),
    ),
    walls=Walls(
        login_url=re.compile(r"^https://accounts\.google\.com/"),
        login_text=("Join this channel to get access",),
        login_json=("LOGIN_REQUIRED",),
        age_text=("Sign in to confirm your age",),
        age_json=("AGE_VERIFICATION_REQUIRED", "AGE_CHECK_REQUIRED"),
        challenge_text=(
            "Sign in to confirm you’re not a bot",
            "Sign in to confirm you're not a bot",
        ),
        challenge_json=("playerCaptchaViewModel",),
        gone_text=(
            "This video isn't available anymore",
            "Video unavailable",
            "This video has been removed",
        ),
        private_text=("This is a private video", "Private video"),
    ),
    pace=Pace(interval_s=(5, 10), cooldown_s=3600),  # "try again later" lasts up to an hour
)
