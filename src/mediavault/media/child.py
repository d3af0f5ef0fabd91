"""The helper process for media files: examines them, makes pictures, reads texts, joins tracks. Run
as ``python -m``.

It loads FFmpeg's libraries once and forks for each request, so that nothing in a file reaches the
next one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from mediavault.media import (
    arrival_child,
    extras_child,
    fingerprint_child,
    picture_child,
    probe_child,
    remux_child,
    sound_child,
    texts_child,
)
from mediavault.sandbox.guard import serve_lines

NICENESS = 10
# saving and playing videos come first
_LATER = frozenset({"tracks", "preview", "tags", "fingerprint"})


def main() -> int:
    return serve_lines(answer)


def answer(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """``{"task": "examine"}``, ``"decode"`` and ``"still"``: see ``probe_child``; ``"arriving"``:
    see ``arrival_child``; ``"join"``: see ``remux_child``; ``"tracks"``, ``"preview"`` and
    ``"tags"``: see ``extras_child``; ``"fingerprint"``: see ``fingerprint_child``; ``"sound"`` and
    ``"extract"``: see ``sound_child``; ``"embed"``: see ``texts_child``; ``"picture"``: see
    ``picture_child``.
    """
    if request["task"] in _LATER or request.get("later"):
        os.nice(NICENESS)  # of this request's process only
    return _ANSWERS[request["task"]](request)


_ANSWERS = {
    "examine": probe_child.answer,
    "decode": probe_child.answer,
    "still": probe_child.answer,
    "arriving": arrival_child.answer,
    "join": remux_child.answer,
    "tracks": extras_child.answer,
    "preview": extras_child.answer,
    "tags": extras_child.answer,
    "fingerprint": fingerprint_child.answer,
    "sound": sound_child.answer,
    "extract": sound_child.answer,
    "embed": texts_child.answer,
    "picture": picture_child.answer,
}


if __name__ == "__main__":
    sys.exit(main())
