"""The process in which saved pages are read. Run as ``python -m``, JSON lines in and out."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mediavault.cli.saved_page import SavedInspection, inspect_saved_page
from mediavault.core.typed_records import to_json
from mediavault.sandbox.guard import serve_lines


def main() -> int:
    return serve_lines(answer)


def answer(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """Read ``{"url", "page"}``; return ``{"inspected"}``."""
    return {
        "inspected": to_json(
            SavedInspection, inspect_saved_page(request["url"], Path(request["page"]))
        )
    }


if __name__ == "__main__":
    sys.exit(main())
