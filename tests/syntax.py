"""The syntax trees of source files, parsed once in each test process for all tests that read the
code.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path


@cache
def nodes(text: str) -> tuple[ast.AST, ...]:
    """Return every node of this source, as ``ast.walk`` yields them. Don't change them:
    they are shared.
    """
    return tuple(ast.walk(ast.parse(text)))


def nodes_below(folder: Path) -> Iterator[tuple[str, ast.AST]]:
    """Yield every node of every module below the folder, with the module's path in it."""
    for path in sorted(folder.rglob("*.py")):
        name = path.relative_to(folder).as_posix()
        for node in nodes(path.read_text(encoding="utf-8")):
            yield name, node
