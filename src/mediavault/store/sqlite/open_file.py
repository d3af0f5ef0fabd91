"""What is known of the database's file since it was opened: whether its path still names it, and
whether it is damaged.

And what SQLite leaves out of a damaged log without a word.
"""

from __future__ import annotations

import os
import struct
from contextlib import suppress
from pathlib import Path

from mediavault.core.failures import StoreDamaged, StoreRemoved
from mediavault.store.sqlite.engine import Connection, fetch_all


class OpenFile:
    """The file at ``path`` as it was opened. ``damage`` is the first damage that a call has met,
    None before that.
    """

    def __init__(self, path: Path) -> None:
        """Raises OSError. Called right after the file was opened:
        a descriptor of our own would cost SQLite its locks.
        """
        self.damage: StoreDamaged | None = None
        self._path = path
        self._identity = _identity(path.stat())

    def require_same(self) -> int:
        """Return when the file was last written, in ns.
        Raises StoreRemoved if the path no longer names it.
        """
        with suppress(OSError):  # its folder is gone, or cannot be read
            status = os.stat(self._path)  # noqa: PTH116 - before every write: Path.stat takes longer
            if _identity(status) == self._identity:
                return status.st_mtime_ns
        raise StoreRemoved("The state folder was removed or replaced while the vault runs.")

    def note(self, error: BaseException) -> None:
        """Note the outcome of a call that has failed."""
        if self.damage is None and isinstance(error, StoreDamaged):
            self.damage = error


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


# --- Looks at a write-ahead log before it is used, for what SQLite leaves out without a word.
# SQLite stops at the first frame whose checksum is wrong. What comes after it is left over from
# before the log was last emptied, or it was lost. Source of the format:
# sqlite.org/fileformat2.html, section 4.

_HEADER, _FRAME = 32, 24  # bytes before the first frame, and before the page of each
_MAGIC = {0x377F0682: "<", 0x377F0683: ">"}  # and the order of the bytes that its checksums are of


def has_lost_changes(path: Path, db: Connection, *, lacking: int) -> bool:
    """Whether the log of the database at ``path`` has changes that SQLite cannot read, was cut
    short or is gone.

    ``db`` is a connection to it that has not written yet, and no process may write during the call.
    A change that a kill has cut short does not count: it was not acknowledged. The log had changes
    that the file lacks if that was last written at ``lacking``, in ns. Raises OSError and
    SqliteError.
    """
    log = b""
    with suppress(FileNotFoundError):
        log = path.with_name(f"{path.name}-wal").read_bytes()
    if len(log) <= _HEADER:
        return path.stat().st_mtime_ns == lacking
    if not _is_sound_header(log[:_HEADER]):
        return True
    page_bytes, salts = int.from_bytes(log[8:12]), log[16:24]
    step = _FRAME + (page_bytes if page_bytes != 1 else 65_536)
    frames = [log[at : at + _FRAME] for at in range(_HEADER, len(log), step)]
    is_ours = [frame[8:16] == salts for frame in frames]
    if is_ours[-1] and (len(log) - _HEADER) % step:  # as after a cut: SQLite writes whole frames
        return True
    ends = [
        number for number, frame in enumerate(frames, 1) if is_ours[number - 1] and any(frame[4:8])
    ]
    return bool(ends) and ends[-1] > _valid_frames(db)


def _is_sound_header(header: bytes) -> bool:
    """Whether the checksum of the header is right."""
    order = _MAGIC.get(int.from_bytes(header[:4]))
    if order is None:
        return False
    first = second = 0
    words = struct.unpack(f"{order}6I", header[:24])
    for one, other in zip(words[::2], words[1::2], strict=True):
        first = (first + one + second) & 0xFFFF_FFFF
        second = (second + other + first) & 0xFFFF_FFFF
    return (first, second) == struct.unpack(">2I", header[24:])


def _valid_frames(db: Connection) -> int:
    """Return up to which frame SQLite reads the log."""
    ((_, frames, _),) = fetch_all(db, "PRAGMA wal_checkpoint(NOOP)")
    return int(frames)
