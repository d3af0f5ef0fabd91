"""Every regular expression of the product, and texts derived from each that may take it a long
time.

A pump is a head, a part that is repeated, and a tail that no pattern matches: ``"<MPD " * n``, or
``"<BaseURL>"`` and ``" " * n``. The parts are derived from the pattern itself: the text before each
of its repetitions, and the texts that such a repetition matches.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import re._constants as opcodes  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import mediavault
from tests.syntax import nodes_below

ROOT = Path(mediavault.__file__).parent
ANCHORED = frozenset({"match", "fullmatch"})
TAIL = "\0"
_REPEATS = (opcodes.MAX_REPEAT, opcodes.MIN_REPEAT, opcodes.POSSESSIVE_REPEAT)
_FEW = 8  # a repetition of at most this number does not count
_CATEGORIES = {
    "DIGIT": "1",
    "SPACE": " \n",
    "WORD": "a_",
    "NOT_DIGIT": "a ",
    "NOT_SPACE": "a<",
    "NOT_WORD": " -",
}
_ANYTHING = ' a1-"<\\/=&\n'


@dataclass(frozen=True, slots=True)
class Pump:
    head: str
    part: str

    def text(self, size: int) -> str:
        return self.head + self.part * size + TAIL


@dataclass(frozen=True)
class Found:
    """A regular expression, where it is defined, and which of its methods are called ("" if that is
    unknown).
    """

    place: str  # "extraction/walls.py: _NAME"
    pattern: re.Pattern[Any]
    methods: frozenset[str]

    def __call__(self, text: str) -> None:
        """Match the text as the product does: only at the start, or everywhere."""
        subject = (
            text.encode("latin-1", "replace") if isinstance(self.pattern.pattern, bytes) else text
        )
        if self.methods and self.methods <= ANCHORED:
            for method in self.methods:
                getattr(self.pattern, method)(subject)
        else:
            for _ in self.pattern.finditer(subject):
                pass


# --- finding them ---------------------------------------------------------------------------------


@cache
def modules() -> tuple[ModuleType, ...]:
    names = [module.name for module in pkgutil.walk_packages(mediavault.__path__, "mediavault.")]
    return tuple(importlib.import_module(name) for name in names if not name.endswith("__main__"))


@cache
def patterns() -> tuple[Found, ...]:
    """Return those that are compiled once, in any module,
    and those written into calls (``re.sub("…", …)``).
    """
    by_pattern: dict[tuple[object, int], Found] = {}
    for module in modules():
        for name, value in vars(module).items():
            for label, pattern in _patterns_in(value, name, frozenset()):
                found = Found(f"{_file(module)}: {label}", pattern, _methods(_file(module), label))
                key = (pattern.pattern, pattern.flags)
                before = by_pattern.setdefault(key, found)
                known = bool(before.methods and found.methods)
                by_pattern[key] = replace(
                    before, methods=before.methods | found.methods if known else frozenset()
                )
    for found in _inline():
        by_pattern.setdefault((found.pattern.pattern, found.pattern.flags), found)
    return tuple(sorted(by_pattern.values(), key=lambda found: found.place))


def _file(module: ModuleType) -> str:
    return str(Path(module.__file__ or "").relative_to(ROOT))


def _patterns_in(
    value: Any, label: str, seen: frozenset[int]
) -> Iterator[tuple[str, re.Pattern[Any]]]:
    if id(value) in seen:
        return
    seen |= {id(value)}
    if isinstance(value, re.Pattern):
        yield label, value
    elif isinstance(value, Mapping):
        for element in (*value.keys(), *value.values()):
            yield from _patterns_in(element, label, seen)
    elif isinstance(value, tuple | list | set | frozenset):
        for element in value:
            yield from _patterns_in(element, label, seen)
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from _patterns_in(getattr(value, field.name, None), f"{label}.{field.name}", seen)
    elif isinstance(value, type) and value.__module__.startswith("mediavault."):
        for name, element in list(vars(value).items()):
            if isinstance(element, re.Pattern | Mapping | tuple | list) and not name.startswith(
                "__"
            ):
                yield from _patterns_in(element, f"{label}.{name}", seen)


def _methods(file: str, label: str) -> frozenset[str]:
    """Return how a pattern is used: in its own file if its name is private, else anywhere;
    empty if that is unknown.
    """
    if (handed_on := _HANDED_ON.get(f"{file}: {label}")) is not None:
        return handed_on
    name = label.rpartition(".")[2]
    if name in _OF_FIELDS:
        return _OF_FIELDS[name]
    files = [file] if name.startswith("_") else [any_file for any_file, _ in _uses()]
    return frozenset(method for source in files for method in _uses().get((source, name), ()))


# Used under a name other than their own.
_HANDED_ON = {
    "egress/http1.py: _REQUEST_LINE": frozenset({"fullmatch"}),
    "egress/http1.py: _STATUS_LINE": frozenset({"fullmatch"}),
    "media/sniff.py: _TEXT_STARTS": frozenset({"match"}),
}
# The fields of AddressPattern (core.platform._groups): strings have these names too.
_OF_FIELDS = {name: frozenset({"fullmatch"}) for name in ("host", "query", "fragment")} | {
    "path": frozenset({"match"})
}


@cache
def _uses() -> Mapping[tuple[str, str], frozenset[str]]:
    """Return (file, name of a pattern or of the field that holds it) -> the methods called on
    anything of that name.
    """
    uses: dict[tuple[str, str], set[str]] = {}
    for file, node in nodes_below(ROOT):
        if isinstance(node, ast.Attribute) and node.attr in _METHODS:
            owner = node.value.value if isinstance(node.value, ast.Subscript) else node.value
            name = (
                owner.id
                if isinstance(owner, ast.Name)
                else owner.attr
                if isinstance(owner, ast.Attribute)
                else ""
            )
            uses.setdefault((file, name), set()).add(node.attr)
    return {key: frozenset(methods) for key, methods in uses.items()}


_METHODS = ANCHORED | {"search", "sub", "subn", "split", "finditer", "findall"}


def _inline() -> Iterator[Found]:
    """Yield the calls of ``re`` whose pattern is a literal."""
    for file, node in nodes_below(ROOT):
        if not (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and _is_re(node.func.value)
        ):
            continue
        written = node.args[0] if node.args else None
        if node.func.attr in _METHODS and isinstance(written, ast.Constant):
            flags = next(
                (word.value for word in node.keywords if word.arg == "flags"), None
            ) or _flags_of(node)
            value = eval(compile(ast.Expression(flags), file, "eval"), {"re": re}) if flags else 0
            yield Found(
                f"{file}:{node.lineno}",
                re.compile(written.value, value),
                frozenset({node.func.attr}),
            )


def unread_calls() -> list[str]:
    """Return the calls of ``re`` whose pattern is built at run time:
    these cannot be tested here.
    """
    return [
        f"{file}: {ast.unparse(node.args[0])}"
        for file, node in nodes_below(ROOT)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and _is_re(node.func.value)
        and node.func.attr in _METHODS
        and not isinstance(node.args[0], ast.Constant)
    ]


def _is_re(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "re"


def _flags_of(node: ast.Call) -> ast.expr | None:
    """Return the last argument, if it can only be flags."""
    last = node.args[-1]
    return last if "re." in ast.unparse(last) and last is not node.args[0] else None


# --- texts that may take long ---------------------------------------------------------------------


def pumps_of(pattern: re.Pattern[Any]) -> list[Pump]:
    """Return repetitions of every sort that may take this pattern a long time."""
    text = (
        pattern.pattern.decode("latin-1") if isinstance(pattern.pattern, bytes) else pattern.pattern
    )
    tree = parser.parse(
        text, pattern.flags & ~re.UNICODE if isinstance(pattern.pattern, bytes) else pattern.flags
    )
    pumps: dict[Pump, None] = {}
    repeats = list(_repeats(list(tree), ""))
    # two neighbours may match the same
    common = [part for _, _, body in repeats for part in _parts(body)[:2]]
    for head, least, body in repeats:
        parts = _parts(body)
        for part in dict.fromkeys([*parts, *common[:8], " ", "\n"]):
            pumps[Pump(head, part)] = None
        for part in parts[:3]:  # each of them as a separate start
            pumps[Pump("", head + part)] = None
        pumps[Pump("", head + parts[0] * max(least, 1))] = None
        pumps[Pump(head + parts[0], head + parts[0])] = None
    whole = _sample(list(tree))
    pumps |= dict.fromkeys(Pump("", part) for part in (whole, whole[:-1], whole[:1], " ") if part)
    return [pump for pump in pumps if pump.part]


def _repeats(items: list[Any], head: str) -> Iterator[tuple[str, int, list[Any]]]:
    """Yield (text before, minimum count, repeated items) of all repetitions with a high limit,
    even nested ones.
    """
    for op, argument in items:
        if op in _REPEATS:
            least, most, body = argument
            if most > _FEW:
                yield head, min(least, 40), list(body)
            yield from _repeats(list(body), head)
        else:
            for branch in _inner(op, argument):
                yield from _repeats(branch, head)
        head += _sample([(op, argument)])


def _inner(op: Any, argument: Any) -> list[list[Any]]:
    if op is opcodes.SUBPATTERN:
        return [list(argument[3])]
    if op is opcodes.BRANCH:
        return [list(branch) for branch in argument[1]]
    if op is opcodes.ATOMIC_GROUP:
        return [list(argument)]
    if op in (opcodes.ASSERT, opcodes.ASSERT_NOT):
        return [list(argument[1])]
    return []


def _parts(body: list[Any]) -> list[str]:
    """Return a few texts that a repetition matches once: one for each of its branches,
    or of its characters.
    """
    texts = [_sample(body)]
    if len(body) == 1:
        op, argument = body[0]
        if op is opcodes.IN:
            texts += _members(argument)
        elif op in (opcodes.ANY, opcodes.NOT_LITERAL):
            texts += [
                character
                for character in _ANYTHING
                if character != (chr(argument) if op is opcodes.NOT_LITERAL else "\n")
            ][:4]
        for branch in _inner(op, argument)[:4]:
            texts += _parts(branch) if len(branch) == 1 else [_sample(branch)]
    return list(dict.fromkeys(filter(None, texts)))[:5] or ["a"]


def _sample(items: list[Any]) -> str:
    """Return a short text that these items match."""
    return "".join(_sample_of(op, argument) for op, argument in items)


def _sample_of(op: Any, argument: Any) -> str:
    if op is opcodes.LITERAL:
        return chr(argument)
    if op is opcodes.NOT_LITERAL:
        return next(character for character in "a1 " if character != chr(argument))
    if op is opcodes.ANY:
        return "a"
    if op is opcodes.IN:
        return _members(argument)[0]
    if op in _REPEATS:
        least: int = min(argument[0], 40)
        return _sample(list(argument[2])) * least
    if op in (opcodes.ASSERT, opcodes.ASSERT_NOT):
        return ""
    inner = _inner(op, argument)
    return _sample(inner[0]) if inner else ""


def _members(items: list[Any]) -> list[str]:
    """Return a few characters of a class, of every sort that it names."""
    negated = items[0][0] is opcodes.NEGATE
    named: list[str] = []
    for op, value in items:
        if op is opcodes.LITERAL:
            named.append(chr(value))
        elif op is opcodes.RANGE:
            named += (
                [chr(code) for code in range(value[0], value[1] + 1)]
                if negated
                else [chr(value[0])]
            )
        elif op is opcodes.CATEGORY:
            named += _CATEGORIES[str(value).removeprefix("CATEGORY_")]
    if not negated:
        return list(dict.fromkeys([*named[-1:], *named]))[:4]
    return [character for character in _ANYTHING if character not in named][:4] or ["é"]
