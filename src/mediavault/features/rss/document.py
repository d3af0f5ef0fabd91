"""RSS 2.0 with podcast tags, and Atom 1.0. Pure.

Texts may be anything: what XML can't hold is left out, all else is escaped by the serializer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from xml.etree.ElementTree import Element, SubElement, tostring

from mediavault.core.xml_tree import in_xml

ATOM = "http://www.w3.org/2005/Atom"
RSS_TYPE, ATOM_TYPE = "application/rss+xml", "application/atom+xml"
_NAMESPACES = {
    "xmlns:itunes": "http://www.itunes.com/dtds/podcast-1.0.dtd",
    "xmlns:podcast": "https://podcastindex.org/namespace/1.0",
    "xmlns:atom": ATOM,
}


@dataclass(frozen=True, slots=True)
class RssItem:
    """A saved video in a feed.

    ``id`` is a UUID that never changes; ``html`` describes it; sizes are bytes. Times are in UTC;
    ``published_at`` is ``saved_at`` where the post's publication is not known.
    """

    id: str
    title: str
    author: str
    link: str | None  # the post on its site
    html: str
    published_at: datetime
    saved_at: datetime
    address: str
    kind: str
    bytes: int
    duration_s: float | None
    picture: str | None


@dataclass(frozen=True, slots=True)
class RssChannel:
    """A feed: ``id`` is a UUID, ``address`` where the document is,
    ``home`` the page that shows the same posts.
    """

    id: str
    title: str
    description: str
    language: str
    address: str
    home: str
    picture: str
    at: datetime  # when its last item was saved, or the feed was made
    items: Sequence[RssItem]


def rss_document(channel: RssChannel) -> bytes:
    """Return the feed as RSS 2.0. It says that it is private: directories are not to list it."""
    root = Element("rss", {"version": "2.0", **_NAMESPACES})
    top = SubElement(root, "channel")
    _texts(top, {"title": channel.title, "link": channel.home, "description": channel.description})
    _texts(
        top,
        {
            "language": channel.language,
            "lastBuildDate": format_datetime(channel.at),
            "generator": "mediavault",
        },
    )
    _empty(top, "atom:link", href=channel.address, rel="self", type=RSS_TYPE)
    _texts(
        SubElement(top, "image"),
        {"url": channel.picture, "title": channel.title, "link": channel.home},
    )
    _empty(top, "itunes:image", href=channel.picture)
    _empty(top, "itunes:category", text="TV & Film")
    _texts(
        top, {"itunes:author": "mediavault", "itunes:explicit": "false", "itunes:type": "episodic"}
    )
    _texts(top, {"itunes:block": "Yes", "podcast:locked": "yes", "podcast:guid": channel.id})
    for item in channel.items:
        _rss_item(SubElement(top, "item"), item)
    return _document(root)


def atom_document(channel: RssChannel) -> bytes:
    """Return the feed as Atom 1.0 (RFC 4287)."""
    root = Element("feed", {"xmlns": ATOM, "xml:lang": channel.language})
    _texts(
        root,
        {"id": f"urn:uuid:{channel.id}", "title": channel.title, "subtitle": channel.description},
    )
    _texts(
        root,
        {"updated": channel.at.isoformat(), "logo": channel.picture, "generator": "mediavault"},
    )
    _empty(root, "link", rel="self", type=ATOM_TYPE, href=channel.address)
    _empty(root, "link", rel="alternate", type="text/html", href=channel.home)
    _texts(SubElement(root, "author"), {"name": "mediavault"})
    for item in channel.items:
        _atom_entry(SubElement(root, "entry"), item)
    return _document(root)


def _rss_item(into: Element, item: RssItem) -> None:
    _texts(into, {"title": item.title})
    if item.link:
        _texts(into, {"link": item.link})
    _texts(into, {"description": item.html, "pubDate": format_datetime(item.published_at)})
    SubElement(into, "guid", {"isPermaLink": "false"}).text = f"urn:uuid:{item.id}"
    _empty(into, "enclosure", url=item.address, length=str(item.bytes), type=item.kind)
    if item.author:
        _texts(into, {"itunes:author": item.author})
    if item.duration_s is not None:
        _texts(into, {"itunes:duration": str(max(1, round(item.duration_s)))})
    if item.picture:
        _empty(into, "itunes:image", href=item.picture)


def _atom_entry(into: Element, item: RssItem) -> None:
    _texts(into, {"id": f"urn:uuid:{item.id}", "title": item.title})
    _texts(into, {"updated": item.saved_at.isoformat(), "published": item.published_at.isoformat()})
    if item.author:
        _texts(SubElement(into, "author"), {"name": item.author})
    if item.link:
        _empty(into, "link", rel="alternate", type="text/html", href=item.link)
    _empty(into, "link", rel="enclosure", type=item.kind, length=str(item.bytes), href=item.address)
    SubElement(into, "content", {"type": "html"}).text = in_xml(item.html)


def _texts(into: Element, texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        SubElement(into, name).text = in_xml(text)


def _empty(into: Element, name: str, **attributes: str) -> None:
    SubElement(into, name, {key: in_xml(value) for key, value in attributes.items()})


def _document(root: Element) -> bytes:
    document: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return document
