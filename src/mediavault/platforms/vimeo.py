"""What we know of vimeo.com; checked 2026-11-24 against recorded answers."""

from __future__ import annotations

import re

from mediavault.core.platform import Platform, PostPattern

_UNLISTED = "https://vimeo.com/{post_id}/{hash}"  # without its hash an unlisted video is not found
_PLACES = r"(?:video/|channels/[^/]+/|groups/[^/]+/videos/|(?:album|showcase)/\d+/video/)?"

VIMEO = Platform(
    name="vimeo",
    title="Vimeo",
    hosts=("vimeo.com", "www.vimeo.com", "player.vimeo.com"),
    post_patterns=(
        PostPattern(
            re.compile(rf"^/{_PLACES}(?P<post_id>\d{{5,12}})/(?P<hash>[0-9a-f]{{8,12}})/?$"), canonical=_UNLISTED
        ),
        PostPattern(
            re.compile(r"^/video/(?P<post_id>\d{5,12})/?$"),
            query={"h": re.compile(r"(?P<hash>[0-9a-f]{8,12})")},
            canonical=_UNLISTED,
        ),
        PostPattern(re.compile(rf"^/{_PLACES}(?P<post_id>\d{{5,12}})/?$")),
    ),
    not_a_post=(
        re.compile(
            r"^/(?!ondemand|event|video/|channels/|groups/|album/|showcase/)[\w-]+(?:/(?:likes|videos|following))?/?$"
        ),
        re.compile(r"^/(?:channels|groups|album|showcase|categories)/[^/]+(?:/videos)?/?$"),
        re.compile(r"^/?$"),
    ),
    canonical="https://vimeo.com/{post_id}",
    media_hosts=(".vimeocdn.com", ".akamaized.net"),
    signs_media_urls=True,
    referer="https://vimeo.com/",
    login_wall_url=re.compile(r"^https://vimeo\.com/log_in"),
    private_text=("Because of its privacy settings",),
    gone_text=("Sorry, we couldn’t find that page",),
    checked="2026-11-24",
)
