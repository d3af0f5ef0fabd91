"""Copies that browsers play, made when somebody asks: the same pictures and sound in an MP4, once for each file's hash.

They lie in a folder of their own below the state folder, never in the library, and may be deleted at any time. The folder
keeps to a limit: what was looked at longest ago goes first. A copy is made in the remuxer's child process, in a working
folder beside it, and appears by one rename, whole or not at all.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from mediavault.core.background import BackgroundTasks
from mediavault.core.copies import Copy, CopyStatus, CopyTrouble, MediaLook
from mediavault.core.failures import BadInput, ErrorCode, Failure, NoSpace, StorageFailure, TookTooLong
from mediavault.core.logs import get_logger
from mediavault.core.media import KeptFile, ProbeReport
from mediavault.core.system_errors import machine_errors_as_ours
from mediavault.services.media.copy_shelf import CopyShelf
from mediavault.services.media.judgement import needs_remux
from mediavault.services.vault.disk import DiskFile

AT_ONCE = 1
MAX_WAITING = 8
DEADLINE_S = 3_600.0
MAX_LOOKS = 2_000  # of which is remembered what they found

# A file of the library as a path of this machine: itself, or a copy in the folder that is given.
OnThisMachine = Callable[[str, Path], Awaitable[Path | None]]
LookInto = Callable[[Path], Awaitable[ProbeReport]]
Remux = Callable[[Sequence[Path], Path], Awaitable[object]]

T = TypeVar("T")

log = get_logger(__name__)


class TooManyCopies(BadInput):
    code = ErrorCode.TOO_MANY
    help = "Wait until some have ended."


class _NoCopy(Exception):
    def __init__(self, trouble: CopyTrouble, detail: str = "") -> None:
        super().__init__(trouble)
        self.trouble = trouble
        self.detail = detail


class PlayableCopies:
    """All methods belong to the event loop's thread. ``looks``: whether files may be looked into without being asked for
    a copy; not where that would fetch them whole from a storage first."""

    def __init__(
        self, shelf: CopyShelf, on_this_machine: OnThisMachine, look_into: LookInto, remux: Remux, *, looks: bool = True
    ) -> None:
        self._shelf = shelf
        self._on_this_machine = on_this_machine
        self._look_into = look_into
        self._remux = remux
        self._looks = looks
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._making = BackgroundTasks[str](most=MAX_WAITING)
        self._failed: dict[str, Copy] = {}
        self._known: dict[str, MediaLook] = {}

    # --- what stands ----------------------------------------------------------------------------------------------

    async def state(self, kept: KeptFile) -> Copy:
        """Of this very file, whichever job names it."""
        if kept.sha256 in self._making:
            return Copy(CopyStatus.MAKING)
        if await asyncio.to_thread(self._shelf.has, kept.sha256):
            return Copy(CopyStatus.READY)
        return self._failed.get(kept.sha256, Copy(CopyStatus.NONE))

    async def open(self, kept: KeptFile) -> DiskFile | None:
        """The copy for reading; None where there is none. It counts as looked at now."""
        return await asyncio.to_thread(self._shelf.open, kept.sha256)

    def known_look(self, kept: KeptFile) -> MediaLook | None:
        """What an earlier look found."""
        return self._known.get(kept.sha256)

    async def look(self, kept: KeptFile) -> MediaLook | None:
        """What the file holds; None where it cannot be told now, or not cheaply."""
        if (known := self.known_look(kept)) is not None:
            return known
        if not self._looks:
            return None
        try:
            path = await self._on_this_machine(kept.output_path, self._shelf.root)
            return await self._look_at(kept, path) if path is not None else None
        except StorageFailure:
            return None

    # --- making one -----------------------------------------------------------------------------------------------

    def make(self, kept: KeptFile) -> None:
        """Make a copy in the background; nothing new where that is under way. Raises BadInput (TOO_MANY)."""
        if kept.sha256 in self._making:
            return
        if self._making.is_full:
            raise TooManyCopies("Too many copies are being made.")
        self._failed.pop(kept.sha256, None)
        self._making.begin(kept.sha256, self._make(kept), name=f"copy {kept.sha256[:12]}")

    async def wait_for(self, kept: KeptFile) -> None:
        """Until what is under way for this file is over."""
        await self._making.wait_for(kept.sha256)

    async def aclose(self) -> None:
        """Give up what is under way; nothing of it stays."""
        await self._making.aclose()

    async def _make(self, kept: KeptFile) -> None:
        try:
            async with self._turn, asyncio.timeout(DEADLINE_S):
                if not await asyncio.to_thread(self._shelf.has, kept.sha256):
                    await self._copy(kept)
        except _NoCopy as why:
            self._note(kept, why.trouble, why.detail)
        except TimeoutError:
            self._note(kept, CopyTrouble.TOOK_TOO_LONG)
        except Failure as exc:
            self._note(kept, _trouble_of(exc), exc.message)
        else:
            log.info("copy_made", sha256=kept.sha256, bytes=kept.bytes)

    async def _copy(self, kept: KeptFile) -> None:
        if kept.bytes > self._shelf.limit_bytes:
            raise _NoCopy(CopyTrouble.TOO_LARGE)
        with machine_errors_as_ours():
            async with self._working_folder() as folder:
                source = await self._on_this_machine(kept.output_path, folder)
                if source is None:
                    raise _NoCopy(CopyTrouble.MISSING)
                look = await self._look_at(kept, source)
                if not look.copy_helps:
                    raise _NoCopy(CopyTrouble.CODEC)
                await asyncio.to_thread(self._shelf.make_room, kept.bytes)
                made = folder / "playable.mp4"
                await self._remux([source], made)
                await asyncio.to_thread(self._shelf.put, made, kept.sha256)

    async def _look_at(self, kept: KeptFile, path: Path) -> MediaLook:
        report = await self._look_into(path)
        found = MediaLook(report.container, report.video_codec, report.audio_codec, needs_remux(report))
        if report.container is not None:
            self._known[kept.sha256] = found
            _shorten(self._known)
        return found

    @asynccontextmanager
    async def _working_folder(self) -> AsyncIterator[Path]:
        path = Path(await asyncio.to_thread(self._shelf.working_folder))
        try:
            yield path
        finally:
            # shielded: what is given up leaves nothing behind either
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, path, ignore_errors=True))

    def _note(self, kept: KeptFile, trouble: CopyTrouble, detail: str = "") -> None:
        log.info("no_copy", sha256=kept.sha256, trouble=trouble, detail=detail or None)
        self._failed[kept.sha256] = Copy(CopyStatus.FAILED, trouble, detail)
        _shorten(self._failed)


def _trouble_of(exc: Failure) -> CopyTrouble:
    if isinstance(exc, NoSpace):
        return CopyTrouble.NO_SPACE
    if isinstance(exc, TookTooLong):
        return CopyTrouble.TOOK_TOO_LONG
    return CopyTrouble.STORAGE if isinstance(exc, StorageFailure) else CopyTrouble.DAMAGED


def _shorten(remembered: dict[str, T]) -> None:
    while len(remembered) > MAX_LOOKS:
        del remembered[next(iter(remembered))]
