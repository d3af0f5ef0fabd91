"""Every regular expression of the product, and texts made from each that it may take long over.

A pump is a head, a part that is repeated, and a tail that no pattern wants: ``"<MPD " * n``, ``"<BaseURL>" + " " * n``. The
parts come out of the pattern itself: what stands before each of its repetitions, and what such a repetition may hold.
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

ROOT = Path(mediavault.__file__).parent
ANCHORED = frozenset({"match", "fullmatch"})
TAIL = "\0"
_REPEATS = (opcodes.MAX_REPEAT, opcodes.MIN_REPEAT, opcodes.POSSESSIVE_REPEAT)
_FEW = 8  # a repetition of no more than these is none
_CATEGORIES = {"DIGIT": "1", "SPACE": " \n", "WORD": "a_", "NOT_DIGIT": "a ", "NOT_SPACE": "a<", "NOT_WORD": " -"}
_ANYTHING = ' a1-"<\\/=&\n'


@dataclass(frozen=True, slots=True)
class Pump:
    head: str
    part: str

    def text(self, size: int) -> str:
        return self.head + self.part * size + TAIL


@dataclass(frozen=True)
class Found:
    """A regular expression, where it stands, and with which of its methods it is asked ("" where nobody can tell)."""

    place: str  # "services/extraction/walls.py: _NAME"
    pattern: re.Pattern[Any]
    methods: frozenset[str]

    def __call__(self, text: str) -> None:
        """Ask it as the product does: at the start alone, or everywhere."""
        given = text.encode("latin-1", "replace") if isinstance(self.pattern.pattern, bytes) else text
        if self.methods and self.methods <= ANCHORED:
            for method in self.methods:
                getattr(self.pattern, method)(given)
        else:
            for _ in self.pattern.finditer(given):
                pass


# --- where they are ----------------------------------------------------------------------------------------------


@cache
def modules() -> tuple[ModuleType, ...]:
    names = [found.name for found in pkgutil.walk_packages(mediavault.__path__, "mediavault.")]
    return tuple(importlib.import_module(name) for name in names if not name.endswith("__main__"))


@cache
def patterns() -> tuple[Found, ...]:
    """Those that are made once, wherever a module keeps them, and those written into calls (``re.sub("…", …)``)."""
    found: dict[tuple[object, int], Found] = {}
    for module in modules():
        for name, value in vars(module).items():
            for label, pattern in _patterns_in(value, name, frozenset()):
                one = Found(f"{_file(module)}: {label}", pattern, _methods(_file(module), label))
                key = (pattern.pattern, pattern.flags)
                before = found.setdefault(key, one)
                known = bool(before.methods and one.methods)
                found[key] = replace(before, methods=before.methods | one.methods if known else frozenset())
    for one in _inline():
        found.setdefault((one.pattern.pattern, one.pattern.flags), one)
    return tuple(sorted(found.values(), key=lambda one: one.place))


def _file(module: ModuleType) -> str:
    return str(Path(module.__file__ or "").relative_to(ROOT))


def _patterns_in(value: Any, label: str, seen: frozenset[int]) -> Iterator[tuple[str, re.Pattern[Any]]]:
    if id(value) in seen:
        return
    seen |= {id(value)}
    if isinstance(value, re.Pattern):
        yield label, value
    elif isinstance(value, Mapping):
        for each in (*value.keys(), *value.values()):
            yield from _patterns_in(each, label, seen)
    elif isinstance(value, tuple | list | set | frozenset):
        for each in value:
            yield from _patterns_in(each, label, seen)
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from _patterns_in(getattr(value, field.name, None), f"{label}.{field.name}", seen)
    elif isinstance(value, type) and value.__module__.startswith("mediavault."):
        for name, each in list(vars(value).items()):
            if isinstance(each, re.Pattern | Mapping | tuple | list) and not name.startswith("__"):
                yield from _patterns_in(each, f"{label}.{name}", seen)


def _sources() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(ROOT.rglob("*.py")):
        yield str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))


def _methods(file: str, label: str) -> frozenset[str]:
    """How a pattern is asked: in its own file where its name is private, else anywhere; nothing where nobody can tell."""
    if (handed_on := _HANDED_ON.get(f"{file}: {label}")) is not None:
        return handed_on
    name = label.rpartition(".")[2]
    if name in _OF_FIELDS:
        return _OF_FIELDS[name]
    files = [file] if name.startswith("_") else [any_file for any_file, _ in _uses()]
    return frozenset(method for each in files for method in _uses().get((each, name), ()))


# Asked under another name than their own.
_HANDED_ON = {
    "services/egress/http1.py: _REQUEST_LINE": frozenset({"fullmatch"}),
    "services/egress/http1.py: _STATUS_LINE": frozenset({"fullmatch"}),
    "services/media/sniff.py: _TEXT_STARTS": frozenset({"match"}),
}
# The fields of AddressPattern (core.platform._groups): texts have these names too.
_OF_FIELDS = {name: frozenset({"fullmatch"}) for name in ("host", "query", "fragment")} | {"path": frozenset({"match"})}


@cache
def _uses() -> Mapping[tuple[str, str], frozenset[str]]:
    """(file, name of a pattern or of the field that holds it) -> the methods that are called on something of that name."""
    found: dict[tuple[str, str], set[str]] = {}
    for file, tree in _sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in _METHODS:
                owner = node.value.value if isinstance(node.value, ast.Subscript) else node.value
                name = (
                    owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
                )
                found.setdefault((file, name), set()).add(node.attr)
    return {key: frozenset(methods) for key, methods in found.items()}


_METHODS = ANCHORED | {"search", "sub", "subn", "split", "finditer", "findall"}


def _inline() -> Iterator[Found]:
    """Calls of ``re`` with the pattern written out."""
    for file, tree in _sources():
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is_re(node.func.value)):
                continue
            written = node.args[0] if node.args else None
            if node.func.attr in _METHODS and isinstance(written, ast.Constant):
                flags = next((word.value for word in node.keywords if word.arg == "flags"), None) or _flags_of(node)
                value = eval(compile(ast.Expression(flags), file, "eval"), {"re": re}) if flags else 0
                yield Found(f"{file}:{node.lineno}", re.compile(written.value, value), frozenset({node.func.attr}))


def unread_calls() -> list[str]:
    """Calls of ``re`` whose pattern is put together while the product runs: nothing here can look at those."""
    return [
        f"{file}: {ast.unparse(node.args[0])}"
        for file, tree in _sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and _is_re(node.func.value)
        and node.func.attr in _METHODS
        and not isinstance(node.args[0], ast.Constant)
    ]


def _is_re(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "re"


def _flags_of(node: ast.Call) -> ast.expr | None:
    """The last argument, where it can be nothing but flags."""
    last = node.args[-1]
    return last if "re." in ast.unparse(last) and last is not node.args[0] else None


# --- what they may take long over --------------------------------------------------------------------------------


def pumps_of(pattern: re.Pattern[Any]) -> list[Pump]:
    """Repetitions of every sort that this pattern may take long over."""
    text = pattern.pattern.decode("latin-1") if isinstance(pattern.pattern, bytes) else pattern.pattern
    tree = parser.parse(text, pattern.flags & ~re.UNICODE if isinstance(pattern.pattern, bytes) else pattern.flags)
    found: dict[Pump, None] = {}
    repeats = list(_repeats(list(tree), ""))
    common = [part for _, _, body in repeats for part in _parts(body)[:2]]  # two neighbours may take the same
    for head, least, body in repeats:
        parts = _parts(body)
        for part in dict.fromkeys([*parts, *common[:8], " ", "\n"]):
            found[Pump(head, part)] = None
        for part in parts[:3]:  # each of them a start of its own
            found[Pump("", head + part)] = None
        found[Pump("", head + parts[0] * max(least, 1))] = None
        found[Pump(head + parts[0], head + parts[0])] = None
    whole = _sample(list(tree))
    found |= dict.fromkeys(Pump("", part) for part in (whole, whole[:-1], whole[:1], " ") if part)
    return [pump for pump in found if pump.part]


def _repeats(items: list[Any], head: str) -> Iterator[tuple[str, int, list[Any]]]:
    """(what comes before, how often at least, what is repeated) of every repetition without a near end, also those inside of others."""
    for op, given in items:
        if op in _REPEATS:
            least, most, body = given
            if most > _FEW:
                yield head, min(least, 40), list(body)
            yield from _repeats(list(body), head)
        else:
            for branch in _inner(op, given):
                yield from _repeats(branch, head)
        head += _sample([(op, given)])


def _inner(op: Any, given: Any) -> list[list[Any]]:
    if op is opcodes.SUBPATTERN:
        return [list(given[3])]
    if op is opcodes.BRANCH:
        return [list(branch) for branch in given[1]]
    if op is opcodes.ATOMIC_GROUP:
        return [list(given)]
    if op in (opcodes.ASSERT, opcodes.ASSERT_NOT):
        return [list(given[1])]
    return []


def _parts(body: list[Any]) -> list[str]:
    """A few texts that a repetition takes once: one for each of its branches, or of its characters."""
    found = [_sample(body)]
    if len(body) == 1:
        op, given = body[0]
        if op is opcodes.IN:
            found += _members(given)
        elif op in (opcodes.ANY, opcodes.NOT_LITERAL):
            found += [one for one in _ANYTHING if one != (chr(given) if op is opcodes.NOT_LITERAL else "\n")][:4]
        for branch in _inner(op, given)[:4]:
            found += _parts(branch) if len(branch) == 1 else [_sample(branch)]
    return list(dict.fromkeys(filter(None, found)))[:5] or ["a"]


def _sample(items: list[Any]) -> str:
    """A short text that these take."""
    return "".join(_sample_of(op, given) for op, given in items)


def _sample_of(op: Any, given: Any) -> str:
    if op is opcodes.LITERAL:
        return chr(given)
    if op is opcodes.NOT_LITERAL:
        return next(one for one in "a1 " if one != chr(given))
    if op is opcodes.ANY:
        return "a"
    if op is opcodes.IN:
        return _members(given)[0]
    if op in _REPEATS:
        least: int = min(given[0], 40)
        return _sample(list(given[2])) * least
    if op in (opcodes.ASSERT, opcodes.ASSERT_NOT):
        return ""
    inner = _inner(op, given)
    return _sample(inner[0]) if inner else ""


def _members(given: list[Any]) -> list[str]:
    """A few characters of a class, of every sort that it names."""
    negated = given[0][0] is opcodes.NEGATE
    named: list[str] = []
    for op, value in given:
        if op is opcodes.LITERAL:
            named.append(chr(value))
        elif op is opcodes.RANGE:
            named += [chr(each) for each in range(value[0], value[1] + 1)] if negated else [chr(value[0])]
        elif op is opcodes.CATEGORY:
            named += _CATEGORIES[str(value).removeprefix("CATEGORY_")]
    if not negated:
        return list(dict.fromkeys([*named[-1:], *named]))[:4]
    return [one for one in _ANYTHING if one not in named][:4] or ["é"]
