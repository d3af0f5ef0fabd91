"""The few elements of a page that say something about its video, found in one pass.

html.parser is not used: on Python 3.11 it needs over a second per megabyte of plain tags and, as
measured, does not return from two megabytes of unclosed quotes. This scan looks only at the
elements named here, each step goes forward, and a page that is broken in a hundred places is given
up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import unescape

MAX_HTML_CHARS = 10_000_000  # the most that a capture returns
MAX_TAG_CHARS = 65_536  # longest start tag that is read
_MAX_BROKEN = 100
_MAX_TAGS = 200_000  # links are among them
_MAX_HEADINGS = 10  # the text of each is copied
_MAX_HEADING_CHARS = 2_000

# their content is text, whatever it looks like
_RAW = frozenset({"script", "style", "title", "textarea"})
_OPENING = re.compile(
    r"<(?=[!/A-Za-z])(?:(?P<comment>!--)|(?P<closing>/?)(?P<name>script|style|title|textarea|meta|link|video|source|track|img|iframe|article|main|aside|a"
    r"|template|base|input|h1|video-js|object|embed|param|amp-(?:video|youtube|vimeo|dailymotion|brightcove|jwplayer))(?=[\s/>]))",
    re.IGNORECASE,
)
_TAG = re.compile(r"""[^"'>]*+(?:"[^"]*+"[^"'>]*+|'[^']*+'[^"'>]*+)*+>""")
_ATTRIBUTE = re.compile(r"""([^\s"'>/=]++)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s"'>]++)))?+""")
_END_OF = {name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE) for name in _RAW}


@dataclass(frozen=True, slots=True)
class Tag:
    """``text`` is the content of script, style, title, textarea and h1; ``closing`` marks an end
    tag.

    ``start`` is where it begins in the page.
    """

    name: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    closing: bool = False
    start: int = 0


def scan(html: str) -> Iterator[Tag]:
    """Yield the elements in document order, without those inside comments and templates, and the
    first headings only.

    Never raises.
    """
    html = html[:MAX_HTML_CHARS]
    position, broken, templates, headings, count = 0, 0, 0, 0, 0
    while (
        count < _MAX_TAGS and broken < _MAX_BROKEN and (opening := _OPENING.search(html, position))
    ):
        if opening["comment"]:
            position = html.find("-->", opening.end())
            if position < 0:
                return
            continue
        end = _TAG.match(html, opening.end(), opening.end() + MAX_TAG_CHARS)
        if end is None:
            position, broken = opening.end(), broken + 1
            continue
        position, count = end.end(), count + 1
        name, closing = opening["name"].lower(), bool(opening["closing"])
        headings += name == "h1" and not closing
        if name == "h1" and headings > _MAX_HEADINGS:
            continue
        tag, position = _read(html, name, closing, end[0], position, opening.start())
        if tag.name == "template":
            templates = max(0, templates - 1) if tag.closing else templates + 1
        elif not templates:
            yield tag


def _read(
    html: str,
    name: str,
    closing: bool,  # noqa: FBT001
    rest: str,
    position: int,
    start: int,
) -> tuple[Tag, int]:
    if closing:
        return Tag(name, closing=True, start=start), position
    attributes = _attributes(rest)
    if name == "h1":  # its text is wanted too, but it holds elements, and may never be closed
        text = html[position : position + _MAX_HEADING_CHARS].split("</h1", 1)[0]
        return Tag(name, attributes, text, start=start), position
    if name not in _RAW:
        return Tag(name, attributes, start=start), position
    end = _END_OF[name].search(html, position)
    stop = end.start() if end else len(html)
    content = html[position:stop]
    return Tag(
        name, attributes, unescape(content) if name == "title" else content, start=start
    ), stop


def attributes_of(html: str, start: int, otherwise: int) -> tuple[dict[str, str], int]:
    """Return the attributes of the start tag whose name ends at ``start``, and where it ends.

    Where it has no end, return no attributes and ``otherwise``.
    """
    end = _TAG.match(html, start, start + MAX_TAG_CHARS)
    return (_attributes(end[0]), max(end.end(), otherwise)) if end else ({}, otherwise)


def _attributes(rest: str) -> dict[str, str]:
    attributes: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(rest):
        attributes.setdefault(match[1].lower(), unescape(match[2] or match[3] or match[4] or ""))
    return attributes
