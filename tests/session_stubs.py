"""Stand-ins for the session and window services of the API: states are set by hand,
calls are recorded.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from mediavault.core.clock import Clock
from mediavault.core.failures import BadInput, ErrorCode
from mediavault.core.job import JobId
from mediavault.core.platform import Platform, SignIn
from mediavault.core.sessions import BrowserTask, ImportReport, SessionState, Viewer


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
        basic = SessionState(
            name, name.title(), "https://x.example/in", (), signed_in, 0, None, self.clock.now()
        )
        self.known[name] = replace(basic, **facts)  # type: ignore[arg-type]
        return self.known[name]

    async def states(self) -> list[SessionState]:
        return list(self.known.values())

    def platform(self, name: str) -> Platform:
        if name not in self.known:
            raise NoSuch("There is no such site.")
        return Platform(name=name, title=name.title(), sign_in=SignIn(url="https://x.example/in"))

    async def state(self, name: str) -> SessionState:
        if name not in self.known:
            raise NoSuch("There is no such site.")
        return self.known[name]

    async def import_cookies(self, name: str, text: str) -> ImportReport:
        await self.state(name)
        if "\t" not in text:
            raise BadInput("Line 1 is not a cookie: it has 1 columns, not 7.")
        self.imported.append((name, text))
        self.known[name] = replace(self.known[name], signed_in=True, cookies=2)
        return ImportReport(2, 1, 0, None)

    async def sign_out(self, name: str) -> SessionState:
        self.known[name] = replace(await self.state(name), signed_in=False, cookies=0)
        return self.known[name]


@dataclass
class StubScreen:
    """Shows what is put into ``pictures``, b"" last; records what the viewer sent."""

    pictures: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)
    received: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)
    viewers: int = 0

    async def read(self) -> bytes:
        return await self.pictures.get()

    async def write(self, data: bytes) -> None:
        if data == b"nonsense":
            raise BadInput("This is not RFB.")
        self.received.put_nowait(data)


@dataclass
class StubWindows:
    sessions: StubSessions
    platform: str | None = None
    screen: StubScreen = field(default_factory=StubScreen)
    narrow: bool = False
    task: BrowserTask | None = None

    async def open(self, name: str, *, narrow: bool = False) -> str:
        await self.sessions.state(name)
        self.platform, self.narrow = name, narrow
        return "the-ticket"

    async def run(self, task: BrowserTask, *, narrow: bool = False) -> str:
        self.platform, self.narrow, self.task = task.platform.name, narrow, task
        return "the-ticket"

    def admit(self, ticket: str) -> Viewer:
        if ticket != "the-ticket" or self.platform is None:
            raise NotYours("This way was used already.")
        return Viewer(
            "the-key", self.platform, self.platform.title(), 1280, 800, 1_800, self._job_id
        )

    def check_viewer(self, key: str) -> None:
        if key != "the-key":
            raise NotYours("The window is shown elsewhere now.")

    @asynccontextmanager
    async def connect(self, key: str) -> AsyncIterator[StubScreen]:
        self.check_viewer(key)
        self.screen.viewers += 1
        try:
            yield self.screen
        finally:
            self.screen.viewers -= 1

    async def close(self) -> SessionState | None:
        name, self.platform = self.platform, None
        return await self.sessions.state(name) if name else None

    @property
    def _job_id(self) -> JobId | None:
        return self.task.job_id if self.task else None
