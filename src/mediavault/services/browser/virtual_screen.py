"""A window on a screen that nobody has: what it shows, as changes, and the pointer and keys that reach it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence

from mediavault.core.clock import Clock
from mediavault.core.errors import BrowserUnavailable, ToolMissing
from mediavault.core.screen import (
    Area,
    Frame,
    HistoryEvent,
    KeyEvent,
    PointerEvent,
    ScreenEvent,
    TextEvent,
    WheelEvent,
)
from mediavault.services.browser.framebuffer import Framebuffer, Picture
from mediavault.services.browser.plain_window import Screen
from mediavault.services.browser.x11_input import XInput
from mediavault.services.browser.x11_keys import ALT, CONTROL, SHIFT, keysym_of_char, keysym_of_key

LOOK_S = 0.1  # ten pictures a second are enough for a form
LEARN_S = 0.06  # what the browser needs to notice a new key
MAX_TEXT_CHARS = 1_000
MAX_WHEEL_STEPS = 10
_WHEEL = {"up": 4, "down": 5, "left": 6, "right": 7}
_STROKES = {
    "back": ("ArrowLeft", ALT),
    "forward": ("ArrowRight", ALT),
    "reload": ("r", CONTROL),
    "close": ("w", CONTROL),  # with its last page the window ends
}
_PRIMARY = 1  # the other buttons open menus and windows


class VirtualScreen:
    """What stands between a viewer and a screen. One viewer at a time; close it before the screen goes."""

    def __init__(self, framebuffer: Framebuffer, hands: XInput, clock: Clock) -> None:
        self._framebuffer = framebuffer
        self._hands = hands
        self._clock = clock
        self._acting = asyncio.Lock()
        self._looking = asyncio.Lock()
        self._shown: Picture | None = None
        self._number = 0

    @property
    def size(self) -> Area:
        return Area(0, 0, self._framebuffer.width, self._framebuffer.height)

    def close(self) -> None:
        self._hands.close()
        self._framebuffer.close()

    async def next_frame(self, after: int, *, within_s: float) -> Frame | None:
        """What changed since frame ``after``; the whole screen for one that is not the last. None when nothing did.

        Raises BrowserUnavailable once the screen is closed.
        """
        async with self._looking:
            end_s = self._clock.monotonic() + within_s
            while True:
                before = self._shown if after == self._number else None
                frame = await asyncio.to_thread(self._look, before)
                if frame is not None or self._clock.monotonic() >= end_s:
                    return frame
                await self._clock.sleep(LOOK_S)

    def _look(self, before: Picture | None) -> Frame | None:
        picture = self._framebuffer.picture()
        area = picture.whole if before is None else picture.changes_since(before)
        if area is None:
            return None
        png = picture.png(area)
        self._shown, self._number = picture, self._number + 1
        return Frame(self._number, area, png)

    async def act(self, events: Sequence[ScreenEvent]) -> None:
        """Do what a person did, in order. What is not passed on is left out. Raises BrowserUnavailable."""
        async with self._acting:
            for event in events:
                await self._do(event)

    async def _do(self, event: ScreenEvent) -> None:
        match event:
            case PointerEvent():
                self._hands.move(*self._inside(event.x, event.y))
                if event.kind != "move":
                    self._hands.button(_PRIMARY, down=event.kind == "down")
            case WheelEvent():
                for _ in range(min(event.steps, MAX_WHEEL_STEPS)):
                    self._hands.button(_WHEEL[event.direction], down=True)
                    self._hands.button(_WHEEL[event.direction], down=False)
            case KeyEvent():
                await self._stroke(event)
            case TextEvent():
                await self._type(event.text[:MAX_TEXT_CHARS])
            case HistoryEvent():
                key, held = _STROKES[event.direction]
                await self._tap(keysym_of_key(key, control=False), (held,))

    async def _stroke(self, event: KeyEvent) -> None:
        is_char = len(event.key) == 1
        held = [CONTROL] if event.control else []
        if event.shift and not is_char:  # a character says itself whether it is a capital
            held.append(SHIFT)
        await self._tap(keysym_of_key(event.key, control=event.control), held)

    async def _type(self, text: str) -> None:
        for char in text.replace("\r\n", "\n"):
            await self._tap(keysym_of_char(char), ())

    async def _tap(self, keysym: int | None, held: Sequence[int]) -> None:
        if keysym is None:
            return
        if self._hands.learn(keysym):
            await self._clock.sleep(LEARN_S)
        self._hands.tap(keysym, held)

    def _inside(self, x: int, y: int) -> tuple[int, int]:
        return max(0, min(x, self.size.width - 1)), max(0, min(y, self.size.height - 1))


async def look_at(screen: Screen, display: int, clock: Clock) -> VirtualScreen:
    """Connect to a screen that has just started. Raises BrowserUnavailable."""
    framebuffer = await asyncio.to_thread(Framebuffer, screen.framebuffer)
    try:
        hands = await asyncio.to_thread(XInput, f"/tmp/.X11-unix/X{display}", screen.cookie)  # noqa: S108 - X's own place
    except BrowserUnavailable:
        framebuffer.close()
        raise
    return VirtualScreen(framebuffer, hands, clock)


def check_tools() -> None:
    """Raises ToolMissing where no virtual screen can be made."""
    if shutil.which("Xvfb") is None:
        raise ToolMissing("Xvfb is missing: without it there is no window inside the page.", help=INSTALL)


INSTALL = "Install it with `apt-get install -y xvfb`; or import a cookies.txt, or run `mediavault login` where there is a screen."
