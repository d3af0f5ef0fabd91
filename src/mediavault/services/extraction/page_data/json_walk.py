"""A bounded walk through JSON that others wrote: no recursion, no more nodes and no deeper than is good."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

MAX_NODES = 200_000  # X's answers have some 10,000, the largest pages of Meta some 100,000
MAX_DEPTH = 100  # X's nest 30 deep; what lies deeper is nobody's post

Node = Mapping[str, Any]


def walk(value: object) -> Iterator[Node]:
    """The objects inside ``value`` in document order, outer before inner; those past the bounds are left out."""
    waiting: list[tuple[object, int]] = [(value, 0)]
    seen = 0
    while waiting and seen < MAX_NODES:
        node, depth = waiting.pop()
        seen += 1
        if isinstance(node, dict):
            yield node
            inner = list(node.values())
        elif isinstance(node, list | tuple):
            inner = list(node[:MAX_NODES])
        else:
            continue
        if depth < MAX_DEPTH:
            waiting.extend((child, depth + 1) for child in reversed(inner) if isinstance(child, dict | list | tuple))
