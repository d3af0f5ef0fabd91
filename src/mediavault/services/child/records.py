"""Records as JSON values and back, exactly, by the types that their fields declare: what a helper is handed, and answers.

Fields may hold what JSON holds, bytes, enums, times, spans, regular expressions, errors of ours, other records, and tuples
and mappings of these. Fields of the type ``Any`` hold JSON values. A text comes back as it was, lone surrogates too; only
the two halves of a pair that stand next to each other come back as the character that they make.
"""

from __future__ import annotations

import re
import types
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from mediavault.core import failures
from mediavault.core.failures import MediavaultError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Form:
    """``write`` makes JSON values, ``read`` is its inverse; None where a value is its own JSON."""

    write: Callable[[Any], Any] | None = None
    read: Callable[[Any], Any] | None = None


_AS_IT_IS = _Form()
_SIMPLE: Mapping[Any, _Form] = {
    **dict.fromkeys((str, int, float, bool, type(None), Any, object), _AS_IT_IS),
    bytes: _Form(lambda value: b64encode(value).decode("ascii"), b64decode),
    datetime: _Form(datetime.isoformat, datetime.fromisoformat),
    timedelta: _Form(lambda span: [span.days, span.seconds, span.microseconds], lambda parts: timedelta(*parts)),
    re.Pattern: _Form(lambda found: [found.pattern, found.flags], lambda parts: re.compile(*parts)),
}


def to_json(kind: Any, value: Any) -> Any:
    """A value of this type as JSON values. TypeError for a type that has no form."""
    write = _form(kind).write
    return value if write is None else write(value)


def from_json(kind: type[T], raw: Any) -> T:
    """The inverse of :func:`to_json`, for what it wrote: LookupError, TypeError or ValueError for anything else."""
    wanted: Any = kind
    read = _form(wanted).read
    value: T = raw if read is None else read(raw)
    return value


@cache
def _form(kind: Any) -> _Form:
    origin, arguments = get_origin(kind), get_args(kind)
    if (simple := _SIMPLE.get(origin or kind)) is not None:
        return simple
    if origin is Literal:
        return _AS_IT_IS
    if origin in (Union, types.UnionType):
        return _optional(arguments)
    if origin is tuple:
        return _tuple(arguments)
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(_form(arguments[1]))
    if isinstance(kind, type) and issubclass(kind, MediavaultError):
        return _Form(_error_to_json, _error_from_json)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _Form(lambda value: value.value, kind)
    if is_dataclass(kind):
        return _record(kind)
    raise TypeError(f"{kind} has no form in JSON here")


def _optional(kinds: tuple[Any, ...]) -> _Form:
    forms = [_form(kind) for kind in kinds if kind is not type(None)]
    if len(forms) > 1 and any(form != _AS_IT_IS for form in forms):
        raise TypeError(f"{kinds} has no form in JSON here")
    return _Form(_unless_none(forms[0].write), _unless_none(forms[0].read))


def _unless_none(convert: Callable[[Any], Any] | None) -> Callable[[Any], Any] | None:
    return None if convert is None else lambda value: None if value is None else convert(value)


def _tuple(kinds: tuple[Any, ...]) -> _Form:
    if len(kinds) != 2 or kinds[1] is not ...:
        forms = [_form(kind) for kind in kinds]
        return _Form(
            lambda value: [_called(form.write, one) for form, one in zip(forms, value, strict=True)],
            lambda raw: tuple(_called(form.read, one) for form, one in zip(forms, raw, strict=True)),
        )
    write, read = (each := _form(kinds[0])).write, each.read
    return _Form(
        list if write is None else lambda value: [write(one) for one in value],
        tuple if read is None else lambda raw: tuple([read(one) for one in raw]),
    )


def _mapping(each: _Form) -> _Form:
    write, read = each.write, each.read
    return _Form(
        dict if write is None else lambda value: {name: write(one) for name, one in value.items()},
        dict if read is None else lambda raw: {name: read(one) for name, one in raw.items()},
    )


def _called(convert: Callable[[Any], Any] | None, value: Any) -> Any:
    return value if convert is None else convert(value)


def _record(kind: Any) -> _Form:
    """By the order of its fields: names would be a third of what is sent."""
    hints = get_type_hints(kind)
    names = [field.name for field in fields(kind)]
    forms = [(name, _form(hints[name])) for name in names]

    def write(record: Any) -> list[Any]:
        return [_called(form.write, getattr(record, name)) for name, form in forms]

    def read(raw: Any) -> Any:
        return kind(**{name: _called(form.read, one) for (name, form), one in zip(forms, raw, strict=True)})

    return _Form(write, read)


# --- errors ------------------------------------------------------------------------------------------------------

_ERROR_FIELDS: Mapping[str, Any] = {
    "message": str,
    "help": str,
    "http_status": int | None,
    "bytes_received": int,
    "retry_after": timedelta | None,
    "starts_at": datetime | None,
    "embeds": tuple[str, ...],
    "causes": tuple[failures.Failure, ...],
}
_ERRORS: Mapping[str, type[MediavaultError]] = {
    name: kind for name, kind in vars(failures).items() if isinstance(kind, type) and issubclass(kind, MediavaultError)
}


def _error_to_json(error: MediavaultError) -> list[Any]:
    """Its class and what was set on it. KeyError for a class or a field that is not known here."""
    name = _ERRORS[type(error).__name__].__name__
    return [name, {field: to_json(_ERROR_FIELDS[field], value) for field, value in vars(error).items()}]


def _error_from_json(raw: Any) -> MediavaultError:
    """Not by its constructor: that would add to the message once more what it has added before."""
    name, values = raw
    kind = _ERRORS[name]
    error = kind.__new__(kind, values["message"])
    for field, value in values.items():
        setattr(error, field, from_json(_ERROR_FIELDS[field], value))
    return error
