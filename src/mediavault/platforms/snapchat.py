"""What we know of snapchat.com; checked 2026-11-24 against published extractors."""

from __future__ import annotations

import re

from mediavault.core.platform import Platform, PostPattern

SNAPCHAT = Platform(
    name="snapchat",
    title="Snapchat",
    hosts=("snapchat.com", "www.snapchat.com", "story.snapchat.com"),
    short_hosts=("t.snapchat.com",),
    post_patterns=(
        PostPattern(re.compile(r"^/@(?P<handle>[\w.-]{1,32})/spotlight/(?P<post_id>[\w-]{10,255})(?=/|$)")),
        PostPattern(re.compile(r"^/spotlight/(?P<post_id>[\w-]{10,255})(?=/|$)")),
        PostPattern(
            re.compile(r"^/(?:add|u|p)/(?P<handle>[\w.-]{1,36})/(?P<post_id>[\w-]{10,255})(?=/|$)"),
            canonical="https://www.snapchat.com/add/{handle}/{post_id}",
        ),
    ),
    not_a_post=(
        re.compile(r"^/(?:add|u|@)/?[\w.-]+/?$"),
        re.compile(r"^/(?:spotlight|explore|discover|lens|topic)?/?$"),
    ),
    canonical="https://www.snapchat.com/spotlight/{post_id}",
    media_hosts=(".sc-cdn.net",),
    signs_media_urls=True,
    checked="2026-11-24",
)
