"""Keys by name, and the requests that a display is sent, told by a display that plays its part."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mediavault.core.errors import BrowserUnavailable
from mediavault.services.browser.x11_input import XInput, authority
from mediavault.services.browser.x11_keys import NAMED, keysym_of_char, keysym_of_key
from tests.patience import patient

COOKIE = bytes(range(16))
FIRST, LAST = 8, 12
SHIFT = 0xFFE1
KEYS = {8: (ord("a"), ord("A")), 9: (SHIFT, 0), 10: (0xFF0D, 0)}  # 11 and 12 are spare


class Display:
    """Answers the greeting, the extension and the keyboard; what else it is sent is kept, as (opcode, request)."""

    def __init__(self, address: Path, *, refuses: bool = False, has_xtest: bool = True) -> None:
        self.requests: list[bytes] = []
        self.heard = threading.Condition()
        self._refuses, self._has_xtest = refuses, has_xtest
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(address))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listener.close()
        self._thread.join(5)

    def wait_for(self, count: int) -> list[bytes]:
        with self.heard:
            assert self.heard.wait_for(lambda: len(self.requests) >= count, patient(30))
            return list(self.requests)

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            hello = connection.recv(12 + 20 + 16)
            self.cookie = hello[-16:]
            body = bytearray(32)
            body[26:28] = bytes((FIRST, LAST))
            connection.sendall(struct.pack("<BBHHH", 0 if self._refuses else 1, 0, 11, 0, 8) + bytes(body))
            while (head := connection.recv(4)) and len(head) == 4:
                request = head + connection.recv(struct.unpack("<H", head[2:])[0] * 4 - 4)
                if head[0] == 98:
                    # an event comes first, as it may
                    connection.sendall(bytes((34,)) + bytes(31))
                    connection.sendall(struct.pack("<BBHIBB22x", 1, 0, 1, 0, int(self._has_xtest), 132))
                elif head[0] == 101:
                    keysyms = [KEYS.get(code, (0, 0)) for code in range(FIRST, LAST + 1)]
                    flat = [keysym for pair in keysyms for keysym in pair]
                    connection.sendall(struct.pack("<BBHI24x", 1, 2, 2, len(flat)) + struct.pack("<10I", *flat))
                else:
                    with self.heard:
                        self.requests.append(request)
                        self.heard.notify()


@pytest.fixture
def display(tmp_path: Path) -> Iterator[Display]:
    shown = Display(tmp_path / "X0")
    yield shown
    shown.close()


def faked(request: bytes) -> tuple[int, int, int, int]:
    """Kind, detail, x and y of a faked input."""
    assert request[:2] == bytes((132, 2))
    kind, detail = request[4], request[5]
    x, y = struct.unpack("<hh", request[24:28])
    return kind, detail, x, y


def test_it_shows_the_cookie_and_moves_and_clicks(display: Display, tmp_path: Path) -> None:
    hands = XInput(str(tmp_path / "X0"), COOKIE)
    hands.move(640, 30)
    hands.button(1, down=True)
    hands.button(1, down=False)
    sent = [faked(request) for request in display.wait_for(3)]
    hands.close()

    assert display.cookie == COOKIE
    assert sent == [(6, 0, 640, 30), (4, 1, 0, 0), (5, 1, 0, 0)]


def test_a_capital_is_typed_with_shift_held(display: Display, tmp_path: Path) -> None:
    hands = XInput(str(tmp_path / "X0"), COOKIE)
    hands.tap(ord("A"))
    sent = [faked(request)[:2] for request in display.wait_for(4)]
    hands.close()

    assert sent == [(2, 9), (2, 8), (3, 8), (3, 9)]


def test_a_character_that_is_on_no_key_gets_a_spare_one_once(display: Display, tmp_path: Path) -> None:
    hands = XInput(str(tmp_path / "X0"), COOKIE)

    assert hands.learn(ord("a")) is False
    assert hands.learn(0x0100_4F60) is True
    assert hands.learn(0x0100_4F60) is False
    hands.tap(0x0100_4F60)
    change, press, _ = display.wait_for(3)
    assert (change[0], change[4]) == (100, 11)
    assert struct.unpack("<II", change[8:16]) == (0x0100_4F60, 0x0100_4F60)
    assert faked(press)[:2] == (2, 11)
    hands.close()


def test_the_spare_key_that_was_taken_first_is_taken_again(display: Display, tmp_path: Path) -> None:
    hands = XInput(str(tmp_path / "X0"), COOKIE)
    for keysym in (1_000, 1_001, 1_002):
        hands.learn(keysym)

    assert [request[4] for request in display.wait_for(3)] == [11, 12, 11]
    assert hands.learn(1_000) is True  # forgotten with its key
    hands.close()


@pytest.mark.parametrize("trouble", [{"refuses": True}, {"has_xtest": False}])
def test_a_display_that_takes_no_input_is_told_at_once(tmp_path: Path, trouble: dict[str, bool]) -> None:
    shown = Display(tmp_path / "X0", **trouble)
    with pytest.raises(BrowserUnavailable):
        XInput(str(tmp_path / "X0"), COOKIE)
    shown.close()


def test_a_display_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(BrowserUnavailable):
        XInput(str(tmp_path / "X9"), COOKIE)


def test_the_authority_file_names_the_cookie_for_every_display() -> None:
    assert authority(COOKIE) == b"\xff\xff\0\0\0\0\0\x12MIT-MAGIC-COOKIE-1\0\x10" + COOKIE


@pytest.mark.parametrize(
    ("char", "keysym"),
    [("a", 0x61), ("ä", 0xE4), ("€", 0x0100_20AC), ("你", 0x0100_4F60), ("\n", NAMED["Enter"]), ("\t", NAMED["Tab"])],
)
def test_characters_have_the_keysyms_of_the_protocol(char: str, keysym: int) -> None:
    assert keysym_of_char(char) == keysym


@pytest.mark.parametrize("char", ["\x00", "\x1b", "\x7f", "\ud800"])
def test_what_no_key_types_is_left_out(char: str) -> None:
    assert keysym_of_char(char) is None


@pytest.mark.parametrize("key", ["t", "n", "l", "o", "s", "u", "w", "Tab", "F12"])
def test_with_control_only_what_edits_text_is_passed_on(key: str) -> None:
    assert keysym_of_key(key, control=True) is None


def test_editing_keys_are_passed_on_with_control() -> None:
    assert keysym_of_key("A", control=True) == ord("a")
    assert keysym_of_key("Backspace", control=True) == NAMED["Backspace"]


@pytest.mark.parametrize("key", ["F1", "F12", "Meta", "ContextMenu", "BrowserBack", "Unidentified"])
def test_keys_that_a_sign_in_does_not_need_are_not_passed_on(key: str) -> None:
    assert keysym_of_key(key, control=False) is None
