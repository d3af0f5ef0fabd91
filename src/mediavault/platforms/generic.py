"""A page on an unknown site.

PeerTube's feeds, of servers that cannot be listed in advance: tried where a page of one of these
forms links to no feed.

Source: https://docs.joinpeertube.org/api-rest-reference.html (video feeds); checked 2026-11-29.
"""

from __future__ import annotations

import re

from mediavault.core.platform import (
    AddressPattern,
    FeedRules,
    ListRules,
    Matching,
    MediaRules,
    Platform,
    YtdlpRules,
    paths,
)

_REST = r"(?:/(?:videos|video-channels|about|video-playlists))?/?$"

PEERTUBE_FEEDS = (
    FeedRules(
        pages=(
            AddressPattern(
                re.compile(rf"^/(?:c|video-channels)/(?P<handle>[\w.-]+(?:@[\w.-]+)?){_REST}")
            ),
        ),
        feed="{origin}/feeds/videos.xml?videoChannelName={handle}",
    ),
    FeedRules(
        pages=(
            AddressPattern(
                re.compile(rf"^/(?:a|accounts)/(?P<handle>[\w.-]+(?:@[\w.-]+)?){_REST}")
            ),
        ),
        feed="{origin}/feeds/videos.xml?accountName={handle}",
    ),
)


_ANY = re.compile(r".+", re.DOTALL)


def _redirectors(path: str, host: str, *parameters: str) -> tuple[AddressPattern, ...]:
    """Match a page that only leads to the URL in one of its ``parameters``."""
    return tuple(
        AddressPattern(re.compile(path), query={name: _ANY}, host=re.compile(host))
        for name in parameters
    )


GENERIC = Platform(
    name="generic",
    title="this site",
    checked="2026-11-24",
    extractors=("page", "browser", "ytdlp"),
    matching=Matching(
        short_hosts=(  # they lead anywhere; those that lead to a single site are in its package
            "t.co",
            "t.cn",
            "lnkd.in",
            "bit.ly",
            "bitly.com",
            "j.mp",
            "tinyurl.com",
            "goo.gl",
            "is.gd",
            "v.gd",
            "ow.ly",
            "buff.ly",
            "rb.gy",
            "cutt.ly",
            "dlvr.it",
            "trib.al",
            "tiny.cc",
            "shorturl.at",
            "rebrand.ly",
            "s.id",
            "url.cn",
            "dwz.cn",
        ),
        share_links=(
            *_redirectors(r"^/url/?$", r"(?:www\.)?google\.[a-z.]{2,6}", "q", "url"),
            *_redirectors(r"^/imgres/?$", r"(?:www\.)?google\.[a-z.]{2,6}", "imgrefurl"),
            *paths(r"^/amp/s/[^/]+\.", host=r"(?:www\.)?google\.[a-z.]{2,6}"),
            *paths(r"^/[cv]/(?:s/)?[^/]+\.", host=r"[\w-]+\.cdn\.ampproject\.org"),
            *_redirectors(r"^/ck/a/?$", r"(?:www\.)?bing\.com", "u"),
            *_redirectors(r"^/l/?$", r"(?:www\.)?duckduckgo\.com", "uddg"),
            *_redirectors(r"^/redirect/?$", r"t\.umblr\.com", "z"),
            *_redirectors(r"^/away\.php$", r"(?:www\.|m\.)?vk\.com", "to"),
            *_redirectors(r"^/linkfilter/?$", r"(?:www\.)?steamcommunity\.com", "u", "url"),
            *_redirectors(r"^/link/?$", r"slack-redir\.net", "url"),
            *_redirectors(r"^/?$", r"[\w-]+\.safelinks\.protection\.outlook\.com", "url"),
            *_redirectors(r"^/sinaurl/?$", r"weibo\.cn", "u"),
        ),
    ),
    ytdlp=YtdlpRules(("default",), handle=""),
    lists=(  # of PeerTube, whose servers yt-dlp has a list of
        ListRules(
            AddressPattern(
                re.compile(r"^/(?P<kind>a|c)/(?P<name>[^/]+)/?(?:$|videos/?$)"),
                canonical="https://{host}/{kind}/{name}/videos",
            ),
            ("peertube:playlist",),
            newest_first=True,
        ),
        ListRules(
            AddressPattern(
                re.compile(r"^/w/p/(?P<list>[^/]+)/?$"), canonical="https://{host}/w/p/{list}"
            ),
            ("peertube:playlist",),
            key="id",
        ),
    ),
    feeds=PEERTUBE_FEEDS,
    media=MediaRules(
        # PeerTube
        watermark_no=re.compile(r"/streaming-playlists/hls/|/static/(?:webseed|web-videos)/"),
        reject_path=re.compile(
            r"(?:^|[/_.-])(?:thumb(?:nail)?s?|sprites?|storyboards?|preroll|pre-roll|midroll|vast|vpaid|vmap)(?:[/_.-]|\d|$)",
            re.IGNORECASE,
        ),
    ),
)
