"""What a page calls the person who looks at it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mediavault.services.extraction.page_data.json_walk import walk_all


def viewer_of(path: Sequence[str], documents: Iterable[object]) -> str | None:
    """The name at ``path``: its first part is a key, or the name of a module as Meta's pages define them
    (``[name, [], data, number]``), anywhere; the rest leads down from there. None where no document has it."""
    for document in documents:
        for node in walk_all(document):
            if isinstance(node, Mapping):
                found = _below(node.get(path[0]), path[1:])
            else:
                is_module = len(node) > 2 and node[0] == path[0]
                found = _below(node[2], path[1:]) if is_module else None
            if found is not None:
                return found
    return None


def _below(value: object, path: Sequence[str]) -> str | None:
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value.strip() or None if isinstance(value, str) else None
