"""Check records against the types that their fields declare, write them as JSON values, and read
them back exactly.

Used for what child processes receive and return, and for rows of a backup, which may be untrusted.

Fields may hold what JSON holds, bytes, enums, times, spans, regular expressions, our errors, other
records, and tuples and mappings of these. Fields of the type ``Any`` hold JSON values. A text comes
back unchanged, lone surrogates included; only the two halves of an adjacent pair come back as the
character that they form.
"""

from __future__ import annotations

import math
import types
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any, Literal, NewType, TypeVar, Union, get_args, get_origin, get_type_hints

from mediavault.core import failures, media, messages
from mediavault.core.failures import MediavaultError
from mediavault.core.media import Broadcast, Extraction
from mediavault.core.messages import Message, Translatable

T = TypeVar("T")

_MAX_NUMBER = 1 << 63  # what a column of a database holds


def refuse_mistyped(record: Any) -> None:
    """Raise TypeError, which names the field, if a dataclass instance has a value that a field's
    type does not allow.

    An integral float (640.0) passes as an integer, and an integer as a float. No number may be
    infinite, or larger than a database's column. What is declared as Any may be anything.
    """
    kind: Any = type(record)
    _form(kind).check(record, kind.__name__)


def to_json(kind: Any, value: Any) -> Any:
    """Return a value of this type as JSON values. TypeError for a type that has no form in JSON."""
    write = _form(kind).write
    return value if write is None else write(value)


def from_json(kind: type[T], raw: Any) -> T:
    """Return what :func:`to_json` wrote. LookupError,
    TypeError or ValueError for anything else; values are not checked.
    """
    wanted: Any = kind
    read = _form(wanted).read
    value: T = raw if read is None else read(raw)
    return value


def to_named_json(record: Any, *, whole: bool = False) -> dict[str, Any]:
    """Return a dataclass instance as a JSON object by the names of its fields, and so are those
    that its fields hold.

    For what is stored: what has its default is left out unless ``whole``, as is None where there is
    no default, and a later version may have more fields. The values in a :data:`Translatable` text
    are in ``<name>_params``. TypeError for a type that has no form in JSON.
    """
    written: dict[str, Any] = {}
    kind: Any = type(record)
    for field in _named_fields(kind).values():
        value = getattr(record, field.name)
        if not whole and value == field.default:
            continue
        written[field.name] = value if field.write is None else field.write(value)
        if field.is_translatable and ((params := messages.to_json(value)) is not None or whole):
            written[f"{field.name}_params"] = params
    return written


def from_named_json(kind: type[T], raw: Mapping[str, Any]) -> T:
    """Invert :func:`to_named_json`; what is missing has its default or is None, and names of other
    versions are ignored.

    LookupError, TypeError or ValueError for anything else.
    """
    built = named(kind, raw)
    refuse_mistyped(built)
    return built


def named(kind: type[T], raw: Mapping[str, Any]) -> T:
    """Like :func:`from_named_json`, without checking values against the fields' types:
    for rows and reports of our own code.
    """
    wanted: Any = kind
    _refuse_unless(isinstance(raw, Mapping), raw, wanted.__name__)
    known = _named_fields(wanted)
    values: dict[str, Any] = {}
    for name, value in raw.items():
        if (field := known.get(name)) is None:
            continue
        if field.is_translatable and value is not None:
            values[name] = messages.from_json(value, raw.get(f"{name}_params"))
        else:
            values[name] = value if field.read is None else field.read(value)
    if len(values) < len(known):
        values = {field.name: None for field in known.values() if field.is_none_if_missing} | values
    built: T = kind(**values)
    return built


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    default: Any
    write: Callable[[Any], Any] | None
    read: Callable[[Any], Any] | None
    is_translatable: bool
    is_none_if_missing: bool


@cache
def _named_fields(kind: Any) -> Mapping[str, _Field]:
    hints = get_type_hints(kind, include_extras=True)
    return {field.name: _named_field(field, hints[field.name]) for field in fields(kind)}


