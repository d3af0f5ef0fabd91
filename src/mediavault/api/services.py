"""What the API needs of the rest of the house. The composition root fills it in; tests fill in twins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from mediavault.api.submission import Submission
from mediavault.core.clock import Clock
from mediavault.core.job import JobId
from mediavault.core.settings import Settings
from mediavault.store.port import JobStore


class LibraryFiles(Protocol):
    """The part of the library's vault that the API uses; reading goes through ``files.open_below``."""

    async def remove(self, *relatives: str) -> None:
        """Delete files below the download folder; missing ones do not matter. Raises StorageFailure."""


@dataclass(frozen=True, slots=True)
class ApiServices:
    """The ports of the API.

    ``notify_cancel`` tells a worker in this process that a job was cancelled or removed; workers elsewhere find out at
    their next write. ``browser_status`` names the browser that is used, None where there is none.
    """

    store: JobStore
    settings: Settings
    clock: Clock
    submit: Submission
    library: LibraryFiles
    notify_cancel: Callable[[JobId], None]
    browser_status: Callable[[], str | None]
