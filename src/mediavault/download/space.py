"""Whether the disk has room for a file, next to the space that is kept free."""

from __future__ import annotations

import shutil
from pathlib import Path

from mediavault.core.failures import NoSpace
from mediavault.core.messages import Message

MB = 1e6


def check_space(needed: int, folder: Path, reserve_bytes: int) -> None:
    """Raise NoSpace unless ``needed`` more bytes fit on the disk of ``folder``; 0 where that is not known."""
    free = shutil.disk_usage(folder).free
    if free - reserve_bytes >= needed:
        return
    if not needed:
        raise NoSpace(
            Message(
                "The disk is full: %(free).0f MB are free, of which %(reserve).0f MB are kept free"
                " (MEDIAVAULT_RESERVE_MB).",
                free=free / MB,
                reserve=reserve_bytes / MB,
            )
        )
    raise NoSpace(
        Message(
            "The video needs %(needed).0f MB. %(free).0f MB are free, of which %(reserve).0f MB are kept free"
            " (MEDIAVAULT_RESERVE_MB).",
            needed=max(1.0, needed / MB),
            free=free / MB,
            reserve=reserve_bytes / MB,
        )
    )
