"""The services and ports that answer requests. The composition root provides them;
tests provide in-memory ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from mediavault.auth.oidc import Fetch
from mediavault.core.clock import Clock
from mediavault.core.failures import BadInput, NoSpace, StorageFailure, StoreError
from mediavault.core.holds import Hold
from mediavault.core.job import Job, JobId
from mediavault.core.media import PreviewSheet, ProbeReport, SavedFile, TextTracks
from mediavault.core.platform import Platform
from mediavault.core.sessions import BrowserTask, ImportReport, SessionState, Viewer
from mediavault.core.settings import Settings
from mediavault.core.submission import Submission
from mediavault.download.frames import FrameRequest
from mediavault.library.port import OpenedFile
from mediavault.presentation.doctor_report import Doctor, Ytdlp
from mediavault.presentation.labels import one_line
from mediavault.presentation.translation import gettext
from mediavault.store.holds import holds_in_force
from mediavault.store.live_settings import LiveSettings
from mediavault.store.losses import losses
from mediavault.store.port import Concern, Store
from mediavault.store.trash import TrashFiles

MAX_NAME_CHARS = 64  # of a site without a title


class StagedFiles(Protocol):
    """The part of the staging that the API uses."""

    async def open_thumbnail(self, job_id: JobId) -> tuple[str, OpenedFile] | None:
        """Open the thumbnail of a post that is being saved on this machine, with its name;
        None without one.
        """


class LibraryFiles(TrashFiles, Protocol):
    """The part of the library that the API uses."""

    @property
    def staging(self) -> StagedFiles: ...

    async def open(self, relative: str) -> OpenedFile | None:
        """Open a file for reading; None when it is missing or outside the library.
        Raises StorageFailure.
        """


class FileChecks(Protocol):
    """Checks that read a job's files again, in the background.
    The result is stored in the job's record VERIFIED.
    """

    def begin(self, job: Job) -> None:
        """Start a check, unless one of the job is already running. Raises BadInput (TOO_MANY)."""

    def is_checking(self, job_id: JobId) -> bool: ...


class FileFormats(Protocol):
    """Containers and codecs of saved files."""

    async def read(self, saved: SavedFile) -> ProbeReport | None:
        """Return the file's container and codecs; None when it cannot be read.
        Takes about 0.5 s the first time.
        """

    def known(self, saved: SavedFile) -> ProbeReport | None:
        """Return the result of an earlier ``read``; None without one."""


class SubtitlePath(Protocol):
    """A WebVTT file in the library, next to the video that it belongs to."""

    @property
    def language(self) -> str: ...
    @property
    def path(self) -> str: ...


class VideoExtras(Protocol):
    """A player's additions to a saved video. They are made when first requested,
    which may take seconds.
    """

    async def tracks(self, job_id: JobId, place: int, saved: SavedFile) -> TextTracks:
        """Return the chapters and subtitles inside the file of a job's item;
        empty when it cannot be read.
        """

    async def beside(self, saved: SavedFile) -> Sequence[SubtitlePath]:
        """Return the subtitle files next to the video, by name."""

    async def preview(self, job_id: JobId, place: int, saved: SavedFile) -> PreviewSheet | None:
        """Return how the sheet of pictures for the seek bar is divided;
        None when none can be made.
        """

    async def preview_picture(self, job_id: JobId, place: int, saved: SavedFile) -> bytes | None:
        """Return the sheet, a JPEG; None while it has not been made."""

    async def forget(self, job_id: JobId) -> None:
        """Remove what was made for a job."""


class VideoFrames(Protocol):
    """Pictures of videos that can be chosen. Each is made when it is first asked for,
    which may take seconds.
    """

    async def frame(self, job_id: JobId, request: FrameRequest) -> bytes | None:
        """Return a JPEG, PNG or WebP; None when there is none, or none yet."""

    async def forget(self, job_id: JobId) -> None:
        """Remove the pictures of a job's candidates."""


class Sessions(Protocol):
    """The sessions at the sites that can be signed in to.
    An unknown site's name raises BadInput (NOT_FOUND).
    """

    async def states(self) -> list[SessionState]: ...
    async def state(self, name: str) -> SessionState: ...
    def platform(self, name: str) -> Platform: ...
    async def import_cookies(self, name: str, text: str) -> ImportReport:
        """Import the site's cookies from a cookies.txt. Raises BadInput that names the line,
        and as ``sign_out``.
        """

    async def sign_out(self, name: str) -> SessionState:
        """Remove the site's cookies. Raises BadInput (TOO_MANY) while a sign-in is under way,
        StorageFailure.
        """


