"""Options of a command from a record: each field of a dataclass is an option, described by its metadata."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable
from dataclasses import Field, fields
from typing import Annotated, Any, TypeVar

import typer

from mediavault.core.fields import read_value

R = TypeVar("R")


def options_of(record: type[R]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator for a command whose first argument is the record: it gets an option for each field.

    The command raises what the record raises for a bad value.
    """
    hints = typing.get_type_hints(record)
    own = {field.name: field for field in fields(record)}  # type: ignore[arg-type]

    def option(name: str) -> inspect.Parameter:
        field, has_default = own[name], own[name].default not in (None, ())
        more = typer.Option(
            *filter(None, (field.metadata["option"],)),
            help=field.metadata["help"],
            metavar=field.metadata["metavar"],
            show_default=has_default,
        )
        kind = _kind(field, hints[name])
        return inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default if has_default else None,
            annotation=Annotated[kind if has_default else kind | None, more],
        )

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def call(**values: Any) -> None:
            given = {name: values.pop(name) for name in own}
            command(
                record(**{name: read_value(own[name], value) for name, value in given.items() if value is not None}),
                **values,
            )

        rest = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
        parameters = [*map(option, own), *rest]
        call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return call

    return decorate


def _kind(field: Field[Any], hint: Any) -> Any:
    """Return the type of an option's value."""
    kind = str if field.metadata["read"] else (typing.get_args(hint) or (hint,))[0]
    return list[kind] if typing.get_origin(hint) is tuple else kind  # type: ignore[valid-type]
