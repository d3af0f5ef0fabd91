"""What we know of threads.com; checked 2026-11-24 against published extractors."""

from __future__ import annotations

import re

from mediavault.core.platform import (
    AccountCookie,
    AddressPattern,
    KnownFrom,
    Matching,
    MediaRules,
    Pace,
    PageReader,
    Platform,
    SignIn,
    Walls,
    paths,
)
from mediavault.platforms.reading.meta_media import ids_of, measures, numbers_of
from mediavault.platforms.threads.reader import read

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
        hosts=("threads.com", "www.threads.com", "l.threads.com", "threads.net", "www.threads.net", "l.threads.net"),
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
        other_pages=paths(r"^/(?:$|(?:search|for_you|following|activity|login|settings|saved|liked|intent)(?:/|$))"),
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
        challenge_url=re.compile(r"^https://www\.(?:threads\.(?:com|net)|instagram\.com)/challenge/"),
        challenge_text=("suspicious activity", "automated behavior"),
        gone_text=("Sorry, this page isn't available",),
        private_text=("This profile is private",),
    ),
    pace=Pace(interval_s=(10, 20)),
)
