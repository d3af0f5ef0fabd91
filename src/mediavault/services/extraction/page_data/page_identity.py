"""What a page calls itself: the post that was asked for, another one, or no post at all. Pure.

A page is saved, and answered, under addresses that are not its own: the site moved on by itself, or sent what it had instead.
"""

from __future__ import annotations

from mediavault.core.failures import BadUrl
from mediavault.core.media import Post
from mediavault.core.platform import AddressKind, Platform
from mediavault.core.post_urls import is_named_host, read_page, read_post
from mediavault.core.urls import HttpUrl, parse_http_url
from mediavault.services.extraction.page_data.html_page import Page
from mediavault.services.extraction.page_data.own_address import id_in


def is_another_post(post: Post, platform: Platform, page: Page) -> bool:
    """Whether the page calls itself that of another post of the same site. Ids of two kinds cannot be compared."""
    canonical, own = _parsed(page.canonical), _parsed(post.url)
    if canonical is None or own is None:
        return False
    if not platform.matching.posts:
        named, asked = id_in(str(canonical)), id_in(str(own)) if own.host == canonical.host else None
    else:
        match = read_post(platform, canonical)
        named, asked = match.post_id if match else None, post.post_id
    if named is None or asked is None or named.isdigit() != asked.isdigit():
        return False
    return named.lower() != asked.lower()


def is_no_post(platform: Platform, page: Page) -> bool:
    """Whether a known site's page calls itself that of an account, a list, or another of its pages without a post."""
    named = _parsed(page.canonical or page.absolute(page.meta("og:url")))
    if named is None or not platform.matching.posts or not is_named_host(platform, named):
        return False
    there = read_page(platform, named)
    return there is not None and there.kind in _NO_POSTS


_NO_POSTS = frozenset({AddressKind.PROFILE, AddressKind.PLAYLIST, AddressKind.UNSUPPORTED})


def _parsed(url: str | None) -> HttpUrl | None:
    try:
        return parse_http_url(url or "")
    except BadUrl:
        return None
