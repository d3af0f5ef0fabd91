"""What the surfaces say of a record's field, and how they read its value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import Field
from typing import Any


def about(
    text: str,
    *,
    metavar: str | None = None,
    option: str | None = None,
    read: Callable[[str, str], object] | None = None,
) -> Mapping[str, Any]:
    """Return what the API's reference and the command's help say of a field, as the ``metadata`` of
    a dataclass field.

    ``option`` is the command's option where it is not named as the field is, "" for none. ``read``
    makes the value from the field's name and a text; of a field with several values, each of them.
    """
    return {"help": text, "metavar": metavar, "option": option, "read": read}


def read_value(field: Field[Any], value: Any) -> Any:
    """Return a field's value from what a surface has received.
    Raises what the field's ``read`` raises.
    """
    read = field.metadata["read"]
    if isinstance(value, list):
        return tuple(read(field.name, part) for part in value) if read else tuple(value)
    return read(field.name, value) if read else value
