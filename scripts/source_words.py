"""What an expression of the source can come to, as sentences with places for values. Nothing is run.

Followed are f-strings, names, tables, and functions of the source. An f-string whose parts can only be one of a few texts
is written out for each: whole sentences can be translated well, pieces of them cannot.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.source_tree import Function, Module, Scope, default_of, name_of, parameter

FEW_FORMS, MOST_FORMS = 10, 24  # that a part of a sentence, and a sentence, may have to be written out

_LIKE_STRIP = frozenset({"strip", "rstrip", "lstrip", "removeprefix", "removesuffix", "replace", "capitalize"})
_TRANSLATED = frozenset({"gettext", "ngettext", "pgettext", "_", "N_"})
_NUMBER_SPEC = re.compile(r"^,?(\.\d)?[dfg]?$")
# What a value is called where its name in the source would not tell a translator.
_CALLED = {
    "exc": "error",
    "why": "reason",
    "platform": "site",
    "site_name": "site",
    "size_words": "size",
    "counted": "count",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A value's place in a sentence."""

    name: str
    is_number: bool = False


Sentence = tuple["str | Place", ...]
UNKNOWN: Sentence = ()


class SourceWords:
    """``note`` is told of every sentence that stands inside another one. ``said_by`` fills up with the functions that say
    one of their arguments: by module and name, how a call gives them.
    """

    def __init__(self, modules: Sequence[Module], note: Callable[[Sentence, Module], None]) -> None:
        self._modules: Mapping[str, Module] = {module.name: module for module in modules}
        self._note = note
        self._busy: set[int] = set()
        self.said_by: defaultdict[tuple[str, str], set[int | str]] = defaultdict(set)

    def of(self, value: ast.expr, scope: Scope) -> list[Sentence]:
        """With UNKNOWN among them where the source does not tell all."""
        if id(value) in self._busy:
            return [UNKNOWN]
        self._busy.add(id(value))
        try:
            return list(dict.fromkeys(self._of(value, scope)))
        finally:
            self._busy.discard(id(value))

    def answers(self, function: Function, module: Module) -> list[Sentence]:
        """What a function returns, yields or gathers."""
        scope = Scope(module, function)
        answers: list[Sentence] = []
        for node in ast.walk(function):
            match node:
                case (
                    ast.Return(value=ast.expr() as value)
                    | ast.Yield(value=ast.expr() as value)
                    | ast.Call(func=ast.Attribute(attr="append"), args=[value])
                ):
                    answers += self.of(value, scope)
                case _:
                    pass
        return answers

    def _all_of(self, values: Iterable[ast.expr | None], scope: Scope) -> list[Sentence]:
        return [sentence for value in values if value is not None for sentence in self.of(value, scope)]

    def _of(self, value: ast.expr, scope: Scope) -> list[Sentence]:
        match value:
            case ast.Constant(value=str(text)):
                return [(text,)]
            case ast.Constant(value=None):
                return []
            case ast.JoinedStr(values=parts):
                return self._written_out(parts, scope)
            case ast.FormattedValue():
                return self._part(value, scope)
            case ast.IfExp(body=body, orelse=other):
                return self._all_of([body, other], scope)
            case (
                ast.BoolOp(values=values)
                | ast.Tuple(elts=values)
                | ast.List(elts=values)
                | ast.Set(elts=values)
                | ast.Dict(values=values)
            ):
                return self._all_of(values, scope)
            case (
                ast.GeneratorExp(elt=inner)
                | ast.ListComp(elt=inner)
                | ast.Starred(value=inner)
                | ast.Await(value=inner)
                | ast.Subscript(value=inner)
            ):
                return self.of(inner, scope)
            case ast.BinOp(op=ast.Add(), left=left, right=right):
                is_text = any(set(self.of(side, scope)) - {UNKNOWN} for side in (left, right))
                return self._written_out([_as_part(left), _as_part(right)], scope) if is_text else [UNKNOWN]
            case ast.Call():
                return self._of_call(value, scope)
            case ast.Name(id=name):
                return self._of_name(name, scope)
            case ast.Attribute(value=ast.Name(id=owner), attr=name):
                return self._of_constant(name, self._module_called(owner, scope.module))
            case _:
                return [UNKNOWN]

    def _written_out(self, parts: Sequence[ast.expr], scope: Scope) -> list[Sentence]:
        whole: list[Sentence] = [()]
        for part in parts:
            whole = [(*begun, *more) for begun in whole for more in self._part(part, scope)]
            if len(whole) > MOST_FORMS:
                return [joined(_place(part, scope) for part in parts)]
        return [joined(one) for one in whole]

    def _part(self, part: ast.expr, scope: Scope) -> list[Sentence]:
        """The forms of a part of a sentence: the few that it can have, or a place for it."""
        if isinstance(part, ast.FormattedValue) and part.format_spec is None and part.conversion == -1:
            forms = self.of(part.value, scope)
            if UNKNOWN not in forms and 0 < len(forms) <= FEW_FORMS:
                return forms
            for form in forms:
                self._note(form, scope.module)
        return [(_place(part, scope),)]

    def _of_call(self, call: ast.Call, scope: Scope) -> list[Sentence]:
        match call:
            case ast.Call(func=ast.Name(id="counted"), args=[_, one, *many]):
                forms = self.of(one, scope)
                forms += self.of(many[0], scope) if many else [(*form, "s") for form in forms]
                return [joined((Place("count", is_number=True), " ", *form)) for form in forms]
            case ast.Call(func=ast.Attribute(value=inner, attr=name)) if name in _LIKE_STRIP:
                return self.of(inner, scope)
            case ast.Call(func=ast.Attribute(value=inner, attr="get"), args=[_, *defaults]):
                return self._all_of([inner, *defaults], scope)
            case ast.Call(func=ast.Attribute(attr="join"), args=[several]):
                for sentence in self.of(several, scope):
                    self._note(sentence, scope.module)
                return [UNKNOWN]
            case ast.Call(func=ast.Name(id="next"), args=args):
                return self._all_of(args, scope)
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(value=ast.Name(id="self"), attr=name)):
                return self._of_function(name, scope.module)
            case _:
                return [UNKNOWN]

    def _of_function(self, name: str, module: Module) -> list[Sentence]:
        home = module if name in module.functions else self._modules.get(module.imports.get(name, ""))
        function = home.functions.get(name) if home else None
        known = home is not None and function is not None and name not in _TRANSLATED
        return self.answers(function, home) if known and function and home else [UNKNOWN]

    def _of_name(self, name: str, scope: Scope) -> list[Sentence]:
        if scope.function is not None:
            if ways := parameter(name, scope.function):
                self._is_said(scope.function.name, ways, scope.module)
                return [UNKNOWN, *self._all_of([default_of(name, scope.function)], scope)]
            if values := list(self._given_to(name, scope)):
                return self._all_of(values, scope)
        if name in scope.module.constants:
            return self._of_constant(name, scope.module)
        return self._of_constant(name, self._modules.get(scope.module.imports.get(name, "")))

    def _of_constant(self, name: str, module: Module | None) -> list[Sentence]:
        constant = module.constants.get(name) if module else None
        return self.of(constant, Scope(module, None)) if module and constant is not None else [UNKNOWN]

    def _module_called(self, name: str, module: Module) -> Module | None:
        """``moves`` after ``from mediavault.store import moves``."""
        return self._modules.get(f"{module.imports.get(name, '').removesuffix('.py')}/{name}.py")

    def _is_said(self, function: str, ways: set[int | str], home: Module) -> None:
        for module in self._modules.values():
            if module is home or {function, Path(home.name).stem} & module.imports.keys():
                self.said_by[module.name, function] |= ways

    def _given_to(self, name: str, scope: Scope) -> Iterator[ast.expr]:
        """Every value that a name is given in a function."""
        assert scope.function is not None
        for node in ast.walk(scope.function):
            match node:
                case (
                    ast.Assign(targets=[ast.Name(id=it)], value=value)
                    | ast.AnnAssign(target=ast.Name(id=it), value=ast.expr() as value)
                    | ast.NamedExpr(target=ast.Name(id=it), value=value)
                    | ast.AugAssign(target=ast.Name(id=it), value=value)
                ) if it == name:
                    yield value
                case ast.Assign(targets=[ast.Tuple() as target], value=table) if _is_among(name, target):
                    yield from _column(name, target, self._rows(table, scope))
                case ast.For(target=target, iter=table) | ast.comprehension(target=target, iter=table) if _is_among(
                    name, target
                ):
                    rows = table.elts if isinstance(table, ast.Tuple | ast.List) else self._rows(table, scope)
                    yield from _column(name, target, rows)
                case _:
                    pass

    def _rows(self, table: ast.expr, scope: Scope) -> Sequence[ast.expr]:
        """The rows of a written table, or the one that is chosen of several."""
        match table:
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                return elements if elements and isinstance(elements[0], ast.Tuple) else [table]
            case ast.IfExp(body=body, orelse=other):
                return [*self._rows(body, scope), *self._rows(other, scope)]
            case ast.Call(func=ast.Attribute(attr="items", value=ast.Name() as named)):
                return [row for pairs in self._tables(named.id, scope) for row in _pairs(pairs)]
            case ast.Subscript(value=ast.Name() as named):
                return [row for pairs in self._tables(named.id, scope) for row in getattr(pairs, "values", [])]
            case ast.Call(func=ast.Attribute(attr="get", value=ast.Name() as named), args=[_, *defaults]):
                rows = [row for pairs in self._tables(named.id, scope) for row in getattr(pairs, "values", [])]
                return [*rows, *(row for one in defaults for row in self._rows(one, scope))]
            case ast.Call(func=ast.Name(id=name)) if function := scope.module.functions.get(name):
                inside = Scope(scope.module, function)
                answers = [one.value for one in ast.walk(function) if isinstance(one, ast.Return) and one.value]
                return [row for one in answers for row in self._rows(one, inside)]
            case ast.Name(id=name):
                tables = [one for one in self._tables(name, scope) if not isinstance(one, ast.Dict)]
                return [row for one in tables for row in self._rows(one, scope)]
            case _:
                return []

    def _tables(self, name: str, scope: Scope) -> list[ast.expr]:
        given = list(self._given_to(name, scope)) if scope.function is not None else []
        constant = scope.module.constants.get(name)
        return given or ([constant] if constant is not None else [])


