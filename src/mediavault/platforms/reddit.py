"""What we know of reddit.com; checked 2026-11-24 against recorded answers."""

from __future__ import annotations

import re

from mediavault.core.platform import Platform, PostPattern

REDDIT = Platform(
    name="reddit",
    title="Reddit",
    hosts=("reddit.com", "redd.it", "www.redd.it"),
    host_suffixes=(".reddit.com",),
    short_hosts=("v.redd.it",),
    share_paths=(re.compile(r"^/(?:r|u|user)/[\w.-]+/s/\w{5,}/?$"),),
    post_patterns=(
        PostPattern(re.compile(r"^(?:/(?:r|user|u)/[\w.-]+)?/comments/(?P<post_id>[a-z0-9]{1,13})(?=/|$)")),
        PostPattern(re.compile(r"^/gallery/(?P<post_id>[a-z0-9]{1,13})(?=/|$)")),
        PostPattern(
            re.compile(r"^/video/(?P<post_id>[a-z0-9]{8,16})(?=/|$)"),
            canonical="https://www.reddit.com/video/{post_id}",
        ),
        PostPattern(re.compile(r"^/(?P<post_id>[a-z0-9]{5,10})/?$"), host=re.compile(r"(?:www\.)?redd\.it")),
    ),
    not_a_post=(
        re.compile(r"^/(?:r|u|user)/[\w.+-]+/?(?:$|(?:top|new|hot|rising|submitted|comments|saved|about|m)/?$)"),
        re.compile(r"^/(?:top|new|hot|rising|best|controversial|search|live)?/?$"),
    ),
    canonical="https://www.reddit.com/comments/{post_id}/",
    media_hosts=("v.redd.it",),
    media_path=re.compile(r"/(?:CMAF|DASH)_(?:AUDIO_)?\d+\.mp4|/HLSPlaylist\.m3u8|/DASHPlaylist\.mpd"),
    media_key=re.compile(r"^https?://v\.redd\.it/([a-z0-9]+)/"),
    reject_path=re.compile(r"/DASH_96\.mp4|/DASH_2_4_M"),  # the scrubber's strip
    signs_media_urls=True,
    login_wall_text=("This community is quarantined", "This community is private"),
    challenge_text=("blocked by network security",),
    gone_text=("Sorry, this post was deleted", "Sorry, this post has been removed"),
    checked="2026-11-24",
)
