"""What we know of bilibili.com and bilibili.tv; checked 2026-11-24 against published extractors."""

from __future__ import annotations

import re

from mediavault.core.platform import (
    AccountCookie,
    AddressPattern,
    KnownFrom,
    ListRules,
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
from mediavault.platforms.bilibili.reader import ids_of, measures, read

_ID = r"(?P<post_id>[Bb][Vv][0-9A-Za-z]{10}|[Aa][Vv]\d{1,16})"
_PLAYER = r"^/(?:blackboard/)?(?:webplayer/)?(?:[\w-]*player|embed-old)\.html$"
_PART = re.compile(r"(?P<part>[2-9]|[1-9]\d{1,3})")  # the first part is the address without p
_DYNAMIC = "https://t.bilibili.com/{post_id}"
_ABROAD = r"(?:www\.|m\.)?bilibili\.tv"  # another site, with other numbers
_LANGUAGE = r"(?:/[a-zA-Z]{2})?"

BILIBILI = Platform(
    name="bilibili",
    title="Bilibili",
    checked="2026-11-24",
    known_from=(KnownFrom.RECORDED, KnownFrom.PUBLISHED),
    reads="videos and each part of one with several, episodes that are free",
    leaves_out="live broadcasts, courses and series that cost something",
    extractors=("ytdlp", "browser"),
    matching=Matching(
        brands=("bilibili",),
        hosts=(
            "bilibili.com",
            "www.bilibili.com",
            "m.bilibili.com",
            "t.bilibili.com",
            "h.bilibili.com",
            "space.bilibili.com",
            "live.bilibili.com",
            "player.bilibili.com",
            "search.bilibili.com",
            "bangumi.bilibili.com",
            "bilibili.tv",
            "www.bilibili.tv",
            "m.bilibili.tv",
        ),
        short_hosts=("b23.tv", "bili22.cn", "bili23.cn", "bili33.cn", "bili2233.cn"),
        image_hosts=("i0.hdslb.com", "i1.hdslb.com", "i2.hdslb.com"),
        posts=(
            AddressPattern(
                re.compile(rf"^/(?:s/)?video/{_ID}/?$"),
                query={"p": _PART},
                canonical="https://www.bilibili.com/video/{post_id}?p={part}",
            ),
            AddressPattern(
                re.compile(rf"^/video/{_ID}/index_(?P<part>[2-9]|[1-9]\d{{1,3}})\.html$"),  # until 2018
                canonical="https://www.bilibili.com/video/{post_id}?p={part}",
            ),
            AddressPattern(re.compile(rf"^/(?:s/|mobile/)?video/{_ID}(?:/?|/index(?:_1)?\.html|\.html)$")),
            AddressPattern(  # other tokens at b23.tv are share links
                re.compile(rf"^/{_ID}/?$"), host=re.compile(r"b23\.tv|(?:(?:www|m)\.)?bilibili\.com")
            ),
            AddressPattern(
                re.compile(r"^/(?:festival|list)/[\w-]+/?$"), query={"bvid": re.compile(r"(?P<post_id>BV\w{10})")}
            ),
            AddressPattern(
                re.compile(_PLAYER),
                query={"bvid": re.compile(r"(?P<post_id>BV\w{10})")},
            ),
            AddressPattern(
                re.compile(_PLAYER),
                query={"aid": re.compile(r"(?P<post_id>\d{1,16})")},
                canonical="https://www.bilibili.com/video/av{post_id}",
            ),
            AddressPattern(
                re.compile(r"^/bangumi/play/ep(?P<post_id>\d{1,10})/?$"),
                canonical="https://www.bilibili.com/bangumi/play/ep{post_id}",
            ),
            AddressPattern(
                re.compile(r"^/anime/\d+/play/?$"),
                host=re.compile(r"bangumi\.bilibili\.com"),
                fragment=re.compile(r"(?P<post_id>\d{1,10})"),
                canonical="https://www.bilibili.com/bangumi/play/ep{post_id}",
            ),
            AddressPattern(
                re.compile(r"^/cheese/play/ep(?P<post_id>\d{1,10})/?$"),
                canonical="https://www.bilibili.com/cheese/play/ep{post_id}",
            ),
            AddressPattern(
                re.compile(r"^/(?P<post_id>\d{15,20})/?$"), host=re.compile(r"[th]\.bilibili\.com"), canonical=_DYNAMIC
            ),
            AddressPattern(re.compile(r"^/(?:opus|dynamic)/(?P<post_id>\d{15,20})/?$"), canonical=_DYNAMIC),
            AddressPattern(
                re.compile(rf"^{_LANGUAGE}/video/(?P<post_id>\d{{4,16}})/?$"),
                host=re.compile(_ABROAD),
                canonical="https://www.bilibili.tv/en/video/{post_id}",
            ),
            AddressPattern(
                re.compile(rf"^{_LANGUAGE}/play/(?P<season>\d+)/(?P<post_id>\d{{4,16}})/?$"),
                host=re.compile(_ABROAD),
                canonical="https://www.bilibili.tv/en/play/{season}/{post_id}",
            ),
        ),
        lives=paths(r"^/(?:blanc/|h5/)?(?P<post_id>\d+)/?$", host=r"live\.bilibili\.com"),
        playlists=(
            *paths(
                r"^/\d+/(?:video|lists|favlist|channel|upload|article|dynamic)(?:/|$)", host=r"space\.bilibili\.com"
            ),
            *paths(
                r"^/(?:bangumi/(?:media|play/ss)|cheese/play/ss|medialist|list|watchlater|audio/am|v/|anime|festival)",
                host=r"(?:www\.|m\.)?bilibili\.com",
            ),
            *paths(r"^/anime/\d+(?:/|$)", host=r"bangumi\.bilibili\.com"),
            *paths(rf"^{_LANGUAGE}/(?:play|media)/\d+/?$", host=_ABROAD),
        ),
        profiles=(
            *paths(r"^/(?P<handle>\d+)(?:/|$)", host=r"space\.bilibili\.com"),
            *paths(r"^/space/(?P<handle>\d+)(?:/|$)", host=r"m\.bilibili\.com"),
            *paths(rf"^{_LANGUAGE}/space/(?P<handle>\d+)(?:/|$)", host=_ABROAD),
        ),
        other_pages=paths(
            r"^/(?:$|(?:bangumi|read|search|audio|cheese|blackboard|account|all|video|en|th|vi|id)(?:/|$))"
        ),
        canonical="https://www.bilibili.com/video/{post_id}",
    ),
    reader=PageReader(
        read=read,
        ids_of=ids_of,
        files_apart=True,
        json_paths=re.compile(r"^https://api\.bilibili\.com/(?:x/player/|x/web-interface/|pgc/player/)"),
        always_sent=True,
    ),
    ytdlp=YtdlpRules(("bilibili", "bilibilibangumi", "bilibilidynamic", "biliintl"), owns_list=True, handle=""),
    lists=(
        ListRules(
            AddressPattern(
                re.compile(r"^/(?:space/)?(?P<space>\d+)/?(?:$|(?:upload/)?video/?$)"),
                host=re.compile(r"(?:space|m)\.bilibili\.com"),
                canonical="https://space.bilibili.com/{space}/video",
            ),
            ("bilibilispacevideo", "bilibilicollectionlist"),  # some show only the collection of an account's videos
            newest_first=True,
            key="id",
        ),
        ListRules(
            AddressPattern(
                re.compile(r"^/(?P<space>\d+)/lists/(?P<list>\d+)/?$"),
                query={"type": re.compile(r"(?P<type>season|series)")},
                host=re.compile(r"space\.bilibili\.com"),
                canonical="https://space.bilibili.com/{space}/lists/{list}?type={type}",
            ),
            ("bilibilicollectionlist", "bilibiliserieslist"),
            key="id",
        ),
    ),
    media=MediaRules(
        hosts=(".bilivideo.com", ".bilivideo.cn", ".acgvideo.com", ".akamaized.net", ".hdslb.com"),
        own_hosts=re.compile(r".+\.(?:bilivideo\.(?:com|cn)|acgvideo\.com|hdslb\.com)|upos-[\w-]+\.akamaized\.net"),
        path=re.compile(r"/upgcxcode/"),
        key=re.compile(r"/upgcxcode/\d+/\d+/(\d+)/"),
        signs_urls=True,
        referer="https://www.bilibili.com/",  # 403 without it
        measures=measures,
    ),
    sign_in=SignIn(
        url="https://passport.bilibili.com/login",
        session_cookies=("SESSDATA",),
        account_cookie=AccountCookie("DedeUserID", re.compile(r"^(\d+)$")),
    ),
    walls=Walls(
        login_url=re.compile(r"^https://passport\.bilibili\.com/"),
        login_json=("-101",),
        challenge_json=("-352", "-412"),  # its risk control
        gone_text=("视频去哪了呢", "啊叻？视频不见了？"),
        gone_json=("-404", "62002"),
    ),
    pace=Pace(interval_s=(3, 6)),
)
