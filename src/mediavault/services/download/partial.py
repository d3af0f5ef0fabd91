"""The sidecar beside a partial file: what it is a part of, and how much of it has reached the disk.

Written after the bytes it speaks of were synced, and by an atomic rename, so that it never promises too much.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, replace
from pathlib import Path

from mediavault.services.download.resume import Saved

VERSION = 1


def sidecar(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def save(part: Path, saved: Saved) -> None:
    """May raise OSError."""
    target = sidecar(part)
    draft = target.with_name(target.name + ".new")
    with draft.open("w", encoding="utf-8") as file:
        json.dump({"version": VERSION, **asdict(saved)}, file)
        file.flush()
        os.fdatasync(file.fileno())
    draft.replace(target)


def load(part: Path) -> Saved | None:
    """What an earlier try left; None when there is nothing, or nothing that can be trusted."""
    try:
        size = part.stat().st_size
        raw = json.loads(sidecar(part).read_text(encoding="utf-8"))
        if raw.pop("version") != VERSION:
            return None
        saved = Saved(**raw)
        if not 0 < saved.bytes <= size:
            return None
        return replace(saved, bytes=int(saved.bytes))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def discard(part: Path) -> None:
    for path in (sidecar(part), part):
        path.unlink(missing_ok=True)
