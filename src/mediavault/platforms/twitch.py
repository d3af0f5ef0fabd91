"""What we know of twitch.tv; checked 2026-11-24 against published extractors."""

from __future__ import annotations

import re

from mediavault.core.platform import AccountCookie, AddressPattern, Pace, Platform, paths

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

TWITCH = Platform(
    name="twitch",
    title="Twitch",
    checked="2026-11-24",
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
    post_patterns=(
        AddressPattern(
            re.compile(r"^/embed/?$"), query={"clip": re.compile(r"(?P<post_id>[\w-]{10,100})")}, host=_CLIPS
        ),
        AddressPattern(re.compile(rf"^/(?:(?P<handle>\w+)/)?{_SLUG}"), host=_CLIPS),
        AddressPattern(re.compile(rf"^/clip/{_SLUG}")),
        AddressPattern(re.compile(rf"^/{_NAME}/clip/{_SLUG}")),
        AddressPattern(re.compile(rf"^/videos?/{_NUMBER}/?$"), canonical=_VOD),
        AddressPattern(re.compile(rf"^/{_NAME}/(?:v|video)/{_NUMBER}/?$"), canonical=_VOD),
        AddressPattern(re.compile(r"^/?$"), query={"video": re.compile(rf"v?{_NUMBER}")}, host=_PLAYER, canonical=_VOD),
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
    extractors=("ytdlp", "browser"),
    json_paths=re.compile(r"^https://gql\.twitch\.tv/gql\b"),
    page_reader="twitch",
    media_hosts=(
        ".twitchcdn.net",
        ".ttvnw.net",
        ".cloudfront.net",
        "clips-media-assets2.twitch.tv",
        "vod-secure.twitch.tv",
        ".jtvnw.net",
    ),
    own_media_hosts=re.compile(
        r"(?:.+\.)?(?:twitchcdn\.net|ttvnw\.net|jtvnw\.net)|(?:clips-media-assets2|vod-secure)\.twitch\.tv"
    ),
    signs_media_urls=True,  # sig and token; the token's JSON says until when
    login_url="https://www.twitch.tv/login",
    session_cookies=("auth-token",),
    account_cookie=AccountCookie("login", re.compile(r"^(\w{1,25})$"), is_name=True),
    login_wall_text=("This video is only available to subscribers",),
    gone_text=("This clip is no longer available", "Sorry. Unless you’ve got a time machine"),
    pace=Pace(interval_s=(2, 4)),
)
