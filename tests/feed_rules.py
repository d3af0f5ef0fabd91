"""The rules of RSS 2.0, of Apple's and the Podcast Index's tags, of Atom (RFC 4287) and of OPML
2.0, as far as our feeds use them.

PyPI has no feed validator that works offline (looked for in November 2026: only clients of the
W3C's service), so these are the rules that the W3C's validator checks, written down for what we
write: anything else is a problem.
"""

from __future__ import annotations

import re
import uuid
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from email.utils import parsedate_to_datetime

ITUNES = "{http://www.itunes.com/dtds/podcast-1.0.dtd}"
PODCAST = "{https://podcastindex.org/namespace/1.0}"
ATOM = "{http://www.w3.org/2005/Atom}"
_URI = re.compile(
    r"https?://[A-Za-z0-9.\[\]:-]+(/(?:[A-Za-z0-9._~!$&'()*+,;=:@/?#\[\]-]|%[0-9A-Fa-f]{2})*)?"
)
_MIME = re.compile(r"(audio|video|application)/[a-z0-9.+-]+")
_LANGUAGE = re.compile(r"[a-z]{2}(-[A-Z]{2})?")
_DAYS = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d (\+0000|GMT)"
)
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")

Rule = Callable[[str], bool]


def _is_date(text: str) -> bool:
    with suppress(ValueError):
        return bool(_DAYS.fullmatch(text)) and parsedate_to_datetime(text).tzinfo is not None
    return False


def _is_moment(text: str) -> bool:
    with suppress(ValueError):
        return bool(_RFC3339.fullmatch(text)) and datetime.fromisoformat(text).tzinfo is not None
    return False


def _is_uri(text: str) -> bool:
    return _URI.fullmatch(text) is not None


def _is_uuid(text: str) -> bool:
    with suppress(ValueError):
        return str(uuid.UUID(text.removeprefix("urn:uuid:"))) == text.removeprefix("urn:uuid:")
    return False


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _one_of(*values: str) -> Rule:
    return lambda text: text in values


def _words(text: str) -> bool:
    return bool(text.strip())


# of each element: what its text must be; a name in _AT_MOST_ONCE may be missing, all others must be
# there once
_CHANNEL: Mapping[str, Rule] = {
    "title": _words,
    "link": _is_uri,
    "description": _words,
    "language": lambda text: _LANGUAGE.fullmatch(text) is not None,
    "lastBuildDate": _is_date,
    "generator": _words,
    f"{ITUNES}author": _words,
    f"{ITUNES}explicit": _one_of("true", "false"),
    f"{ITUNES}type": _one_of("episodic", "serial"),
    f"{ITUNES}block": _one_of("Yes"),
    f"{PODCAST}locked": _one_of("yes", "no"),
    f"{PODCAST}guid": _is_uuid,
}
_ITEM: Mapping[str, Rule] = {
    "title": _words,
    "link": _is_uri,
    "description": lambda _text: True,
    "pubDate": _is_date,
    "guid": lambda text: text.startswith("urn:uuid:") and _is_uuid(text),
    f"{ITUNES}author": _words,
    f"{ITUNES}duration": _is_number,
}
_ATTRIBUTES: Mapping[str, Mapping[str, Rule]] = {
    "guid": {"isPermaLink": _one_of("false")},
    "enclosure": {
        "url": _is_uri,
        "length": _is_number,
        "type": lambda text: _MIME.fullmatch(text) is not None,
    },
    f"{ITUNES}image": {"href": lambda text: _is_uri(text) and text.endswith((".jpg", ".png"))},
    f"{ITUNES}category": {"text": _one_of("TV & Film")},
    f"{ATOM}link": {
        "href": _is_uri,
        "rel": _one_of("self"),
        "type": _one_of("application/rss+xml"),
    },
}
_FEED: Mapping[str, Rule] = {
    f"{ATOM}id": lambda text: text.startswith("urn:uuid:") and _is_uuid(text),
    f"{ATOM}title": _words,
    f"{ATOM}subtitle": _words,
    f"{ATOM}updated": _is_moment,
    f"{ATOM}logo": _is_uri,
    f"{ATOM}generator": _words,
}
_ENTRY: Mapping[str, Rule] = {
    f"{ATOM}id": lambda text: text.startswith("urn:uuid:") and _is_uuid(text),
    f"{ATOM}title": _words,
    f"{ATOM}updated": _is_moment,
    f"{ATOM}published": _is_moment,
    f"{ATOM}content": lambda _text: True,
}
_MAY_LACK = frozenset({"link", "description", f"{ITUNES}author", f"{ITUNES}duration"})


