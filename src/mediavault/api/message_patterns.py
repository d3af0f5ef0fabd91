"""Messages that were said in English, for a reader of another language; with the values that stand in them.

What errors, a job's history and the doctor say is kept as it was said. A catalogue has it as msgids of the context
``message``: whole sentences, and patterns in which ``%(name)s`` stands for a text and ``%(name)d`` for a number. A message
that is no msgid is held against the patterns; its values are put into the translated one, those translated that are
themselves messages. Nothing of a value is ever interpreted, and matching takes as long as reading the message.

Patterns are read from the compiled catalogue when the first reader of its language comes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from mediavault.api.appearance import current
from mediavault.api.catalogue import N_, SOURCE_LOCALE, gettext, number, pgettext, texts

CONTEXT = "message"
MAX_CHARS = 4_000  # what is longer is no message of ours
MAX_DEPTH = 6  # of messages inside each other
MAX_IN_A_ROW = 20
MAX_PARTS = 200  # of a message that are held against the patterns
MIN_LETTERS = 5  # a pattern with fewer fits much that others have said
AND = N_(" and ")

_PLACE = re.compile(r"%\((\w+)\)([sd])")
_PLACE_OR_PERCENT = re.compile(r"%(?:\((\w+)\)[sd]|%)")
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Pattern:
    """``between`` is what stands before, between and behind the places: one text more than there are ``names``. Whatever
    does not hold ``anchor``, the longest of these, is no such message.
    """

    msgid: str
    between: tuple[str, ...]
    names: tuple[str, ...]
    numbers: frozenset[str]
    anchor: str

    @classmethod
    def of(cls, msgid: str) -> Pattern:
        parts = _PLACE.split(msgid)
        between = tuple(part.replace("%%", "%") for part in parts[::3])
        numbers = frozenset(name for name, kind in zip(parts[1::3], parts[2::3], strict=True) if kind == "d")
        return cls(msgid, between, tuple(parts[1::3]), numbers, max(between, key=len))

    @property
    def letters(self) -> int:
        return sum(map(str.isalpha, "".join(self.between)))

    @property
    def is_vague(self) -> bool:
        return self.letters < MIN_LETTERS and len(self.numbers) < len(self.names)

    def values(self, text: str) -> dict[str, str] | None:
        """What stands in its places, each as short as it can be; None where the text is no such message."""
        first, *middle, last = self.between
        at, end = len(first), len(text) - len(last)
        if at > end or not text.startswith(first) or not text.endswith(last):
            return None
        found: list[str] = []
        for part in middle:
            begin = text.find(part, at, end)
            if begin < 0:
                return None
            found.append(text[at:begin])
            at = begin + len(part)
        values = dict(zip(self.names, (*found, text[at:end]), strict=True))
        return values if all(_NUMBER.fullmatch(values[name]) for name in self.numbers) else None


def translated(text: str) -> str:
    """The message in the reader's language; as it is where no catalogue knows it."""
    locale = current().locale
    if not text or locale == SOURCE_LOCALE or len(text) > MAX_CHARS:
        return text
    return _translated(locale, text)


@lru_cache(maxsize=256)
def _translated(locale: str, text: str) -> str:
    """``locale`` is the current one; it is named for the cache."""
    known = gettext(text)
    return known if known != text else _Reading(_patterns(locale)).known(text) or text


class _Reading:
    """Of one message: what is known of it and of its parts."""

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self._patterns = patterns
        self._known: dict[str, str | None] = {}

    def known(self, text: str, depth: int = 0) -> str | None:
        """A message, several in a row, or one that lacks its full stop or its small initial. None for anything else."""
        if text not in self._known:
            if depth > MAX_DEPTH or len(self._known) >= MAX_PARTS or not text:
                return None
            self._known[text] = None  # whoever asks for it inside itself
            self._known[text] = (
                self._msgid(text)
                or self._in_a_row(text, ("; ", ". "), depth)
                or self._by_pattern(text, depth)
                or self._other_form(text, depth)
                or self._in_a_row(text, (": ", ", ", AND), depth, with_names=True)
                or self._with_remark(text, depth)
            )
        return self._known[text]

    def _msgid(self, text: str) -> str | None:
        found = pgettext(CONTEXT, text)
        return found if found != text else None

    def _by_pattern(self, text: str, depth: int) -> str | None:
        for pattern in self._patterns:
            values = pattern.values(text) if pattern.anchor in text else None
            if values is not None and (found := self._filled(pattern, values, depth)):
                return found
        return None

    def _filled(self, pattern: Pattern, values: Mapping[str, str], depth: int) -> str | None:
        """None where a pattern of hardly a word holds what nobody here has said."""
        shown: dict[str, str] = {}
        for place, (name, value) in enumerate(values.items()):
            if name in pattern.numbers:
                shown[name] = number(value)
                continue
            is_code = pattern.between[place].endswith("`")
            known = None if is_code else self.known(value, depth + 1)
            if known is None and pattern.is_vague:
                return None
            shown[name] = value if known is None else known
        return _PLACE_OR_PERCENT.sub(lambda found: shown.get(found[1] or "", "%"), pgettext(CONTEXT, pattern.msgid))

    def _other_form(self, text: str, depth: int) -> str | None:
        if text.endswith("."):
            found = self._msgid(text[:-1]) or self._by_pattern(text[:-1], depth)
            return f"{found}." if found else None
        if found := self._msgid(f"{text}.") or self._by_pattern(f"{text}.", depth):
            return found.removesuffix(".")
        if text[0].isupper() and (found := self.known(text[0].lower() + text[1:], depth + 1)):
            return found[0].upper() + found[1:]
        return None

    def _with_remark(self, text: str, depth: int) -> str | None:
        """A sentence of ours, and behind a colon or in parentheses what somebody else has said."""
        head, colon, tail = text.partition(": ")
        if colon and " " in head and (found := self._msgid(head)):
            return f"{found}: {self.known(tail, depth + 1) or tail}"
        head, parenthesis, tail = text.rpartition(" (")
        if parenthesis and tail.endswith((")", ").")) and (found := self._msgid(head)):
            return f"{found} ({tail}"
        return None

    def _in_a_row(self, text: str, separators: Sequence[str], depth: int, *, with_names: bool = False) -> str | None:
        """Several messages; ``with_names``: and single words between them, which stay as they are."""
        for separator in separators:
            parts = text.split(separator)
            if not 1 < len(parts) <= MAX_IN_A_ROW:
                continue
            known = [self.known(part, depth + 1) for part in parts]
            if any(known) and all(
                it or (with_names and " " not in part) for it, part in zip(known, parts, strict=True)
            ):
                between = gettext(AND) if separator == AND else separator
                return between.join(it or part for it, part in zip(known, parts, strict=True))
        return None


@cache
def _patterns(locale: str) -> tuple[Pattern, ...]:
    """Those that say most come first."""
    found = [Pattern.of(msgid) for msgid in texts(locale, CONTEXT) if _PLACE.search(msgid)]
    return tuple(sorted(found, key=lambda pattern: pattern.letters, reverse=True))
