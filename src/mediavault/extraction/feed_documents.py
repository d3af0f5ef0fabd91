"""Reads a site's response to a check of a source: RSS, Atom and JSON feeds, its own API, or a page
that links to a feed.

Pure, and the only importer of feedparser: documents are untrusted, so this runs in the confined
process.
"""

from __future__ import annotations

import calendar
import codecs
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import feedparser

from mediavault.core.failures import BadUrl, ExtractorBroken, Unsupported
from mediavault.core.listings import Entry, ListCheck, Listing, ListPage
from mediavault.core.media import EnclosedFile
from mediavault.core.messages import Message
from mediavault.core.platform import FeedRules, Node, Platform
from mediavault.core.post_urls import FeedMatch, find_feed, is_named_host, read_post
from mediavault.core.urls import MAX_URL_CHARS, HttpUrl, parse_http_url
from mediavault.extraction.page_data import values
from mediavault.extraction.page_data.html_scan import scan
from mediavault.extraction.page_data.statuses import plain_text
from mediavault.extraction.port import PageAnswer
from mediavault.extraction.walls import site_name

MAX_ITEMS = 10_000  # of one document
MAX_FEED_URLS = 5  # that a page links to
MAX_TITLE_CHARS, MAX_TEXT_CHARS, MAX_TYPE_CHARS = 300, 2_000, 100
_HEAD_BYTES = 65_536  # in which a document says what it is

_FEED_ROOT = re.compile(rb"<(?:\w{1,20}:)?(?:rss|feed|RDF|channel)[\s>]", re.IGNORECASE)
_PAGE_ROOT = re.compile(rb"<(?:!doctype\s{1,20}html|html|head|body)[\s>]", re.IGNORECASE)
_FEED_TYPES = frozenset({"application/rss+xml", "application/atom+xml", "application/feed+json"})
_MEDIA_TYPE = re.compile(
    r"(?:video|audio)(?:/|$)|application/(?:x-mpegurl|vnd\.apple\.mpegurl|dash\+xml)", re.IGNORECASE
)
# generators whose items name each attachment
_NAMES_ALL_MEDIA = re.compile(r"mastodon", re.IGNORECASE)
_SKIPPED_BYTES = 2_000  # of a list of hours
_CHARACTER = re.compile(rb"&#(?:x([0-9a-f]{1,8})|(\d{1,8}));", re.IGNORECASE)
_HOUR = re.compile(rb"<hour>\s{0,9}(\d{1,2})\s{0,9}</hour>", re.IGNORECASE)


def read_feed(check: ListCheck, platform: Platform, answer: PageAnswer) -> ListPage:
    """Return the list that an answer holds, or the feeds that a page links to.

    Raises Unsupported for a page that links to none, ExtractorBroken for an answer that is neither.
    """
    try:
        match = find_feed(platform, parse_http_url(check.url), key=check.stable_id)
        page = _read(check, match.rules if match else None, answer)
    except (
        BadUrl,
        AttributeError,
        KeyError,
        IndexError,
        TypeError,
        ValueError,
        RecursionError,
    ) as exc:
        raise _unreadable(platform) from exc
    if page is None:
        raise _unreadable(platform)
    entries = tuple(filter(None, (_checked(entry, platform) for entry in page.listing.entries)))
    return replace(page, listing=_named(replace(page.listing, entries=entries), match))


def _unreadable(platform: Platform) -> ExtractorBroken:
    return ExtractorBroken(Message("%(site)s did not return a feed.", site=site_name(platform)))


