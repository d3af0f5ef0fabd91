"""The helper process for media files: examines them, makes still pictures, and joins tracks. Run as ``python -m``.

It loads FFmpeg's libraries once and forks for each request, so that nothing in a file reaches the next one.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from mediavault.services.media import probe_child, remux_child
from mediavault.services.sandbox.guard import serve_lines


def main() -> int:
    return serve_lines(answer)


def answer(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """``{"task": "examine"}`` and ``"still"``: see ``probe_child``; ``"join"``: see ``remux_child``."""
    return remux_child.answer(request) if request["task"] == "join" else probe_child.answer(request)


if __name__ == "__main__":
    sys.exit(main())
