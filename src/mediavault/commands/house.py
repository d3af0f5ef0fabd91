"""The composition root as the commands see it. It is loaded when a command needs it, not before."""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from mediavault.api.services import Sessions
from mediavault.api.submission import Submission
from mediavault.core.errors import MediavaultError
from mediavault.core.job import JobId
from mediavault.core.media import Candidate, Extraction
from mediavault.core.sessions import Errand, SessionState
from mediavault.core.settings import Settings
from mediavault.services.vault.port import Vault
from mediavault.store.port import JobStore
from mediavault.upkeep.moving import Onlooker

if TYPE_CHECKING:
    from mediavault.store.postgres_facts import PostgresFacts  # its driver may not be installed


class Inspection(Protocol):
    """What a look at a post found. Without ``choice``, ``reason`` says why; without ``extraction``, ``error`` does."""

    @property
    def extraction(self) -> Extraction | None: ...
    @property
    def choice(self) -> Candidate | None: ...
    @property
    def reason(self) -> str: ...
    @property
    def error(self) -> MediavaultError | None: ...


class House(Protocol):
    """What ``mediavault.runtime`` offers to commands."""

    def open_store(self, settings: Settings) -> AbstractAsyncContextManager[JobStore]:
        """The store that the settings name, opened and migrated. Raises SchemaTooNew, StoreError."""

    def make_vault(self, settings: Settings) -> Vault:
        """The library that the settings name; nothing is asked yet. Raises BadSetting."""

    async def look_at_postgres(self, settings: Settings) -> PostgresFacts | None:
        """What the server that the settings name says about itself; None when they name none. Raises StoreError, BadSetting."""

    def open_store_at(self, url: str, *, allow_unprotected: bool = False) -> AbstractAsyncContextManager[JobStore]:
        """The store that ``url`` names. Raises BadSetting and as above."""

    async def open_library(self, settings: Settings, store: JobStore) -> Vault:
        """The library, to be read; nothing is written to it. Raises StorageFailure when it is not the store's."""

    async def back_up(self, settings: Settings, file: Path, onlooker: Onlooker) -> None:
        """Write the store as one SQLite file while it is in use. Raises BadInput, StoreError, StorageFailure."""

    def open_backup(self, settings: Settings, file: Path) -> AbstractAsyncContextManager[JobStore]:
        """A backup as a store; the file stays as it is. Raises BadInput, SchemaTooNew, StoreError."""

    def make_submission(self, settings: Settings) -> Submission:
        """The reader of addresses, with the platforms and the egress guard behind it."""

    async def serve(self, settings: Settings) -> int:
        """API, pages and worker until a signal comes; the exit code."""

    async def run_worker(self, settings: Settings) -> int:
        """A worker alone."""

    async def run_api(self, settings: Settings) -> int:
        """API and pages alone."""

    async def save_here(self, settings: Settings, job_id: JobId) -> None:
        """Run a worker in this process until the job is over. Cancelling it releases the job."""

    async def inspect_url(self, settings: Settings, url: str) -> Inspection:
        """Look at a post as a worker would, without saving anything."""

    def session_desk(self, settings: Settings) -> Sessions:
        """The sessions of all sites, whoever works with the browser just now."""

    async def window_here(
        self, settings: Settings, errand: Errand, enough: Callable[[], Awaitable[None]]
    ) -> SessionState:
        """A window of the desktop until it is closed, or ``enough`` returns. Raises as Sessions, BrowserUnavailable."""


def house() -> House:
    return cast("House", importlib.import_module("mediavault.runtime"))
