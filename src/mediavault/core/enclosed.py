"""The file that a feed's entry encloses, as a job's metadata hold it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mediavault.core.media import EnclosedFile
from mediavault.core.typed_records import from_named_json, to_named_json

_KEY = "enclosed"


def metadata_of(file: EnclosedFile | None) -> dict[str, Any]:
    """Return the metadata of a job whose post is this file; none for None."""
    return {_KEY: to_named_json(file)} if file else {}


def enclosed_in(metadata: Mapping[str, Any]) -> EnclosedFile | None:
    """Return the file in a job's metadata; None where there is none, and for anything else, as in a changed backup."""
    try:
        return from_named_json(EnclosedFile, metadata[_KEY])
    except (LookupError, TypeError, ValueError):
        return None
