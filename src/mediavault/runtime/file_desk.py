"""Background work on saved files for the pages: check them against their rows, make copies that browsers play."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from mediavault.core.media import Expected
from mediavault.runtime.house import MIB, OpenVault
from mediavault.services.media.copies import PlayableCopies
from mediavault.services.media.copy_shelf import CopyShelf
from mediavault.services.media.probe import MediaProbe
from mediavault.services.media.remux import to_mp4
from mediavault.upkeep.checking import JobChecks

COPIES_FOLDER = "playable"  # below the state folder


@dataclass(frozen=True, slots=True)
class FileDesk:
    checks: JobChecks
    copies: PlayableCopies


@asynccontextmanager
async def open_file_desk(vault: OpenVault) -> AsyncIterator[FileDesk]:
    """Open the service; running work is cancelled at the end and leaves nothing behind."""
    settings, library = vault.settings, vault.library
    shelf = CopyShelf(
        settings.state_dir / COPIES_FOLDER, settings.playable_bytes, settings.reserve_mb * MIB, vault.clock.now
    )
    look_into = partial(MediaProbe(children=1).look_into, expected=Expected(), deep=False)
    copies = PlayableCopies(
        shelf,
        lambda relative, into: library.on_this_machine(relative, into=into),
        look_into,
        to_mp4,
        looks=settings.vault_url is None,  # an object store would send the whole file
    )
    checks = JobChecks(vault.store, library, vault.clock)
    try:
        yield FileDesk(checks, copies)
    finally:
        await checks.aclose()
        await copies.aclose()
