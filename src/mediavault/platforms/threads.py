"""What we know of threads.com; checked 2026-11-24 against published extractors."""

from __future__ import annotations

import re

from mediavault.core.platform import Platform, PostPattern

THREADS = Platform(
    name="threads",
    title="Threads",
    hosts=("threads.com", "www.threads.com", "threads.net", "www.threads.net"),
    post_patterns=(
        PostPattern(re.compile(r"^/@(?P<handle>[\w.]{1,30})/post/(?P<post_id>[\w-]{5,40})(?=/|$)")),
        PostPattern(re.compile(r"^/t/(?P<post_id>[\w-]{5,40})(?=/|$)")),
    ),
    not_a_post=(
        re.compile(r"^/@[\w.]+/?(?:$|(?:replies|media|reposts)/?$)"),
        re.compile(r"^/(?:search|for_you|following|activity|login)?/?$"),
    ),
    canonical="https://www.threads.com/t/{post_id}",
    page="https://www.threads.com/@{handle}/post/{post_id}",
    media_hosts=(".cdninstagram.com", ".fbcdn.net"),
    media_path=re.compile(r"/(?:o1/)?v/t\d+[^?]*\.mp4"),
    media_key=re.compile(r"/([\w-]{20,})\.mp4"),
    signs_media_urls=True,
    referer="https://www.threads.com/",
    login_wall_url=re.compile(r"^https://www\.threads\.(?:com|net)/login"),
    gone_text=("Sorry, this page isn't available",),
    checked="2026-11-24",
)
