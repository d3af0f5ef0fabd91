"""Whether a record's values have the types that its fields declare: a row that a stranger wrote may hold anything."""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, NewType, Union, get_args, get_origin, get_type_hints

_Check = Callable[[Any, str], None]
_MAX_NUMBER = 1 << 63  # what a column of a database holds


def refuse_mistyped(record: Any) -> None:
    """Raise TypeError, which names the field, for a dataclass's instance with a value that its fields do not declare.

    A whole number may be written as a fraction (640.0) and the other way round. No number is infinite, or larger than a
    database's column. What is declared as Any may be anything.
    """
    kind: Any = type(record)
    _check_for(kind)(record, kind.__name__)


@cache
def _check_for(kind: Any) -> _Check:
    if isinstance(kind, NewType):
        return _check_for(kind.__supertype__)
    origin, arguments = get_origin(kind), get_args(kind)
    if kind in (Any, object):
        return _anything
    if origin in (Union, types.UnionType):
        return _one_of(arguments)
    if origin is tuple:
        return _each_of(_check_for(arguments[0]))
    if origin is Mapping:
        return _mapping(_check_for(arguments[0]), _check_for(arguments[1]))
    if is_dataclass(kind):
        return _record(kind)
    if kind in (int, float):
        return _whole_number if kind is int else _number
    return _instance_of(kind)


def _anything(value: Any, name: str) -> None: ...


def _one_of(kinds: tuple[Any, ...]) -> _Check:
    """``X | None`` only: our records have no other unions."""
    (kind,) = (each for each in kinds if each is not types.NoneType)
    check = _check_for(kind)
    return lambda value, name: None if value is None else check(value, name)


def _each_of(check: _Check) -> _Check:
    def each_of(value: Any, name: str) -> None:
        _refuse_unless(isinstance(value, tuple), value, name)
        for each in value:
            check(each, name)

    return each_of


def _mapping(check_key: _Check, check_value: _Check) -> _Check:
    def mapping(value: Any, name: str) -> None:
        _refuse_unless(isinstance(value, Mapping), value, name)
        for key, each in value.items():
            check_key(key, name)
            check_value(each, f"{name}.{key}")

    return mapping


def _record(kind: Any) -> _Check:
    hints = get_type_hints(kind)
    checks = [(each.name, _check_for(hints[each.name])) for each in fields(kind)]

    def record(value: Any, name: str) -> None:
        _refuse_unless(isinstance(value, kind), value, name)
        for field, check in checks:
            check(getattr(value, field), f"{name}.{field}")

    return record


def _number(value: Any, name: str) -> None:
    is_number = isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))
    _refuse_unless(is_number and abs(value) < _MAX_NUMBER, value, name)


def _whole_number(value: Any, name: str) -> None:
    _number(value, name)
    _refuse_unless(value == int(value), value, name)


def _instance_of(kind: type) -> _Check:
    return lambda value, name: _refuse_unless(isinstance(value, kind), value, name)


def _refuse_unless(is_right: bool, value: Any, name: str) -> None:  # noqa: FBT001
    if not is_right:
        raise TypeError(f"{name} is {type(value).__name__} {str(value)[:40]!r}")
