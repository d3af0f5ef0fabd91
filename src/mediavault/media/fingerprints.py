"""Asks a helper (``fingerprint_child``) for the fingerprint of a saved video's frames."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Awaitable, Callable
from pathlib import Path

from mediavault.core.fingerprints import whole_frames
from mediavault.core.logs import get_logger
from mediavault.sandbox.process import ChildFailed, ChildLimits
from mediavault.sandbox.standing import ChildPool

WALL_S = 180.0
CPU_S = 60  # measured: 1 to 5 s; 15 s of decoding at most are for exact moments

PathOf = Callable[[str], Awaitable[Path | None]]

log = get_logger(__name__)


class FingerprintReader:
    """Reads the fingerprints of saved videos. ``path_of`` returns the path of a saved file on this
    machine; without it, where reading would fetch the whole file from a bucket, no video has any.
    """

    def __init__(self, helpers: ChildPool, path_of: PathOf | None) -> None:
        self._helpers, self._path_of = helpers, path_of

    async def read(self, relative: str) -> bytes:
        """Return the frames of a saved file's ``Fingerprint``; none when it is missing or cannot be
        read.

        Raises StorageFailure.
        """
        path = None if self._path_of is None else await self._path_of(relative)
        if path is None:
            return b""
        request = {"task": "fingerprint", "path": str(path)}
        try:
            answer = await self._helpers.ask(
                lambda: request, limits=ChildLimits(wall_s=WALL_S, cpu_s=CPU_S)
            )
            return whole_frames(b64decode(answer["frames"], validate=True))
        except (ChildFailed, LookupError, TypeError, ValueError) as exc:
            log.info("fingerprint_not_made", error=str(exc)[:200])
            return b""