def _named_field(field: Field[Any], hint: Any) -> _Field:
    default = field.default if field.default_factory is MISSING else field.default_factory()
    kinds = get_args(hint) if type(None) in get_args(hint) else (hint,)
    is_none_if_missing = default is MISSING and len(kinds) > 1
    write, read = _form(hint).write, _form(hint).read
    if is_dataclass(kinds[0]):
        kind: Any = kinds[0]
        write = _unless_none(to_named_json)
        read = _unless_none(
            lambda raw: named(kind, raw) if isinstance(raw, Mapping) else from_json(kind, raw)
        )
    if is_translatable := kinds[0] == Translatable:
        write = None
    return _Field(
        field.name,
        None if is_none_if_missing else default,
        write,
        read,
        is_translatable,
        is_none_if_missing,
    )


@dataclass(frozen=True, slots=True)
class _Form:
    """``check(value, name)`` raises TypeError; ``write`` makes JSON values and ``read`` is its
    inverse.

    Both are None where a value is its own JSON.
    """

    check: Callable[[Any, str], None]
    write: Callable[[Any], Any] | None = None
    read: Callable[[Any], Any] | None = None


def _refuse_unless(is_right: bool, value: Any, name: str) -> None:  # noqa: FBT001
    if not is_right:
        raise TypeError(f"{name} is {type(value).__name__} {str(value)[:40]!r}")


def _anything(value: Any, name: str) -> None: ...


def _number(value: Any, name: str) -> None:
    is_number = isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))
    _refuse_unless(is_number and abs(value) < _MAX_NUMBER, value, name)


def _integer(value: Any, name: str) -> None:
    _number(value, name)
    _refuse_unless(value == int(value), value, name)


def _instance_of(kind: Any) -> Callable[[Any, str], None]:
    return lambda value, name: _refuse_unless(isinstance(value, kind), value, name)


_SIMPLE: Mapping[Any, _Form] = {
    **dict.fromkeys((Any, object), _Form(_anything)),
    **{kind: _Form(_instance_of(kind)) for kind in (str, bool, type(None))},
    int: _Form(_integer),
    float: _Form(_number),
    bytes: _Form(_instance_of(bytes), lambda value: b64encode(value).decode("ascii"), b64decode),
    datetime: _Form(_instance_of(datetime), datetime.isoformat, datetime.fromisoformat),
    Message: _Form(
        _instance_of(Message),
        lambda text: [text, messages.to_json(text)],
        lambda parts: messages.from_json(*parts),
    ),
    timedelta: _Form(
        _instance_of(timedelta),
        lambda span: [span.days, span.seconds, span.microseconds],
        lambda parts: timedelta(*parts),
    ),
}


@cache
def _form(kind: Any) -> _Form:
    if isinstance(kind, NewType):
        return _form(kind.__supertype__)
    if kind == Translatable:
        return _Form(_instance_of(str), _SIMPLE[Message].write, _SIMPLE[Message].read)
    origin, arguments = get_origin(kind), get_args(kind)
    if (simple := _SIMPLE.get(origin or kind)) is not None:
        return simple
    if origin is Literal:
        return _Form(lambda value, name: _refuse_unless(value in arguments, value, name))
    if origin in (Union, types.UnionType):
        return _union(arguments)
    if origin is tuple:
        return _tuple(arguments)
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(*arguments)
    if isinstance(kind, type) and issubclass(kind, MediavaultError):
        return _Form(_instance_of(kind), _error_to_json, _error_from_json)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _Form(_instance_of(kind), lambda value: value.value, kind)
    if is_dataclass(kind):
        return _record(kind)
    return _without_json(_instance_of(origin or kind), kind)


def _without_json(check: Callable[[Any, str], None], kind: Any) -> _Form:
    def refuse(_: Any) -> Any:
        raise TypeError(f"{kind} has no form in JSON here")

    return _Form(check, refuse, refuse)


def _union(kinds: tuple[Any, ...]) -> _Form:
    """``X | None``, or several types of which each value is its own JSON."""
    forms = [_form(kind) for kind in kinds if kind is not type(None)]
    if len(forms) > 1:
        instance = tuple(get_origin(kind) or kind for kind in kinds)
        is_plain = all(form.write is None for form in forms)
        return (
            _Form(_instance_of(instance))
            if is_plain
            else _without_json(_instance_of(instance), kinds)
        )
    (form,) = forms
    return _Form(
        lambda value, name: None if value is None else form.check(value, name),
        _unless_none(form.write),
        _unless_none(form.read),
    )


def _unless_none(convert: Callable[[Any], Any] | None) -> Callable[[Any], Any] | None:
    return None if convert is None else lambda value: None if value is None else convert(value)


