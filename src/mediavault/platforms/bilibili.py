"""What we know of bilibili.com; checked 2026-11-24 against published extractors."""

from __future__ import annotations

import re

from mediavault.core.platform import Platform, PostPattern

_ID = r"(?P<post_id>BV[0-9A-Za-z]{10}|av\d{1,12})"
_PART = re.compile(r"(?P<part>[2-9]|[1-9]\d{1,3})")  # the first part is the address without p

BILIBILI = Platform(
    name="bilibili",
    title="Bilibili",
    hosts=("bilibili.com", "www.bilibili.com", "m.bilibili.com", "t.bilibili.com", "space.bilibili.com"),
    short_hosts=("b23.tv",),
    post_patterns=(
        PostPattern(
            re.compile(rf"^/(?:s/)?video/{_ID}/?$"),
            query={"p": _PART},
            canonical="https://www.bilibili.com/video/{post_id}?p={part}",
        ),
        PostPattern(re.compile(rf"^/(?:s/)?video/{_ID}/?$")),
        PostPattern(
            re.compile(r"^/bangumi/play/(?P<post_id>ep\d{1,10})/?$"),
            canonical="https://www.bilibili.com/bangumi/play/{post_id}",
        ),
        PostPattern(
            re.compile(r"^/(?P<post_id>\d{15,20})/?$"),
            host=re.compile(r"t\.bilibili\.com"),
            canonical="https://t.bilibili.com/{post_id}",
        ),
        PostPattern(re.compile(r"^/opus/(?P<post_id>\d{15,20})/?$"), canonical="https://t.bilibili.com/{post_id}"),
    ),
    not_a_post=(
        re.compile(r"^/(?:bangumi/(?:media|play/ss)|medialist|list|v/|anime|search|read|festival)"),
        re.compile(r"^/\d{1,14}(?:/|$)"),
        re.compile(r"^/?$"),
    ),
    canonical="https://www.bilibili.com/video/{post_id}",
    media_hosts=(".bilivideo.com", ".bilivideo.cn", ".akamaized.net"),
    media_path=re.compile(r"/upgcxcode/"),
    media_key=re.compile(r"/upgcxcode/\d+/\d+/(\d+)/"),
    signs_media_urls=True,
    referer="https://www.bilibili.com/",
    login_wall_url=re.compile(r"^https://passport\.bilibili\.com/"),
    gone_text=("视频去哪了呢", "啊叻？视频不见了？"),
    checked="2026-11-24",
)
