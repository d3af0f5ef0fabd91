"""Whether a page has an element, by a small subset of CSS: enough for what the platforms' facts name. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from mediavault.extraction.page_data.html_scan import MAX_HTML_CHARS, attributes_of

_MAX_ELEMENTS = 50_000
_MAX_BROKEN = 100
_SIMPLE = re.compile(r"([A-Za-z][\w-]*)?((?:#[\w-]+|\.[\w-]+|\[[\w-]+(?:[*^$]?=\"?[^\"\]]*\"?)?\])*)")
_PART = re.compile(r"#([\w-]+)|\.([\w-]+)|\[([\w-]++)(?:([*^$]?)=\"?([^\"\[\]]*+)\"?)?\]")
_START = re.compile(r"<(?:(!--)|([A-Za-z][\w-]{0,40})(?=[\s/>]))")
_RAW = frozenset({"script", "style", "template", "textarea", "title", "noscript"})  # their contents are not shown

Element = tuple[str, Mapping[str, str]]


def has_element(html: str, selector: str) -> bool:
    """Whether ``html`` holds an element that matches ``selector``. Raises ValueError for a selector of another form.

    It is a comma-separated list of ``tag#id.class[name*=value]`` without combinators.
    """
    wanted = [_read(simple.strip()) for simple in selector.split(",")]
    return any(_matches(element, tag, parts) for element in _elements(html) for tag, parts in wanted)


Parts = tuple[tuple[str, str, str], ...]  # attribute, operator, value


def _read(simple: str) -> tuple[str, Parts]:
    match = _SIMPLE.fullmatch(simple)
    if match is None or not simple:
        raise ValueError(f"selectors of this form are not read: {simple!r}")
    return (match[1] or "").lower(), tuple(_part(part) for part in _PART.finditer(match[2]))


def _part(part: re.Match[str]) -> tuple[str, str, str]:
    if part[1]:
        return "id", "=", part[1]
    if part[2]:
        return "class", "~", part[2]
    return part[3].lower(), "?" if part[5] is None else part[4] or "=", part[5] or ""


def _matches(element: Element, tag: str, parts: Parts) -> bool:
    name, attributes = element
    return tag in ("", name) and all(
        _value_matches(attributes.get(attribute), how, value) for attribute, how, value in parts
    )


def _value_matches(actual: str | None, how: str, value: str) -> bool:
    if actual is None:
        return False
    match how:
        case "?":
            return True
        case "~":
            return value in actual.split()
        case "*":
            return value in actual
        case "^":
            return actual.startswith(value)
        case "$":
            return actual.endswith(value)
        case _:
            return actual == value


def _elements(html: str) -> Iterator[Element]:
    html = html[:MAX_HTML_CHARS]
    position, count, broken = 0, 0, 0
    while count < _MAX_ELEMENTS and broken < _MAX_BROKEN and (start := _START.search(html, position)):
        if start[1]:
            end = html.find("-->", start.end())
            if end < 0:
                return
            position = end
            continue
        name, count = start[2].lower(), count + 1
        attributes, position = attributes_of(html, start.end(), start.end())
        broken += position == start.end()  # a tag without an end: searching for it in vain is costly
        if name in _RAW:
            position = _end_of(html, name, position)
        else:
            yield name, attributes


def _end_of(html: str, name: str, position: int) -> int:
    end = re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE).search(html, position)
    return end.start() if end else len(html)