def _tuple(kinds: tuple[Any, ...]) -> _Form:
    if len(kinds) != 2 or kinds[1] is not ...:
        return _fixed_tuple(kinds)
    form = _form(kinds[0])
    write, read = form.write, form.read

    def check(value: Any, name: str) -> None:
        _refuse_unless(isinstance(value, tuple), value, name)
        for item in value:
            form.check(item, name)

    return _Form(
        check,
        list if write is None else lambda value: [write(item) for item in value],
        tuple if read is None else lambda raw: tuple([read(item) for item in raw]),
    )


def _fixed_tuple(kinds: tuple[Any, ...]) -> _Form:
    forms = [_form(kind) for kind in kinds]

    def check(value: Any, name: str) -> None:
        _refuse_unless(isinstance(value, tuple) and len(value) == len(forms), value, name)
        for form, item in zip(forms, value, strict=True):
            form.check(item, name)

    return _Form(
        check,
        lambda value: [
            _converted(form.write, item) for form, item in zip(forms, value, strict=True)
        ],
        lambda raw: tuple(
            _converted(form.read, item) for form, item in zip(forms, raw, strict=True)
        ),
    )


def _mapping(key_kind: Any, value_kind: Any) -> _Form:
    key_form, form = _form(key_kind), _form(value_kind)
    write, read = form.write, form.read

    def check(value: Any, name: str) -> None:
        _refuse_unless(isinstance(value, Mapping), value, name)
        for key, item in value.items():
            key_form.check(key, name)
            form.check(item, f"{name}.{key}")

    if key_kind is int:  # keys of JSON are texts
        return _Form(
            check,
            lambda value: {str(key): _converted(write, item) for key, item in value.items()},
            lambda raw: {int(key): _converted(read, item) for key, item in raw.items()},
        )
    return _Form(
        check,
        dict if write is None else lambda value: {key: write(item) for key, item in value.items()},
        dict if read is None else lambda raw: {key: read(item) for key, item in raw.items()},
    )


def _converted(convert: Callable[[Any], Any] | None, value: Any) -> Any:
    return value if convert is None else convert(value)


def _record(kind: Any) -> _Form:
    """Write values in the order of the fields: names would be a third of the data."""
    hints = get_type_hints(kind, include_extras=True)
    forms = [(field.name, _form(hints[field.name])) for field in fields(kind)]

    def check(value: Any, name: str) -> None:
        _refuse_unless(isinstance(value, kind), value, name)
        for field, form in forms:
            form.check(getattr(value, field), f"{name}.{field}")

    def write(record: Any) -> list[Any]:
        return [_converted(form.write, getattr(record, field)) for field, form in forms]

    def read(raw: Any) -> Any:
        return kind(
            **{
                field: _converted(form.read, item)
                for (field, form), item in zip(forms, raw, strict=True)
            }
        )

    return _Form(check, write, read)


# --- errors ---------------------------------------------------------------------------------------

_ERROR_FIELDS: Mapping[str, Any] = {
    "message": Message,
    "help": Message,
    "http_status": int | None,
    "bytes_received": int,
    "retry_after": timedelta | None,
    "starts_at": datetime | None,
    "embeds": tuple[str, ...],
    "final_url": str | None,
    "instead": Extraction | None,
    "broadcast": Broadcast | None,
    "causes": tuple[failures.Failure, ...],
}
ERRORS: Mapping[str, type[MediavaultError]] = {
    name: kind
    for name, kind in (vars(failures) | vars(media)).items()
    if isinstance(kind, type) and issubclass(kind, MediavaultError)
}


def _error_to_json(error: MediavaultError) -> list[Any]:
    """Return its class and its attributes. KeyError for a class or an attribute that is not known
    here.
    """
    name = ERRORS[type(error).__name__].__name__
    return [
        name,
        {field: to_json(_ERROR_FIELDS[field], value) for field, value in vars(error).items()},
    ]


def _error_from_json(raw: Any) -> MediavaultError:
    """Rebuild the error without its constructor, which would extend the message a second time."""
    name, values = raw
    kind = ERRORS[name]
    error = kind.__new__(kind, values["message"][0])
    for field, value in values.items():
        setattr(error, field, from_json(_ERROR_FIELDS[field], value))
    return error
