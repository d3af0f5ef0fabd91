"""What passes between a virtual screen and whoever looks at it: parts of the picture, and what a person did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mediavault.core.job import JobId


@dataclass(frozen=True, slots=True)
class Area:
    """In pixels, from the upper left corner."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Frame:
    """A part of the screen that changed. ``number`` is what the viewer names when it asks for the next."""

    number: int
    area: Area
    png: bytes


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who may look at a window. ``key`` goes with every request; ``seconds_left`` until it ends by itself."""

    key: str
    platform: str
    title: str
    width: int
    height: int
    seconds_left: int
    job_id: JobId | None = None  # of the job on whose post it was opened


@dataclass(frozen=True, slots=True)
class PointerEvent:
    kind: Literal["move", "down", "up"]
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class WheelEvent:
    direction: Literal["up", "down", "left", "right"]
    steps: int


@dataclass(frozen=True, slots=True)
class KeyEvent:
    """``key`` as KeyboardEvent.key names it. The modifiers are held down for this one stroke."""

    key: str
    shift: bool = False
    control: bool = False


@dataclass(frozen=True, slots=True)
class TextEvent:
    """Typed character by character, whatever the keyboard's layout is."""

    text: str


@dataclass(frozen=True, slots=True)
class HistoryEvent:
    """What the page's buttons stand for, since the window has none."""

    direction: Literal["back", "forward", "reload", "close"]


ScreenEvent = PointerEvent | WheelEvent | KeyEvent | TextEvent | HistoryEvent
