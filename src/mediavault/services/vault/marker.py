"""The library's own id in a small file at its root: tells it from an empty mount point, and from another library."""

from __future__ import annotations

import os
import re
from pathlib import Path

from mediavault.core.failures import StorageFailure
from mediavault.core.system_errors import failure_of_disk
from mediavault.services.vault import disk

MARKER = ".mediavault-library"
_FORM = re.compile(r"[0-9a-zA-Z-]{8,64}")


def read_marker(root: Path) -> str | None:
    """The id; None where there is no marker. Raises StorageFailure when it cannot be read."""
    path = root / MARKER
    try:
        with path.open("rb") as file:
            return id_in(file.read(100), str(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        raise failure_of_disk(exc, root, doing="read") from exc


def write_marker(root: Path, identity: str) -> None:
    """Durably, whole or not at all; a marker that stands there stays. Creates the folder."""
    path = root / MARKER
    draft = root / f"{MARKER}.{os.getpid()}"
    disk.make_folder(root)
    with disk.errors_as_ours(root):
        try:
            with draft.open("w", encoding="ascii") as file:
                file.write(f"{identity}\n")
                file.flush()
                os.fsync(file.fileno())
            disk.rename_without_replacing(draft, path)
            disk.fsync_folder(root)
        finally:
            draft.unlink(missing_ok=True)


def refuse_other(root: Path, expected: str) -> None:
    """Raise StorageFailure unless the library that stands at ``root`` carries this id."""
    carried = read_marker(root)
    if carried != expected:
        raise not_there(
            str(root),
            carried,
            "Mount its disk, or name its folder in MEDIAVAULT_DOWNLOAD_DIR. If this folder is the library all the same: "
            f"echo {expected} > {root / MARKER}",
        )


def not_there(place: str, carried: str | None, advice: str) -> StorageFailure:
    what = f"{place} carries no mark of it" if carried is None else f"{place} is another one"
    return StorageFailure(f"The library is not there: {what}.", help=advice)


def id_in(text: bytes, place: str) -> str:
    """What a marker holds. Raises StorageFailure when that is no id."""
    identity = text.decode("ascii", errors="replace").strip()
    if not _FORM.fullmatch(identity):
        raise StorageFailure(f"{place} holds no library's id.", help="Bring it back from a backup of the library.")
    return identity
