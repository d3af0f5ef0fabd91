"""The contract of the library, in a folder or a bucket. ``tests/contract`` tests every
implementation of it.

``commit.py`` states the order in which a file enters the library, so that a crash at any point
leaves either nothing or a whole file. Paths in the library are relative, with forward slashes.
Staging folders are always on this machine: every library has the same ``Staging``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from mediavault.library.disk import Digest
from mediavault.library.staging import Staging


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file in the library, whether or not a row names it. ``bytes`` is its size."""

    path: str
    bytes: int


class OpenedFile(Protocol):
    """A file of the library that is open for reading. The caller closes it."""

    @property
    def size(self) -> int: ...

    @property
    def version(self) -> str:
        """A text that changes when the bytes change;
        used as an entity tag where the hash is not known.
        """

    def chunks(self, start: int, end: int) -> AsyncIterator[bytes]:
        """Yield the bytes from ``start`` to ``end`` (exclusive);
        fewer where the file has been truncated since.
        """

    async def close(self) -> None:
        """Safe to call twice."""


class Library(Protocol):
    """The library and its staging. Every method may raise StorageFailure or NoSpace unless it says
    otherwise.
    """

    @property
    def staging(self) -> Staging:
        """The folders in which attempts work on this machine."""

    async def prepare(self) -> None:
        """Create what is missing and prove that files can be written.
        Refuses a library that is not there.
        """

    # --- which library it is

    async def identity(self) -> str | None:
        """Return the id that the library carries; None where it carries none, or is not there."""

    async def write_identity(self, identity: str) -> None:
        """Give a library that carries no id this one, durably. One that carries an id keeps it."""

    async def require_identity(self, identity: str) -> None:
        """Require that the library carries this id, now and later.
        Raises StorageFailure when it does not.
        """

    async def check_identity(self) -> None:
        """Raise StorageFailure when the expected library is gone, as ``staging.folder``,
        ``place``, ``remove`` do.
        """

    # --- saving

    async def free_name(self, folder: str, stem: str, suffix: str) -> str:
        """Return a free relative path below ``folder``: ``stem.mp4``, then ``stem (2).mp4`` and so
        on.

        Its sidecar's name is free too: a video of another container under the same stem would share
        it.
        """

    async def place(self, staged: Path, relative: str) -> bool:
        """Put a sealed file at its place, durably, without replacing anything; False when the name
        has been taken.

        The file appears whole or not at all.
        """

    async def place_json(self, value: Mapping[str, Any], relative: str, *, via: Path) -> None:
        """Write a sidecar durably by way of the staging folder ``via``;
        an older one of the same name is replaced.
        """

    async def place_bytes(
        self, body: bytes, relative: str, *, via: Path, unless: Sequence[str] = ()
    ) -> bool:
        """Put a small file at its place, durably, by way of the staging folder ``via``.

        False when the name is taken, or one of ``unless``.
        """

    async def holds(self, relative: str, *, size: int, sha256: str) -> bool:
        """Return whether the library has this very file, durably: size and hash agree.

        Raises StorageFailure when the library does not respond: after False the file would be
        fetched again and saved twice.
        """

    def trash_path(self, job_id: str, relative: str) -> str:
        """Return where a file of a deleted job is put: in a hidden folder. In a bucket it stays
        where it is, since moving it would be copying it.
        """

    async def move(self, source: str, target: str) -> bool:
        """Move a file within the library, durably and without replacing; False when there is none,
        or the name is taken.

        Folders that are empty then are removed.
        """

    def trashed(self) -> AsyncIterator[FoundFile]:
        """Yield the files in the folder of deleted jobs."""

    async def remove(self, *relatives: str) -> None:
        """Delete files that a row names; missing ones are ignored.
        Folders that are empty then are removed.
        """

    async def tidy(self, folder: str) -> None:
        """Remove a folder in which only files about folders are left (``core/companions.py``).
        In a bucket they stay.
        """

    # --- reading

    async def open(self, relative: str) -> OpenedFile | None:
        """Open a file; None when it is missing, not a regular file,
        or outside of the library. Links are not followed.
        """

    async def local_path(self, relative: str, *, into: Path) -> Path | None:
        """Return a path at which this machine's programs can read the file: itself, or a copy in
        the folder ``into``.

        None as in ``open``.
        """

    def walk(self) -> AsyncIterator[FoundFile]:
        """Yield every file of the library in a fixed order, without staging and hidden files."""

    async def digest(self, relative: str) -> Digest | None:
        """Read the file from end to end; None as in ``open``."""

    async def read_json(self, relative: str) -> Mapping[str, Any] | None:
        """Read a sidecar; None when it is missing, too large, or not a JSON object."""
