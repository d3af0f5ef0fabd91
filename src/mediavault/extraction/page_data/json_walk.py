"""A bounded walk through untrusted JSON: no recursion, and limits for the number of nodes and the depth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from mediavault.core.platform import Node

__all__ = ["MAX_DEPTH", "MAX_NODES", "Node", "walk", "walk_all"]

MAX_NODES = 200_000  # X's answers have some 10,000, the largest pages of Meta some 100,000
MAX_DEPTH = 100  # X's nest 30 deep; what is deeper is not a post


def walk(value: object) -> Iterator[Node]:
    """Iterate over the objects inside ``value`` in document order, outer before inner, up to the limits."""
    return (node for node in walk_all(value) if isinstance(node, dict))


def walk_all(value: object) -> Iterator[Node | Sequence[Any]]:
    """Iterate as :func:`walk`, including lists."""
    open_nodes: list[Iterator[object]] = [iter((value,))]  # from the root to the current node
    seen = 0
    while open_nodes and seen < MAX_NODES:
        for node in open_nodes[-1]:
            inner: Iterable[object]
            if isinstance(node, dict):
                yield node
                inner = node.values()
            elif isinstance(node, list | tuple):
                yield node
                inner = node
            else:
                continue
            seen += 1
            if len(open_nodes) <= MAX_DEPTH:
                open_nodes.append(iter(inner))
                break
            if seen >= MAX_NODES:
                break
        else:
            open_nodes.pop()
