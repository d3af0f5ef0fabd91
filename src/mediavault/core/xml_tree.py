"""Parses XML into a tree of plain nodes, within limits, and says what XML can hold. The only
importer of expat.

A document type is refused, and with it every entity that a document could declare; depth and number
of elements are bounded, and nothing outside the text is ever opened. Namespace prefixes are
dropped: documents choose them freely.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from mediavault.core.failures import BadInput

_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class BadXml(BadInput):
    """The text is not XML, or has more than is read of it."""


@dataclass(slots=True)
class XmlNode:
    """``attributes`` by local name; ``text`` is the text directly in the element;
    ``line`` is where it begins, from 1.
    """

    name: str
    attributes: dict[str, str]
    line: int = 0
    children: list[XmlNode] = field(default_factory=list)
    text: str = ""

    def all(self, name: str) -> Iterator[XmlNode]:
        """Return the children with this name."""
        return (child for child in self.children if child.name == name)

    def first(self, name: str) -> XmlNode | None:
        """Return the first child with this name, or None."""
        return next(self.all(name), None)

    def get(self, name: str, default: str = "") -> str:
        """Return an attribute without blanks around it."""
        return self.attributes.get(name, default).strip()

    def walk(self) -> Iterator[XmlNode]:
        """Yield this node and all below it, in the order of the document."""
        pending = [self]
        while pending:
            node = pending.pop()
            yield node
            pending += reversed(node.children)


def read_xml(text: str, *, max_depth: int, max_elements: int) -> XmlNode:
    """Return the root element. Raises BadXml for malformed XML, beyond the limits,
    or with a document type.
    """
    parser = expat.ParserCreate()
    builder = _Builder(parser, max_depth, max_elements)
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.characters
    try:
        parser.Parse(text.lstrip("\ufeff \t\r\n"), True)  # noqa: FBT003 - expat's own signature
    except (expat.ExpatError, ValueError) as exc:
        raise BadXml(str(exc)) from exc
    return builder.root


class _Builder:
    def __init__(self, parser: expat.XMLParserType, max_depth: int, max_elements: int) -> None:
        self._parser, self._max_depth, self._left = parser, max_depth, max_elements
        self._open: list[XmlNode] = []
        # Of the open elements, in pieces: joined once, or the time would be quadratic.
        self._texts: list[list[str]] = []
        self.root = XmlNode("", {})

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._left -= 1
        if len(self._open) >= self._max_depth or self._left < 0:
            raise BadXml("it is too deep, or has too many elements")
        node = XmlNode(
            _local(name),
            {_local(key): value for key, value in attributes.items()},
            self._parser.CurrentLineNumber,
        )
        if self._open:
            self._open[-1].children.append(node)
        else:
            self.root = node
        self._open.append(node)
        self._texts.append([])

    def end(self, _name: str) -> None:
        self._open.pop().text = "".join(self._texts.pop())

    def characters(self, text: str) -> None:
        self._texts[-1].append(text)


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _refuse_doctype(*_: object) -> None:
    raise BadXml("it declares a document type, which is not allowed")


def in_xml(text: str) -> str:
    """Return the text without control characters, lone surrogates and what else XML 1.0 has no
    place for.
    """
    return _NOT_IN_XML.sub("", text)
