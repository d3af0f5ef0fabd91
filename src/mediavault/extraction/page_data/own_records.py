"""The video in the record of a page's own article, in the state that the page's framework keeps as
JSON. Pure.

The record is found by its identity: its URL is the page's, its id is in the page's address, or its
headline is the page's. Keys are those that many sites use. What a record holds of other articles
(related ones, recommendations) is left out, and so are copies for download where it has a video to
play, and forms in another language. A record may hold JSON as text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from mediavault.extraction.media_urls import classify_media
from mediavault.extraction.page_data import values
from mediavault.extraction.page_data.html_page import HtmlPage
from mediavault.extraction.page_data.metadata import host_and_path
from mediavault.extraction.page_data.page_identity import id_in
from mediavault.extraction.page_data.player_setups import PlayerFile, Setup, as_absolute
from mediavault.extraction.page_data.values import Node, walk

MAX_NODES = 20_000  # of a document in which records are looked for, and of a record
MAX_RECORDS = 20
MAX_TEXT_CHARS = 1_000_000  # of JSON that a record holds as text
_MIN_HYPHENS = 2  # in the last part of an article's address, which is made of its headline
MIN_HEADLINE_CHARS = 15  # a shorter one may be a section's

_URLS = (
    "url",
    "canonicalUrl",
    "canonical_url",
    "canonical",
    "permalink",
    "link",
    "webUrl",
    "shareUrl",
    "href",
    "path",
    "uri",
    "frontend_link",
)
_IDS = ("id", "_id", "articleId", "postId", "contentId", "aweme_id", "uuid", "guid")
_HEADLINES = ("headline", "title", "name")
_DOWNLOADS = frozenset({"download", "downloads"})
_COPY = "copy"
_WORDS = re.compile(r"[a-z]+")
_OTHERS = frozenset(
    "related recommended recommendations more next previous prev sidebar trending popular latest"  # noqa: SIM905
    " promo promos ad ads advert adverts"
    " advertisement preroll footer header menu nav navigation teaser teasers preview previews"
    " trailer background loop thumbnail thumbnails poster image images picture pictures audio"
    " caption captions subtitle subtitles track tracks".split()
)
_FORMS = re.compile(
    r"mp4|webm|hls|m3u8|dash|mpd|[sh]d|[hl]q|low|medium|high|\d{3,4}p?|play_addr", re.IGNORECASE
)
_ADDRESS = re.compile(r"(?:https?:)?//[^\s\"'<>{}]+|/[^\s\"'<>{}]+")


@dataclass(frozen=True, slots=True)
class _Identity:
    """What tells the page's own record from others:
    ``places`` are host and path of the page's addresses.
    """

    page: HtmlPage
    places: frozenset[str]
    post_id: str | None
    headlines: frozenset[str]

    def holds(self, node: Node) -> bool:
        """Whether a node is the page's own record."""
        if (stated := self.stated(node)) is not None:
            return stated
        if self.post_id is not None and any(
            str(node[name]) == self.post_id for name in _IDS if name in node
        ):
            return True
        titles = (node[name] for name in _HEADLINES if isinstance(node.get(name), str))
        return any(title.casefold() in self.headlines for title in titles)

    def stated(self, node: Node) -> bool | None:
        """Whether the URL that a node states as its own is the page's;
        None where it states none of an article.
        """
        is_anothers = False
        for name in _URLS:
            address = node.get(name)
            url = self.page.absolute(address) if isinstance(address, str) else None
            if url is None or classify_media(url).may_be_video:
                continue
            if host_and_path(url) in self.places:
                return True
            is_anothers |= (
                id_in(url) is not None
                or url.rstrip("/").rpartition("/")[2].count("-") >= _MIN_HYPHENS
            )
        return False if is_anothers else None


def own_videos(documents: Sequence[object], page: HtmlPage) -> list[Setup]:
    """Return the videos of the page's own record, each once; [] where no record is the page's,
    or it has none.
    """
    addresses = filter(None, (page.url, page.canonical, page.absolute(page.meta("og:url"))))
    headlines = (text.casefold() for text in (page.heading, page.meta("og:title")) if text)
    identity = _Identity(
        page,
        frozenset(map(host_and_path, addresses)),
        id_in(page.url),
        frozenset(text for text in headlines if len(text) >= MIN_HEADLINE_CHARS),
    )
    found: dict[tuple[str, ...], Setup] = {}
    for document in documents:
        nodes = list(islice(walk(document), MAX_NODES))
        kept = _kept_apart(nodes)
        for record in islice(filter(identity.holds, nodes), MAX_RECORDS):
            for setup in _videos(record, identity, kept):
                found.setdefault(tuple(source.address for source in setup.sources), setup)
    # what a record offers for download is a copy of the video that it plays
    return [setup for setup in found.values() if setup.names != _COPY] or list(found.values())


