"""What we know of a page on a site that we know nothing about."""

from __future__ import annotations

import re

from mediavault.core.platform import Pace, Platform

GENERIC = Platform(
    name="generic",
    title="this site",
    checked="2026-11-24",
    short_hosts=(  # they lead anywhere; those that lead to one site stand in its own file
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
    extractors=("browser", "ytdlp"),
    watermark_no=re.compile(r"/streaming-playlists/hls/|/static/(?:webseed|web-videos)/"),  # PeerTube
    reject_path=re.compile(
        r"(?:^|[/_.-])(?:thumb(?:nail)?s?|sprites?|storyboards?|preroll|pre-roll|midroll|vast|vpaid|vmap)(?:[/_.-]|\d|$)",
        re.IGNORECASE,
    ),
    pace=Pace(interval_s=(1, 2)),  # for each host
)
