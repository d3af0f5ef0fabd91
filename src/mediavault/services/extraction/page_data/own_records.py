"""The video in the record of a page's own article, in the state that the page's framework keeps as JSON. Pure.

The record is found by its identity: its URL is the page's, its id is in the page's address, or its headline is the page's.
No site's names of keys are known here. What a record holds of other articles (related ones, recommendations) is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from mediavault.services.extraction.media_urls import classify_media
from mediavault.services.extraction.page_data import values
from mediavault.services.extraction.page_data.html_page import HtmlPage
from mediavault.services.extraction.page_data.json_walk import Node, walk
from mediavault.services.extraction.page_data.metadata import host_and_path
from mediavault.services.extraction.page_data.page_identity import id_in
from mediavault.services.extraction.page_data.player_setups import PlayerFile, Setup, as_absolute

MAX_NODES = 20_000  # of a document in which records are looked for, and of a record
MAX_RECORDS = 20
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
)
_IDS = ("id", "_id", "articleId", "postId", "contentId", "aweme_id", "uuid", "guid")
_HEADLINES = ("headline", "title", "name")
_WORDS = re.compile(r"[a-z]+")
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_OTHERS = frozenset(
    "related recommended recommendations more next previous prev sidebar trending popular latest promo promos ad ads advert adverts"  # noqa: SIM905
    " advertisement preroll footer header menu nav navigation teaser teasers preview previews trailer background loop thumbnail"
    " thumbnails poster image images picture pictures audio caption captions subtitle subtitles track tracks".split()
)
_FORMS = re.compile(r"mp4|webm|hls|m3u8|dash|mpd|[sh]d|[hl]q|low|medium|high|\d{3,4}p?|play_addr", re.IGNORECASE)
_ADDRESS = re.compile(r"(?:https?:)?//[^\s\"'<>{}]+|/[^\s\"'<>{}]+")


@dataclass(frozen=True, slots=True)
class _Identity:
    """What tells the page's own record from others: ``places`` are host and path of the page's addresses."""

    page: HtmlPage
    places: frozenset[str]
    post_id: str | None
    headlines: frozenset[str]

    def holds(self, node: Node) -> bool:
        """Whether a node is the page's own record."""
        if (stated := self.stated(node)) is not None:
            return stated
        if self.post_id is not None and any(str(node[name]) == self.post_id for name in _IDS if name in node):
            return True
        titles = (node[name] for name in _HEADLINES if isinstance(node.get(name), str))
        return any(title.casefold() in self.headlines for title in titles)

    def stated(self, node: Node) -> bool | None:
        """Whether the URL that a node states as its own is the page's; None where it states none of an article."""
        for name in _URLS:
            address = node.get(name)
            url = self.page.absolute(address) if isinstance(address, str) else None
            if url is None or classify_media(url).may_be_video:
                continue
            if host_and_path(url) in self.places:
                return True
            if id_in(url) is not None or url.rstrip("/").rpartition("/")[2].count("-") >= _MIN_HYPHENS:
                return False
        return None


def own_videos(documents: Sequence[object], page: HtmlPage) -> list[Setup]:
    """Return the videos of the page's own record, each once; [] where no record is the page's, or it has none."""
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
    return list(found.values())


def _kept_apart(nodes: Sequence[Node]) -> Mapping[str, Node]:
    """Return the records that others only refer to (``{"__ref": "Video:7"}``), by their names in Apollo's cache."""
    named = (entry for node in nodes for entry in node.items() if isinstance(entry[1], dict))
    return {name: node for name, node in named if name.partition(":")[0] == node.get("__typename")}


def _videos(record: Node, identity: _Identity, kept: Mapping[str, Node]) -> Iterator[Setup]:
    """Yield the videos in a record that are not in a part about something else."""
    pending, kept = [record], dict(kept)
    for _ in range(MAX_NODES):
        if not pending:
            return
        node = pending.pop()
        if files := tuple(dict.fromkeys(_files(node))):
            yield Setup(files)
            continue
        parts = (kept.pop(str(inner["__ref"]), inner) if "__ref" in inner else inner for inner in _parts(node))
        pending += reversed([inner for inner in parts if identity.stated(inner) is not False])


def _parts(node: Node) -> Iterator[Node]:
    for name, value in node.items():
        if not _is_about_others(name):
            yield from (inner for inner in (value if isinstance(value, list) else [value]) if isinstance(inner, dict))


def _is_about_others(name: str) -> bool:
    """Whether a key says that its value is not the article's video itself."""
    return bool(_OTHERS & set(_WORDS.findall(_CAPITAL.sub(" ", name).lower())))


def _files(node: Node) -> Iterator[PlayerFile]:
    """Yield the files that a node names itself, and those of its forms (``{"mp4": {"url": …}, "hls": …}``, ``streams: […]``)."""
    yield from _named(node, node)
    for name, value in node.items():
        if isinstance(value, Mapping) and _FORMS.fullmatch(name):
            for address in values.items(value.get("url_list"))[:1]:
                if isinstance(address, str) and _ADDRESS.fullmatch(address):
                    yield _file(address, value, "video/mp4")
            yield from _named(value, value)
        elif isinstance(value, list) and not _is_about_others(name):
            forms = [entry for entry in value if isinstance(entry, dict)]
            if forms and all(any(_named(entry, entry)) for entry in forms) and _are_of_one(forms):
                yield from (file for entry in forms for file in _named(entry, entry))


def _are_of_one(forms: Sequence[Node]) -> bool:
    """Whether the entries of a list are forms of one video: they have neither titles nor ids of their own."""
    return not any(isinstance(entry.get(name), str) for entry in forms for name in (*_HEADLINES, "description"))


def _named(node: Node, facts: Node) -> Iterator[PlayerFile]:
    for name, value in node.items():
        if isinstance(value, str) and not _is_about_others(name) and _ADDRESS.fullmatch(value.strip()):
            address = value.strip()
            if classify_media(as_absolute(address)).may_be_video:
                yield _file(address, facts)


def _file(address: str, facts: Node, mime: str = "") -> PlayerFile:
    kind = str(facts.get("type") or facts.get("mimeType") or facts.get("mime") or "")
    return PlayerFile(
        address, kind if "/" in kind else mime, values.integer(facts.get("width")), values.integer(facts.get("height"))
    )
