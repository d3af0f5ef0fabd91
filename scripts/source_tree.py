"""The source as syntax, for what is collected from it (scripts/messages.py). Nothing is run."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SRC = Path(__file__).resolve().parents[1] / "src" / "mediavault"
# Commands speak English; the practice sites speak to the worker alone.
SILENT = ("commands", "practice", "cli.py")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """``name`` is its path below the package; ``imports`` says which module a name comes from."""

    name: str
    tree: ast.Module
    functions: Mapping[str, Function]
    constants: Mapping[str, ast.expr]
    imports: Mapping[str, str]


@dataclass(frozen=True)
class Scope:
    """Where an expression stands: ``function`` is the innermost one round it."""

    module: Module
    function: Function | None


def modules() -> Iterator[Module]:
    for path in sorted(SRC.rglob("*.py")):
        name = path.relative_to(SRC).as_posix()
        if not name.startswith(SILENT):
            yield _module(name, ast.parse(path.read_text("utf-8")))


def _module(name: str, tree: ast.Module) -> Module:
    constants: dict[str, ast.expr] = {}
    imports: dict[str, str] = {}
    for node in tree.body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=it)], value=value)
                | ast.AnnAssign(target=ast.Name(id=it), value=ast.expr() as value)
            ):
                constants[it] = value
            case ast.ImportFrom(module=str(source), names=names) if source.startswith("mediavault."):
                file = f"{source.removeprefix('mediavault.').replace('.', '/')}.py"
                imports |= {one.asname or one.name: file for one in names}
            case _:
                pass
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, Function)}
    return Module(name, tree, functions, constants, imports)


def walk(module: Module) -> Iterator[tuple[Scope, ast.AST]]:
    """Each node, with where it stands."""
    todo: list[tuple[Scope, ast.AST]] = [(Scope(module, None), module.tree)]
    while todo:
        scope, node = todo.pop()
        yield scope, node
        inner = Scope(module, node) if isinstance(node, Function) else scope
        todo += [(inner, child) for child in ast.iter_child_nodes(node)]


def classes_below(root: str, among: Sequence[Module]) -> frozenset[str]:
    """The name of a class, and those of all that descend from it."""
    kinds = [node for module in among for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef)]
    names = {root}
    while more := {kind.name for kind in kinds if any(name_of(base) in names for base in kind.bases)} - names:
        names |= more
    return frozenset(names)


def name_of(node: ast.AST) -> str:
    """``f`` of ``f`` and of ``a.f``; "" of anything else."""
    return str(getattr(node, "id", getattr(node, "attr", "")))


def parameter(name: str, function: Function) -> set[int | str]:
    """How a call may name it: by its place, by its name. Empty where it is no parameter."""
    names = [one.arg for one in (*function.args.posonlyargs, *function.args.args)]
    own = 1 if names[:1] in (["self"], ["cls"]) else 0
    if name in names[own:]:
        return {names.index(name) - own, name}
    return {name} if name in [one.arg for one in function.args.kwonlyargs] else set()


def default_of(name: str, function: Function) -> ast.expr | None:
    """A parameter's value where a call does not give it."""
    arguments = function.args
    names = [one.arg for one in (*arguments.posonlyargs, *arguments.args)][::-1]
    given = [
        *zip(names, arguments.defaults[::-1], strict=False),
        *zip((one.arg for one in arguments.kwonlyargs), arguments.kw_defaults, strict=True),
    ]
    return dict(given).get(name)
