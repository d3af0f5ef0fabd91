"""What we know of instagram.com; checked 2026-11-24 against recorded pages."""

from __future__ import annotations

import re

from mediavault.core.platform import Platform, PostPattern

_ID = r"(?P<post_id>[\w-]{5,40})(?=/|$)"  # longer than 28 characters: a private post

INSTAGRAM = Platform(
    name="instagram",
    title="Instagram",
    hosts=("instagram.com", "www.instagram.com", "m.instagram.com"),
    share_paths=(re.compile(r"^/share/(?:p/|reel/)?[\w-]{5,}/?$"), re.compile(r"^/s/[\w=-]{8,}/?$")),
    post_patterns=(
        PostPattern(
            re.compile(rf"^/(?!share/|stories/|explore/)(?:(?P<handle>[\w.]{{1,30}})/)?reels?/{_ID}"),
            page="https://www.instagram.com/reel/{post_id}/",
        ),
        PostPattern(re.compile(rf"^/(?!share/|stories/|explore/)(?:(?P<handle>[\w.]{{1,30}})/)?(?:p|tv)/{_ID}")),
        PostPattern(
            re.compile(r"^/stories/highlights/(?P<post_id>\d{5,25})(?=/|$)"),
            canonical="https://www.instagram.com/stories/highlights/{post_id}/",
        ),
        PostPattern(
            re.compile(r"^/stories/(?P<handle>[\w.]{1,30})/(?P<post_id>\d{5,25})(?=/|$)"),
            canonical="https://www.instagram.com/stories/{handle}/{post_id}/",
        ),
    ),
    not_a_post=(
        re.compile(r"^/(?:explore|accounts|direct|reels)(?:/|$)"),
        re.compile(r"^/stories/[\w.]+/?$"),
        re.compile(r"^/[\w.]{1,30}/?(?:$|(?:tagged|reels|channel|saved)/?$)"),
        re.compile(r"^/?$"),
    ),
    canonical="https://www.instagram.com/p/{post_id}/",
    page="https://www.instagram.com/p/{post_id}/",
    media_hosts=(".cdninstagram.com", ".fbcdn.net"),
    media_path=re.compile(r"/(?:o1/)?v/t\d+[^?]*\.mp4"),
    media_key=re.compile(r"/([\w-]{20,})\.mp4"),
    signs_media_urls=True,
    referer="https://www.instagram.com/",
    login_wall_url=re.compile(r"^https://www\.instagram\.com/accounts/login"),
    challenge_text=("suspicious activity", "automated behavior"),
    gone_text=("Sorry, this page isn't available", "Post isn't available"),
    private_text=("This account is private", "This profile is private"),
    checked="2026-11-24",
)
