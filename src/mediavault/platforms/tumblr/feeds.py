"""Tumblr's RSS feed of a blog, which holds its posts in full. Source: published readers; checked 2026-11-29."""

from __future__ import annotations

import re

from mediavault.core.listings import Entry
from mediavault.core.platform import AddressPattern, FeedRules, Node
from mediavault.extraction.page_data import values

_PICTURE = re.compile(r"<img\s", re.IGNORECASE)
_PLAYER = re.compile(r"<(?:video|audio|iframe|embed|object)[\s>]|tumblr_video|\.mp4", re.IGNORECASE)


def read_entry(entry: Entry, item: Node) -> Entry | None:
    """Return the entry, or None for a post that shows pictures and has no player.

    One without either may have been cut by the blog's settings.
    """
    html = values.text(item.get("summary")) or ""
    return None if _PICTURE.search(html) and not _PLAYER.search(html) else entry


def blog_feeds(name: str, *, blog: str, www: str) -> FeedRules:
    """Return the rules for blogs: ``name`` is the pattern of a blog's name in a path, ``blog`` and ``www`` of hosts."""
    return FeedRules(
        pages=(
            AddressPattern(re.compile(r"^/(?:$|archive/?$|rss/?$)"), host=re.compile(blog)),
            AddressPattern(re.compile(rf"^/{name}/?(?:$|archive/?$)"), host=re.compile(www)),
        ),
        feed="https://{handle}.tumblr.com/rss",
        key="{handle}",
        read_entry=read_entry,
    )
