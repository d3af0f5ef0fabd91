"""What we know of pinterest.com; checked 2026-11-24 against published extractors."""

from __future__ import annotations

import re
from urllib.parse import SplitResult

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
from mediavault.platforms.pinterest.reader import ids_of, read

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

_WIDTH = re.compile(r"_(\d{3,4})w\.(?:mp4|m3u8|cmfv)$")


def _stated_size(parts: SplitResult) -> tuple[int | None, int | None]:
    match = _WIDTH.search(parts.path)
    return int(match[1]) if match else None, None


PINTEREST = Platform(
    name="pinterest",
    title="Pinterest",
    checked="2026-11-24",
    known_from=(KnownFrom.RECORDED, KnownFrom.PUBLISHED),
    reads="video pins, idea pins with several videos, pictures",
    leaves_out="boards and searches",
    extractors=("page", "browser", "ytdlp"),
    matching=Matching(
        brands=("pinterest",),
        hosts=tuple(f"{prefix}pinterest.{country}" for country in _COUNTRIES.split() for prefix in ("", "www.")),
        host_suffixes=(".pinterest.com",),
        names_in_paths=True,
        short_hosts=("pin.it",),
        image_hosts=("i.pinimg.com",),
        share_links=(
            *paths(r"^/url_shortener/(?P<post_id>\w+)"),
            AddressPattern(re.compile(r"^/offsite/?$"), query={"url": re.compile(r"https?://.+")}),
        ),
        posts=(
            AddressPattern(re.compile(r"^/(?:amp/)?pin/(?:[^/]+--)?(?P<post_id>\d{5,25})(?=/|$)")),
            AddressPattern(re.compile(r"^/ext/embed\.html$"), query={"id": re.compile(r"(?P<post_id>\d{5,25})")}),
        ),
        playlists=paths(rf"^/{_NAME}/(?!(?:{_TABS})(?:/|$))[^/]+(?:/[^/]+)?/?$", r"^/ideas/[^/]+/\d+"),
        profiles=paths(rf"^/{_NAME}/?$", rf"^/{_NAME}/(?:{_TABS})(?:/|$)"),
        other_pages=paths(rf"^/(?:{_NOT_A_NAME})?(?:/|$)"),
        canonical="https://www.pinterest.com/pin/{post_id}/",
    ),
    reader=PageReader(
        read=read,
        account_path=re.compile(r"/([\w-]{2,50})/?$"),
        ids_of=ids_of,
        json_paths=re.compile(r"/resource/PinResource/get/|/_/graphql/"),
        data_css="#__PWS_INITIAL_PROPS__, #__PWS_DATA__, script[data-relay-response]",
        always_sent=True,
    ),
    ytdlp=YtdlpRules(("pinterest",), handle=""),
    media=MediaRules(
        hosts=(".pinimg.com",),
        path=re.compile(r"/videos/"),
        key=re.compile(r"/([0-9a-f]{32})(?:_\w+)?\."),
        stated_size=_stated_size,
    ),
    sign_in=SignIn(
        url="https://www.pinterest.com/login/",
        session_cookies=("_pinterest_sess",),
    ),
    walls=Walls(
        login_url=re.compile(r"^https://www\.pinterest\.[a-z.]+/login"),
        gone_json=("PinNotFound",),
    ),
    pace=Pace(interval_s=(3, 5)),
)
