"""The shapes of what the API says about sessions, and how they are made from records. Never a cookie's value."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from mediavault.api.waiting_jobs import waiting_jobs, wall_since
from mediavault.core.screen import (
    HistoryEvent,
    KeyEvent,
    PointerEvent,
    ScreenEvent,
    TextEvent,
    Viewer,
    WheelEvent,
)
from mediavault.core.sessions import ImportReport, SessionState
from mediavault.store.port import JobStore

MAX_EVENTS = 200
MAX_TEXT_CHARS = 1_000
_FAR = 100_000  # pixels


class SessionView(BaseModel):
    """A site's session. ``signed_in`` is null where nobody knows which cookies its sign-in sets."""

    platform: str
    title: str
    login_url: str | None
    domains: tuple[str, ...] = Field(description="Whose cookies are the site's, with those above and below them.")
    signed_in: bool | None
    state: str = Field(description="The same in words.")
    cookies: int = Field(description="How many cookies of the site there are.")
    expires_at: datetime | None = Field(description="When the first cookie runs out that the sign-in needs.")
    checked_at: datetime
    pending: bool = Field(description="Cookies were imported; the browser takes them in at its next start.")
    waiting: int = Field(description="Jobs that wait for a sign-in.")
    wall_since: datetime | None = Field(description="Since when the site has been asking for one.")


class ImportView(BaseModel):
    """What became of a cookies.txt."""

    taken: int
    elsewhere: int = Field(description="Cookies of other sites: left out.")
    run_out: int
    first_expiry: datetime | None
    resumed: int = Field(description="Jobs that go on by themselves now.")
    session: SessionView


class CookiesIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str = Field(description="A cookies.txt in Netscape form; cookies of other sites are left out.")


class WindowIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    platform: Annotated[str, Field(max_length=64)]
    narrow: bool = Field(False, description="For a screen that is held upright.")


class WindowView(BaseModel):
    """``address`` is good once: its fragment is the ticket, which no server is ever sent as part of an address."""

    platform: str
    address: str


class WindowStateView(BaseModel):
    platform: str | None = Field(description="Whose window is open; null without one.")


class TicketIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    ticket: Annotated[str, Field(max_length=100)]


class ViewerView(BaseModel):
    key: str = Field(description="For the header X-Window-Key of all that follows.")
    platform: str
    title: str
    width: int
    height: int
    seconds_left: int


Pixel = Annotated[int, Field(ge=-_FAR, le=_FAR)]


class PointerIn(BaseModel):
    type: Literal["move", "down", "up"]
    x: Pixel
    y: Pixel

    def event(self) -> ScreenEvent:
        return PointerEvent(self.type, self.x, self.y)


class WheelIn(BaseModel):
    type: Literal["wheel"]
    direction: Literal["up", "down", "left", "right"]
    steps: Annotated[int, Field(ge=1, le=100)] = 1

    def event(self) -> ScreenEvent:
        return WheelEvent(self.direction, self.steps)


class KeyIn(BaseModel):
    type: Literal["key"]
    key: Annotated[str, Field(min_length=1, max_length=20)]
    shift: bool = False
    control: bool = False

    def event(self) -> ScreenEvent:
        return KeyEvent(self.key, shift=self.shift, control=self.control)


class TextIn(BaseModel):
    type: Literal["text"]
    text: Annotated[str, Field(max_length=MAX_TEXT_CHARS)]

    def event(self) -> ScreenEvent:
        return TextEvent(self.text)


class HistoryIn(BaseModel):
    type: Literal["history"]
    direction: Literal["back", "forward", "reload", "close"]

    def event(self) -> ScreenEvent:
        return HistoryEvent(self.direction)


EventIn = Annotated[PointerIn | WheelIn | KeyIn | TextIn | HistoryIn, Field(discriminator="type")]


class EventsIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    events: Annotated[list[EventIn], Field(max_length=MAX_EVENTS)]


# --- from records ----------------------------------------------------------------------------------------------


async def session_view(state: SessionState, store: JobStore) -> SessionView:
    waiting = await waiting_jobs(store, state.platform)
    return SessionView(
        platform=state.platform,
        title=state.title,
        login_url=state.login_url,
        domains=state.domains,
        signed_in=state.signed_in,
        state=state_words(state),
        cookies=state.cookies,
        expires_at=state.expires_at,
        checked_at=state.checked_at,
        pending=state.pending,
        waiting=len(waiting),
        wall_since=wall_since(waiting),
    )


async def import_view(report: ImportReport, resumed: int, state: SessionState, store: JobStore) -> ImportView:
    return ImportView(
        taken=report.taken,
        elsewhere=report.elsewhere,
        run_out=report.run_out,
        first_expiry=report.first_expiry,
        resumed=resumed,
        session=await session_view(state, store),
    )


def viewer_view(viewer: Viewer) -> ViewerView:
    return ViewerView(
        key=viewer.key,
        platform=viewer.platform,
        title=viewer.title,
        width=viewer.width,
        height=viewer.height,
        seconds_left=viewer.seconds_left,
    )


def state_words(state: SessionState) -> str:
    """A word or two for people."""
    if state.signed_in is None:
        return "Has cookies" if state.cookies else "No cookies yet"
    return "Signed in" if state.signed_in else "Not signed in"


def waiting_words(count: int) -> str:
    return f"{count} job{' waits' if count == 1 else 's wait'} for a sign-in" if count else ""
