"""The elements of a page that say something about its post, in document order. No judgement,
no network.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from mediavault.core.failures import BadUrl
from mediavault.core.media import SubtitleSource
from mediavault.core.urls import MAX_MEDIA_URL_CHARS, HttpUrl, parse_http_url
from mediavault.extraction.media_urls import classify_media
from mediavault.extraction.page_data import values
from mediavault.extraction.page_data.document import linked_data, schema_named
from mediavault.extraction.page_data.elements import names_around, names_of
from mediavault.extraction.page_data.html_scan import Tag
from mediavault.extraction.page_data.oembed import is_hosted
from mediavault.extraction.page_data.player_setups import (
    MAX_SETUPS,
    PlayerFile,
    Setup,
    setup_in_attributes,
    setups_in_script,
    source_of,
    variables_in_script,
)
from mediavault.extraction.page_data.values import Node, walk

MAX_PLAYERS = 200
MAX_NAMED_PLAYERS = 20
MAX_PICTURES = 200
MAX_FRAMES = 50
MAX_TRACKS = 100  # of one player


@dataclass(slots=True)
class HtmlPlayer:
    """A ``<video>`` as written: its own src first, then its sources.

    ``container`` and ``names`` are as in ``SeenVideo``. ``start`` is where it begins in the page.
    """

    sources: list[PlayerFile] = field(default_factory=list)
    poster: str = ""
    muted_loop: bool = False
    container: str = ""
    names: str = ""
    start: int = 0
    subtitles: list[SubtitleSource] = field(default_factory=list)


@dataclass(slots=True)
class HtmlPage:
    """The relevant elements of a page, in document order."""

    base: HttpUrl
    url: str = ""
    title: str = ""
    heading: str = ""
    canonical: str | None = None
    has_password_field: bool = False
    # lower-case name or property, content
    metas: list[tuple[str, str]] = field(default_factory=list)
    players: list[HtmlPlayer] = field(default_factory=list)
    previews: list[HtmlPlayer] = field(default_factory=list)  # what plays in a link to another page
    set_up: list[HtmlPlayer] = field(default_factory=list)  # players that only a script builds
    # files that scripts keep in variables
    variables: list[HtmlPlayer] = field(default_factory=list)
    marks_main: bool = False  # it has an article or a main element
    articles: int = 0
    hosted: bool = False  # the page has a player of another site's video
    pictures: list[str] = field(default_factory=list)
    downloads: list[str] = field(default_factory=list)  # files that links offer for download
    frames: list[str] = field(default_factory=list)  # addresses of other pages shown in this one
    linked: list[Node] = field(
        default_factory=list
    )  # every object of the JSON-LD, and the VideoObjects of the microdata

    def meta(self, *names: str) -> str | None:
        """Return the first non-empty content, by the order of ``names``."""
        contents = (
            values.text(content) for name in names for known, content in self.metas if known == name
        )
        return next(filter(None, contents), None)

    def add_setups(self, setups: Sequence[Setup]) -> None:
        """Add players that have no element of their own in the page as it was written."""
        self.set_up += written_players(setups[: MAX_SETUPS - len(self.set_up)])

    def name_boxes(self, html: str) -> None:
        """Add to the first players what the boxes around them are called in the page,
        whose text is ``html``.
        """
        for player in self.players[:MAX_NAMED_PLAYERS]:
            player.names = f"{names_around(html, player.start)} {player.names}".strip()

    def absolute(self, address: object) -> str | None:
        return values.url(address, self.base)


def written_players(setups: Sequence[Setup]) -> list[HtmlPlayer]:
    """Return setups in the form of the elements that they replace."""
    return [
        HtmlPlayer(sources=list(setup.sources), poster=setup.poster, names=setup.names)
        for setup in setups
    ]


def read_page(tags: Sequence[Tag], url: str) -> HtmlPage:
    """Return the page at ``url``, whose elements were scanned as ``tags``. Never raises."""
    try:
        base = parse_http_url(url, max_chars=MAX_MEDIA_URL_CHARS)
    except BadUrl:
        base = parse_http_url("http://unknown.invalid/")
    reading = _Reading(HtmlPage(base=base, url=url))
    for tag in tags:
        reading.take(tag)
    reading.page.linked = [
        schema_named(node) for document in linked_data(tags) for node in walk(document)
    ]
    return reading.page


_MICRODATA = frozenset({"name", "url"})  # of the author of the page's video, at YouTube
_NO_PICTURE = re.compile(r"avatar|emoji|icon|logo|profile|sprite|pixel|badge", re.IGNORECASE)
_MIN_PICTURE_PX = 100
_MAX_OPEN = 100  # nested articles that are remembered; only the nearest ones count


@dataclass(slots=True)
class _Reading:
    page: HtmlPage
    player: HtmlPlayer | None = None
    articles: int = 0
    open_containers: list[str] = field(default_factory=list)
    link: str = ""  # the address of the link that is open

    def take(self, tag: Tag) -> None:
        if tag.name == "a":
            self.link = "" if tag.closing else tag.attributes.get("href", "")
            if self.link and len(self.page.downloads) < MAX_FRAMES and _is_download(tag.attributes):
                self.page.downloads.append(self.link)
        elif tag.name in ("article", "main", "aside"):
            self._container(tag)
        elif tag.name in ("video", "video-js", "amp-video"):
            self._video(tag)
        elif tag.name.startswith("amp-"):
            self.page.hosted = True
        elif not tag.closing:
            self._element(tag)

    def _element(self, tag: Tag) -> None:
        attributes, page = tag.attributes, self.page
        match tag.name:
            case "meta":
                name = (
                    attributes.get("property")
                    or attributes.get("name")
                    or attributes.get("itemprop")
                    or ""
                )
                page.metas.append((name.strip().lower(), attributes.get("content", "")))
            case "source" if self.player is not None:
                self.player.sources += self._own_files(source_of(attributes))
            case "track" if self.player is not None and len(self.player.subtitles) < MAX_TRACKS:
                self.player.subtitles += [text] if (text := self._subtitles(attributes)) else []
            case "title" if not page.title:
                page.title = " ".join(tag.text[:1_000].split())
            case "h1" if not page.heading:
                page.heading = " ".join(re.sub(r"<[^<>]*+>", " ", tag.text)[:1_000].split())
            case "link":
                self._link(attributes)
            case "base":
                self._base(attributes.get("href"))
            case "iframe" if len(page.frames) < MAX_FRAMES:
                address = page.absolute(_address(attributes))
                page.frames += [address] if address else []
                page.hosted |= bool(address and is_hosted(address))
                self._plugin(tag, address)
            case "object" | "embed" | "param" | "script":
                self._player_without_element(tag)
            case "input":
                page.has_password_field |= attributes.get("type", "").lower() == "password"
            case "img" if self.open_containers and len(page.pictures) < MAX_PICTURES:
                page.pictures += [picture] if (picture := _picture(tag)) else []

    def _subtitles(self, attributes: Mapping[str, str]) -> SubtitleSource | None:
        """Return what a ``<track>`` names; None for chapters, descriptions and data for scripts."""
        url = self.page.absolute(attributes.get("src"))
        if url is None or attributes.get("kind", "subtitles").strip().lower() not in (
            "subtitles",
            "captions",
        ):
            return None
        return SubtitleSource(url, attributes.get("srclang", ""))

    def _link(self, attributes: Mapping[str, str]) -> None:
        """Read the page's own URL, or the author of its video in microdata, with a prefix:
        metas have these names too.
        """
        name = attributes.get("itemprop", "")
        if attributes.get("rel", "").lower() == "canonical":
            self.page.canonical = self.page.canonical or self.page.absolute(attributes.get("href"))
        elif name in _MICRODATA:
            self.page.metas.append(
                (f"link:{name}", attributes.get("content") or attributes.get("href", ""))
            )

    def _base(self, address: str | None) -> None:
        if (url := self.page.absolute(address)) is not None:
            self.page.base = parse_http_url(url, max_chars=MAX_MEDIA_URL_CHARS)

    def _container(self, tag: Tag) -> None:
        if tag.closing:
            if self.open_containers:
                self.open_containers.pop()
            return
        is_aside = tag.name == "aside" or "aside" in self.open_containers
        name = (
            "aside"
            if is_aside
            else f"article:{self.articles}"
            if tag.name == "article"
            else tag.name
        )
        self.open_containers.append(name)
        self.articles += tag.name == "article"
        self.page.articles = self.articles
        self.page.marks_main |= not is_aside
        del self.open_containers[:-_MAX_OPEN]

    def _video(self, tag: Tag) -> None:
        if tag.closing or len(self.page.players) + len(self.page.previews) >= MAX_PLAYERS:
            self.player = None
            return
        attributes = tag.attributes
        setup = setup_in_attributes(
            {name: text for name, text in attributes.items() if name not in ("src", "poster")}
        )
        own = PlayerFile(attributes["src"]) if attributes.get("src") else source_of(attributes)
        self.page.hosted |= any(
            name in attributes for name in ("data-video-id", "data-brightcove-video-id")
        )
        self.player = HtmlPlayer(
            sources=[*self._own_files(own), *(setup.sources if setup and not own else ())],
            poster=attributes.get("poster")
            or attributes.get("data-poster")
            or (setup.poster if setup else ""),
            muted_loop="loop" in attributes
            and "muted" in attributes
            and "controls" not in attributes,
            container=self.open_containers[-1] if self.open_containers else "",
            names=names_of(attributes),
            start=tag.start,
        )
        is_preview = "controls" not in attributes and self._leads_elsewhere()
        (self.page.previews if is_preview else self.page.players).append(self.player)

    def _own_files(self, source: PlayerFile | None) -> list[PlayerFile]:
        """Return the file of a player, unless it is a page of a video site,
        which a script shows in its place.
        """
        address = self.page.absolute(source.address) if source else None
        if address is None or not is_hosted(address):
            return [source] if source else []
        self.page.hosted = True
        self.page.frames += [address] if len(self.page.frames) < MAX_FRAMES else []
        return []

    def _leads_elsewhere(self) -> bool:
        """Whether the open link leads to another page: not to this one,
        by a shorter or longer URL, or to a file.
        """
        url = self.page.absolute(self.link) if self.link and not self.link.startswith("#") else None
        own = [
            address
            for address in (self.page.url, self.page.canonical, self.page.meta("og:url"))
            if address
        ]
        return (
            url is not None
            and not any(map(_same(url), own))
            and not classify_media(url).may_be_video
        )

    def _player_without_element(self, tag: Tag) -> None:
        attributes = tag.attributes
        match tag.name:
            case "object" | "embed":
                self._plugin(
                    tag, self.page.absolute(attributes.get("data") or _address(attributes))
                )
            case "param" if attributes.get("name", "").lower() == "flashvars":
                self._set_up([_flash(attributes.get("value", ""))])
            case "script" if "src" in attributes:
                self.page.hosted |= is_hosted(self.page.absolute(attributes["src"]) or "")
            case "script":
                self._set_up(setups_in_script(tag.text))
                room = MAX_SETUPS - len(self.page.variables)
                self.page.variables += written_players(variables_in_script(tag.text)[:room])

    def _plugin(self, tag: Tag, address: str | None) -> None:
        """Read a file that the browser itself plays in a frame, or that a plugin once played."""
        self._set_up([_flash(tag.attributes.get("flashvars", ""))])
        mime = tag.attributes.get("type", "")
        is_flash = "shockwave" in mime
        if (
            address
            and not is_flash
            and classify_media(address, mime).may_be_video
            and not mime.startswith("text/")
        ):
            self._set_up([Setup((PlayerFile(address, mime),))])

    def _set_up(self, setups: Sequence[Setup | None]) -> None:
        self.page.add_setups([setup for setup in setups if setup is not None])


def _is_download(attributes: Mapping[str, str]) -> bool:
    """Whether a link says that it is a file's download, by its attributes."""
    words = " ".join(
        attributes.get(name, "") for name in ("id", "class", "title", "aria-label", "data-action")
    )
    return "download" in attributes or "download" in words.lower()


