"""Requests and responses that have the fields of a record: they are written once,
with the record.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Collection, Iterable
from dataclasses import fields
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model

STRICT = ConfigDict(strict=True, extra="forbid", frozen=True)  # of requests


def changes_of(record: type, *, without: Collection[str] = ()) -> Any:
    """Return the base of a request that changes a record: each field may be left out, or be null,
    and stays then.

    A text is not taken for a number. The record's own checks say which values can be used.
    """
    return _model(record, f"{record.__name__}Changes", lambda hint: (hint | None, None), without)


def view_of(record: type, *, only: Collection[str] = ()) -> Any:
    """Return the base of a response with the fields of a record, or ``only`` with these."""
    without = {one.name for one in fields(record) if only and one.name not in only}
    return _model(record, f"{record.__name__}View", lambda hint: (hint, ...), without)


def shown(record: object, names: Iterable[str]) -> dict[str, Any]:
    """Return the values of these fields of a record, by name."""
    return {name: getattr(record, name) for name in names}


_PLAIN = {int, float, str, bool, type(None)}


def _model(
    record: type,
    name: str,
    accepted: Callable[[Any], tuple[Any, Any]],
    without: Collection[str] = (),
) -> type[BaseModel]:
    hints = typing.get_type_hints(record)
    described: dict[str, Any] = {}
    for one in (one for one in fields(record) if one.name not in without):
        kind, default = accepted(hints[one.name])
        # others have a form of their own in JSON
        is_plain = set(typing.get_args(kind) or [kind]) <= _PLAIN
        described[one.name] = (
            kind,
            Field(default, description=one.metadata.get("help"), strict=is_plain or None),
        )
    return create_model(name, __config__=ConfigDict(extra="forbid", frozen=True), **described)


def given(request: BaseModel) -> dict[str, Any]:
    """Return the values of a request's fields that it names and that are not null, by name."""
    return {
        name: value
        for name in request.model_fields_set
        if (value := getattr(request, name)) is not None
    }
