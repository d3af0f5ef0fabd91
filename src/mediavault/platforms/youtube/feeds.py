"""YouTube's Atom feeds: the 15 newest videos of a channel or a list, for one request without a page.

A channel ``UC…`` has further lists under the same letters: ``UULF…`` of its videos, ``UUSH…`` of its shorts, ``UULV…`` of
its live streams. A channel's handle is not enough for a feed: the list that yt-dlp reads at the first look names its id.
Source: published readers of these feeds; checked 2026-11-29.
"""

from __future__ import annotations

import re
from dataclasses import replace

from mediavault.core.listings import Entry, EntryKind
from mediavault.core.platform import AddressPattern, FeedRules, Node

_FEED = "https://www.youtube.com/feeds/videos.xml"
_TAB = r"(?:/(?:(?P<tab>videos|shorts|streams)|featured|home)?)?/?$"


def read_entry(entry: Entry, _: Node) -> Entry:
    """Return the entry with its kind where its URL names it: a short's does, those of videos and streams are alike."""
    return replace(entry, kind=EntryKind.SHORT) if "/shorts/" in entry.url else entry


def channel_feeds(not_a_name: str) -> FeedRules:
    """Return the rules for channels; ``not_a_name`` are the first parts of paths that are not accounts'."""
    return FeedRules(
        pages=(
            AddressPattern(re.compile(rf"^/channel/UC(?P<channel>[\w-]{{22}}){_TAB}")),
            AddressPattern(
                re.compile(r"^/feeds/videos\.xml$"), query={"channel_id": re.compile(r"UC(?P<channel>[\w-]{22})")}
            ),
            AddressPattern(re.compile(rf"^/(?:@[^/]+|(?:user|c)/[^/]+){_TAB}")),
            AddressPattern(re.compile(rf"^/(?!(?:{not_a_name})(?:/|$))[\w-]+{_TAB}")),
        ),
        feed=f"{_FEED}?channel_id=UC{{channel}}",
        by_kind={
            EntryKind.VIDEO: f"{_FEED}?playlist_id=UULF{{channel}}",
            EntryKind.SHORT: f"{_FEED}?playlist_id=UUSH{{channel}}",
            EntryKind.LIVE: f"{_FEED}?playlist_id=UULV{{channel}}",
        },
        tabs={EntryKind.VIDEO: "videos", EntryKind.SHORT: "shorts", EntryKind.LIVE: "streams"},
        key="UC{channel}",
        key_form=re.compile(r"UC(?P<channel>[\w-]{22})"),
        read_entry=read_entry,
    )


_LIST = re.compile(r"(?P<list>(?:PL|UU|FL|OLAK5uy_)[\w-]{10,60})")  # mixes have no feed

LIST_FEEDS = FeedRules(
    pages=(
        AddressPattern(re.compile(r"^/playlist/?$"), query={"list": _LIST}),
        AddressPattern(re.compile(r"^/feeds/videos\.xml$"), query={"playlist_id": _LIST}),
    ),
    feed=f"{_FEED}?playlist_id={{list}}",
    key="{list}",
    read_entry=read_entry,
)
