"""What an error of the operating system or the network means for this machine, and what helps
(pure).

Every stage uses this: a failing disk is not the post's fault, so the job waits for it and uses up
no attempt.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from mediavault.core.failures import (
    NoSpace,
    StorageFailure,
)
from mediavault.core.messages import Message, join

_FULL = Message("Free some space there.")
_QUOTA = Message(
    "The quota of the user that runs mediavault is used up: raise it, or free some space."
)
_FAILING = Message("The disk or its connection is failing: see the system log (dmesg).")
_READ_ONLY = Message(
    "Mount it for writing again; the system's log (dmesg) may say why it became read-only."
)
_CUT_OFF = Message("The network share is disconnected: restart its server, or mount it again.")
_GONE = Message(
    "It no longer exists: mount its disk, and make sure that no other program removes files there."
)
_NOT_ALLOWED = Message("Let the user that runs mediavault read and write there.")
_FILES = Message(
    "Too many files are open: raise the limit (ulimit -n), or lower MEDIAVAULT_CONCURRENCY."
)
_MEMORY = Message(
    "The machine has no memory or no processes to spare: lower MEDIAVAULT_CONCURRENCY, or end"
    " other programs."
)
_TOO_LARGE = Message(
    "That file system does not support files this large: move the library to another one."
)

# These errors are about the machine, whatever was being done.
_ALWAYS: Mapping[int, str] = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _QUOTA,
    errno.EIO: _FAILING,
    errno.ENXIO: _FAILING,
    errno.ENODEV: _FAILING,
    errno.EUCLEAN: _FAILING,
    errno.EROFS: _READ_ONLY,
    errno.ESTALE: _CUT_OFF,
    errno.EMFILE: _FILES,
    errno.ENFILE: _FILES,
    errno.ENOMEM: _MEMORY,
    errno.EAGAIN: _MEMORY,  # from fork, at the limit on processes
    errno.EFBIG: _TOO_LARGE,
}
# Sockets raise these as well: they concern a disk only where a file is named.
_OF_A_FILE: Mapping[int, str] = {
    errno.ENOENT: _GONE,
    errno.ENOTDIR: _GONE,
    errno.EACCES: _NOT_ALLOWED,
    errno.EPERM: _NOT_ALLOWED,
    errno.ENOTCONN: _CUT_OFF,  # a FUSE server that died
    errno.ECONNABORTED: _CUT_OFF,
    errno.ETIMEDOUT: _CUT_OFF,
    errno.EHOSTDOWN: _CUT_OFF,
    errno.EHOSTUNREACH: _CUT_OFF,
    errno.EREMOTEIO: _CUT_OFF,
}
NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})


def is_of_the_machine(code: int | None, *, of_a_file: bool = False) -> bool:
    """Whether ``code`` concerns this machine. ``of_a_file``: it came from a file,
    not from a socket.
    """
    return code in _ALWAYS or (of_a_file and code in _OF_A_FILE)


def failure_of_disk(
    exc: OSError, folder: Path | str, *, doing: str = Message("written")
) -> NoSpace | StorageFailure:
    """Return the failure that ``exc`` in ``folder`` means; its message names both,
    and what helps.
    """
    return failure_of_code(exc.errno, folder, doing=doing, said=exc.strerror or str(exc))


def failure_of_code(
    code: int | None,
    folder: Path | str,
    *,
    doing: str = Message("written"),
    said: str = "",
    bytes_received: int = 0,
) -> NoSpace | StorageFailure:
    """Like :func:`failure_of_disk`, where only the error number is known, from another process."""
    said = said or (os.strerror(code) if code else "it does not say why")
    advice = _ALWAYS.get(code or 0) or _OF_A_FILE.get(code or 0, "")
    message = Message(
        "%(folder)s cannot be %(doing)s: %(said)s.", folder=folder, doing=doing, said=said
    )
    if advice:
        message = join(" ", (message, advice))
    kind = NoSpace if code in NO_SPACE else StorageFailure
    return kind(message, bytes_received=bytes_received)


@contextmanager
def translate_machine_errors() -> Iterator[None]:
    """Raise NoSpace or StorageFailure for machine errors that nothing has translated yet;
    other errors pass through.
    """
    try:
        yield
    except OSError as exc:
        if not is_of_the_machine(exc.errno, of_a_file=exc.filename is not None):
            raise
        raise failure_of_disk(exc, _folder_of(exc), doing=Message("used")) from exc


def _folder_of(exc: OSError) -> Path | str:
    if isinstance(exc.filename, str | bytes):
        return Path(os.fsdecode(exc.filename)).parent
    return Message("This machine")
