"""Requests and responses that have the fields of a record: they are written once, with the record."""

from __future__ import annotations

import typing
from dataclasses import fields
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model

STRICT = ConfigDict(strict=True, extra="forbid", frozen=True)  # of requests


def changes_of(record: type) -> Any:
    """Return the base of a request that changes a record: each field may be left out, or be null, and stays then.

    The values are of the fields' types; the record's own checks say which of them can be used.
    """
    return _model(record, f"{record.__name__}Changes", lambda hint: (hint | None, None))


def view_of(record: type) -> Any:
    """Return the base of a response with the fields of a record."""
    return _model(record, f"{record.__name__}View", lambda hint: (hint, ...))


def _model(record: type, name: str, accepted: typing.Callable[[Any], tuple[Any, Any]]) -> type[BaseModel]:
    hints = typing.get_type_hints(record)
    kinds = {one.name: (*accepted(hints[one.name]), one.metadata["help"]) for one in fields(record)}
    described: dict[str, Any] = {
        name: (kind, Field(default, description=text)) for name, (kind, default, text) in kinds.items()
    }
    return create_model(name, __config__=ConfigDict(extra="forbid", frozen=True), **described)


def given(request: BaseModel) -> dict[str, Any]:
    """Return the values of a request's fields that it names and that are not null, by name."""
    return {name: value for name in request.model_fields_set if (value := getattr(request, name)) is not None}
