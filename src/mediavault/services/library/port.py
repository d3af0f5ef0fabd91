"""The contract of the library, in a folder or a bucket. ``tests/contract`` runs it on every vault.

A file enters the library in one order, so that a crash at any point leaves either nothing or a whole file::

    staging folder -> seal -> [row: committing] -> place, without replacing -> [row: completed]

The rows in brackets are the store's; ``worker/stages/keep.py`` drives both halves. Paths in the library are relative,
with forward slashes. Staging folders are always folders of this machine: every vault has the same ``Staging``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from mediavault.services.library.disk import Digest
from mediavault.services.library.staging import Staging


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
        """A text that changes when the bytes change; for an entity tag where the hash is not known."""

    def chunks(self, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from ``start`` up to but not including ``end``, in pieces; fewer where the file has been cut since."""

    async def close(self) -> None:
        """Safe to call twice."""


class Library(Protocol):
    """The library and its staging. Every method may raise StorageFailure or NoSpace unless it says otherwise."""

    @property
    def staging(self) -> Staging:
        """Where the attempts work on this machine."""

    async def prepare(self) -> None:
        """Create what is missing and prove that files can be written. Refuses a library that is not there."""

    # --- which library it is

    async def identity(self) -> str | None:
        """The id that the library carries; None where it carries none, or is not there."""

    async def carry(self, identity: str) -> None:
        """Give a library that carries no id this one, durably. One that carries an id keeps it."""

    async def expect(self, identity: str) -> None:
        """Be the library that carries this id and no other. Raises StorageFailure when it is not, now and later."""

    async def confirm(self) -> None:
        """Raises StorageFailure when the expected library is not there any more, as ``staging.folder``, ``place``, ``remove`` do."""

    # --- keeping

    async def free_name(self, folder: str, stem: str, suffix: str) -> str:
        """A relative path below ``folder`` that no file has yet: ``stem.mp4``, then ``stem (2).mp4`` and so on.

        Nor has its sidecar one: a video of another container under the same stem would share it.
        """

    async def place(self, staged: Path, relative: str) -> bool:
        """Put a sealed file at its place, durably, without replacing anything; False when the name is taken by now.

        The file appears whole or not at all.
        """

    async def place_json(self, value: Mapping[str, Any], relative: str, *, via: Path) -> None:
        """Write a sidecar durably by way of the staging folder ``via``; an older one of the same name is replaced."""

    async def holds(self, relative: str, *, size: int, sha256: str) -> bool:
        """Whether the library has this very file, durably: size and hash agree.

        Raises StorageFailure where the library cannot be asked now: after False the file would be fetched again and saved twice.
        """

    async def remove(self, *relatives: str) -> None:
        """Delete files that a row names; missing ones do not matter. The account's folder goes when it is empty."""

    # --- reading

    async def open(self, relative: str) -> OpenedFile | None:
        """Open a file; None when it is missing, not a regular file, or outside of the library. Links are not followed."""

    async def on_this_machine(self, relative: str, *, into: Path) -> Path | None:
        """A path under which this machine's programs can read the file: itself, or a copy in the folder ``into``."""

    def walk(self) -> AsyncIterator[FoundFile]:
        """Yield every file of the library in a fixed order, without staging and hidden files."""

    async def digest(self, relative: str) -> Digest | None:
        """Read the file from end to end; None as in ``open``."""

    async def read_json(self, relative: str) -> Mapping[str, Any] | None:
        """Read a sidecar; None when it is missing, too large, or not a JSON object."""
