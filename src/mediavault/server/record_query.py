"""Reads a record from a query string: each field of a dataclass is a parameter, described by its metadata."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Collection
from dataclasses import Field, fields
from typing import Annotated, Any, Literal, TypeVar

from fastapi import Query, Request

from mediavault.core.failures import BadInput
from mediavault.core.fields import read_value
from mediavault.core.messages import Message

R = TypeVar("R")


def query_of(record: type[R], *, also: Collection[str] = ()) -> Callable[..., R]:
    """Return a dependency of FastAPI that reads the record. An empty value, as forms send it, counts as absent.

    ``also`` are the route's other parameters; any further one is refused, since a typing mistake
    would list everything. Raises BadInput, and what the record raises for a bad value.
    """
    hints = typing.get_type_hints(record)
    own = {field.name: field for field in fields(record)}  # type: ignore[arg-type]

    def read(request: Request, **values: Any) -> R:
        if unknown := sorted(request.query_params.keys() - own.keys() - set(also)):
            raise BadInput(Message("Unknown parameter: %(name)s.", name=unknown[0][:80]))
        given = {name: _without_empty(value) for name, value in values.items()}
        return record(**{name: read_value(own[name], value) for name, value in given.items() if value is not None})

    def parameter(name: str) -> inspect.Parameter:
        kind = _accepted(own[name], hints[name])
        accepted = Annotated[kind, Query(description=own[name].metadata["help"])]  # type: ignore[valid-type]
        default = [] if typing.get_origin(hints[name]) is tuple else own[name].default
        return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=accepted)

    request = inspect.Parameter("request", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Request)
    read.__signature__ = inspect.Signature([request, *map(parameter, own)])  # type: ignore[attr-defined]
    return read


def _accepted(field: Field[Any], hint: Any) -> Any:
    """Return the type that FastAPI checks for a field."""
    if field.metadata["read"]:
        return str | None
    if typing.get_origin(hint) is tuple:
        inner = typing.get_args(hint)[0]
        return list[inner] if inner is str else list[inner | Literal[""]]  # type: ignore[valid-type]
    kinds = typing.get_args(hint) or (hint,)
    return typing.Union[(*kinds, *(() if str in kinds else (Literal[""],)))]


def _without_empty(value: Any) -> Any:
    if isinstance(value, list):
        return [part for part in value if part != ""] or None
    return None if value == "" else value
