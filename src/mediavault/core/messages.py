"""English messages that can be translated when they are shown. Pure.

A message is created in English where something happens; the reader's language is known only when it
is shown. So a ``Message`` carries its template and the values in it. The catalogues contain the
templates; code that does not care about languages (logs, databases, comparisons) sees a plain
English ``str``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Self

_PLACEHOLDER = re.compile(r"%(?:\((\w+)\)(s|d|\.\df)|%)")


class Message(str):
    """``Message("%(site)s sent %(bytes)d bytes.", site="X", bytes=1200)`` is ``"X sent 1,200
    bytes."``.

    A template has ``%(name)s`` for a text, ``%(name)d`` for an integer and ``%(name).1f`` for any
    other number; ``%%`` is a percent sign where there are values. A value may itself be a message.
    The template must be a literal: the catalogues are built from these. ``one`` is the template for
    a ``count`` of 1, if there is one.
    """

    __slots__ = ("one", "template", "values")
    one: str | None
    template: str
    values: Mapping[str, str | int | float]

    def __new__(cls, template: str, /, **values: object) -> Self:
        """Values of other types than text and numbers are converted to text."""
        return cls._built(template, None, {name: _plain(value) for name, value in values.items()})

    @classmethod
    def _built(
        cls, template: str, one: str | None, values: Mapping[str, str | int | float]
    ) -> Self:
        chosen = one if one is not None and values["count"] == 1 else template
        self = super().__new__(cls, fill(chosen, values))
        self.template, self.one, self.values = str(template), one, values
        return self

    def with_texts(self, convert: Callable[[str], str]) -> Self:
        """Return the message with its text values converted."""
        values = {
            name: convert(value) if isinstance(value, str) else value
            for name, value in self.values.items()
        }
        return type(self)._built(self.template, self.one, values)

    def __getnewargs__(self) -> tuple[str]:
        return (str(self),)  # for copies; their attributes are copied as well


# The type of a field whose text may be a Message: as JSON, it stays one (core.typed_records).
Translatable = Annotated[str, Message]


def counted(count: int, one: str, many: str | None = None) -> Message:
    """Return ``1 job`` or ``1,500 jobs``. Pass ``many`` for irregular forms:
    ``counted(n, "job is", "jobs are")``.
    """
    return Message._built(f"%(count)d {many or f'{one}s'}", f"%(count)d {one}", {"count": count})


def clock_length(seconds: float) -> str:
    """Format a duration as in ``1:02:03`` or ``0:07``."""
    hours, rest = divmod(round(seconds), 3_600)
    minutes, rest = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def join(separator: str, parts: Iterable[str]) -> Message:
    """Like ``separator.join(parts)``, but each part that is a message stays translatable."""
    values = {f"part{number}": part for number, part in enumerate(parts, 1)}
    return Message(separator.join(f"%({name})s" for name in values), **values)


def fill(
    template: str,
    values: Mapping[str, str | int | float],
    *,
    text: Callable[[str], str] = str,
    number: Callable[[str], str] = str,
) -> str:
    """Return the template with its values filled in;
    ``text`` and ``number`` convert each value to the form shown.
    """
    if not values:
        return template

    def shown(placeholder: re.Match[str]) -> str:
        name, kind = placeholder.groups()
        if name is None:
            return "%"
        value = values[name]
        if kind == "s" or isinstance(value, str):
            return text(value) if isinstance(value, str) else str(value)
        return number(
            f"{value:,d}"
            if kind == "d" and isinstance(value, int)
            else f"{value:,{'.0f' if kind == 'd' else kind}}"
        )

    return _PLACEHOLDER.sub(shown, template)


def to_json(text: str) -> str | None:
    """Return what must be stored next to the text so that :func:`from_json` can restore it;
    None for plain text.
    """
    if not isinstance(text, Message) or not text.values:
        return None
    return json.dumps(_to_dict(text), separators=(",", ":"))


def from_json(text: str, stored: str | None) -> Message:
    """Return the message stored as ``text``, with the values of ``stored`` if they produce exactly
    this text.
    """
    plain = Message(text)
    if stored is None:
        return plain
    try:
        message = _from_dict(json.loads(stored))
    except (ValueError, LookupError, TypeError, AttributeError):  # written by another version
        return plain
    # another version wrote the text, but not the values
    return message if message == text else plain


def _to_dict(message: Message) -> dict[str, Any]:
    values = {
        name: _to_dict(value) if isinstance(value, Message) else value
        for name, value in message.values.items()
    }
    return {"text": message.template, "values": values} | (
        {"one": message.one} if message.one is not None else {}
    )


def _from_dict(stored: Mapping[str, Any]) -> Message:
    values = {
        name: _from_dict(value) if isinstance(value, dict) else value
        for name, value in stored["values"].items()
    }
    return Message._built(str(stored["text"]), stored.get("one"), values)


def _plain(value: object) -> str | int | float:
    if isinstance(value, Exception) and value.args and isinstance(value.args[0], Message):
        return value.args[0]
    is_supported = isinstance(value, Message) or type(value) in (str, int, float)
    return value if is_supported else str(value)  # type: ignore[return-value]
