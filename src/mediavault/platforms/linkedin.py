"""What we know of linkedin.com; checked 2026-11-24 against published extractors."""

from __future__ import annotations

import re

from mediavault.core.platform import Platform, PostPattern

LINKEDIN = Platform(
    name="linkedin",
    title="LinkedIn",
    hosts=("linkedin.com",),
    host_suffixes=(".linkedin.com",),
    post_patterns=(
        PostPattern(
            re.compile(
                r"^/posts/(?P<handle>[^/_]{1,100})?[^/]*?-(?P<type>activity|ugcPost|share)-(?P<post_id>\d{15,20})(?=[-/]|$)"
            )
        ),
        PostPattern(re.compile(r"^/feed/update/urn:li:(?P<type>activity|ugcPost|share):(?P<post_id>\d{15,20})(?=/|$)")),
        PostPattern(
            re.compile(r"^/embed/feed/update/urn:li:(?P<type>activity|ugcPost|share):(?P<post_id>\d{15,20})(?=/|$)")
        ),
    ),
    not_a_post=(
        re.compile(r"^/(?:in|company|school|showcase|groups|events|jobs|learning|newsletters)(?:/|$)"),
        re.compile(r"^/(?:feed)?/?$"),
    ),
    canonical="https://www.linkedin.com/feed/update/urn:li:{type}:{post_id}",  # the type belongs to the id
    media_hosts=(".licdn.com",),
    media_path=re.compile(r"/playlist/vid/"),
    media_key=re.compile(r"/playlist/vid/(?:v2/)?([\w-]+)/"),
    signs_media_urls=True,
    login_wall_url=re.compile(r"^https://(?:\w+\.)?linkedin\.com/(?:authwall|login|uas/login|checkpoint)"),
    login_wall_text=("Sign in to view more content",),
    gone_text=("This post cannot be displayed",),
    checked="2026-11-24",
)