def _same(url: str) -> Callable[[str], bool]:
    """Return a predicate: whether a URL is that of the same page, or of one above or below it.

    One below ``/post/1`` is ``/post/1/a-title``.
    """
    host, steps = _location(url)

    def holds(other: str) -> bool:
        its_host, its_steps = _location(other)
        shorter = min(len(steps), len(its_steps))
        return (
            host == its_host
            and steps[:shorter] == its_steps[:shorter]
            and (shorter > 0 or steps == its_steps)
        )

    return holds


def _location(url: str) -> tuple[str, list[str]]:
    parts = urlsplit(url)
    return (parts.hostname or "").removeprefix("www."), [
        step for step in parts.path.split("/") if step
    ]


def _flash(variables: str) -> Setup | None:
    """Return what a Flash player gets as form data: ``file=…&image=…``."""
    parsed = {name.lower(): value for name, value in parse_qsl(variables[:20_000])}
    named: dict[str, str] = {
        name: parsed[name]
        for name in ("file", "src", "url", "video", "video_url", "image")
        if name in parsed
    }
    return setup_in_attributes(named)


def _address(attributes: Mapping[str, str]) -> str | None:
    """Return the address of a lazy element: a script moves it to ``src``, over a placeholder,
    once it is visible.
    """
    later = next(
        (
            attributes[name]
            for name in ("data-src", "data-lazy-src", "data-litespeed-src", "data-url")
            if attributes.get(name)
        ),
        None,
    )
    src = attributes.get("src", "")
    return later if later and not src.startswith("http") else src or later


def _picture(tag: Tag) -> str | None:
    """Return the URL of a picture of the post; None for an avatar, an emoji or a tracking pixel."""
    attributes = tag.attributes
    sizes = [
        values.number(attributes.get(side, "").removesuffix("px")) for side in ("width", "height")
    ]
    if any(size is not None and size < _MIN_PICTURE_PX for size in sizes):
        return None
    address = attributes.get("src") or attributes.get("data-src") or ""
    marks = (
        f"{attributes.get('class', '')} {attributes.get('id', '')} {attributes.get('alt', '')[:20]}"
    )
    return (
        None if not address or address.startswith("data:") or _NO_PICTURE.search(marks) else address
    )
