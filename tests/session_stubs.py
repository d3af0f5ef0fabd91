"""Stand-ins for what the API needs of sessions and of the window: states are set by hand, what was asked is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from mediavault.core.clock import Clock
from mediavault.core.errors import BadInput, ErrorCode
from mediavault.core.job import JobId
from mediavault.core.platform import Platform
from mediavault.core.screen import Area, Frame, ScreenEvent, Viewer
from mediavault.core.sessions import Errand, ImportReport, SessionState


class NoSuch(BadInput):
    code = ErrorCode.NOT_FOUND


class NotYours(BadInput):
    code = ErrorCode.FORBIDDEN


@dataclass
class StubSessions:
    clock: Clock
    known: dict[str, SessionState] = field(default_factory=dict)
    imported: list[tuple[str, str]] = field(default_factory=list)

    def add(self, name: str, *, signed_in: bool | None = False, **facts: object) -> SessionState:
        basic = SessionState(name, name.title(), "https://x.example/in", (), signed_in, 0, None, self.clock.now())
        self.known[name] = replace(basic, **facts)  # type: ignore[arg-type]
        return self.known[name]

    async def states(self) -> list[SessionState]:
        return list(self.known.values())

    def platform(self, name: str) -> Platform:
        if name not in self.known:
            raise NoSuch("There is no such site.")
        return Platform(name=name, title=name.title(), login_url="https://x.example/in")

    async def state(self, name: str) -> SessionState:
        if name not in self.known:
            raise NoSuch("There is no such site.")
        return self.known[name]

    async def import_cookies(self, name: str, text: str) -> ImportReport:
        await self.state(name)
        if "\t" not in text:
            raise BadInput("Line 1 is no cookie: it has 1 columns, not 7.")
        self.imported.append((name, text))
        self.known[name] = replace(self.known[name], signed_in=True, cookies=2)
        return ImportReport(2, 1, 0, None)

    async def sign_out(self, name: str) -> SessionState:
        self.known[name] = replace(await self.state(name), signed_in=False, cookies=0)
        return self.known[name]


@dataclass
class StubWindows:
    sessions: StubSessions
    platform: str | None = None
    acted: list[ScreenEvent] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=lambda: [Frame(1, Area(0, 0, 2, 1), b"\x89PNG")])
    narrow: bool = False
    errand: Errand | None = None

    async def open(self, name: str, *, narrow: bool = False) -> str:
        await self.sessions.state(name)
        self.platform, self.narrow = name, narrow
        return "the-ticket"

    async def run(self, errand: Errand, *, narrow: bool = False) -> str:
        self.platform, self.narrow, self.errand = errand.platform.name, narrow, errand
        return "the-ticket"

    def admit(self, ticket: str) -> Viewer:
        if ticket != "the-ticket" or self.platform is None:
            raise NotYours("This way was used already.")
        return Viewer("the-key", self.platform, self.platform.title(), 1280, 800, 1_800, self._job_id)

    async def next_frame(self, key: str, after: int, *, within_s: float) -> Frame | None:
        self._check(key)
        return next((frame for frame in self.frames if frame.number > after), None)

    async def act(self, key: str, events: Sequence[ScreenEvent]) -> None:
        self._check(key)
        self.acted += events

    async def close(self) -> SessionState | None:
        name, self.platform = self.platform, None
        return await self.sessions.state(name) if name else None

    @property
    def _job_id(self) -> JobId | None:
        return self.errand.job_id if self.errand else None

    def _check(self, key: str) -> None:
        if key != "the-key":
            raise NotYours("The window is shown elsewhere now.")
