"""What we know of weibo.com; checked 2026-11-24 against published extractors."""

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
from mediavault.platforms.weibo.reader import ids_of, read

_VIDEO = "https://weibo.com/tv/show/{post_id}"
_VIDEO_ID = r"(?P<post_id>\d+:\w+)"
_NOT_A_NAME = (
    "a|ajax|at|comment|commonts|detail|fav|hot|l|login\\.php|message|mygroups|n|newlogin|p|profile|search|set|show|signup|status"
    "|tv|ttarticle|u"
)
_NAME = rf"(?!(?:{_NOT_A_NAME})(?:/|$))(?P<handle>[^/]+)"

WEIBO = Platform(
    name="weibo",
    title="Weibo",
    checked="2026-11-24",
    known_from=(KnownFrom.RECORDED, KnownFrom.PUBLISHED),
    reads="posts with videos, reposts, the video site's own pages",
    leaves_out="live broadcasts, long articles",
    extractors=("api", "browser", "ytdlp"),
    api_url="https://weibo.com/ajax/statuses/show?id={post_id}",
    matching=Matching(
        brands=("weibo",),
        hosts=(
            "weibo.com",
            "www.weibo.com",
            "m.weibo.com",
            "weibo.cn",
            "m.weibo.cn",
            "video.weibo.com",
            "h5.video.weibo.com",
            "video.h5.weibo.cn",
            "share.api.weibo.cn",
            "weibointl.api.weibo.com",  # of its application abroad
        ),
        share_links=(AddressPattern(re.compile(r"^/share/"), query={"weibo_id": re.compile("")}),),
        posts=(
            AddressPattern(re.compile(r"^/(?:0|(?P<handle>\d{5,12}))/(?P<post_id>[A-Za-z0-9]{8,20})/?$")),
            AddressPattern(re.compile(rf"^/{_NAME}/(?P<post_id>(?=\w*[A-Z])(?=\w*[a-z])[A-Za-z0-9]{{9}})/?$")),
            AddressPattern(
                re.compile(r"^/share/[\d,]+\.html$"), query={"weibo_id": re.compile(r"(?P<post_id>[A-Za-z0-9]{8,20})")}
            ),
            AddressPattern(re.compile(r"^/(?:status|detail|comment)/(?P<post_id>[A-Za-z0-9]{8,20})/?$")),
            AddressPattern(re.compile(rf"^/(?:tv/(?:show|v)|show)/{_VIDEO_ID}/?$"), canonical=_VIDEO),
            AddressPattern(
                re.compile(rf"^/{_VIDEO_ID}(?:/|$)"), host=re.compile(r"video\.h5\.weibo\.cn"), canonical=_VIDEO
            ),
            AddressPattern(
                re.compile(r"^/(?:show|tv/v/\w+|s/video/show|s/video/index)/?$"),
                query={"fid": re.compile(_VIDEO_ID)},
                canonical=_VIDEO,
            ),
            AddressPattern(
                re.compile(r"^/s/video/(?:show|index)/?$"), query={"object_id": re.compile(_VIDEO_ID)}, canonical=_VIDEO
            ),
        ),
        lives=paths(r"^/l/wblive/"),
        playlists=paths(r"^/(?:tv/(?:channel|list)|a/hot|hot)/[^/]+"),
        profiles=paths(r"^/(?:u|n|p|profile)/(?P<handle>[^/]+)(?:/|$)", rf"^/{_NAME}/?(?:$|(?:home|profile)/?$)"),
        other_pages=paths(rf"^/(?:{_NOT_A_NAME})?(?:/|$)"),
        canonical="https://m.weibo.cn/detail/{post_id}",
        page="https://weibo.com/{handle}/{post_id}",
    ),
    reader=PageReader(
        read=read,
        ids_of=ids_of,
        json_paths=re.compile(r"/ajax/statuses/show\b|/statuses/(?:show|extend)\b|/tv/api/component\b"),
        always_sent=True,
    ),
    ytdlp=YtdlpRules(("weibo", "weibovideo"), owns_list=True, handle=""),
    media=MediaRules(
        hosts=(".weibocdn.com", ".sinaimg.cn", ".sina.com.cn"),
        signs_urls=True,
        referer="https://weibo.com/",
    ),
    sign_in=SignIn(
        url="https://passport.weibo.com/sso/signin",
        session_cookies=("SUB", "SUBP"),
    ),
    walls=Walls(
        login_url=re.compile(r"^https://passport\.weibo\.c(?:om|n)/"),
        gone_text=("抱歉，此微博已被作者删除",),
        private_text=("由于作者隐私设置，你没有权限查看此微博",),
    ),
    pace=Pace(interval_s=(2, 4)),
)
