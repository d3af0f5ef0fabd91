"""Which post a page or a JSON document is about: the requested one, another one, or no post at all.
Pure.

Sites also answer with pages that have another URL: they moved on automatically, or sent what they
had instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from urllib.parse import urlsplit

from mediavault.core.failures import BadUrl
from mediavault.core.media import Post
from mediavault.core.platform import AddressKind, Platform
from mediavault.core.post_urls import is_named_host, read_page, read_post
from mediavault.core.urls import HttpUrl, parse_http_url
from mediavault.extraction.page_data import activity, microformats, statuses
from mediavault.extraction.page_data.html_page import HtmlPage
from mediavault.extraction.page_data.html_scan import MAX_HTML_CHARS
from mediavault.extraction.page_data.values import walk


def is_another_post(post: Post, platform: Platform, page: HtmlPage) -> bool:
    """Whether the page says that it is another post of the same site.
    Ids of two kinds cannot be compared.
    """
    post = as_video(post, platform, page) or post
    canonical, own = _parsed(page.canonical), _parsed(post.url)
    if canonical is None or own is None:
        return False
    if not platform.matching.posts:
        named, requested = (
            id_in(str(canonical)),
            id_in(str(own)) if own.host == canonical.host else None,
        )
    else:
        match = read_post(platform, canonical)
        named, requested = match.post_id if match else None, post.post_id
    if named is None or requested is None or named.isdigit() != requested.isdigit():
        return False
    return named.lower() != requested.lower()


def as_video(post: Post, platform: Platform, page: HtmlPage) -> Post | None:
    """Return the post with the id of the video whose page the page says it is; None unless its URL
    names a story.

    A story and the video in it have two ids; a redirect to the video's URL, or that URL as the
    page's own, ties them.
    """
    path = platform.reader.video_path
    if path is None or path.search(post.url):
        return None
    for url in map(_parsed, (page.url, page.canonical, page.absolute(page.meta("og:url")))):
        match = read_post(platform, url) if url is not None and path.search(str(url)) else None
        if match is not None and match.post_id and _may_be_one_account(match.handle, post.handle):
            return replace(post, post_id=match.post_id)
    return None


def _may_be_one_account(first: str | None, second: str | None) -> bool:
    """Whether two forms of an account's name may be the same:
    a name and a number cannot be compared.
    """
    return (
        not first
        or not second
        or first.isdigit() != second.isdigit()
        or first.lower() == second.lower()
    )


def is_not_a_post(platform: Platform, page: HtmlPage) -> bool:
    """Whether a known site's page says that it is an account, a list,
    or another of its pages without a post.
    """
    named = _parsed(page.canonical or page.absolute(page.meta("og:url")))
    if named is None or not platform.matching.posts or not is_named_host(platform, named):
        return False
    match = read_page(platform, named)
    return match is not None and match.kind in _NO_POSTS


_NO_POSTS = frozenset({AddressKind.PROFILE, AddressKind.PLAYLIST, AddressKind.UNSUPPORTED})


def _parsed(url: str | None) -> HttpUrl | None:
    try:
        return parse_http_url(url or "")
    except BadUrl:
        return None


# --- which post a document is about ---------------------------------------------------------------

_MAX_NODES = 200  # the post itself is near the root


def addresses_in(document: object, platforms: Sequence[Platform]) -> Iterator[str]:
    """Yield the URLs that ``document`` states as its own post's, surest first;
    ``platforms`` know their records.
    """
    for entries in (activity.objects_in(document), microformats.entries_in(document)):
        if len(entries) == 1:
            yield from (activity if "properties" not in entries[0] else microformats).addresses_of(
                entries[0]
            )
    readings = [
        statuses.address_of,
        *(p.reader.address_of for p in platforms if p.reader.address_of is not None),
    ]
    for node in islice(walk(document), _MAX_NODES):
        if address := next(filter(None, (address_of(node) for address_of in readings)), None):
            yield address
            return


_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_ID = re.compile(r"(?=[\w-]*\d)[\w]{4,64}|(?=\w*[a-z])(?=\w*[A-Z])\w{4,64}")


def id_in(url: str) -> str | None:
    """Return the id that a URL of an unknown site seems to name: the end of its last part,
    if it looks like one.
    """
    last = urlsplit(url).path.rstrip("/").rpartition("/")[2].partition(".")[0]
    if _UUID.fullmatch(last):
        return last
    end = last.rpartition("-")[2]
    return end if _ID.fullmatch(end) else None


# --- which article is the post's ------------------------------------------------------------------

_MAX_ARTICLES = 500
_EDGE = re.compile(
    r"<(?=[!/A-Za-z])(?:(/?)article(?=[\s>])|!--|(script|style|textarea|title)(?=[\s>]))",
    re.IGNORECASE,
)
_END = re.compile(r"-->|</(?:script|style|textarea|title)(?=[\s>])", re.IGNORECASE)


def articles_linking(html: str, post_id: str | None) -> frozenset[str]:
    """Return the articles that link to the post or name its urn; none without an id.

    They are named as in ``html_page`` (``article:0`` …). A reply to the post has another article
    and links to itself.
    """
    if not post_id or post_id not in html:
        return frozenset()
    named = rf"""[^"'\s<>]*(?:[/=:]|%3A){re.escape(post_id)}(?=[/?#&"'\s>])"""
    link = re.compile(rf"""\s(?:href|data-(?:activity-)?urn)\s*=\s*["']?{named}""")
    return frozenset(name for name, text in _articles(html[:MAX_HTML_CHARS]) if link.search(text))


def _articles(html: str) -> list[tuple[str, str]]:
    """Return the articles in order, each with its markup up to the next one inside it or to its
    end.
    """
    articles: list[tuple[str, str]] = []
    position, count = 0, 0
    opened: tuple[str, int] | None = None
    while count < _MAX_ARTICLES and (edge := _EDGE.search(html, position)):
        position = edge.end()
        if edge[0] == "<!--" or edge[2]:
            end = _END.search(html, position)
            position = end.end() if end else len(html)
            continue
        if opened is not None:
            articles.append((opened[0], html[opened[1] : edge.start()]))
        opened = None if edge[1] else (f"article:{count}", edge.start())
        count += not edge[1]
    return [*articles, (opened[0], html[opened[1] :])] if opened else articles
