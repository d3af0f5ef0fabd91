"""What we know of weibo.com; checked 2026-11-24 against published extractors."""

from __future__ import annotations

import re

from mediavault.core.platform import Platform, PostPattern

_VIDEO = "https://weibo.com/tv/show/{post_id}"

WEIBO = Platform(
    name="weibo",
    title="Weibo",
    hosts=("weibo.com", "www.weibo.com", "m.weibo.com", "weibo.cn", "m.weibo.cn", "video.weibo.com"),
    post_patterns=(
        PostPattern(re.compile(r"^/(?P<handle>\d{5,12})/(?P<post_id>[A-Za-z0-9]{8,20})/?$")),
        PostPattern(re.compile(r"^/(?:status|detail)/(?P<post_id>[A-Za-z0-9]{8,20})/?$")),
        PostPattern(re.compile(r"^/tv/(?:show|v)/(?P<post_id>\d+:\w+)/?$"), canonical=_VIDEO),
        PostPattern(
            re.compile(r"^/show/?$"),
            query={"fid": re.compile(r"(?P<post_id>\d+:\w+)")},
            host=re.compile(r"video\.weibo\.com"),
            canonical=_VIDEO,
        ),
    ),
    not_a_post=(
        re.compile(r"^/(?:u|n|p|profile|hot|search|mygroups|tv)(?:/|$)"),
        re.compile(r"^/[\w-]+/?$"),
        re.compile(r"^/?$"),
    ),
    canonical="https://m.weibo.cn/detail/{post_id}",
    page="https://weibo.com/{handle}/{post_id}",
    media_hosts=(".weibocdn.com", ".sinaimg.cn", ".sina.com.cn"),
    signs_media_urls=True,
    referer="https://weibo.com/",
    login_wall_url=re.compile(r"^https://passport\.weibo\.c(?:om|n)/"),
    checked="2026-11-24",
)
