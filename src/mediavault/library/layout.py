"""What every library has, in a folder or a bucket: the file at its root with its id, and the names
that files may get.

The id distinguishes the library from an empty mount point and from another library. A video and its
companions share a name except for the suffix, so two videos whose names differ only in their suffix
would share picture and sidecar, and the second one's would replace the first one's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from mediavault.core.companions import VIDEO_SUFFIXES, sibling
from mediavault.core.failures import StorageFailure
from mediavault.core.media import PICTURE_SUFFIXES
from mediavault.core.messages import Message
from mediavault.core.names import truncate_bytes
from mediavault.core.system_errors import failure_of_disk
from mediavault.library import disk

MARKER = ".mediavault-library"
_FORM = re.compile(r"[0-9a-zA-Z-]{8,64}")


def read_marker(root: Path) -> str | None:
    """Return the library's id; None where there is no marker.
    Raises StorageFailure when it cannot be read.
    """
    path = root / MARKER
    try:
        with path.open("rb") as file:
            return id_in(file.read(100), str(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        raise failure_of_disk(exc, root, doing=Message("read")) from exc


def write_marker(root: Path, identity: str) -> None:
    """Write the marker durably, whole or not at all; an existing one stays. Creates the folder."""
    path = root / MARKER
    draft = root / f"{MARKER}.{os.getpid()}"
    disk.make_folder(root)
    with disk.translate_errors(root):
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
    """Raise StorageFailure unless the library at ``root`` carries this id."""
    carried = read_marker(root)
    if carried != expected:
        raise not_there(
            str(root),
            carried,
            Message(
                (
                    "Mount its disk, or name its folder in MEDIAVAULT_DOWNLOAD_DIR. If this folder"
                    " is the library all the same: echo %(expected)s > %(root)s"
                ),
                expected=expected,
                root=root / MARKER,
            ),
        )


def not_there(place: str, carried: str | None, advice: str) -> StorageFailure:
    what = (
        Message("%(place)s has no library marker", place=place)
        if carried is None
        else Message("%(place)s belongs to another library", place=place)
    )
    return StorageFailure(Message("The library is not there: %(what)s.", what=what), help=advice)


def id_in(text: bytes, place: str) -> str:
    """Return the id in a marker. Raises StorageFailure when it is malformed."""
    identity = text.decode("ascii", errors="replace").strip()
    if not _FORM.fullmatch(identity):
        raise StorageFailure(
            Message("%(place)s holds no library's id.", place=place),
            help="Bring it back from a backup of the library.",
        )
    return identity


# --- names of files -------------------------------------------------------------------------------

_MAX_SAME_NAMES = 10_000


def names_in_turn(folder: str, stem: str, suffix: str) -> Iterator[str]:
    """Yield the names that a file may get: ``stem.mp4``, then ``stem (2).mp4`` and so on."""
    for number in range(1, _MAX_SAME_NAMES):
        mark = "" if number == 1 else f" ({number})"
        yield f"{folder}/{truncate_bytes(stem, 190 - len(mark))}{mark}{suffix}"


def no_free_name(folder: str, stem: str) -> StorageFailure:
    return StorageFailure(
        Message(
            "No free name is left for %(stem)s in %(folder)s.",
            stem=f"{stem!r}",
            folder=f"{folder!r}",
        )
    )


def conflicting_videos(relative: str) -> list[str]:
    """Return the other videos that would share picture and sidecar with the video at ``relative``;
    [] for other files.
    """
    own = relative[relative.rindex(".") :] if "." in relative else ""
    if own not in (*VIDEO_SUFFIXES, *PICTURE_SUFFIXES):
        return []
    return [sibling(relative, suffix) for suffix in VIDEO_SUFFIXES if suffix != own]
