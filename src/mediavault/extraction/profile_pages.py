"""Reads which posts the page of an account or a list shows: by its links,
and by the data that came with it. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice

from mediavault.browser.port import PageCapture
from mediavault.core.failures import BadUrl, Deleted, ExtractorBroken, Failure, SeemsDeleted
from mediavault.core.listings import Entry, EntryKind, ListCheck, Listing
from mediavault.core.media import ItemRole, ItemType, LiveNow, Post
from mediavault.core.messages import Message
from mediavault.core.platform import Node, PageData, Platform
from mediavault.core.post_urls import PostMatch, is_named_host, read_page, read_post
from mediavault.core.urls import MAX_MEDIA_URL_CHARS, parse_http_url
from mediavault.extraction.assembly import PageSource, source_of
from mediavault.extraction.feed_documents import MAX_TEXT_CHARS, MAX_TITLE_CHARS
from mediavault.extraction.page_data import values
from mediavault.extraction.page_data.html_scan import scan
from mediavault.extraction.page_data.refusals import reported_refusal
from mediavault.extraction.page_data.values import walk
from mediavault.extraction.walls import hard_wall, site_name, soft_wall

MAX_POSTS = 500  # of one page


def read_profile(check: ListCheck, platform: Platform, capture: PageCapture) -> Listing:
    """Return the posts that a visit to a source's page showed: in the page's order, then those of
    its data alone.

    Posts of other accounts are left out, and those that have no video for sure. Raises the failure
    of a wall, and ExtractorBroken where no post was shown at all; no failure says that the account
    is gone.
    """
    if (wall := hard_wall(capture, platform)) is not None:
        raise _not_gone(wall)
    source = source_of(capture)
    records = _records(platform, source.documents)
    found: dict[str, PostMatch] = {}
    for match in islice(_posts(platform, capture, source, records), MAX_POSTS):
        found.setdefault(match.post_id, match)
    if not found:
        post = Post(check.url, check.url, platform.name)
        refusal = reported_refusal(post, platform, source.documents) or soft_wall(
            capture, source.page, platform
        )
        raise _not_gone(
            refusal
            or ExtractorBroken(Message("%(site)s showed no posts.", site=site_name(platform)))
        )
    accounts = _handles(platform, check.url, capture.final_url)
    entries = (
        _entry(match, records.get(match.post_id), accounts, platform) for match in found.values()
    )
    return Listing(
        tuple(filter(None, entries))[: check.limit],
        title=(source.page.meta("og:title") or "")[:MAX_TITLE_CHARS] or None,
        handle=next(iter(accounts), None),
        picture_url=source.page.absolute(source.page.meta("og:image")),
        is_newest_first=False,  # pinned posts come first
    )


def _not_gone(failure: Failure) -> Failure:
    """Return a failure that does not end a source:
    walls look like pages of accounts that are gone.
    """
    if not isinstance(failure, Deleted | SeemsDeleted):
        return failure
    return ExtractorBroken(failure.message, http_status=failure.http_status)


def _handles(platform: Platform, *urls: str) -> tuple[str, ...]:
    """Return the names of the account whose page it is: a number in a URL may lead to a name."""
    found = []
    for url in urls:
        try:
            page = read_page(platform, parse_http_url(url, max_chars=MAX_MEDIA_URL_CHARS))
        except BadUrl:
            continue
        found += [page.handle] if page is not None and page.handle else []
    return tuple(dict.fromkeys(found))


def _records(platform: Platform, documents: Sequence[object]) -> Mapping[str, Node]:
    """Return the records of posts by their ids."""
    ids_of = platform.reader.ids_of
    found: dict[str, Node] = {}
    if ids_of is not None:
        for node in (node for document in documents for node in walk(document)):
            for post_id in ids_of(node):
                found.setdefault(str(post_id), node)
    return found


def _posts(
    platform: Platform, capture: PageCapture, source: PageSource, records: Mapping[str, Node]
) -> Iterator[PostMatch]:
    """Yield what the page's links name, then what its data name."""
    links = (
        source.page.absolute(tag.attributes.get("href"))
        for tag in scan(capture.html)
        if tag.name == "a"
    )
    address_of = platform.reader.address_of
    addresses = (address_of(node) for node in records.values()) if address_of is not None else ()
    for address in filter(None, chain(links, addresses)):
        try:
            url = parse_http_url(address, max_chars=MAX_MEDIA_URL_CHARS)
        except BadUrl:
            continue
        if is_named_host(platform, url) and (match := read_post(platform, url)) is not None:
            yield match


def _entry(
    match: PostMatch, record: Node | None, accounts: Sequence[str], platform: Platform
) -> Entry | None:
    """Return a post as an entry; None for another account's post,
    and for one whose record shows no video.
    """
    entry = Entry(match.page_url, post_id=match.post_id)
    data = None
    try:
        data = _data_of(match, record, platform) if record is not None else None
    except LiveNow:
        entry = replace(entry, kind=EntryKind.LIVE, finished=False)
    except Failure:  # of the post, which its own check will meet
        pass
    author = (data.handle if data else None) or match.handle
    if accounts and author and author.lower() not in {name.lower() for name in accounts}:
        return None
    if data is None or not data.found:
        return entry
    main = [item for item in data.items if item.role is ItemRole.MAIN]
    if not any(item.is_video or item.type is ItemType.AUDIO for item in main):
        return None
    title, text = values.text(data.title) or values.text(data.text), values.text(data.text)
    return replace(
        entry,
        title=title[:MAX_TITLE_CHARS] if title else None,
        text=text[:MAX_TEXT_CHARS] if text else None,
        published_at=data.published_at,
        duration_s=next(
            (item.expected.duration_s for item in main if item.expected.duration_s), None
        ),
        thumbnail_url=data.thumbnail_url,
    )


def _data_of(match: PostMatch, record: Node, platform: Platform) -> PageData | None:
    """Return what a post's record says about it, as the site's reader of posts reads it."""
    read = platform.reader.read
    post = Post(match.page_url, match.canonical_url, platform.name, match.post_id, match.handle)
    try:
        return read(post, platform, [record]) if read is not None else None
    except (AttributeError, KeyError, IndexError, TypeError):
        # a record in a form that the reader does not know
        return None
