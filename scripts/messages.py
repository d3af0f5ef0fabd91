"""The sentences that mediavault's code says below its pages, for the catalogues (``make words``).

These are the templates that ``Message`` and ``counted`` are called with, the literal arguments of our own exceptions, and
the texts of the table of failures.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from mediavault.core.failures import FAILURES

SRC = Path(__file__).resolve().parents[1] / "src" / "mediavault"
SILENT = ("cli/", "demo/")  # these speak English

Text = str | tuple[str, str]  # or one, and many


@cache
def messages_of_the_code() -> Mapping[Text, set[str]]:
    """Every text with the files that it comes from."""
    trees = {path.relative_to(SRC).as_posix(): ast.parse(path.read_text("utf-8")) for path in sorted(SRC.rglob("*.py"))}
    exceptions = _exceptions(
        [node for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    )
    found: defaultdict[Text, set[str]] = defaultdict(set)
    for spec in FAILURES.values():
        for sentence in spec.texts:
            found[sentence].add("core/failures.py")
    for name, tree in trees.items():
        if not name.startswith(SILENT):
            for node in ast.walk(tree):
                for text in _texts_of(node, exceptions):
                    found[text].add(name)
    return found


def _exceptions(classes: list[ast.ClassDef]) -> frozenset[str]:
    """The names of our exceptions: ``MediavaultError`` and everything below it."""
    names = {"MediavaultError"}
    while more := {one.name for one in classes if names & {_name(base) for base in one.bases}} - names:
        names |= more
    return frozenset(names)


def _texts_of(node: ast.AST, exceptions: frozenset[str]) -> Iterator[Text]:
    match node:
        case ast.Call(func=ast.Name(id="Message"), args=[ast.Constant(value=str(text)), *_]):
            yield text
        case ast.Call(func=ast.Name(id="counted"), args=[_, ast.Constant(value=str(one)), *many]):
            yield f"%(count)d {one}", f"%(count)d {next(map(ast.literal_eval, many), f'{one}s')}"
        case ast.Call(func=called, args=args, keywords=keywords) if _may_be_one(called, exceptions):
            for value in (*args, *(one.value for one in keywords if one.arg == "help")):
                yield from _literals(value)
        case ast.ClassDef(name=name, body=body) if name in exceptions:
            for line in body:
                if isinstance(line, ast.Assign) and _name(line.targets[0]) == "help":
                    yield from _literals(line.value)
        case _:
            pass


def _may_be_one(called: ast.expr, exceptions: frozenset[str]) -> bool:
    """Whether a call makes an exception: of a class by its name, or of one that was chosen from several."""
    if isinstance(called, ast.IfExp):
        return _may_be_one(called.body, exceptions)
    return _name(called) in exceptions | {"condition", "kind", "failure", "refusal", "error"}


def _literals(value: ast.expr) -> Iterator[str]:
    """The sentences that an argument can be; a word alone is a name."""
    match value:
        case ast.Constant(value=str(text)) if " " in text.strip():
            yield text
        case ast.IfExp(body=one, orelse=other):
            yield from _literals(one)
            yield from _literals(other)
        case ast.BoolOp(values=several):
            for one in several:
                yield from _literals(one)
        case _:
            pass


def _name(node: ast.AST) -> str:
    return str(getattr(node, "id", getattr(node, "attr", "")))
