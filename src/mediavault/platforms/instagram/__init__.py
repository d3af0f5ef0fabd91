"""What we know of instagram.com; checked 2026-11-24 against recorded pages and published extractors."""

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
    YtdlpRules,
    paths,
)
from mediavault.platforms.instagram.reader import address_of, read
from mediavault.platforms.reading.meta_media import ids_of, measures, numbers_of

_ID = r"(?P<post_id>[\w-]{5,40})(?=/|$)"  # longer than 28 characters: a private post
_NOT_A_NAME = (
    "about|accounts|api|challenge|developer|direct|directory|emails|explore|graphql|legal|oauth|p|privacy|reel|reels"
    "|s|session|share|stories|terms|tv|web"
)
_NAME = rf"(?!(?:{_NOT_A_NAME})(?:/|$))(?P<handle>[\w.]{{1,30}})"
_TABS = "posts|photos|reels|reposts|tagged|saved|channel|igtv|feed|guides|highlights|followers|following|info|avatar"

INSTAGRAM = Platform(
    name="instagram",
    title="Instagram",
    checked="2026-11-24",
    known_from=(KnownFrom.RECORDED, KnownFrom.PUBLISHED),
    reads="posts, reels and carousels, single stories and highlights with a sign-in",
    leaves_out="live broadcasts, accounts",
    extractors=("browser", "ytdlp"),
    matching=Matching(
        brands=("instagram",),
        hosts=("instagram.com", "www.instagram.com", "m.instagram.com", "l.instagram.com"),
        mirror_hosts=(
            "instagr.am",
            "www.instagr.am",
            "ddinstagram.com",
            "www.ddinstagram.com",
            "d.ddinstagram.com",
            "g.ddinstagram.com",
            "kkinstagram.com",
            "www.kkinstagram.com",
            "vxinstagram.com",
            "www.vxinstagram.com",
            "instagramez.com",
        ),
        short_hosts=("ig.me",),
        share_links=(
            *paths(r"^/share/(?:p|reel|tv)/(?P<post_id>[\w-]{5,})/?$", r"^/share/[\w-]{5,}/?$", r"^/s/[\w=%-]{8,}/?$"),
            AddressPattern(
                re.compile(r"^/?$"), query={"u": re.compile(r"https?://.+")}, host=re.compile(r"l\.instagram\.com")
            ),
        ),
        posts=(
            AddressPattern(
                re.compile(rf"^/(?:{_NAME}/)?reels?/(?!audio/){_ID}"), page="https://www.instagram.com/reel/{post_id}/"
            ),
            AddressPattern(re.compile(rf"^/(?:{_NAME}/)?tv/{_ID}"), page="https://www.instagram.com/tv/{post_id}/"),
            AddressPattern(re.compile(rf"^/(?:{_NAME}/)?p/{_ID}")),
        ),
        stories=(
            AddressPattern(
                re.compile(r"^/stories/highlights/(?P<post_id>\d{5,25})(?=/|$)"),
                canonical="https://www.instagram.com/stories/highlights/{post_id}/",
            ),
            AddressPattern(
                re.compile(r"^/stories/(?P<handle>[\w.]{1,30})/(?P<post_id>\d{5,25})(?=/|$)"),
                canonical="https://www.instagram.com/stories/{handle}/{post_id}/",
            ),
            *paths(r"^/stories/(?!highlights(?:/|$))(?P<handle>[\w.]{1,30})/?$", r"^/stories/id:\d+/?$"),
        ),
        lives=paths(rf"^/{_NAME}/live(?:/|$)"),
        playlists=paths(r"^/(?:reels/)?audio/\d+", rf"^/{_NAME}/(?:saved|guides?)/[^/]+/\d+"),
        profiles=paths(r"^/id:\d+/?$", r"^/_u/(?P<handle>[\w.]{1,30})/?$", rf"^/{_NAME}/?(?:$|(?:{_TABS})(?:/|$))"),
        other_pages=paths(rf"^/(?:{_NOT_A_NAME})?(?:/|$)"),
        canonical="https://www.instagram.com/p/{post_id}/",
        page="https://www.instagram.com/p/{post_id}/",
    ),
    reader=PageReader(
        read=read,
        ids_of=ids_of,
        address_of=address_of,
        aliases=numbers_of,
        json_paths=re.compile(r"/api/v1/(?:media/|feed/reels_media|clips/)|/graphql(?:/query)?(?:/|$|\?)"),
        viewer=("PolarisViewer", "data", "username"),
    ),
    ytdlp=YtdlpRules(("instagram", "instagram:story"), owns_list=True, handle="channel"),
    media=MediaRules(
        hosts=(".cdninstagram.com", ".fbcdn.net"),
        own_hosts=re.compile(r"(?:.+\.)?cdninstagram\.com|instagram\.[\w-]+\.fna\.fbcdn\.net"),
        path=re.compile(r"/(?:o1/)?v/t\d++(?:(?!/v/t\d)[^?])*\.mp4"),
        key=re.compile(r"/([\w-]{20,})\.mp4"),
        signs_urls=True,
        max_connections=2,  # an account is at risk: no more than a viewer's browser
        watermark_no=re.compile(r"."),  # Instagram adds no watermark
        referer="https://www.instagram.com/",
        measures=measures,
    ),
    sign_in=SignIn(
        url="https://www.instagram.com/accounts/login/",
        session_cookies=("sessionid", "ds_user_id", "csrftoken"),
        account_cookie=AccountCookie("ds_user_id", re.compile(r"^(\d+)$")),
    ),
    walls=Walls(
        blocks_media=True,
        login_url=re.compile(r"^https://www\.instagram\.com/accounts/login"),
        login_json=("login_required", "require_login"),
        age_text=("You must be 18 years old or over to see this profile",),
        challenge_url=re.compile(r"^https://www\.instagram\.com/challenge/"),
        challenge_text=("suspicious activity", "automated behavior"),
        challenge_json=("challenge_required", "checkpoint_required"),
        gone_text=(
            "Sorry, this page isn't available",
            "Post isn't available",
            "The link to this photo or video may be broken",  # embeds, also of posts that may not be embedded
        ),
        private_text=("This account is private", "This profile is private"),
    ),
    pace=Pace(interval_s=(6, 12), account_interval_s=(20, 40), account_daily_cap=60),
)