def _kept_apart(nodes: Sequence[Node]) -> Mapping[str, Node]:
    """Return the records that others only refer to (``{"__ref": "Video:7"}``),
    by their names in Apollo's cache.
    """
    named = (entry for node in nodes for entry in node.items() if isinstance(entry[1], dict))
    return {name: node for name, node in named if name.partition(":")[0] == node.get("__typename")}


def _videos(record: Node, identity: _Identity, kept: Mapping[str, Node]) -> Iterator[Setup]:
    """Yield the videos in a record that are not in a part about something else;
    ``names`` are "copy" below a download.
    """
    pending, kept = [(record, "")], dict(kept)
    room = MAX_TEXT_CHARS
    for _ in range(MAX_NODES):
        if not pending:
            return
        node, names = pending.pop()
        if files := tuple(dict.fromkeys(_files(node))):
            yield Setup(files, names=names)
            continue
        inner: list[tuple[Node, str]] = []
        for name, value in node.items():
            is_text = isinstance(value, str) and value.startswith("{") and len(value) <= room
            room -= len(value) if is_text else 0
            held = values.parsed(value) if is_text else value
            if isinstance(held, dict | list) and not (words := _words_of(name)) & _OTHERS:
                parts = held if isinstance(held, list) else [held]
                found = (
                    kept.pop(str(part.get("__ref")), part)
                    for part in parts
                    if isinstance(part, dict)
                )
                inner += [(part, _COPY if words & _DOWNLOADS else names) for part in found]
        pending += reversed(
            [(part, names) for part, names in inner if identity.stated(part) is not False]
        )


def _words_of(name: str) -> set[str]:
    return set(_WORDS.findall(values.as_words(name)))


def _is_about_others(name: str) -> bool:
    """Whether a key says that its value is not the article's video itself."""
    return bool(_OTHERS & _words_of(name))


def _files(node: Node) -> Iterator[PlayerFile]:
    """Yield the files that a node names itself, and those of its forms
    (``{"mp4": {"url": …}, "hls": …}``, ``streams: […]``).
    """
    yield from _named(node, node)
    for name, value in node.items():
        if isinstance(value, Mapping) and _FORMS.fullmatch(name):
            for address in values.items(value.get("url_list"))[:1]:
                if isinstance(address, str) and _ADDRESS.fullmatch(address):
                    yield _file(address, value, "video/mp4")
            yield from _named(value, value)
        elif isinstance(value, list) and not _is_about_others(name):
            forms = _in_own_language(
                [entry for entry in value if isinstance(entry, dict) and _may_be_video(entry)], node
            )
            if forms and all(any(_named(entry, entry)) for entry in forms) and _are_of_one(forms):
                yield from (file for entry in forms for file in _named(entry, entry))


def _may_be_video(entry: Node) -> bool:
    """Whether an entry of a list of forms states no type of something else: of a sound,
    subtitles, a picture.
    """
    kind = _mime_of(entry)
    return (
        "/" not in kind or kind.startswith("video/") or "mpegurl" in kind.lower() or "dash" in kind
    )


def _in_own_language(forms: Sequence[Node], record: Node) -> Sequence[Node]:
    """Return the forms in the language of the record, of those that state one;
    all where none is in it.
    """
    own = record.get("original_language") or record.get("language")
    return [form for form in forms if own and form.get("language") == own] or forms


def _mime_of(entry: Node) -> str:
    return next(
        (str(entry[name]) for name in ("mime_type", "mimeType", "mime", "type") if entry.get(name)),
        "",
    )


def _are_of_one(forms: Sequence[Node]) -> bool:
    """Whether the entries of a list are forms of one video:
    they have neither titles nor ids of their own.
    """
    return not any(
        isinstance(entry.get(name), str) for entry in forms for name in (*_HEADLINES, "description")
    )


def _named(node: Node, facts: Node) -> Iterator[PlayerFile]:
    for name, value in node.items():
        if (
            isinstance(value, str)
            and not _is_about_others(name)
            and _ADDRESS.fullmatch(value.strip())
        ):
            address = value.strip()
            if classify_media(as_absolute(address)).may_be_video:
                yield _file(address, facts)


def _file(address: str, facts: Node, mime: str = "") -> PlayerFile:
    kind = _mime_of(facts)
    return PlayerFile(
        address,
        kind if "/" in kind else mime,
        values.integer(facts.get("width")),
        values.integer(facts.get("height")),
    )
