"""What we know of bsky.app; checked 2026-11-24 against recorded pages."""

from __future__ import annotations

import re

from mediavault.core.platform import Platform, PostPattern

BLUESKY = Platform(
    name="bluesky",
    title="Bluesky",
    hosts=("bsky.app", "www.bsky.app", "main.bsky.dev", "staging.bsky.app"),
    mirror_hosts=("fxbsky.app", "vxbsky.app"),
    post_patterns=(
        PostPattern(
            re.compile(r"^/profile/(?P<handle>did:(?:plc|web):[\w.:%-]+)/post/(?P<post_id>[a-z0-9]{6,20})(?=/|$)")
        ),
        PostPattern(re.compile(r"^/profile/(?P<handle>[\w-]+(?:\.[\w-]+)+)/post/(?P<post_id>[a-z0-9]{6,20})(?=/|$)")),
    ),
    not_a_post=(
        re.compile(r"^/profile/[\w.:%-]+/?(?:$|(?!post/))"),
        re.compile(r"^/(?:hashtag|search|feeds|lists|starter-pack|notifications|settings)?(?:/|$)"),
    ),
    canonical="https://bsky.app/profile/{handle}/post/{post_id}",
    media_hosts=("video.bsky.app", "video.cdn.bsky.app"),
    media_path=re.compile(r"/watch/[^/]+/[^/]+/|/xrpc/com\.atproto\.sync\.getBlob"),
    media_key=re.compile(r"/watch/[^/]+/(baf\w+)/"),
    reject_path=re.compile(r"/thumbnail\.jpg"),
    gone_text=("Post not found", "This post has been deleted"),
    login_wall_text=("This author has chosen to make their posts visible only to people who are signed in",),
    checked="2026-11-24",
)
