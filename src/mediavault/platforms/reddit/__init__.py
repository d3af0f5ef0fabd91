"""What we know of reddit.com; checked 2026-11-24 against recorded answers and published
extractors.
"""

from __future__ import annotations

import re

from mediavault.core.platform import (
    AccountCookie,
    AddressPattern,
    KnownFrom,
    Matching,
    MediaRules,
    Pace,
    PageReader,
    Platform,
    SignIn,
    Walls,
    YtdlpRules,
    paths,
)
from mediavault.platforms.reddit.media import measures, stated_size
from mediavault.platforms.reddit.reader import FEEDS, address_of, ids_of, read, story_of

_ID = r"(?P<post_id>[a-z0-9]{1,13})(?=/|\.json$|$)"
# the file's own id; only the network knows its post
_VIDEO = "https://www.reddit.com/video/{post_id}"
_SORTS = "best|hot|new|rising|top|controversial|gilded"

REDDIT = Platform(
    name="reddit",
    title="Reddit",
    checked="2026-11-24",
    known_from=(KnownFrom.RECORDED, KnownFrom.PUBLISHED),
    reads="videos and GIFs with their sound, galleries, crossposts",
    leaves_out="files at other hosts that a post only links to are read as those hosts' pages",
    extractors=("api", "browser", "ytdlp"),
    api_url="https://www.reddit.com/comments/{post_id}/.json?raw_json=1",
    matching=Matching(
        brands=("reddit",),
        hosts=("reddit.com", "redd.it", "www.redd.it", "v.redd.it"),
        host_suffixes=(".reddit.com",),
        mirror_hosts=(
            "redditmedia.com",
            "www.redditmedia.com",
            "rxddit.com",
            "www.rxddit.com",
            "libredd.it",
            "teddit.net",
            "safereddit.com",
            "vxreddit.com",
            "www.vxreddit.com",
            "reddittorjg6rue252oqsxryoxengawnmo46qy4kyii5wtqnwfj4ooad.onion",
            "www.reddittorjg6rue252oqsxryoxengawnmo46qy4kyii5wtqnwfj4ooad.onion",
        ),
        mirror_prefixes=("libreddit.", "redlib.", "teddit."),
        short_hosts=("reddit.app.link",),
        image_hosts=(
            "i.redd.it",
            "preview.redd.it",
            "external-preview.redd.it",
            "i.reddituploads.com",
        ),
        share_links=paths(r"^/(?:r|u|user)/[\w.-]+/s/(?P<post_id>\w{5,})/?$")
        + paths(r"^/", host=r"(?:out|click)\.reddit\.com"),
        posts=(
            AddressPattern(
                re.compile(rf"^/r/(?P<subreddit>[\w.-]+)/comments/{_ID}"),
                page="https://www.reddit.com/r/{subreddit}/comments/{post_id}",
            ),
            AddressPattern(
                re.compile(rf"^/(?:user|u)/(?P<handle>[\w.-]+)/comments/{_ID}"),
                page="https://www.reddit.com/user/{handle}/comments/{post_id}",
            ),
            AddressPattern(
                re.compile(rf"^/comments/{_ID}"), page="https://www.reddit.com/comments/{post_id}"
            ),
            AddressPattern(
                re.compile(rf"^(?:/r/[\w.-]+)?/gallery/{_ID}"),
                page="https://www.reddit.com/comments/{post_id}",
            ),
            AddressPattern(
                re.compile(r"^(?:/link/[a-z0-9]{1,13})?/video/(?P<post_id>[a-z0-9]{8,16})(?=/|$)"),
                canonical=_VIDEO,
            ),
            AddressPattern(
                re.compile(r"^/(?P<post_id>[a-z0-9]{8,16})(?=/|$)"),
                host=re.compile(r"v\.redd\.it"),
                canonical=_VIDEO,
            ),
            AddressPattern(
                re.compile(r"^/(?P<post_id>[a-z0-9]{4,10})/?$"),
                host=re.compile(r"(?:www\.)?redd\.it"),
                page="https://www.reddit.com/comments/{post_id}",
            ),
            AddressPattern(  # the site redirects from them; without a digit they may be other pages
                re.compile(r"^/(?:tb/)?(?P<post_id>(?=[a-z]*\d)[a-z0-9]{5,8})/?$"),
                host=re.compile(r"(?:.+\.)?reddit\.com"),
                page="https://www.reddit.com/comments/{post_id}",
            ),
        ),
        playlists=paths(r"^/(?:u|user)/[\w.-]+/m/[\w-]+", r"^/collection/"),
        profiles=paths(
            r"^/(?:u|user)/(?P<handle>[\w.-]+)/?(?:$|(?:overview|submitted|posts|comments|saved|upvoted|gilded|about)/?$)"
        ),
        other_pages=paths(
            rf"^/r/[\w.+-]+/?(?:$|(?:{_SORTS}|search|about|wiki|w|submit)(?:/|$))",
            rf"^/(?:$|(?:{_SORTS}|search|live|settings|login|register|message|media|subreddits|t|submit|me)(?:/|$))",
        ),
        canonical="https://www.reddit.com/comments/{post_id}/",
    ),
    reader=PageReader(
        read=read,
        ids_of=ids_of,
        address_of=address_of,
        story_of=story_of,
        json_paths=re.compile(
            r"/comments/[a-z0-9]++(?:(?!/comments/[a-z0-9])[^?])*\.json|/by_id/|/api/info"
        ),
        data_css="shreddit-post",
        always_sent=True,
    ),
    ytdlp=YtdlpRules(("reddit",), owns_list=True, handle="uploader", display_name=""),
    feeds=FEEDS,
    media=MediaRules(
        hosts=(
            "v.redd.it",
            "packaged-media.redd.it",
            "i.redd.it",
            "preview.redd.it",
            "external-preview.redd.it",
        ),
        path=re.compile(
            r"/(?:CMAF|DASH)_(?:AUDIO_)?\d+\.mp4|/HLSPlaylist\.m3u8|/DASHPlaylist\.mpd"
        ),
        key=re.compile(r"^https?://(?:v|packaged-media)\.redd\.it/([a-z0-9]+)/"),
        reject_path=re.compile(r"/(?:DASH|CMAF)_96\.mp4|/DASH_600_K"),  # the scrubber's strip
        signs_urls=True,
        watermark_no=re.compile(r"."),  # Reddit adds no watermark
        stated_size=stated_size,
        measures=measures,
    ),
    sign_in=SignIn(
        url="https://www.reddit.com/login",
        session_cookies=("reddit_session",),
        account_cookie=AccountCookie("reddit_session", re.compile(r'"sub":\s*"(t2_\w+)"')),
    ),
    walls=Walls(
        login_text=("This community is quarantined", "This community is private"),
        login_json=("quarantined", "gated"),
        age_text=("You must be 18+ to view this community",),
        challenge_text=("blocked by network security", "whoa there, pardner"),
        gone_text=("Sorry, this post was deleted", "Sorry, this post has been removed"),
        private_text=("you must be invited to visit this community",),
        private_json=("private",),
    ),
    pace=Pace(interval_s=(3, 6)),
)
