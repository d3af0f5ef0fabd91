"""What we know of twitch.tv; checked 2026-11-24 against published extractors."""

from __future__ import annotations

import re
from urllib.parse import SplitResult

from mediavault.core.platform import (
    AccountCookie,
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
from mediavault.platforms.twitch.reader import ids_of, read

_SLUG = r"(?P<post_id>[\w-]{10,100})/?$"
_VOD = "https://www.twitch.tv/videos/{post_id}"
_NUMBER = r"(?P<post_id>\d{1,12})"
_CLIPS = re.compile(r"clips\.twitch\.tv")
_PLAYER = re.compile(r"player\.twitch\.tv")
_NOT_A_NAME = (
    "bits|clip|collections|communities|directory|downloads|drops|embed|event|friends|inventory|jobs|login|messages|p"
    "|popout|prime|search|settings|signup|store|subscriptions|team|turbo|video|videos|wallet"
)
_NAME = rf"(?!(?:{_NOT_A_NAME})(?:/|$))(?P<handle>\w{{2,25}})"

_HEIGHT = re.compile(  # behind "offset-" are seconds
    r"(?:/video|/AT-cm(?:\||%7C)[\w-]+|/\d+-offset-\d+)(?<!-offset)-(\d{3,4})\.mp4$|/h264/(\d{3,4})/index\.mp4$",
    re.IGNORECASE,
)


def _stated_size(parts: SplitResult) -> tuple[int | None, int | None]:
    match = _HEIGHT.search(parts.path)
    return None, int(match[match.lastindex or 1]) if match else None


TWITCH = Platform(
    name="twitch",
    title="Twitch",
    checked="2026-11-24",
    known_from=(KnownFrom.RECORDED, KnownFrom.PUBLISHED),
    reads="clips; recordings of broadcasts through yt-dlp",
    leaves_out="collections, categories",
    extractors=("ytdlp", "browser"),
    matching=Matching(
        brands=("twitch",),
        hosts=(
            "twitch.tv",
            "www.twitch.tv",
            "m.twitch.tv",
            "go.twitch.tv",
            "secure.twitch.tv",
            "clips.twitch.tv",
            "player.twitch.tv",
        ),
        image_hosts=("static-cdn.jtvnw.net", "clips-media-assets.twitch.tv"),
        posts=(
            AddressPattern(
                re.compile(r"^/embed/?$"), query={"clip": re.compile(r"(?P<post_id>[\w-]{10,100})")}, host=_CLIPS
            ),
            AddressPattern(re.compile(rf"^/(?:(?P<handle>\w+)/)?{_SLUG}"), host=_CLIPS),
            AddressPattern(re.compile(rf"^/clip/{_SLUG}")),
            AddressPattern(re.compile(rf"^/{_NAME}/clip/{_SLUG}")),
            AddressPattern(re.compile(rf"^/videos?/{_NUMBER}/?$"), canonical=_VOD),
            AddressPattern(re.compile(rf"^/{_NAME}/(?:v|video)/{_NUMBER}/?$"), canonical=_VOD),
            AddressPattern(
                re.compile(r"^/?$"), query={"video": re.compile(rf"v?{_NUMBER}")}, host=_PLAYER, canonical=_VOD
            ),
        ),
        playlists=paths(r"^/collections/[\w-]+", r"^/directory/[^/]+"),
        profiles=(
            AddressPattern(re.compile(r"^/?$"), query={"channel": re.compile(r"(?P<handle>\w{2,25})")}, host=_PLAYER),
            *paths(
                rf"^/{_NAME}/?(?:$|(?:videos|clips|schedule|about|collections|events|home|squad|profile)(?:/|$))",
                host=r"(?:(?:www|m|go|secure)\.)?twitch\.tv",
            ),
        ),
        other_pages=paths(rf"^/(?:{_NOT_A_NAME})?(?:/|$)"),
        canonical="https://clips.twitch.tv/{post_id}",
    ),
    reader=PageReader(
        read=read,
        ids_of=ids_of,
        json_paths=re.compile(r"^https://gql\.twitch\.tv/gql\b"),
        always_sent=True,
    ),
    ytdlp=YtdlpRules(("twitch:clips", "twitch:vod")),
    lists=(
        ListRules(
            AddressPattern(
                re.compile(r"^/collections/(?P<list>[\w-]+)/?$"), canonical="https://www.twitch.tv/collections/{list}"
            ),
            ("twitch:collection",),
            key="id",
        ),
        ListRules(
            AddressPattern(
                re.compile(rf"^/{_NAME}/?(?:$|(?:videos|profile|home)(?:/|$))"),
                host=re.compile(r"(?:(?:www|m|go|secure)\.)?twitch\.tv"),
                canonical="https://www.twitch.tv/{handle}/videos?filter=all&sort=time",
            ),
            ("twitch:videos",),
            newest_first=True,
            title="",  # it is "jane - All Videos sorted by Date"
        ),
    ),
    media=MediaRules(
        hosts=(
            ".twitchcdn.net",
            ".ttvnw.net",
            ".cloudfront.net",
            "clips-media-assets2.twitch.tv",
            "vod-secure.twitch.tv",
            ".jtvnw.net",
        ),
        own_hosts=re.compile(
            r"(?:.+\.)?(?:twitchcdn\.net|ttvnw\.net|jtvnw\.net)|(?:clips-media-assets2|vod-secure)\.twitch\.tv"
        ),
        signs_urls=True,  # sig and token; the token's JSON says until when
        stated_size=_stated_size,
    ),
    sign_in=SignIn(
        url="https://www.twitch.tv/login",
        session_cookies=("auth-token",),
        account_cookie=AccountCookie("login", re.compile(r"^(\w{1,25})$"), is_name=True),
    ),
    walls=Walls(
        login_text=("This video is only available to subscribers",),
        gone_text=("This clip is no longer available", "Sorry. Unless you’ve got a time machine"),
    ),
    pace=Pace(interval_s=(2, 4)),
)
