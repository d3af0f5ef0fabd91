"""What we know of linkedin.com; checked 2026-11-24 against published extractors."""

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
from mediavault.platforms.linkedin.reader import read

_TYPE = r"(?P<type>activity|ugcPost|share)"
_ID = r"(?P<post_id>\d{15,20})"

LINKEDIN = Platform(
    name="linkedin",
    title="LinkedIn",
    checked="2026-11-24",
    known_from=(KnownFrom.RECORDED, KnownFrom.PUBLISHED),
    reads="posts with a video, as guests or signed in",
    leaves_out="events, courses, newsletters",
    extractors=("page", "browser", "ytdlp"),
    matching=Matching(
        brands=("linkedin",),
        hosts=("linkedin.com",),
        host_suffixes=(".linkedin.com",),  # www, m, and one for each country
        image_hosts=("media.licdn.com",),
        share_links=(
            AddressPattern(re.compile(r"^/(?:redir/redirect|safety/go)/?$"), query={"url": re.compile(r"https?://.+")}),
        ),
        posts=(
            AddressPattern(
                re.compile(
                    r"^/feed/update/urn:li:(?P<type>groupPost):(?P<post_id>\d{1,12}-\d{15,20})(?=/|$)", re.IGNORECASE
                )
            ),
            AddressPattern(re.compile(rf"^/posts/(?:(?P<handle>[^/_]{{1,100}})?[^/]*?[-_])?{_TYPE}-{_ID}(?=[-/]|$)")),
            AddressPattern(
                re.compile(
                    rf"^/(?:feed/update|embed/feed/update|video/live|video/event)/(?:urn:li:)?{_TYPE}:{_ID}(?=/|$)",
                    re.IGNORECASE,
                )
            ),
            *(
                AddressPattern(re.compile(r"^/feed/?$"), query={name: re.compile(rf"urn:li:{_TYPE}:{_ID}(?:,.*)?")})
                for name in ("highlightedUpdateUrn", "highlightedUpdateUrns")
            ),
        ),
        lives=paths(r"^/(?:events|video/live|video/event)/[^/]+"),
        playlists=paths(r"^/learning/[^/]+/?$", r"^/newsletters/[^/]+", r"^/feed/hashtag/[^/]+"),
        profiles=paths(r"^/(?:in|company|school|showcase|groups|pub)/(?P<handle>[^/]+)(?:/|$)"),
        other_pages=paths(
            r"^/(?:$|(?:feed|jobs|learning|pulse|login|signup|authwall|uas|checkpoint|search|mynetwork|messaging|posts|top-content"
            r"|products|services|help|legal)(?:/|$))"
        ),
        canonical="https://www.linkedin.com/feed/update/urn:li:{type}:{post_id}",  # the type belongs to the id
    ),
    reader=PageReader(
        read=read,
        account_path=re.compile(r"/(?:in|company|school|showcase)/([^/?#]{2,100})/?$"),
        json_paths=re.compile(r"/voyager/api/"),
    ),
    ytdlp=YtdlpRules(("linkedin",), handle=""),
    media=MediaRules(
        hosts=(".licdn.com",),
        path=re.compile(r"/playlist/"),
        key=re.compile(r"/playlist/(?:vid/)?(?:v2/)?([\w-]+)/"),
        signs_urls=True,
    ),
    sign_in=SignIn(
        url="https://www.linkedin.com/login",
        session_cookies=("li_at",),
    ),
    walls=Walls(
        blocks_media=True,
        login_url=re.compile(r"^https://(?:\w+\.)?linkedin\.com/(?:authwall|login|uas/login)"),
        login_text=("Sign in to view more content",),
        challenge_url=re.compile(r"^https://(?:\w+\.)?linkedin\.com/checkpoint/"),
        gone_text=("This post cannot be displayed",),
    ),
    pace=Pace(interval_s=(20, 40), account_daily_cap=40),
)
