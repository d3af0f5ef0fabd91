"""Vimeo's RSS feeds of an account's videos and of a channel's. Source: published readers; checked 2026-11-29."""

from __future__ import annotations

import re

from mediavault.core.platform import AddressPattern, FeedRules

_HOST = re.compile(r"(?:www\.)?vimeo\.com")

CHANNEL_FEEDS = FeedRules(
    pages=(AddressPattern(re.compile(r"^/channels/(?P<channel>[\w-]+)(?:/videos)?(?:/(?:rss)?)?$"), host=_HOST),),
    feed="https://vimeo.com/channels/{channel}/videos/rss",
    key="channels/{channel}",
)


def account_feeds(name: str) -> FeedRules:
    """Return the rules for accounts; ``name`` is the pattern of an account's name in a path."""
    return FeedRules(
        pages=(AddressPattern(re.compile(rf"^/{name}(?:/videos)?(?:/(?:rss)?)?$"), host=_HOST),),
        feed="https://vimeo.com/{handle}/videos/rss",
    )
