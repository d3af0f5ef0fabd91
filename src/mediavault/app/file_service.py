"""The pages' operations on saved files: check them against their row in the background, and read their formats."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from mediavault.app.composition import App
from mediavault.maintenance.checking import JobChecks
from mediavault.services.media.probe import FormatProbe, open_probe


@dataclass(frozen=True, slots=True)
class FileService:
    checks: JobChecks
    formats: FormatProbe


@asynccontextmanager
async def open_file_service(vault: App) -> AsyncIterator[FileService]:
    """Provide both. Checks that are still running at the end are cancelled."""
    library, state_dir = vault.library, vault.settings.state_dir

    async def path_of(relative: str) -> Path | None:
        return await library.local_path(relative, into=state_dir)

    in_a_folder = vault.settings.vault_url is None  # a bucket would send the whole file
    checks = JobChecks(vault.store, library, vault.clock)
    async with open_probe(vault.clock, helpers=1) as probe:
        try:
            yield FileService(checks, FormatProbe(probe, path_of if in_a_folder else None))
        finally:
            await checks.aclose()
