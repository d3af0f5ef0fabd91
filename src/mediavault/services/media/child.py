"""The helper process for media files: examines them, makes pictures, reads texts, joins tracks. Run as ``python -m``.

It loads FFmpeg's libraries once and forks for each request, so that nothing in a file reaches the next one.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from mediavault.services.media import extras_child, probe_child, remux_child
from mediavault.services.sandbox.guard import serve_lines


def main() -> int:
    return serve_lines(answer)


def answer(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """``{"task": "examine"}`` and ``"still"``: see ``probe_child``; ``"join"``: see ``remux_child``; ``"tracks"`` and
    ``"preview"``: see ``extras_child``.
    """
    return _ANSWERS[request["task"]](request)


_ANSWERS = {
    "examine": probe_child.answer,
    "still": probe_child.answer,
    "join": remux_child.answer,
    "tracks": extras_child.answer,
    "preview": extras_child.answer,
}


if __name__ == "__main__":
    sys.exit(main())
