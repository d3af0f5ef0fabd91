"""What we know of tiktok.com; checked 2026-11-24 against recorded pages and published extractors."""

from __future__ import annotations

import re
from urllib.parse import SplitResult

from mediavault.core.platform import (
    AddressPattern,
    KnownFrom,
    ListRules,
    Matching,
    Measures,
    MediaRules,
    Pace,
    PageReader,
    Platform,
    SignIn,
    Walls,
    YtdlpRules,
    paths,
)
from mediavault.platforms.tiktok.reader import address_of, ids_of, read

_ID = r"(?P<post_id>\d{1,21})(?=/|$)"
_NAME = r"(?P<handle>[\w.-]{1,120})"  # 24 characters at most, but a secret user id of 70 may replace it
_PROFILE = "https://www.tiktok.com/@{handle}"

_KIBIBITS = re.compile(r"(?:^|&)bt=(\d{1,6})(?:&|$)")


def _measures(parts: SplitResult, width: int | None, height: int | None) -> Measures:
    """``bt`` counts whole units of 1024 bits per second (``br`` is twice that)."""
    match = _KIBIBITS.search(parts.query)
    return Measures(width, height, int(match[1]) * 1024 or None if match else None)


TIKTOK = Platform(
    name="tiktok",
    title="TikTok",
    checked="2026-11-24",
    known_from=(KnownFrom.RECORDED, KnownFrom.PUBLISHED),
    reads="videos and photo posts, also from embeds",
    leaves_out="stories, live broadcasts, sounds and collections",
    extractors=("browser", "ytdlp"),
    matching=Matching(
        brands=("tiktok",),
        hosts=("tiktok.com", "www.tiktok.com", "m.tiktok.com", "us.tiktok.com", "t.tiktok.com", "lite.tiktok.com"),
        mirror_hosts=(
            "tiktokv.com",
            "www.tiktokv.com",
            "m.tiktokv.com",
            "vxtiktok.com",
            "www.vxtiktok.com",
            "tnktok.com",
            "www.tnktok.com",
            "a.tnktok.com",
            "d.tnktok.com",
            "tfxktok.com",
            "tiktxk.com",
        ),
        short_hosts=("vm.tiktok.com", "vt.tiktok.com"),
        share_links=paths(r"^/t/(?P<post_id>\w{5,})/?$", r"^/(?P<post_id>Z[A-Za-z0-9]{7,9})/?$"),
        posts=(
            AddressPattern(re.compile(rf"^/@{_NAME}/(?:video|photo)/{_ID}")),
            AddressPattern(re.compile(rf"^/@{_NAME}/video/(?P<post_id>\d{{15,21}})\.html$")),
            AddressPattern(re.compile(rf"^/@/(?:video|photo)/{_ID}")),
            AddressPattern(re.compile(rf"^/(?:i18n/)?share/(?:video|photo|item)/{_ID}")),
            AddressPattern(re.compile(r"^/(?:embed(?:/v\d)?|player/v1|v)/(?P<post_id>\d{15,21})(?:\.html)?(?=/|$)")),
        ),
        stories=paths(rf"^/@{_NAME}/stor(?:y|ies)(?:/|$)"),
        lives=paths(rf"^/@{_NAME}/live(?:/|$)", r"^/share/live/\d+", r"^/live(?:/|$)"),
        playlists=paths(
            rf"^/@{_NAME}/(?:playlist|collection)/",
            r"^/(?:music|sticker|effect|tag|channel|place)/[^/]+",
        ),
        profiles=paths(rf"^/@{_NAME}/?(?:$|(?:posts|likes|liked|reposts|saved|following|avatar)(?:/|$))", page=_PROFILE)
        + paths(r"^/share/user/\d+"),
        other_pages=paths(
            r"^/(?:$|(?:discover|foryou|explore|following|friends|search|login|upload|about|legal)(?:/|$))"
        ),
        canonical="https://www.tiktok.com/@_/video/{post_id}",  # any handle leads there; photo posts too
        page="https://www.tiktok.com/@{handle}/video/{post_id}",
    ),
    reader=PageReader(
        read=read,
        ids_of=ids_of,
        address_of=address_of,
        json_paths=re.compile(r"^https://www\.tiktok\.com/api/item/detail/"),
        data_css="#__UNIVERSAL_DATA_FOR_REHYDRATION__, #SIGI_STATE, #__NEXT_DATA__",
        viewer=("webapp.app-context", "user", "uniqueId"),
        always_sent=True,
    ),
    ytdlp=YtdlpRules(("tiktok", "vm.tiktok"), handle="uploader", display_name="channel"),
    lists=(
        ListRules(
            AddressPattern(re.compile(rf"^/@{_NAME}/?(?:posts/?)?$"), canonical=_PROFILE),
            ("tiktok:user",),
            newest_first=True,
            key="id",
            by_key="tiktokuser:{key}",  # yt-dlp's own form of an address, for the secret user id
        ),
    ),
    media=MediaRules(
        hosts=(
            ".tiktok.com",
            ".tiktokcdn.com",
            ".tiktokcdn-us.com",
            ".tiktokcdn-eu.com",
            ".tiktokv.com",
            ".tiktokv.us",
            ".byteoversea.com",
            ".ibytedtos.com",
            ".muscdn.com",
            ".ttwstatic.com",
        ),
        path=re.compile(r"/video/tos/|^/aweme/v1/play/"),
        key=re.compile(r"\b(v[0-9a-z]{10}[0-9a-z]{10,40})\b"),
        reject_path=re.compile(r"~tplv-|/music/|/obj/ies-music"),
        signs_urls=True,
        max_connections=2,  # an account is at risk: no more than a viewer's browser
        watermark_yes=re.compile(
            r"/(?:mps/)?logo/|/playwm/|[?&](?:logo_type|user_text|logo_name)=|[?&](?:lr=tiktok(?:_m)?|watermark=1)(?:&|$)"
            r"|[?&]lr=all&(?:(?:(?!&lr=all&)[^#])*&)?ds=3(?:&|$)"  # ds: 3 is the file for downloading, 6 the one for playing
        ),
        watermark_no=re.compile(r"^https?://[^/]+/aweme/v1/play/|[?&](?:lr=unwatermarked|ds=6)(?:&|$)"),
        referer="https://www.tiktok.com/",
        cookies=True,  # tt_chain_token
        measures=_measures,
    ),
    sign_in=SignIn(
        url="https://www.tiktok.com/login",
        session_cookies=("sessionid", "sid_tt"),
    ),
    walls=Walls(
        login_url=re.compile(r"^https://www\.tiktok\.com/login(?:[/?]|$)"),
        login_text=("Log in to TikTok to see this video",),
        age_text=("This post may not be comfortable for some audiences",),
        age_json=("isContentClassified",),
        challenge_css="[class*=captcha]",
        challenge_text=("Please wait...", "Verify to continue", "Drag the slider to fit the puzzle"),
        gone_text=("Video currently unavailable", "Couldn't find this account"),
        private_text=("This video is private", "This account is private"),
        private_json=("10216", "10222"),  # post, account
    ),
    pace=Pace(interval_s=(5, 10)),
)