def _read(check: ListCheck, rules: FeedRules | None, answer: PageAnswer) -> ListPage | None:
    # of UTF-16, whose tags are these with zeros between
    head = answer.body[:_HEAD_BYTES].replace(b"\0", b"")
    if head.lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")[:1] in (b"{", b"["):
        document = json.loads(answer.body)
        if isinstance(document, dict) and "jsonfeed.org" in str(document.get("version", ""))[:200]:
            return _of_document(_json_feed(document), rules, answer)
        return rules.read_answer(check, document) if rules and rules.read_answer else None
    feed, page = _FEED_ROOT.search(head), _PAGE_ROOT.search(head)
    if feed is not None and (page is None or feed.start() < page.start()):
        return _of_document(_xml_feed(answer), rules, answer)
    if page is None:
        return None
    if not (linked := _linked_feeds(answer)):
        raise Unsupported(Message("The page links to no feed."))
    return ListPage(feed_urls=linked)


def _checked(entry: Entry, platform: Platform) -> Entry | None:
    """Return an entry within bounds and with its post's id;
    None where its URL is none that can be submitted.
    """
    try:
        url = parse_http_url(entry.url)
    except BadUrl:
        return None
    is_here = is_named_host(platform, url) or bool(platform.matching.posts_on_any_host)
    match = read_post(platform, url) if is_here else None
    title, text = values.text(entry.title), values.text(entry.text)
    entry = replace(
        entry,
        url=str(url),
        post_id=match.post_id if match else "",
        title=title[:MAX_TITLE_CHARS] if title else None,
        text=text[:MAX_TEXT_CHARS] if text else None,
    )
    return replace(entry, enclosed=_described(entry.enclosed, entry)) if entry.enclosed else entry


def _described(file: EnclosedFile, entry: Entry) -> EnclosedFile:
    """Return the file with what is stated about its entry."""
    return replace(
        file,
        title=entry.title,
        text=entry.text,
        published_at=entry.published_at if entry.is_date_exact else None,
        thumbnail_url=entry.thumbnail_url,
    )


def _named(listing: Listing, match: FeedMatch | None) -> Listing:
    """Return the listing with what the source's URL says about it."""
    if match is None:
        return listing
    return replace(
        listing,
        stable_id=listing.stable_id or (match.filled(match.rules.key) or None),
        title=(match.filled(match.rules.title) or listing.title or "")[:MAX_TITLE_CHARS] or None,
        handle=listing.handle or match.groups.get("handle"),
    )


# --- feeds ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _FeedFile:
    url: str
    type: str = ""  # of media, or "video" and "audio" alone
    duration_s: float | None = None


@dataclass(frozen=True, slots=True)
class _Item:
    """An item of a feed in any format. ``raw`` is the item as it was read."""

    raw: Node
    link: str | None
    title: str | None
    html: str | None
    published_at: datetime | None
    media: tuple[_FeedFile, ...] = ()
    enclosures: tuple[_FeedFile, ...] = ()
    duration_s: float | None = None
    thumbnail_url: str | None = None
    language: str | None = None
    former_link: str = ""  # that earlier versions read in an item whose guid is not an address


@dataclass(frozen=True, slots=True)
class _Feed:
    items: Sequence[_Item]
    link: str | None
    title: str | None
    picture_url: str | None
    generator: str = ""
    fresh_for: timedelta | None = None


def _of_document(feed: _Feed, rules: FeedRules | None, answer: PageAnswer) -> ListPage:
    links = Counter(_plain(item.link) for item in feed.items if item.link)
    shows = {link for link, count in links.items() if count > 1} | (
        {_plain(feed.link)} if feed.link else set()
    )
    entries = []
    for item in feed.items:
        entry = _entry(
            item, shows, names_all_media=_NAMES_ALL_MEDIA.match(feed.generator) is not None
        )
        if entry is not None and rules and rules.read_entry:
            entry = rules.read_entry(entry, item.raw)
        if entry is not None:
            entries.append(entry)
    listing = Listing(
        tuple(entries),
        title=feed.title,
        picture_url=feed.picture_url,
        is_newest_first=_is_newest_first(entries),
        fresh_for=feed.fresh_for,
    )
    hours = sorted({int(hour) % 24 for hour in _HOUR.findall(_skip_hours(answer.body))})
    return ListPage(listing, skip_hours=tuple(hours) if len(hours) < 24 else ())


def _skip_hours(body: bytes) -> bytes:
    """Return the contents of a feed's first ``skipHours``,
    without a pattern whose time would grow faster than the text.
    """
    lower = body.lower()
    start = lower.find(b"<skiphours>")
    end = lower.find(b"</skiphours>", start)
    return body[start : min(end, start + _SKIPPED_BYTES)] if 0 <= start < end else b""


def _plain(link: str) -> str:
    return link.partition("#")[0].rstrip("/")


def _entry(item: _Item, shows: set[str], *, names_all_media: bool) -> Entry | None:
    """Return an item as an entry, None where it names no post.

    A post's URL is the item's link, or else a file's. Of an episode whose link is the page of the
    whole show, or is missing, the enclosed file is the post. In any case it is what is downloaded.
    """
    files = [file for file in (*item.media, *item.enclosures) if _MEDIA_TYPE.match(file.type)]
    if names_all_media and not files:
        return None
    enclosed = next(
        (file for file in item.enclosures if file in files and len(file.url) <= MAX_URL_CHARS), None
    )
    is_of_show = item.link is None or _plain(item.link) in shows
    url = (
        enclosed.url
        if enclosed and is_of_show
        else item.link or next((file.url for file in files), None)
    )
    if url is None or len(url) > MAX_URL_CHARS:
        return None
    durations = (item.duration_s, *(file.duration_s for file in files))
    return Entry(
        url,
        title=plain_text(item.title),
        text=plain_text(item.html),
        published_at=item.published_at,
        duration_s=next(filter(None, durations), None),
        language=item.language,
        thumbnail_url=item.thumbnail_url,
        enclosed=EnclosedFile(enclosed.url, enclosed.type.lower()[:MAX_TYPE_CHARS])
        if enclosed
        else None,
        former_url=item.former_link,
    )


def _is_newest_first(entries: Iterable[Entry]) -> bool:
    """Whether the dates say so: an order that nothing proves is not relied on."""
    dates = [entry.published_at for entry in entries]
    return all(
        before is not None and after is not None and before >= after
        for before, after in pairwise(dates)
    )


# --- RSS and Atom ---------------------------------------------------------------------------------


def _xml_feed(answer: PageAnswer) -> _Feed:
    base = parse_http_url(answer.url, max_chars=len(answer.url))
    # without a base, so that guids stay as they are
    headers = {"content-type": answer.headers.get("content-type", "")}
    # as a file: a text would be taken for a file's name or a URL
    parsed = feedparser.parse(
        io.BytesIO(_CHARACTER.sub(_possible, answer.body)),
        response_headers=headers,
        resolve_relative_uris=False,
        sanitize_html=False,
    )
    feed: Node = parsed.feed
    if not parsed.version and not parsed.entries:
        raise ValueError("this is not a feed")
    minutes = values.number(_get(feed, "ttl"))
    return _Feed(
        [_xml_item(item, feed, base) for item in parsed.entries[:MAX_ITEMS]],
        link=values.url(_get(feed, "link"), base),
        title=plain_text(_get(feed, "title")),
        picture_url=values.url(_get(values.obj(feed, "image"), "href"), base),
        generator=values.text(_get(feed, "generator")) or "",
        fresh_for=timedelta(minutes=min(minutes, 100_000)) if minutes else None,
    )


def _possible(reference: re.Match[bytes]) -> bytes:
    """Return a reference to a character, b"" where there is no such character:
    feedparser gives the whole feed up.
    """
    number = int(reference[1], 16) if reference[1] else int(reference[2])
    is_character = 0 < number < 0xD800 or 0xDFFF < number < 0x11_0000
    return reference[0] if is_character else b""


def _get(node: Node, name: str) -> object:
    """Return a value that is there under this very name:
    feedparser's own ``get`` answers with others, and warns.
    """
    return dict.get(node, name) if isinstance(node, dict) else None


def _xml_item(item: Node, feed: Node, base: HttpUrl) -> _Item:
    media = [
        _FeedFile(url, _media_type(file), values.duration(_get(file, "duration")))
        for file in values.objects(_get(item, "media_content"))
        if (url := values.url(_get(file, "url"), base))
    ]
    enclosures = [
        _FeedFile(
            url, values.text(_get(link, "type")) or "", values.duration(_get(link, "duration"))
        )
        for link in values.objects(_get(item, "links"))
        if _get(link, "rel") == "enclosure" and (url := values.url(_get(link, "href"), base))
    ]
    contents = (_get(content, "value") for content in values.objects(_get(item, "content")))
    thumbnails = (
        _get(thumbnail, "url") for thumbnail in values.objects(_get(item, "media_thumbnail"))
    )
    pictures = (
        values.url(url, base) for url in (*thumbnails, _get(values.obj(item, "image"), "href"))
    )
    link, former_link = _get(item, "feedburner_origlink") or _get(item, "link"), ""
    if _get(item, "guidislink") and not str(link).strip().lower().startswith(
        ("http://", "https://")
    ):
        # feedparser takes any guid for a link
        link, former_link = None, values.url(link, base) or ""
    return _Item(
        item,
        link=values.url(link, base),
        title=values.text(_get(item, "title")),
        html=values.text(_get(item, "summary"))
        or next(filter(None, map(values.text, contents)), None),
        published_at=_moment(_get(item, "published_parsed"))
        or _moment(_get(item, "updated_parsed")),
        media=tuple(media),
        enclosures=tuple(enclosures),
        duration_s=_clock_time(values.text(_get(item, "itunes_duration"))),
        thumbnail_url=next(filter(None, pictures), None),
        language=values.text(_get(feed, "language")),
        former_link=former_link,
    )


def _media_type(file: Node) -> str:
    return values.text(_get(file, "type")) or values.text(_get(file, "medium")) or ""


def _moment(parsed: object) -> datetime | None:
    """Return the time of a ``struct_time`` in UTC; None for one that no calendar has."""
    try:
        return datetime.fromtimestamp(calendar.timegm(parsed), UTC)  # type: ignore[arg-type]
    except (ValueError, TypeError, OverflowError, OSError):
        return None


def _clock_time(text: str | None) -> float | None:
    """Return the seconds of ``1:02:03``, ``62:03`` or ``3723``."""
    parts = (text or "").split(":")
    if len(parts) > 3 or not all(
        part.isascii() and part.isdigit() and len(part) <= 9 for part in parts
    ):
        return None
    seconds = 0
    for part in parts:
        seconds = seconds * 60 + int(part)
    return float(seconds) or None


# --- JSON feeds (https://www.jsonfeed.org/version/1.1/) -------------------------------------------


def _json_feed(document: Node) -> _Feed:
    return _Feed(
        [_json_item(item, document) for item in values.objects(document.get("items"))[:MAX_ITEMS]],
        link=values.url(document.get("home_page_url")),
        title=values.text(document.get("title")),
        picture_url=values.url(document.get("icon")) or values.url(document.get("favicon")),
    )


def _json_item(item: Node, feed: Node) -> _Item:
    attached = [
        _FeedFile(
            url,
            values.text(file.get("mime_type")) or "",
            values.duration(file.get("duration_in_seconds")),
        )
        for file in values.objects(item.get("attachments"))
        if (url := values.url(file.get("url")))
    ]
    words = (values.text(item.get(name)) for name in ("content_text", "content_html", "summary"))
    return _Item(
        item,
        link=values.url(item.get("url"))
        or values.url(item.get("external_url"))
        or values.url(item.get("id")),
        title=values.text(item.get("title")),
        html=next(filter(None, words), None),
        published_at=values.moment(item.get("date_published")),
        enclosures=tuple(attached),
        thumbnail_url=values.url(item.get("image")) or values.url(item.get("banner_image")),
        language=values.text(item.get("language")) or values.text(feed.get("language")),
    )


# --- pages ----------------------------------------------------------------------------------------


def _linked_feeds(answer: PageAnswer) -> tuple[str, ...]:
    """Return the feeds that a page links to in its head, those of comments last."""
    base = parse_http_url(answer.url, max_chars=len(answer.url))
    found = []
    for tag in scan(_decoded(answer.body)):
        attributes = tag.attributes
        is_feed = attributes.get("type", "").partition(";")[0].strip().lower() in _FEED_TYPES
        if (
            tag.name == "link"
            and is_feed
            and "alternate" in attributes.get("rel", "").lower().split()
        ):
            url = values.url(attributes.get("href"), base)
            if url is not None and len(url) <= MAX_URL_CHARS:
                found.append(("comment" in f"{url} {attributes.get('title', '')}".lower(), url))
    return tuple(dict.fromkeys(url for _, url in sorted(found, key=lambda pair: pair[0])))[
        :MAX_FEED_URLS
    ]


def _decoded(body: bytes) -> str:
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return body.decode("utf-16", "replace")
    return body.decode("utf-8", "replace")
