"""What mediavault says below its pages, as the catalogues have it: collected from the source, for ``make words``.

Errors, a job's history and the doctor's judgements are said in English and kept so; they are translated when they are
shown (api/message_patterns.py). A sentence with values in it becomes a pattern: ``f"{site} asked us to slow down."`` is
``%(site)s asked us to slow down.`` A number's place is written ``%(size)d``.

What counts as said: the arguments of errors and of ``SAYING``, what is written to a record's detail, and whatever flows
there through names, tables and functions of the source (source_words.py). Words that are put into a sentence count too.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise

from scripts.source_tree import Function, Module, Scope, classes_below, modules, name_of, walk
from scripts.source_words import UNKNOWN, Place, Sentence, SourceWords, joined

CONTEXT = "message"

# What says something, beside the errors: a call's name, and which of its arguments are said.
SAYING: Mapping[str, tuple[int | str, ...]] = {
    "Check": (2, 3, "detail", "help"),
    "Concern": (0, 1, "what", "help"),
    "Problem": (1, "reason"),
    "UpgradeOutcome": ("error", "help"),
    "_NoCopy": (1,),
    "ChildFailed": (0,),
    "ChildTookTooLong": (0,),
    "FoundBrowser": (2, "advice"),
    "NoTurn": (0,),
    "OSError": (0,),
    "StartOver": (0,),
    "Refusal": (0,),
    "_table": ("*",),
    "Candidate": ("note",),
    "replace": ("note",),
    "HistoryRecord": (6, "detail"),
    "skipped": (1,),
    "retry_record": (1,),
    "new_record": ("detail",),
    "ValueError": (0,),
}
_OF_AN_ERROR = ("*", "help", "message")
# These say what is wrong to people by a ValueError too.
SAYING_VALUE_ERRORS = ("core", "access", "services/download", "services/media", "services/egress/rules")
# Functions and methods whose answer is said.
ANSWERING = frozenset(
    {
        "notes",
        "reasons_to_reject",
        "_track_reasons",
        "_obstacle",
        "unserved_in_words",
        "fault",
        "told_of",
        "name_refusal",
    }
    | {"_mp4_end", "where_to_sign_in", "explain", "_blocked"}
)
# Names that stand for one of several errors' classes.
CHOSEN = frozenset({"condition", "kind", "failure", "refusal", "error"})
# Single words that stand in sentences. Others are names more often than not.
TERMS = frozenset(
    {"queued", "running", "completed", "failed", "cancelled", "deleted", "inside", "signed", "watermarked", "encrypted"}
    | {"private", "reserved", "documentation", "discarded", "broadcast", "read", "written", "used"}
)
_TERMS_ARE_OF = "core/job.py"
_SITE = "{site} "  # begins a sentence that str.format fills in

_WORD = re.compile(r"[A-Za-z][a-z]")
_COMMAND = re.compile(r"(?:sudo |apk |apt-get |brew |dnf |pacman |snap |winget |zypper |pip |ALTER )")
_FIELD = re.compile(r"\{(\w+)\}")


@cache
def messages_of_the_code() -> dict[str, set[str]]:
    """Every sentence and pattern as a catalogue has it, with the files where it is said."""
    return Collector().collect()


class Collector:
    def __init__(self) -> None:
        self._modules = list(modules())
        self._errors = classes_below("MediavaultError", self._modules)
        self._words = SourceWords(self._modules, self._add)
        self.found: dict[Sentence, set[str]] = {}

    def collect(self) -> dict[str, set[str]]:
        """Reads until nothing new is found: that a function says its argument may be learned after a call of it."""
        before = -1
        while before != (before := len(self.found) + sum(map(len, self._words.said_by.values()))):
            for module in self._modules:
                for scope, node in walk(module):
                    for value in self._said_at(node, scope):
                        for sentence in self._words.of(value, scope):
                            self._add(sentence, module)
        texts: dict[str, set[str]] = {term: {_TERMS_ARE_OF} for term in TERMS}
        shapes: dict[tuple[str | None, ...], str] = {}
        for sentence in sorted(filter(is_telling, self.found), key=written):
            shape = tuple(part if isinstance(part, str) else None for part in sentence)
            texts.setdefault(shapes.setdefault(shape, written(sentence)), set()).update(self.found[sentence])
        return texts

    def _add(self, sentence: Sentence, module: Module) -> None:
        if sentence != UNKNOWN:
            self.found.setdefault(sentence, set()).add(module.name)

    def _said_at(self, node: ast.AST, scope: Scope) -> Iterator[ast.expr]:
        match node:
            case ast.Call():
                yield from self._said_by_call(node, scope.module)
            case ast.Assign(targets=[ast.Attribute(attr="detail")], value=value):
                yield value
            case ast.Assign(
                targets=[ast.Tuple(elts=[ast.Attribute(attr="detail"), *_])], value=ast.Tuple(elts=[value, *_])
            ):
                yield value
            case ast.Tuple(elts=elements):  # a table of errors, each with its sentence
                yield from (
                    said
                    for kind, said in pairwise(elements)
                    if name_of(kind) in self._errors and isinstance(said, ast.Constant) and not _is_to_format(said)
                )
            case ast.Constant() if _is_to_format(node):
                parts = enumerate(_FIELD.split(str(node.value)))
                self._add(joined(Place(part) if place % 2 else part for place, part in parts), scope.module)
            case ast.ClassDef(body=body) if node.name in self._errors:
                assigned = (one for one in body if isinstance(one, ast.Assign))
                yield from (one.value for one in assigned if name_of(one.targets[0]) == "help")
            case ast.FunctionDef() | ast.AsyncFunctionDef() if node.name in ANSWERING:
                self._add_answers(node, scope.module)
            case _:
                pass

    def _add_answers(self, function: Function, module: Module) -> None:
        for sentence in self._words.answers(function, module):
            self._add(sentence, module)

    def _said_by_call(self, call: ast.Call, module: Module) -> Iterator[ast.expr]:
        name = name_of(call.func)
        if name == "ValueError" and not module.name.startswith(SAYING_VALUE_ERRORS):
            return
        places: set[int | str] = {*SAYING.get(name, ()), *self._words.said_by.get((module.name, name), ())}
        if name in self._errors:
            places |= {*_OF_AN_ERROR}
        one_of_several = isinstance(call.func, ast.Subscript | ast.IfExp | ast.Call)
        if one_of_several or name == "__init__" or (name in CHOSEN and isinstance(call.func, ast.Name)):
            places |= {0, "help"}
        if name == "append" and name_of(getattr(call.func, "value", call)) == "notes":
            places.add(0)
        yield from (value for place, value in enumerate(call.args) if place in places or "*" in places)
        yield from (one.value for one in call.keywords if one.arg in places)


def written(sentence: Sentence) -> str:
    """As in a catalogue. A name that comes twice is numbered."""
    if not any(isinstance(part, Place) for part in sentence):
        return "".join(map(str, sentence))
    text = ""
    seen: dict[str, int] = {}
    for part in sentence:
        if isinstance(part, str):
            text += part.replace("%", "%%")
            continue
        seen[part.name] = count = seen.get(part.name, 0) + 1
        text += f"%({part.name}{f'_{count}' if count > 1 else ''}){'d' if part.is_number else 's'}"
    return text


def is_telling(sentence: Sentence) -> bool:
    """Whether it has words of a sentence, by which it can be known again."""
    words = "".join(part for part in sentence if isinstance(part, str)).strip()
    if _COMMAND.match(words):
        return False
    if not any(isinstance(part, Place) for part in sentence):
        return words in TERMS or (" " in words and bool(_WORD.search(words)))
    return bool(_WORD.search(words))


def _is_to_format(constant: ast.Constant) -> bool:
    return isinstance(constant.value, str) and constant.value.startswith(_SITE)
