"""What we know of Mastodon servers; checked 2026-11-24 against its documentation.

There are thousands of hosts. A few large ones are named here; posts on all others are read as generic pages, whose
metadata (og:video) names the file just as well.
"""

from __future__ import annotations

import re

from mediavault.core.platform import Platform, PostPattern

_HOSTS = (
    "mastodon.social",
    "mastodon.online",
    "mastodon.world",
    "mstdn.social",
    "mas.to",
    "fosstodon.org",
    "hachyderm.io",
    "infosec.exchange",
    "techhub.social",
    "mastodon.art",
    "chaos.social",
    "troet.cafe",
    "pawoo.net",
    "mstdn.jp",
)

MASTODON = Platform(
    name="mastodon",
    title="Mastodon",
    hosts=_HOSTS,
    post_patterns=tuple(
        PostPattern(
            re.compile(pattern),
            host=re.compile(re.escape(host)),
            canonical=f"https://{host}/@{{handle}}/{{post_id}}",
        )
        for host in _HOSTS
        for pattern in (
            r"^/(?:web/|deck/)?@(?P<handle>[\w.]+(?:@[\w.-]+)?)/(?P<post_id>\d{6,20})(?=/|$)",
            r"^/users/(?P<handle>[\w.]+)/statuses/(?P<post_id>\d{6,20})(?=/|$)",
        )
    ),
    not_a_post=(re.compile(r"^/(?:@|users/|explore|public|tags|about|search|directory|web|deck|$)"),),
    reject_path=re.compile(r"/small/|/cache/preview_cards/"),
    gone_text=("The page you are looking for isn't here",),
    checked="2026-11-24",
)