def rss_problems(document: bytes) -> list[str]:
    """Return what is wrong with an RSS document."""
    root = ET.fromstring(document)
    channel = root.find("channel")
    if root.tag != "rss" or root.attrib != {"version": "2.0"} or channel is None or len(root) != 1:
        return ["it is no RSS 2.0"]
    others = {"image", "item", f"{ATOM}link", f"{ITUNES}image", f"{ITUNES}category"}
    found = [*_texts(channel, _CHANNEL, others, may_lack=frozenset()), *_attributes(channel)]
    image = channel.find("image")
    if image is None or [(part.tag, part.text) for part in image if part.tag != "url"] != [
        ("title", channel.findtext("title")),
        ("link", channel.findtext("link")),
    ]:
        found.append("the image has not the channel's title and link")
    for item in channel.findall("item"):
        found += _texts(item, _ITEM, {"enclosure", f"{ITUNES}image"}, may_lack=_MAY_LACK)
        found += _attributes(item)
        if len(item.findall("enclosure")) != 1:
            found.append("an item has not one enclosure")
    found += _repeated("guid", (item.findtext("guid") for item in channel.findall("item")))
    found += _repeated("enclosure", (part.get("url") for part in channel.findall("item/enclosure")))
    return found


def atom_problems(document: bytes) -> list[str]:
    """Return what is wrong with an Atom document."""
    root = ET.fromstring(document)
    if root.tag != f"{ATOM}feed":
        return ["it is no Atom"]
    others = {f"{ATOM}{name}" for name in ("link", "author", "entry")}
    found = [
        *_texts(root, _FEED, others, may_lack=frozenset()),
        *_links(root, {"self", "alternate"}),
        *_authors(root),
    ]
    for entry in root.findall(f"{ATOM}entry"):
        found += _texts(entry, _ENTRY, others - {f"{ATOM}entry"}, may_lack=frozenset())
        found += [*_links(entry, {"enclosure"}), *_authors(entry)]
        if entry.find(f"{ATOM}content[@type='html']") is None:
            found.append("an entry has no content of type html")
    found += _repeated(
        "id", (entry.findtext(f"{ATOM}id") for entry in root.findall(f"{ATOM}entry"))
    )
    return found


def opml_problems(document: bytes) -> list[str]:
    """Return what is wrong with an OPML document."""
    root = ET.fromstring(document)
    if (
        root.tag != "opml"
        or root.attrib != {"version": "2.0"}
        or [part.tag for part in root] != ["head", "body"]
    ):
        return ["it is no OPML 2.0"]
    outlines = root.findall("body/*")
    found = ["a line is no outline" for outline in outlines if outline.tag != "outline"]
    found += ["a line has no text" for outline in outlines if not outline.get("text")]
    return found + [
        "a line is no RSS"
        for each in outlines
        if each.get("type") != "rss" or not _is_uri(each.get("xmlUrl", ""))
    ]


def _texts(
    parent: ET.Element, rules: Mapping[str, Rule], others: set[str], *, may_lack: frozenset[str]
) -> Iterator[str]:
    counts = Counter(part.tag for part in parent)
    yield from (
        f"{tag} does not belong into {parent.tag}"
        for tag in counts
        if tag not in rules and tag not in others
    )
    for tag, rule in rules.items():
        if counts[tag] != 1 and not (counts[tag] == 0 and tag in may_lack):
            yield f"{parent.tag} has {counts[tag]} of {tag}"
        elif counts[tag] and not rule(parent.findtext(tag) or ""):
            yield f"{tag} is {parent.findtext(tag)!r}"


def _attributes(parent: ET.Element) -> Iterator[str]:
    for part in parent:
        if part.tag in ("image", "item"):
            continue
        rules = _ATTRIBUTES.get(part.tag, {})
        if part.attrib.keys() != rules.keys():
            yield f"{part.tag} has the attributes {sorted(part.attrib)}"
        yield from (
            f"{part.tag} has {name}={value!r}"
            for name, value in part.attrib.items()
            if not rules[name](value)
        )


def _links(parent: ET.Element, wanted: set[str]) -> Iterator[str]:
    links = parent.findall(f"{ATOM}link")
    relations = Counter(link.get("rel", "alternate") for link in links)
    if any(count > 1 for count in relations.values()) or not wanted <= relations.keys():
        yield f"{parent.tag} has the links {sorted(relations.elements())}"
    yield from (
        f"a link to {link.get('href')!r}" for link in links if not _is_uri(link.get("href", ""))
    )
    for link in links:
        if link.get("rel") == "enclosure" and not (
            _is_number(link.get("length", "")) and _MIME.fullmatch(link.get("type", ""))
        ):
            yield f"an enclosure with {link.attrib}"


def _authors(parent: ET.Element) -> Iterator[str]:
    yield from (
        "an author without a name"
        for author in parent.findall(f"{ATOM}author")
        if not author.findtext(f"{ATOM}name")
    )


def _repeated(what: str, values: Iterator[str | None]) -> Iterator[str]:
    yield from (f"{what} {value} twice" for value, count in Counter(values).items() if count > 1)
