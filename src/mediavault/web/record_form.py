"""Forms of records: each field by its type."""

from __future__ import annotations

import re
import typing
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any

from mediavault.core.failures import BadInput
from mediavault.core.messages import Message


def form_values(record: type, form: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return the values of a record's fields by name, from a form whose controls have these names.

    A field that is True or False is a box; one with several texts may be several controls, or one
    with commas or spaces. An empty text is None, or the field's default where it can't be None.
    Raises BadInput for a number that is none.
    """
    hints = typing.get_type_hints(record)
    return {
        one.name: _value(hints[one.name], one.default, form.get(one.name, ()))
        for one in fields(record)
    }


def form_of(record: Any) -> dict[str, str]:
    """Return the texts of a form's controls for a record of numbers, texts and boxes."""
    return {one.name: _text(getattr(record, one.name)) for one in fields(record)}


def _value(hint: Any, default: Any, texts: Sequence[str]) -> Any:
    if hint is bool:
        return "on" in texts
    if typing.get_origin(hint) is tuple:
        return tuple(part for text in texts for part in re.split(r"[,\s]+", text) if part)
    text, kinds = texts[0].strip() if texts else "", typing.get_args(hint) or (hint,)
    if not text:
        return None if type(None) in kinds else "" if default is MISSING else default
    try:
        return (
            float(text.replace(",", ".")) if float in kinds else int(text) if int in kinds else text
        )
    except ValueError:
        raise BadInput(
            Message("%(text)s is not a number.", text=repr(text[:40])), help="Enter it in digits."
        ) from None


def _text(value: object) -> str:
    if value is None or value is False:
        return ""
    return "on" if value is True else f"{value:g}" if isinstance(value, float) else str(value)
