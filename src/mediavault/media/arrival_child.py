"""Decodes a file while it is still being downloaded, in the helper process.

The file's own length says how much of it is there, since it is written in order. When it has
arrived, it gets another name; a download that is given up ends this process, or removes the file.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mediavault.core.clock import block
from mediavault.media.decode import decode_arriving
from mediavault.media.library import quiet

POLL_S = 0.1


def answer(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """``{"task": "arriving", "path", "demuxer"}`` -> ``{"file", "decoded"}``: what was decoded, and
    its DecodeFacts.

    ``decoded`` is None when the file must be decoded again. See ``decode.decode_arriving``.
    """
    quiet()
    file = ArrivingFile(Path(request["path"]))
    facts = decode_arriving(file, request["demuxer"])
    return {"file": file_id(file.status()), "decoded": asdict(facts) if facts is not None else None}


def file_id(status: os.stat_result) -> list[int]:
    """Return what tells a file from all others that are there, whatever it is called."""
    return [status.st_dev, status.st_ino, status.st_size]


class ArrivingFile:
    """Reads a file in order, and waits at its end while it still has the name that it has as a
    download.
    """

    def __init__(self, path: Path, wait: Callable[[float], None] = block) -> None:
        self._path, self._wait = path, wait
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def read(self, count: int) -> bytes:
        """Return the next bytes, at most ``count``; none at the end.
        Raises OSError when the file was removed.
        """
        while True:
            # first: what was written before it got its name is read then
            has_arrived = self._has_arrived()
            if (piece := os.read(self._fd, count)) or has_arrived:
                return piece
            self._wait(POLL_S)

    def status(self) -> os.stat_result:
        """Return the file's own status."""
        return os.fstat(self._fd)

    def _has_arrived(self) -> bool:
        own = self.status()
        if own.st_nlink == 0:
            raise OSError(errno.ENOENT, "the download was given up")
        try:
            return not os.path.samestat(own, self._path.stat())
        except FileNotFoundError:
            return True
