"""Options of a command from a record: each field of a dataclass is an option,
described by its metadata.
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import Field, fields, is_dataclass
from typing import Annotated, Any

import typer

from mediavault.core.fields import read_value

Command = Callable[..., None]


def options_of(record: type) -> Callable[[Command], Command]:
    """Return a decorator for a command whose first argument is the record: it gets an option for
    each field.

    The command raises what the record raises for a bad value.
    """
    return _decorator(record, lambda values: record(**values), with_defaults=True)


def changes_of(record: type, *, only: Collection[str] = ()) -> Callable[[Command], Command]:
    """Return a decorator for a command whose first argument has the values by name of those fields
    whose options are given.

    The fields of a record inside it have options too; its value is a mapping of those that are
    given. ``only`` these fields have options.
    """
    return _decorator(record, dict, with_defaults=False, only=only)


def _decorator(
    record: type,
    take: Callable[[dict[str, Any]], object],
    *,
    with_defaults: bool,
    only: Collection[str] = (),
) -> Callable[[Command], Command]:
    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def call(**values: Any) -> None:
            given = {option.name: values.pop(option.name) for option in own}
            command(take(_read(record, given)), **values)

        own = [
            _option(field, hint, with_default=with_defaults)
            for field, hint in _options(record)
            if not only or field.name in only
        ]
        rest = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
        parameters = sorted([*own, *rest], key=lambda parameter: parameter.kind)
        call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return call

    return decorate


def _options(record: type) -> Iterator[tuple[Field[Any], Any]]:
    """Yield the fields that have options, with their types."""
    hints = typing.get_type_hints(record)
    for field in fields(record):
        if is_dataclass(hints[field.name]):
            yield from _options(hints[field.name])
        elif field.metadata["option"] != "":
            yield field, hints[field.name]


def _option(field: Field[Any], hint: Any, *, with_default: bool) -> inspect.Parameter:
    has_default = with_default and field.default not in (None, ())
    more = typer.Option(
        *filter(None, (field.metadata["option"],)),
        help=field.metadata["help"],
        metavar=field.metadata["metavar"],
        show_default=has_default,
    )
    kind = _kind(field, hint)
    return inspect.Parameter(
        field.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=field.default if has_default else None,
        annotation=Annotated[kind if has_default else kind | None, more],
    )


def _kind(field: Field[Any], hint: Any) -> Any:
    """Return the type of an option's value."""
    kind = str if field.metadata["read"] else (typing.get_args(hint) or (hint,))[0]
    return list[kind] if typing.get_origin(hint) is tuple else kind  # type: ignore[valid-type]


def _read(record: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the record's fields that are given;
    what a field reads may be those of several.
    """
    hints = typing.get_type_hints(record)
    values: dict[str, Any] = {}
    for field in fields(record):
        if is_dataclass(hints[field.name]):
            if inner := _read(hints[field.name], given):
                values[field.name] = inner
        elif (value := given.get(field.name)) is not None and value != []:
            read = read_value(
                field, [part for part in value if part != ""] if isinstance(value, list) else value
            )
            values |= read if isinstance(read, dict) else {field.name: read}
    return values
