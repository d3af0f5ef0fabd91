"""What pages can do with files: check saved ones, read chapters, subtitles and previews for
players, make pictures of videos that can be chosen, and seal copies.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from mediavault.app.composition import READING_CHILD, App
from mediavault.app.sealing import sealer
from mediavault.app.storage import open_examiner
from mediavault.download.beginning import BeginningFetcher
from mediavault.download.frames import CandidateFrames
from mediavault.features.sealing.service import SealedCopies
from mediavault.maintenance.checking import JobChecks
from mediavault.media.arrival import open_helpers
from mediavault.media.extras import PlayerExtras, extras_folder
from mediavault.media.probe import FormatProbe, open_probe


@dataclass(frozen=True, slots=True)
class FileService:
    checks: JobChecks
    formats: FormatProbe
    extras: PlayerExtras
    frames: CandidateFrames
    sealed_copies: SealedCopies


@asynccontextmanager
async def open_file_service(vault: App) -> AsyncIterator[FileService]:
    """Provide them. What is still running at the end is cancelled."""
    from mediavault.egress.client import AiohttpClient
    from mediavault.extraction.confined_reader import ConfinedReader

    library, state_dir = vault.library, vault.settings.state_dir

    async def path_of(relative: str) -> Path | None:
        return await library.local_path(relative, into=state_dir)

    in_a_folder = vault.settings.vault_url is None  # a bucket would send the whole file
    readable = path_of if in_a_folder else None
    client = AiohttpClient(vault.guard, clock=vault.clock)
    async with (
        open_probe(vault.clock, helpers=1) as probe,
        open_helpers(vault.clock, count=1) as helpers,
        open_examiner(vault.settings, library, vault.clock) as examiner,
    ):
        checks = JobChecks(vault.store, library, vault.clock, examiner)
        folder = extras_folder(state_dir)
        extras = PlayerExtras(helpers, folder, readable)
        reader = ConfinedReader(vault.clock, child=READING_CHILD)
        frames = CandidateFrames(
            client, BeginningFetcher(client, vault.clock, reader), probe, folder
        )
        making = sealer(vault.settings, vault.store, library, vault.guard, vault.clock, vault.live)
        copies = SealedCopies(vault.store.catalogue, making, vault.clock)
        try:
            yield FileService(checks, FormatProbe(probe, readable), extras, frames, copies)
        finally:
            await copies.aclose()
            await frames.aclose()
            await reader.close()
            await client.close()
            await extras.aclose()
            await checks.aclose()