class ScreenViewer(Protocol):
    """One viewer's connection to the window's screen: bytes of the RFB protocol (VNC)."""

    async def read(self) -> bytes:
        """Return the screen's next bytes; b"" once the connection has ended."""

    async def write(self, data: bytes) -> None:
        """Send bytes to the screen. Raises BadInput when they are not RFB, BrowserUnavailable."""


class Windows(Protocol):
    """The one sign-in window, on a virtual screen of this machine that only its viewer sees."""

    @property
    def platform(self) -> str | None:
        """The site whose window is open; None when none is."""

    async def open(self, name: str, *, narrow: bool = False) -> str:
        """Open the site's sign-in, and return the viewer's ticket.

        Raises BadInput (NOT_FOUND, TOO_MANY), ToolMissing, BrowserUnavailable.
        """

    async def run(self, task: BrowserTask, *, narrow: bool = False) -> str:
        """Open the window on the post of a waiting job, as ``open`` does.
        Raises AddressRefused too.
        """

    def admit(self, ticket: str) -> Viewer:
        """Exchange the ticket, which is valid once, for a viewer with a key.

        Raises BadInput (NOT_FOUND, FORBIDDEN), as do the methods that take a key.
        """

    def check_viewer(self, key: str) -> None: ...
    def connect(self, key: str) -> AbstractAsyncContextManager[ScreenViewer]: ...
    async def close(self) -> SessionState | None:
        """Close the window in order, and return its site's session.
        Safe to call when none is open.
        """


@dataclass(frozen=True, slots=True)
class SendResult:
    """What became of an attempt. ``status`` is the HTTP status, None where there was no answer.

    ``problem`` is "" when it was delivered; it never has the target's URL.
    """

    status: int | None
    problem: str = ""
    retry_after: timedelta | None = None

    @property
    def is_delivered(self) -> bool:
        """Whether the receiver has taken it."""
        return not self.problem

    @property
    def is_gone(self) -> bool:
        """Whether the receiver wants no more of them (HTTP 410)."""
        return self.status == 410


class NotificationSender(Protocol):
    """Sends one message, once, through the egress guard.

    With ``private`` the target's own host may have an address of a private network. Nothing is ever
    raised for what the receiver or the network does.
    """

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, private: bool
    ) -> SendResult:
        """POST a webhook. A redirect is a failure, and is not followed."""

    async def notify(
        self, url: str, title: str, text: str, *, tone: str, private: bool
    ) -> SendResult:
        """Send a message to a service of Apprise's. ``tone`` is info, success,
        warning or failure.
        """

    async def identify(self, url: str) -> str:
        """Return the name of the service that Apprise finds for this URL, without any traffic.

        Raises BadInput when there is none, or Apprise is not installed.
        """

    def check(self, url: str, *, private: bool) -> None:
        """Judge a webhook's URL as far as that needs no network. Raises BadInput."""


@dataclass(frozen=True, slots=True)
class ApiServices:
    """The services and ports of the API. ``browser_status`` returns the name of the browser in use,
    None without one; ``library_problem`` why no video can be saved now, None when there is nothing.

    ``live`` has the user's changes to ``settings``; ``platforms`` are the facts of every site with
    a name.
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
    extras: VideoExtras
    frames: VideoFrames
    # the feature's SealedCopies, whose module is above this one; see api/dependencies.py
    sealed_copies: object
    doctor: Doctor
    ytdlp: Ytdlp
    notification_sender: NotificationSender
    platforms: tuple[Platform, ...] = ()
    fetch_from_provider: Fetch | None = None  # None: no OpenID Connect
    library_problem: Callable[[], StorageFailure | NoSpace | None] = lambda: None

    async def concerns(self) -> tuple[Concern, ...]:
        """Return what keeps the vault from saving videos, or may have cost it some,
        until an administrator has acted.
        """
        problems = (self.store.damage, self.library_problem())
        now = tuple(
            Concern(problem.message, problem.help) for problem in problems if problem is not None
        )
        try:
            return (*now, *await losses(self.store.records))
        except StoreError:  # pages that need no store show without one
            return now

    async def holds(self) -> tuple[Hold, ...]:
        """Return what holds queued jobs back now."""
        return await holds_in_force(self.store.records, self.live, self.clock.now())

    def platform(self, name: str) -> Platform | None:
        """Return the site's facts; None for a name that no site has (any more)."""
        return next((platform for platform in self.platforms if platform.name == name), None)

    def sign_in_of(self, name: str) -> Platform | None:
        """Return the site to sign in to; None when there is none,
        such as for a page of an unknown site.
        """
        try:
            return self.sessions.platform(name)
        except BadInput:
            return None

    def title_of(self, name: str) -> str:
        """Return the site's name as users see it; a name that no site has (any more) is returned
        itself, shortened.
        """
        if name == "generic":
            return gettext("Other sites")
        known = self.platform(name)
        return known.title if known else one_line(name)[:MAX_NAME_CHARS]
