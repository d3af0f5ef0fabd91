"""What we know of twitch.tv; checked 2026-11-24 against published extractors."""

from __future__ import annotations

import re

from mediavault.core.platform import Platform, PostPattern

_SLUG = r"(?P<post_id>[\w-]{10,100})/?$"
_VOD = "https://www.twitch.tv/videos/{post_id}"

TWITCH = Platform(
    name="twitch",
    title="Twitch",
    hosts=("twitch.tv", "www.twitch.tv", "m.twitch.tv", "go.twitch.tv", "clips.twitch.tv"),
    post_patterns=(
        PostPattern(re.compile(rf"^/(?:[\w]+/)?{_SLUG}"), host=re.compile(r"clips\.twitch\.tv")),
        PostPattern(re.compile(rf"^/clip/{_SLUG}")),
        PostPattern(re.compile(rf"^/(?P<handle>\w{{2,25}})/clip/{_SLUG}")),
        PostPattern(re.compile(r"^/videos/(?P<post_id>\d{5,12})/?$"), canonical=_VOD),
        PostPattern(re.compile(r"^/(?P<handle>\w{2,25})/(?:v|video)/(?P<post_id>\d{5,12})/?$"), canonical=_VOD),
    ),
    not_a_post=(
        re.compile(r"^/\w{2,25}/?$"),
        re.compile(r"^/\w{2,25}/(?:videos|clips|schedule|about|collections|events)(?:/|$)"),
        re.compile(r"^/(?:directory|collections)(?:/|$)"),
        re.compile(r"^/?$"),
    ),
    canonical="https://clips.twitch.tv/{post_id}",
    media_hosts=(".twitchcdn.net", ".ttvnw.net", ".cloudfront.net", "clips-media-assets2.twitch.tv"),
    signs_media_urls=True,
    gone_text=("This clip is no longer available", "Sorry. Unless you’ve got a time machine"),
    login_wall_text=("This video is only available to subscribers",),
    checked="2026-11-24",
)
