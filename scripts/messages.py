"""The messages in mediavault's code outside its pages, for the catalogues (``make words``).

These are the templates that ``Message`` and ``counted`` are called with, the literal arguments of
our own exceptions, and the texts of the table of failures.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from mediavault.core.failures import FAILURES

SRC = Path(__file__).resolve().parents[1] / "src" / "mediavault"
UNTRANSLATED = re.compile(r"cli/|demo/|features/\w+/commands[./]")  # these are in English only

FINDINGS = {"ok", "warning", "broken"}  # the functions that make the doctor's findings

Text = str | tuple[str, str]  # a pair is singular and plural


@cache
def messages_of_the_code() -> Mapping[Text, set[str]]:
    """Return every text with the files that it comes from."""
    trees = {
        path.relative_to(SRC).as_posix(): ast.parse(path.read_text("utf-8"))
        for path in sorted(SRC.rglob("*.py"))
    }
    exceptions = _exceptions(
        [
            node
            for tree in trees.values()
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef)
        ]
    )
    texts: defaultdict[Text, set[str]] = defaultdict(set)
    for spec in FAILURES.values():
        for sentence in spec.texts:
            texts[sentence].add("core/failures.py")
    for name, tree in trees.items():
        if not UNTRANSLATED.match(name):
            for node in ast.walk(tree):
                for text in _texts_of(node, exceptions):
                    texts[text].add(name)
    return texts


def _exceptions(classes: list[ast.ClassDef]) -> frozenset[str]:
    """Return the names of our exceptions: ``MediavaultError`` and its subclasses."""
    names = {"MediavaultError"}
    while (
        more := {cls.name for cls in classes if names & {_name(base) for base in cls.bases}} - names
    ):
        names |= more
    return frozenset(names)


def _texts_of(node: ast.AST, exceptions: frozenset[str]) -> Iterator[Text]:
    match node:
        case ast.Call(func=ast.Name(id="Message"), args=[ast.Constant(value=str(text)), *_]):
            yield text
        case ast.Call(func=ast.Name(id="counted"), args=[_, ast.Constant(value=str(one)), *many]):
            yield f"%(count)d {one}", f"%(count)d {next(map(ast.literal_eval, many), f'{one}s')}"
        case ast.Call(func=called, args=args, keywords=keywords) if _may_be_exception(
            called, exceptions
        ):
            for value in (*args, *(keyword.value for keyword in keywords if keyword.arg == "help")):
                yield from _literals(value)
        case ast.ClassDef(name=name, body=body) if name in exceptions:
            for line in body:
                if isinstance(line, ast.Assign) and _name(line.targets[0]) == "help":
                    yield from _literals(line.value)
        case _:
            pass


def _may_be_exception(called: ast.expr, exceptions: frozenset[str]) -> bool:
    """Whether a call creates an exception, of a class by its name or of one chosen from several;
    or a doctor's finding.
    """
    if isinstance(called, ast.IfExp):
        return _may_be_exception(called.body, exceptions)
    if isinstance(called, ast.Name) and called.id in FINDINGS:
        return True
    return _name(called) in exceptions | {"condition", "kind", "failure", "refusal", "error"}


def _literals(value: ast.expr) -> Iterator[str]:
    """Yield the sentences that an argument can be; a single word is a name, not a sentence."""
    match value:
        case ast.Constant(value=str(text)) if " " in text.strip():
            yield text
        case ast.IfExp(body=body, orelse=orelse):
            yield from _literals(body)
            yield from _literals(orelse)
        case ast.BoolOp(values=operands):
            for operand in operands:
                yield from _literals(operand)
        case _:
            pass


def _name(node: ast.AST) -> str:
    return str(getattr(node, "id", getattr(node, "attr", "")))
