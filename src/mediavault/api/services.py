"""What the API needs of the rest of the house. The composition root fills it in; tests fill in twins."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from mediavault.core.clock import Clock
from mediavault.core.failures import BadInput
from mediavault.core.job import Job, JobId
from mediavault.core.media import KeptFile, ProbeReport
from mediavault.core.platform import Platform
from mediavault.core.sessions import BrowserTask, ImportReport, SessionState, Viewer
from mediavault.core.settings import Settings
from mediavault.core.submission import Submission
from mediavault.presentation.doctor_report import Doctor, Ytdlp
from mediavault.presentation.labels import one_line
from mediavault.presentation.translation import gettext
from mediavault.services.library.port import OpenedFile
from mediavault.store.live_settings import LiveSettings
from mediavault.store.port import Store

MAX_NAME_CHARS = 64  # of a site that we have no title for


class LibraryFiles(Protocol):
    """The part of the library's vault that the API uses."""

    async def open(self, relative: str) -> OpenedFile | None:
        """A file for reading; None when it is missing or would lie outside the library. Raises StorageFailure."""

    async def remove(self, *relatives: str) -> None:
        """Delete files below the download folder; missing ones do not matter. Raises StorageFailure."""


class FileChecks(Protocol):
    """Reading a job's files again, in the background. The result is stored in the record VERIFIED of the job's id."""

    def begin(self, job: Job) -> None:
        """Nothing new where that is under way. Raises BadInput (TOO_MANY)."""

    def is_checking(self, job_id: JobId) -> bool: ...


class FileFormats(Protocol):
    """Containers and codecs of saved files."""

    async def read(self, kept: KeptFile) -> ProbeReport | None:
        """Return what the file holds; takes about half a second the first time. None when it cannot be read."""

    def known(self, kept: KeptFile) -> ProbeReport | None:
        """Return what was read before."""


class Sessions(Protocol):
    """The sites that can be signed in to, and what their cookies say. Every name may be no such site (NOT_FOUND)."""

    async def states(self) -> list[SessionState]: ...
    async def state(self, name: str) -> SessionState: ...
    def platform(self, name: str) -> Platform: ...
    async def import_cookies(self, name: str, text: str) -> ImportReport:
        """Take the site's cookies from a cookies.txt. Raises BadInput that names the line, and as ``sign_out``."""

    async def sign_out(self, name: str) -> SessionState:
        """Remove the site's cookies. Raises BadInput (TOO_MANY) while somebody signs in, StorageFailure."""


class ScreenViewer(Protocol):
    """One viewer's connection to the window's screen: bytes of the RFB protocol (VNC)."""

    async def read(self) -> bytes:
        """What the screen sends next; b"" once the connection has ended."""

    async def write(self, data: bytes) -> None:
        """Raises BadInput for what is not RFB, BrowserUnavailable."""


class Windows(Protocol):
    """The one sign-in window, on a virtual screen of this machine that only its viewer sees."""

    @property
    def platform(self) -> str | None:
        """The site whose window is open; None without one."""

    async def open(self, name: str, *, narrow: bool = False) -> str:
        """The ticket for its viewer. Raises BadInput (NOT_FOUND, TOO_MANY), ToolMissing, BrowserUnavailable."""

    async def run(self, errand: BrowserTask, *, narrow: bool = False) -> str:
        """As ``open``, on a post that a job waits at. Raises AddressRefused too."""

    def admit(self, ticket: str) -> Viewer:
        """Exchange the ticket, which is valid once. Raises BadInput (NOT_FOUND, FORBIDDEN), as all that take a key."""

    def check_viewer(self, key: str) -> None: ...
    def connect(self, key: str) -> AbstractAsyncContextManager[ScreenViewer]: ...
    async def close(self) -> SessionState | None:
        """End it in order; what the cookies of its site say then. Safe to call without one."""


@dataclass(frozen=True, slots=True)
class ApiServices:
    """The ports of the API. ``browser_status`` names the browser that is used, None where there is none.

    ``live`` is what a person has changed of ``settings``; ``platforms`` are the facts of every site that is known by a name.
    """

    store: Store
    settings: Settings
    clock: Clock
    submit: Submission
    library: LibraryFiles
    browser_status: Callable[[], str | None]
    sessions: Sessions
    windows: Windows
    live: LiveSettings
    checks: FileChecks
    formats: FileFormats
    doctor: Doctor
    ytdlp: Ytdlp
    platforms: tuple[Platform, ...] = ()

    def platform(self, name: str) -> Platform | None:
        """Its facts; None for a name that no site has (any more)."""
        return next((one for one in self.platforms if one.name == name), None)

    def sign_in_of(self, name: str) -> Platform | None:
        """The site whose sign-in this is; None where there is none, as for a page of no known site."""
        try:
            return self.sessions.platform(name)
        except BadInput:
            return None

    def title_of(self, name: str) -> str:
        """As people write the site's name; a name that no site has (any more) is shown itself, shortened."""
        if name == "generic":
            return gettext("Other sites")
        known = self.platform(name)
        return known.title if known else one_line(name)[:MAX_NAME_CHARS]
