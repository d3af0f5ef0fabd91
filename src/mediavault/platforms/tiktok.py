"""What we know of tiktok.com; checked 2026-11-24 against recorded pages."""

from __future__ import annotations

import re

from mediavault.core.platform import Platform, PostPattern

TIKTOK = Platform(
    name="tiktok",
    title="TikTok",
    hosts=("tiktok.com", "www.tiktok.com", "m.tiktok.com"),
    short_hosts=("vm.tiktok.com", "vt.tiktok.com"),
    share_paths=(re.compile(r"^/t/\w{5,}/?$"),),
    post_patterns=(
        PostPattern(re.compile(r"^/@(?P<handle>[\w.-]{2,24})/(?:video|photo)/(?P<post_id>\d{15,21})(?=/|$)")),
        PostPattern(re.compile(r"^/@[\w.-]{0,24}/(?:video|photo)/(?P<post_id>\d{15,21})(?=/|$)")),
        PostPattern(re.compile(r"^/(?:i18n/)?share/(?:video|photo)/(?P<post_id>\d{15,21})(?=/|$)")),
        PostPattern(re.compile(r"^/(?:embed(?:/v2)?|player/v1|v)/(?P<post_id>\d{15,21})(?:\.html)?(?=/|$)")),
    ),
    not_a_post=(
        re.compile(r"^/@[\w.-]+/?(?:$|(?:likes|posts|live|playlist|reposts|collection)(?:/|$))"),
        re.compile(
            r"^/(?:music|sticker|tag|channel|discover|foryou|explore|following|live|search|effect|place)(?:/|$)"
        ),
        re.compile(r"^/?$"),
    ),
    canonical="https://www.tiktok.com/@_/video/{post_id}",  # any handle leads there; photo posts too
    page="https://www.tiktok.com/@{handle}/video/{post_id}",
    media_hosts=(".tiktok.com", ".tiktokcdn.com", ".tiktokcdn-us.com", ".tiktokcdn-eu.com", ".tiktokv.com"),
    media_path=re.compile(r"/video/tos/|^/aweme/v1/play/"),
    media_key=re.compile(r"\b(v[0-9a-z]{10}[0-9a-z]{10,40})\b"),
    reject_path=re.compile(r"~tplv-|/music/|/obj/ies-music"),
    page_reader="tiktok",
    page_data_css="#__UNIVERSAL_DATA_FOR_REHYDRATION__, #SIGI_STATE, #__NEXT_DATA__",
    json_paths=re.compile(r"^https://www\.tiktok\.com/api/item/detail/"),
    signs_media_urls=True,
    referer="https://www.tiktok.com/",
    watermark_yes=re.compile(r"/mps/logo/|/logo/|[?&]logo_type=|[?&]user_text=|[?&]lr=tiktok_m(?:&|$)"),
    watermark_no=re.compile(r"[?&]lr=unwatermarked(?:&|$)"),
    login_wall_url=re.compile(r"^https://www\.tiktok\.com/login(?:[/?]|$)"),
    login_wall_text=("Log in to TikTok to see this video",),
    challenge_text=("Please wait...", "Verify to continue", "Drag the slider to fit the puzzle"),
    gone_text=("Video currently unavailable", "Couldn't find this account"),
    private_text=("This video is private", "This account is private"),
    checked="2026-11-24",
)
