"""What we know of youtube.com; checked 2026-11-24 against recorded pages."""

from __future__ import annotations

import re

from mediavault.core.platform import Platform, PostPattern

_ID = r"(?!videoseries|live_stream)(?P<post_id>[\w-]{11})(?![\w-])"

YOUTUBE = Platform(
    name="youtube",
    title="YouTube",
    hosts=(
        "youtube.com",
        "www.youtube.com",
        "m.youtube.com",
        "music.youtube.com",
        "youtu.be",
        "www.youtu.be",
        "youtube-nocookie.com",
        "www.youtube-nocookie.com",
        "youtubekids.com",
        "www.youtubekids.com",
    ),
    post_patterns=(
        PostPattern(re.compile(r"^/(?:watch|watch_popup)/?$"), query={"v": re.compile(r"(?P<post_id>[\w-]{11})")}),
        PostPattern(re.compile(rf"^/(?:shorts|live|embed|v|e|watch)/{_ID}")),
        PostPattern(
            re.compile(r"^/clip/(?P<post_id>Ug[\w-]{20,40})/?$"), canonical="https://www.youtube.com/clip/{post_id}"
        ),
        PostPattern(re.compile(rf"^/{_ID}/?$"), host=re.compile(r"(?:www\.)?youtu\.be")),
    ),
    not_a_post=(
        re.compile(r"^/(?:@|c/|channel/|user/|playlist|feed|results|source/|hashtag/|news|gaming|premium)"),
        re.compile(r"^/embed/(?:videoseries|live_stream)"),
        re.compile(r"^/[\w-]+/(?:videos|streams|shorts|playlists|live|about|posts|community)/?$"),
        re.compile(r"^/?$"),
    ),
    canonical="https://www.youtube.com/watch?v={post_id}",
    media_hosts=(".googlevideo.com",),
    media_path=re.compile(r"/videoplayback|/api/manifest/"),
    media_key=re.compile(r"[?&/]id[=/]([\w-]{11,})"),
    signs_media_urls=True,
    login_wall_url=re.compile(r"^https://accounts\.google\.com/"),
    login_wall_text=("Sign in to confirm your age", "Join this channel to get access"),
    challenge_text=("Sign in to confirm you’re not a bot", "Sign in to confirm you're not a bot"),
    gone_text=("This video isn't available anymore", "Video unavailable", "This video has been removed"),
    private_text=("This is a private video", "Private video"),
    checked="2026-11-24",
)
