"""What we know of pinterest.com; checked 2026-11-24 against published extractors."""

from __future__ import annotations

import re

from mediavault.core.platform import AddressPattern, Pace, Platform, paths

_COUNTRIES = (
    "at be ca ch cl co co.at co.in co.kr co.nz co.uk com com.au com.bo com.ec com.mx com.pe com.py com.uy "
    "com.vn de dk ec engineering es fr hu id ie in info it jp kr mx nl nz pe ph pt ru se th tw uk uy vn"
)
_NOT_A_NAME = (
    "_|about|amp|business|categories|discover|explore|ext|ideas|login|news_hub|offsite|password|pin|pin-builder|pin-creation-tool|privacy|resource|search"
    "|settings|shop|shopping|signup|terms|today|topics|url_shortener|videos"
)
_NAME = rf"(?!(?:{_NOT_A_NAME})(?:/|$))(?P<handle>[^/]+)"
_TABS = r"_saved|_created|_shop|_profile|_pins|_boards|_about|_community|pins|boards|followers|following|more_ideas"

PINTEREST = Platform(
    name="pinterest",
    title="Pinterest",
    checked="2026-11-24",
    hosts=tuple(f"{prefix}pinterest.{country}" for country in _COUNTRIES.split() for prefix in ("", "www.")),
    host_suffixes=(".pinterest.com",),
    names_in_paths=True,
    short_hosts=("pin.it",),
    image_hosts=("i.pinimg.com",),
    share_links=(
        *paths(r"^/url_shortener/(?P<post_id>\w+)"),
        AddressPattern(re.compile(r"^/offsite/?$"), query={"url": re.compile(r"https?://.+")}),
    ),
    post_patterns=(
        AddressPattern(re.compile(r"^/(?:amp/)?pin/(?:[^/]+--)?(?P<post_id>\d{5,25})(?=/|$)")),
        AddressPattern(re.compile(r"^/ext/embed\.html$"), query={"id": re.compile(r"(?P<post_id>\d{5,25})")}),
    ),
    playlists=paths(rf"^/{_NAME}/(?!(?:{_TABS})(?:/|$))[^/]+(?:/[^/]+)?/?$", r"^/ideas/[^/]+/\d+"),
    profiles=paths(rf"^/{_NAME}/?$", rf"^/{_NAME}/(?:{_TABS})(?:/|$)"),
    other_pages=paths(rf"^/(?:{_NOT_A_NAME})?(?:/|$)"),
    canonical="https://www.pinterest.com/pin/{post_id}/",
    extractors=("browser", "ytdlp"),
    json_paths=re.compile(r"/resource/PinResource/get/|/_/graphql/"),
    page_reader="pinterest",
    page_data_css="#__PWS_INITIAL_PROPS__, #__PWS_DATA__, script[data-relay-response]",
    media_hosts=(".pinimg.com",),
    media_path=re.compile(r"/videos/"),
    media_key=re.compile(r"/([0-9a-f]{32})(?:_\w+)?\."),
    login_url="https://www.pinterest.com/login/",
    session_cookies=("_pinterest_sess",),
    login_wall_url=re.compile(r"^https://www\.pinterest\.[a-z.]+/login"),
    gone_json=("PinNotFound",),
    pace=Pace(interval_s=(3, 5)),
)
