"""The ``.info.json`` beside a video, as bytes of a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

SIDECAR_LIMIT_BYTES = 4 << 20  # ours have a few kilobytes; a post's text is the longest part


def parse_sidecar(text: bytes) -> Mapping[str, Any] | None:
    """None when it is no JSON object."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
