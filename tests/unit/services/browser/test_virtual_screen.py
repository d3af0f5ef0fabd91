"""What a viewer sees of a screen, and what reaches the screen of what a viewer does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pytest

from mediavault.core.errors import BrowserUnavailable, ToolMissing
from mediavault.core.screen import (
    Area,
    HistoryEvent,
    KeyEvent,
    PointerEvent,
    ScreenEvent,
    TextEvent,
    WheelEvent,
)
from mediavault.services.browser import virtual_screen
from mediavault.services.browser.framebuffer import Framebuffer, Picture
from mediavault.services.browser.virtual_screen import LOOK_S, MAX_TEXT_CHARS, MAX_WHEEL_STEPS, VirtualScreen
from mediavault.services.browser.x11_input import XInput
from mediavault.services.browser.x11_keys import ALT, CONTROL, NAMED, SHIFT
from tests.fakes import FakeClock

WIDTH, HEIGHT, STRIDE = 128, 4, 512


class StubFramebuffer:
    """Shows its pictures one after the other, the last for ever."""

    width, height = WIDTH, HEIGHT

    def __init__(self, *greys: int) -> None:
        self._pictures = [Picture(WIDTH, HEIGHT, STRIDE, bytes([grey]) * STRIDE * HEIGHT) for grey in greys or (0,)]
        self.closed = False

    def picture(self) -> Picture:
        if self.closed:
            raise BrowserUnavailable("closed")
        return self._pictures.pop(0) if len(self._pictures) > 1 else self._pictures[0]

    def close(self) -> None:
        self.closed = True


class StubHands:
    def __init__(self) -> None:
        self.did: list[tuple[object, ...]] = []
        self.known: set[int] = set(range(0x20, 0x7F)) | set(NAMED.values())

    def move(self, x: int, y: int) -> None:
        self.did.append(("move", x, y))

    def button(self, number: int, *, down: bool) -> None:
        self.did.append(("down" if down else "up", number))

    def learn(self, keysym: int) -> bool:
        is_new = keysym not in self.known
        self.known.add(keysym)
        return is_new

    def tap(self, keysym: int, modifiers: Sequence[int] = ()) -> None:
        self.did.append(("tap", keysym, *modifiers))

    def close(self) -> None: ...


def screen(framebuffer: StubFramebuffer, hands: StubHands, clock: FakeClock) -> VirtualScreen:
    return VirtualScreen(cast("Framebuffer", framebuffer), cast("XInput", hands), clock)


async def done(*events: ScreenEvent) -> list[tuple[object, ...]]:
    hands = StubHands()
    await screen(StubFramebuffer(), hands, FakeClock(auto=True)).act(events)
    return hands.did


async def test_a_new_viewer_sees_the_whole_screen_then_only_what_changes() -> None:
    shown = screen(StubFramebuffer(0, 7), StubHands(), FakeClock(auto=True))
    first = await shown.next_frame(0, within_s=1)
    second = await shown.next_frame(1, within_s=1)

    assert first is not None
    assert second is not None
    assert (first.number, first.area) == (1, Area(0, 0, WIDTH, HEIGHT))
    assert second.number == 2


async def test_nothing_new_is_waited_for_and_then_said() -> None:
    clock = FakeClock(auto=True)
    shown = screen(StubFramebuffer(), StubHands(), clock)
    await shown.next_frame(0, within_s=1)

    assert await shown.next_frame(1, within_s=1) is None
    assert len(clock.slept) == pytest.approx(1 / LOOK_S, abs=1)


async def test_a_viewer_that_lost_a_frame_gets_the_whole_screen_again() -> None:
    shown = screen(StubFramebuffer(), StubHands(), FakeClock(auto=True))
    await shown.next_frame(0, within_s=1)
    again = await shown.next_frame(0, within_s=1)

    assert again is not None
    assert again.area == Area(0, 0, WIDTH, HEIGHT)


async def test_a_closed_screen_shows_nothing_more() -> None:
    shown = screen(StubFramebuffer(), StubHands(), FakeClock(auto=True))
    shown.close()

    with pytest.raises(BrowserUnavailable):
        await shown.next_frame(0, within_s=1)


async def test_a_click_moves_first_and_never_leaves_the_screen() -> None:
    assert await done(PointerEvent("down", 5, 2), PointerEvent("up", 9_999, -3)) == [
        ("move", 5, 2),
        ("down", 1),
        ("move", WIDTH - 1, 0),
        ("up", 1),
    ]


async def test_the_wheel_turns_as_far_as_asked_but_not_for_ever() -> None:
    assert await done(WheelEvent("down", 2)) == [("down", 5), ("up", 5)] * 2
    assert len(await done(WheelEvent("up", 100))) == 2 * MAX_WHEEL_STEPS


async def test_text_is_typed_character_by_character_and_new_keys_are_waited_for() -> None:
    clock, hands = FakeClock(auto=True), StubHands()
    await screen(StubFramebuffer(), hands, clock).act([TextEvent("aé\r\n")])

    assert hands.did == [("tap", ord("a")), ("tap", ord("é")), ("tap", NAMED["Enter"])]
    assert len(clock.slept) == 1


async def test_text_has_an_end() -> None:
    assert len(await done(TextEvent("x" * 5_000))) == MAX_TEXT_CHARS


async def test_modifiers_are_held_for_their_one_stroke() -> None:
    assert await done(KeyEvent("a", control=True)) == [("tap", ord("a"), CONTROL)]
    assert await done(KeyEvent("Tab", shift=True)) == [("tap", NAMED["Tab"], SHIFT)]
    assert await done(KeyEvent("A", shift=True)) == [("tap", ord("A"))]  # the keyboard itself shifts for a capital


@pytest.mark.parametrize("event", [KeyEvent("t", control=True), KeyEvent("F12"), KeyEvent("o", control=True)])
async def test_strokes_that_open_tools_files_or_windows_do_not_arrive(event: KeyEvent) -> None:
    assert await done(event) == []


async def test_the_pages_buttons_go_back_load_again_and_close() -> None:
    assert await done(HistoryEvent("back"), HistoryEvent("reload"), HistoryEvent("close")) == [
        ("tap", NAMED["ArrowLeft"], ALT),
        ("tap", ord("r"), CONTROL),
        ("tap", ord("w"), CONTROL),
    ]


def test_without_a_screen_to_be_had_the_command_that_installs_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)

    with pytest.raises(ToolMissing) as missing:
        virtual_screen.check_tools()
    assert "apt-get install -y xvfb" in missing.value.help
