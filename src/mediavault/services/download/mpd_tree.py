"""An MPD as a tree of plain nodes, read with limits. The only importer of expat.

A document type is refused, and with it every entity a document could declare; depth and number of elements are bounded
and nothing outside the text is ever opened. Names lose their prefix: published manifests use it as they like.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from mediavault.core.errors import NotAVideo

MAX_DEPTH = 32
MAX_ELEMENTS = 200_000
MAX_TEXT_CHARS = 5_000_000


@dataclass(slots=True)
class Node:
    """``attributes`` by local name; ``text`` is what stands directly in the element."""

    name: str
    attributes: dict[str, str]
    children: list[Node] = field(default_factory=list)
    text: str = ""

    def all(self, name: str) -> Iterator[Node]:
        """The children of this name."""
        return (child for child in self.children if child.name == name)

    def first(self, name: str) -> Node | None:
        return next(self.all(name), None)

    def get(self, name: str, default: str = "") -> str:
        return self.attributes.get(name, default).strip()

    def walk(self) -> Iterator[Node]:
        """This node and all below it."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting += node.children


def read_tree(text: str) -> Node:
    """The root element. NotAVideo for what is no proper XML, is larger than the limits or declares a document type."""
    if len(text) > MAX_TEXT_CHARS:
        raise NotAVideo("The DASH manifest is too long.")
    builder = _Builder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.characters
    try:
        parser.Parse(text.lstrip("\ufeff \t\r\n"), True)  # noqa: FBT003 - expat's own signature
    except (expat.ExpatError, ValueError) as exc:
        raise NotAVideo(f"The DASH manifest is no proper XML: {exc}.") from exc
    return builder.root


class _Builder:
    def __init__(self) -> None:
        self._open: list[Node] = []
        self._count = 0
        self.root = Node("", {})

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if len(self._open) >= MAX_DEPTH or self._count > MAX_ELEMENTS:
            raise NotAVideo("The DASH manifest is too deep, or has too many elements.")
        node = Node(_local(name), {_local(key): value for key, value in attributes.items()})
        if self._open:
            self._open[-1].children.append(node)
        else:
            self.root = node
        self._open.append(node)

    def end(self, _name: str) -> None:
        self._open.pop()

    def characters(self, text: str) -> None:
        self._open[-1].text += text


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _refuse_doctype(*_: object) -> None:
    raise NotAVideo("The DASH manifest declares a document type, which none has any use for.")
