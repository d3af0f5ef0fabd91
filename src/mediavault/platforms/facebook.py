"""What we know of facebook.com; checked 2026-11-24 against recorded pages."""

from __future__ import annotations

import re

from mediavault.core.platform import Platform, PostPattern

_VIDEO = "https://www.facebook.com/watch/?v={post_id}"  # videos, reels and watch pages share one number space
_NUMBER = re.compile(r"(?P<post_id>\d{6,25})")
_ANY_ID = re.compile(r"(?P<post_id>pfbid\w+|\d{6,25})")

FACEBOOK = Platform(
    name="facebook",
    title="Facebook",
    hosts=(
        "facebook.com",
        "www.facebook.com",
        "web.facebook.com",
        "m.facebook.com",
        "mbasic.facebook.com",
        "fb.com",
        "www.fb.com",
        "www.facebookwkhpilnemxj7asaniu7vnjjbiltxjqhye3mhbshg7kx5tfyd.onion",
    ),
    short_hosts=("fb.watch",),
    share_paths=(re.compile(r"^/share/(?:[rvp]/)?\w{5,}/?$"),),
    post_patterns=(
        PostPattern(re.compile(r"^/reel/(?P<post_id>\d{6,25})(?=/|$)"), page="https://www.facebook.com/reel/{post_id}"),
        PostPattern(
            re.compile(r"^/(?!watch/|reel/)(?P<handle>[\w.-]{1,80})/videos/(?:[^/]+/)?(?P<post_id>\d{6,25})(?=/|$)"),
            page="https://www.facebook.com/{handle}/videos/{post_id}",
        ),
        PostPattern(re.compile(r"^/(?:watch(?:/live)?|video(?:/embed)?|video\.php)/?$"), query={"v": _NUMBER}),
        PostPattern(
            re.compile(r"^/(?P<handle>[\w.-]{1,80})/posts/(?:[^/]+/)?(?P<post_id>pfbid\w+|\d{6,25})(?=/|$)"),
            canonical="https://www.facebook.com/{handle}/posts/{post_id}",
        ),
        PostPattern(
            re.compile(r"^/groups/(?P<handle>[\w.-]{1,80})/(?:permalink|posts)/(?P<post_id>\d{6,25})(?=/|$)"),
            canonical="https://www.facebook.com/groups/{handle}/posts/{post_id}",
        ),
        PostPattern(
            re.compile(r"^/(?:permalink|story)\.php$"),
            query={"story_fbid": _ANY_ID, "id": re.compile(r"(?P<handle>\d{3,25})")},
            canonical="https://www.facebook.com/permalink.php?story_fbid={post_id}&id={handle}",
        ),
    ),
    not_a_post=(
        re.compile(r"^/(?:people|pages|profile\.php|groups|gaming|marketplace|hashtag|events|photo)(?:/|$)"),
        re.compile(r"^/(?!watch|reel|video|share|ads|login)[\w.-]{1,80}/?$"),
        re.compile(r"^/[\w.-]{1,80}/(?:photos|photos_albums|avatar|videos|about|reels|live)(?:/|$)"),
        re.compile(r"^/(?:watch|reel)?/?$"),
    ),
    canonical=_VIDEO,
    media_hosts=(".fbcdn.net",),
    media_path=re.compile(r"/(?:o1/)?v/t\d+[^?]*\.mp4"),
    media_key=re.compile(r"/([\w-]{15,})\.mp4"),
    signs_media_urls=True,
    login_wall_url=re.compile(r"^https://(?:www|m|web|mbasic)\.facebook\.com/login"),
    login_wall_text=("You must log in to continue", "You must log in first"),
    challenge_text=("You’re Temporarily Blocked", "You're Temporarily Blocked"),
    gone_text=("This content isn't available", "This video isn't available anymore"),
    checked="2026-11-24",
)
