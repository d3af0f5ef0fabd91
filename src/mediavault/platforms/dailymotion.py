"""What we know of dailymotion.com; checked 2026-11-24 against published extractors."""

from __future__ import annotations

import re

from mediavault.core.platform import Platform, PostPattern

DAILYMOTION = Platform(
    name="dailymotion",
    title="Dailymotion",
    hosts=(
        "dailymotion.com",
        "www.dailymotion.com",
        "touch.dailymotion.com",
        "geo.dailymotion.com",
        "dai.ly",
        "www.dai.ly",
    ),
    post_patterns=(
        PostPattern(re.compile(r"^/(?:embed/|swf/)?video/(?P<post_id>[a-z]?[A-Za-z0-9]{5,20})(?=[_/]|$)")),
        PostPattern(re.compile(r"^/(?P<post_id>x[a-z0-9]{5,12})/?$"), host=re.compile(r"(?:www\.)?dai\.ly")),
    ),
    not_a_post=(
        re.compile(r"^/(?:playlist|user|search|topic|channel)(?:/|$)"),
        re.compile(r"^/[\w-]*/?$"),
    ),
    canonical="https://www.dailymotion.com/video/{post_id}",
    media_hosts=(".dmcdn.net", ".dailymotion.com"),
    media_path=re.compile(r"/manifest/video/"),
    media_key=re.compile(r"/manifest/video/([a-z0-9]+)"),
    signs_media_urls=True,
    gone_text=("This video has been removed", "Content deleted"),
    checked="2026-11-24",
)
