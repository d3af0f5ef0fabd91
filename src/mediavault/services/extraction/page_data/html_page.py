"""The elements of a page that say something about its post, in document order. No judgement, no network."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from mediavault.core.errors import BadUrl
from mediavault.core.urls import MAX_MEDIA_URL_CHARS, HttpUrl, parse_http_url
from mediavault.services.extraction.page_data import values
from mediavault.services.extraction.page_data.document import linked_data
from mediavault.services.extraction.page_data.html_scan import Tag
from mediavault.services.extraction.page_data.json_walk import Node, walk

MAX_PLAYERS = 200
MAX_PICTURES = 200
MAX_FRAMES = 50


@dataclass(slots=True)
class WrittenPlayer:
    """A ``<video>`` as written: its own src first, then its sources. ``container`` names the article it stands in."""

    sources: list[tuple[str, str]] = field(default_factory=list)  # address, type
    poster: str = ""
    muted_loop: bool = False
    container: str = ""


@dataclass(slots=True)
class Page:
    """The elements of a page that count, in document order."""

    base: HttpUrl
    url: str = ""
    title: str = ""
    heading: str = ""
    canonical: str | None = None
    has_password_field: bool = False
    metas: list[tuple[str, str]] = field(default_factory=list)  # lower-case name or property, content
    players: list[WrittenPlayer] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)
    frames: list[str] = field(default_factory=list)  # addresses of other pages shown in this one
    linked: list[Node] = field(default_factory=list)  # every object of the JSON-LD

    def meta(self, *names: str) -> str | None:
        """The first non-empty content, by the order of ``names``."""
        found = (values.text(content) for name in names for known, content in self.metas if known == name)
        return next(filter(None, found), None)

    def absolute(self, address: object) -> str | None:
        return values.url(address, self.base)


def read_page(tags: Sequence[Tag], url: str) -> Page:
    """The page at ``url``, of whose elements ``tags`` were scanned. Never raises."""
    try:
        base = parse_http_url(url, max_chars=MAX_MEDIA_URL_CHARS)
    except BadUrl:
        base = parse_http_url("http://unknown.invalid/")
    reading = _Reading(Page(base=base, url=url))
    for tag in tags:
        reading.take(tag)
    reading.page.linked = [node for document in linked_data(tags) for node in walk(document)]
    return reading.page


_MICRODATA = frozenset({"name", "url"})  # of whoever made the page's video, at YouTube
_NO_PICTURE = re.compile(r"avatar|emoji|icon|logo|profile|sprite|pixel|badge", re.IGNORECASE)
_MIN_PICTURE_PX = 100
_MAX_OPEN = 100  # nested articles that are kept in mind; only the nearest ones count


@dataclass(slots=True)
class _Reading:
    page: Page
    player: WrittenPlayer | None = None
    articles: int = 0
    open_containers: list[str] = field(default_factory=list)

    def take(self, tag: Tag) -> None:
        if tag.name in ("article", "main"):
            self._container(tag)
        elif tag.name == "video":
            self._video(tag)
        elif not tag.closing:
            self._element(tag)

    def _element(self, tag: Tag) -> None:
        given, page = tag.attributes, self.page
        match tag.name:
            case "meta":
                name = given.get("property") or given.get("name") or given.get("itemprop") or ""
                page.metas.append((name.strip().lower(), given.get("content", "")))
            case "source" if self.player is not None and given.get("src"):
                self.player.sources.append((given["src"], given.get("type", "")))
            case "title" if not page.title:
                page.title = " ".join(tag.text[:1_000].split())
            case "h1" if not page.heading:
                page.heading = " ".join(re.sub(r"<[^<>]*>", " ", tag.text)[:1_000].split())
            case "link" if given.get("rel", "").lower() == "canonical":
                page.canonical = page.canonical or page.absolute(given.get("href"))
            case "link" if given.get("itemprop") in _MICRODATA:
                page.metas.append((f"link:{given['itemprop']}", given.get("content") or given.get("href", "")))
            case "base":
                self._base(given.get("href"))
            case "iframe" if len(page.frames) < MAX_FRAMES:
                address = page.absolute(given.get("src") or given.get("data-src"))
                page.frames += [address] if address else []
            case "input":
                page.has_password_field |= given.get("type", "").lower() == "password"
            case "img" if self.open_containers and len(page.pictures) < MAX_PICTURES:
                page.pictures += [picture] if (picture := _picture(tag)) else []

    def _base(self, address: str | None) -> None:
        if (url := self.page.absolute(address)) is not None:
            self.page.base = parse_http_url(url, max_chars=MAX_MEDIA_URL_CHARS)

    def _container(self, tag: Tag) -> None:
        if tag.closing:
            if self.open_containers:
                self.open_containers.pop()
            return
        self.open_containers.append(f"article:{self.articles}" if tag.name == "article" else "main")
        self.articles += tag.name == "article"
        del self.open_containers[:-_MAX_OPEN]

    def _video(self, tag: Tag) -> None:
        if tag.closing or len(self.page.players) >= MAX_PLAYERS:
            self.player = None
            return
        given = tag.attributes
        self.player = WrittenPlayer(
            sources=[(given["src"], "")] if given.get("src") else [],
            poster=given.get("poster", ""),
            muted_loop="loop" in given and "muted" in given and "controls" not in given,
            container=self.open_containers[-1] if self.open_containers else "",
        )
        self.page.players.append(self.player)


def _picture(tag: Tag) -> str | None:
    """A picture of the post: not an avatar, an emoji or a counting pixel."""
    given = tag.attributes
    sizes = [values.number(given.get(side, "").removesuffix("px")) for side in ("width", "height")]
    if any(size is not None and size < _MIN_PICTURE_PX for size in sizes):
        return None
    address = given.get("src") or given.get("data-src") or ""
    marks = f"{given.get('class', '')} {given.get('id', '')} {given.get('alt', '')[:20]}"
    return None if not address or address.startswith("data:") or _NO_PICTURE.search(marks) else address
