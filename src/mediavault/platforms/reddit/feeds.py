"""Reddit's Atom feeds of an account's posts and of a community's newest ones.

The content of an entry has a link with the words ``[link]``, which leads to what was posted: a file at reddit's hosts,
another site, or the post itself where it has only text. Source: published readers; checked 2026-11-29.
"""

from __future__ import annotations

import re
from html import unescape

from mediavault.core.listings import Entry
from mediavault.core.platform import AddressPattern, FeedRules, Node
from mediavault.extraction.page_data import values

_POSTED = re.compile(r'<a href="([^"]{1,2000})">\[link\]</a>')
_PICTURE = re.compile(
    r"https?://(?:i|preview)\.redd\.it/[^?#]*\.(?:jpe?g|png|webp)|https?://(?:www\.)?reddit\.com/gallery/"
)
_OWN_PAGE = re.compile(r"https?://(?:\w+\.)?reddit\.com/(?:r|user|u)/[^/]+/comments/")
_OWN_VIDEO = re.compile(r"v\.redd\.it|/link/\w+/video/")


def read_entry(entry: Entry, item: Node) -> Entry | None:
    """Return the entry, or None for a post that is pictures or text: a video in a text has a link to it."""
    contents = values.objects(item.get("content"))
    html = next(filter(None, (values.text(content.get("value")) for content in contents)), "")
    posted = _POSTED.search(html)
    if posted is None:
        return entry
    target = unescape(posted[1])
    if _PICTURE.match(target) or (_OWN_PAGE.match(target) and not _OWN_VIDEO.search(html)):
        return None
    return entry


FEEDS = (
    FeedRules(
        pages=(
            AddressPattern(
                re.compile(
                    r"^/(?:u|user)/(?P<handle>[\w.-]+?)/?(?:$|\.rss$|(?:overview|submitted|posts)(?:\.rss|/\.rss)?/?$)"
                )
            ),
        ),
        feed="https://www.reddit.com/user/{handle}/submitted.rss?limit=50",
        key="u/{handle}",
        title="u/{handle}",
        read_entry=read_entry,
    ),
    FeedRules(
        pages=(
            AddressPattern(
                re.compile(r"^/r/(?P<community>[\w-]+)/?(?:$|\.rss$|(?:new|hot|best|rising|top)(?:\.rss|/\.rss)?/?$)")
            ),
        ),
        feed="https://www.reddit.com/r/{community}/new.rss?limit=50",
        key="r/{community}",
        title="r/{community}",
        read_entry=read_entry,
    ),
)