def joined(parts: Iterable[str | Place]) -> Sentence:
    """With neighbouring texts as one, and neighbouring places too: nothing tells where one ends and the other begins."""
    out: list[str | Place] = []
    for part in parts:
        last = out[-1] if out else None
        if isinstance(part, str) and isinstance(last, str):
            out[-1] = last + part
        elif isinstance(part, Place) and isinstance(last, Place):
            out[-1] = Place(last.name)
        elif part != "":
            out.append(part)
    return tuple(out)


def _place(part: ast.expr, scope: Scope) -> str | Place:
    if not isinstance(part, ast.FormattedValue):
        return str(getattr(part, "value", ""))
    written = getattr(part.format_spec, "values", ())
    spec = "".join(str(one.value) for one in written if isinstance(one, ast.Constant))
    return Place(word_for(part.value), bool(spec and _NUMBER_SPEC.match(spec)) or _is_number(part.value, scope))


def _is_number(value: ast.expr, scope: Scope) -> bool:
    if isinstance(value, ast.Name):
        constant = scope.module.constants.get(value.id)
        return isinstance(constant, ast.Constant) and isinstance(constant.value, int)
    return isinstance(value, ast.Call) and name_of(value.func) == "len"


def word_for(value: ast.AST) -> str:
    """A readable name for a value's place."""
    match value:
        case ast.Name(id=name):
            return _CALLED.get(name, name.strip("_").lower())
        case ast.Attribute(value=ast.Name(id="exc")):
            return "error"
        case ast.Attribute(attr="title" | "name", value=owner):
            return word_for(owner)
        case ast.Attribute(attr=name):
            return _CALLED.get(name, name.strip("_"))
        case ast.Call(func=ast.Name(id=name), args=args):
            return _CALLED.get(name) or (word_for(args[-1]) if args else name.strip("_"))
        case ast.Call(func=ast.Attribute(attr="join" | "quote"), args=[first, *_]):
            return word_for(first)
        case ast.Call(func=ast.Attribute(value=first)) | ast.Subscript(value=first) | ast.BinOp(left=first):
            return word_for(first)
        case (
            ast.BoolOp(values=[first, *_])
            | ast.IfExp(body=first)
            | ast.GeneratorExp(elt=first)
            | ast.JoinedStr(values=[first, *_])
            | ast.FormattedValue(value=first)
            | ast.UnaryOp(operand=first)
            | ast.Await(value=first)
        ):
            return word_for(first)
        case _:
            return "value"


def _as_part(expression: ast.expr) -> ast.expr:
    return expression if isinstance(expression, ast.Constant) else ast.FormattedValue(expression, -1, None)


def _is_among(name: str, target: ast.expr) -> bool:
    return any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(target))


def _column(name: str, target: ast.expr, rows: Sequence[ast.expr]) -> Iterator[ast.expr]:
    """The values that the rows give to one of the names of a target."""
    names = target.elts if isinstance(target, ast.Tuple) else [target]
    for place in (place for place, it in enumerate(names) if name_of(it) == name):
        for row in rows:
            yield from (row.elts if isinstance(row, ast.Tuple) else [row])[place : place + 1]


def _pairs(table: ast.expr) -> Iterator[ast.expr]:
    if isinstance(table, ast.Dict):
        for key, value in zip(table.keys, table.values, strict=True):
            yield ast.Tuple([key or value, *(value.elts if isinstance(value, ast.Tuple) else [value])])
