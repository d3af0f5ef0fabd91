"""Where the code produces each error code, read from its syntax trees."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.syntax import nodes_below

Sources = Mapping[str, list[str]]


def sources_of_codes(folder: Path) -> Sources:
    """Return where errors of each code are created or chosen:
    ``{"DRM": ["services/…/ranking.py:82", …]}``.

    Created: a call of a class that carries the code, or the code as an argument of a call. Chosen:
    the class as a value in a mapping. Catching a class, comparing it or listing it in a tuple does
    not count.
    """
    carriers = _carriers(
        [node for _, node in nodes_below(folder) if isinstance(node, ast.ClassDef)]
    )
    sources: dict[str, list[str]] = defaultdict(list)
    for path, node in nodes_below(folder):
        for code in _produced(node, carriers):
            sources[code].append(f"{path}:{getattr(node, 'lineno', 0)}")
    return sources


def _carriers(classes: Sequence[ast.ClassDef]) -> Mapping[str, str]:
    """Return the code of every class that names one, or whose base does."""
    named = {node.name: code for node in classes if (code := _own_code(node)) is not None}
    bases = {
        node.name: [base.id for base in node.bases if isinstance(base, ast.Name)]
        for node in classes
    }
    for _ in range(5):  # the tree is four deep
        for name, above in bases.items():
            inherited = next((named[base] for base in above if base in named), None)
            if inherited is not None:
                named.setdefault(name, inherited)
    return named


def _own_code(node: ast.ClassDef) -> str | None:
    for line in node.body:
        match line:
            case ast.Assign(targets=[ast.Name(id="code")], value=value):
                return _code(value)
    return None


def _code(value: ast.expr) -> str | None:
    match value:
        case ast.Attribute(value=ast.Name(id="ErrorCode"), attr=name):
            return name
    return None


def _produced(node: ast.AST, carriers: Mapping[str, str]) -> Iterator[str]:
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Name) and node.func.id in carriers:
            yield carriers[node.func.id]
        yield from filter(
            None, map(_code, [*node.args, *(keyword.value for keyword in node.keywords)])
        )
    elif isinstance(node, ast.Dict):
        yield from (
            carriers[v.id] for v in node.values if isinstance(v, ast.Name) and v.id in carriers
        )
