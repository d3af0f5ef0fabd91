"""What we know of tumblr.com; checked 2026-11-24 against published extractors."""

from __future__ import annotations

import re

from mediavault.core.platform import Platform, PostPattern

_WWW = re.compile(r"(?:www\.)?tumblr\.com")
_BLOG = re.compile(r"(?!www\.)(?P<handle>[\w-]{1,32})\.tumblr\.com")
_ID = r"(?P<post_id>\d{6,20})(?=/|$)"

TUMBLR = Platform(
    name="tumblr",
    title="Tumblr",
    hosts=("tumblr.com",),
    host_suffixes=(".tumblr.com",),
    short_hosts=("tmblr.co",),
    post_patterns=(
        PostPattern(re.compile(rf"^/(?:post|video|image)/{_ID}"), host=_BLOG),
        PostPattern(re.compile(rf"^/blog/(?:view/)?(?P<handle>[\w-]{{1,32}})/{_ID}"), host=_WWW),
        PostPattern(
            re.compile(rf"^/(?!post|video|image|blog|search|tagged)(?P<handle>[\w-]{{1,32}})/{_ID}"), host=_WWW
        ),
    ),
    not_a_post=(
        re.compile(r"^/(?:blog|search|tagged|explore|dashboard|likes|archive)(?:/|$)"),
        re.compile(r"^/[\w-]*/?$"),
    ),
    canonical="https://www.tumblr.com/{handle}/{post_id}",
    media_hosts=("va.media.tumblr.com", ".media.tumblr.com", "vtt.tumblr.com"),
    media_path=re.compile(r"/tumblr_\w+(?:_\d+)?\.mp4"),
    media_key=re.compile(r"/(tumblr_[A-Za-z0-9]+)"),
    login_wall_url=re.compile(r"^https://www\.tumblr\.com/(?:login|safe-mode)"),
    gone_text=("There's nothing here.",),
    checked="2026-11-24",
)
