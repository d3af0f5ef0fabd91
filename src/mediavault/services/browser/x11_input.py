"""Pointer and keyboard of a virtual screen: the six requests of the X protocol that it takes, over its own socket.

Sources: the X Window System Protocol 11 (sections 8 and 9, appendix B) and the XTEST extension 2.2, checked 2026-11-24.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Sequence

from mediavault.core.errors import BrowserUnavailable

AUTH_NAME = b"MIT-MAGIC-COOKIE-1"
CONNECT_S = 5.0

_QUERY_EXTENSION, _CHANGE_MAPPING, _GET_MAPPING = 98, 100, 101
_FAKE_INPUT = 2
_KEY_PRESS, _KEY_RELEASE, _BUTTON_PRESS, _BUTTON_RELEASE, _MOTION = 2, 3, 4, 5, 6


class XInput:
    """One connection to the display whose socket lies at ``address``. Not for several threads at a time."""

    def __init__(self, address: str, cookie: bytes) -> None:
        """Connect and read the keyboard. Raises BrowserUnavailable."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(CONNECT_S)
        try:
            self._connect(address)
            first, last = self._greet(cookie)
            self._xtest = self._extension(b"XTEST")
            self._where, self._spare = self._keyboard(first, last)
        except (OSError, struct.error) as exc:
            self._socket.close()
            raise BrowserUnavailable("The virtual screen takes no input.") from exc
        self._socket.settimeout(0)

    def close(self) -> None:
        self._socket.close()

    def move(self, x: int, y: int) -> None:
        self._fake(_MOTION, 0, x, y)

    def button(self, number: int, *, down: bool) -> None:
        """1 is the left one, 4 and 5 turn the wheel up and down, 6 and 7 to the left and right."""
        self._fake(_BUTTON_PRESS if down else _BUTTON_RELEASE, number)

    def learn(self, keysym: int) -> bool:
        """Give a keysym that is on no key one of the spare keys; whether the keyboard was changed.

        The programs of the screen hear of the change by themselves, a few milliseconds later.
        """
        if keysym in self._where:
            return False
        code = self._spare.pop(0)
        self._spare.append(code)  # the one that was taken first is taken again when there are no others
        self._where = {known: at for known, at in self._where.items() if at[0] != code} | {keysym: (code, False)}
        self._send(struct.pack("<BBHBBHII", _CHANGE_MAPPING, 1, 4, code, 2, 0, keysym, keysym))
        return True

    def tap(self, keysym: int, modifiers: Sequence[int] = ()) -> None:
        """Press and release a key that :meth:`learn` knows, with modifiers held down."""
        code, shifted = self._where[keysym]
        held = [self._where[each][0] for each in modifiers if each in self._where]
        if shifted and self._shift not in held:
            held.append(self._shift)
        for each in (*held, code):
            self._fake(_KEY_PRESS, each)
        for each in (code, *reversed(held)):
            self._fake(_KEY_RELEASE, each)

    # --- the protocol ------------------------------------------------------------------------------------------

    @property
    def _shift(self) -> int:
        return self._where[0xFFE1][0]

    def _connect(self, address: str) -> None:
        try:
            self._socket.connect(address)
        except OSError:  # X's folder cannot always be made: it listens at the name without a file too (unix(7))
            self._socket.connect(f"\0{address}")

    def _greet(self, cookie: bytes) -> tuple[int, int]:
        """Open the connection; the smallest and largest keycode."""
        hello = struct.pack("<BxHHHHxx", ord("l"), 11, 0, len(AUTH_NAME), len(cookie))
        self._socket.sendall(hello + _padded(AUTH_NAME) + _padded(cookie))
        accepted, _, _, _, words = struct.unpack("<BBHHH", self._receive(8))
        answer = self._receive(words * 4)
        if accepted != 1:
            raise OSError("the display refuses the connection")
        first, last = struct.unpack_from("<BB", answer, 26)
        return first, last

    def _extension(self, name: bytes) -> int:
        self._socket.sendall(
            struct.pack("<BxHHxx", _QUERY_EXTENSION, 2 + (len(name) + 3) // 4, len(name)) + _padded(name)
        )
        answer = self._answer()
        if not answer[8]:
            raise OSError("the display has no XTEST")
        return answer[9]

    def _keyboard(self, first: int, last: int) -> tuple[dict[int, tuple[int, bool]], list[int]]:
        """Where each keysym of the first two levels is, and the keycodes that have none."""
        self._socket.sendall(struct.pack("<BxHBBxx", _GET_MAPPING, 2, first, last - first + 1))
        answer = self._answer()
        per_code = answer[1]
        keysyms = struct.unpack_from(f"<{(last - first + 1) * per_code}I", answer, 32)
        where: dict[int, tuple[int, bool]] = {}
        spare = []
        for code in range(first, last + 1):
            at = (code - first) * per_code
            own = keysyms[at : at + per_code]
            if not any(own):
                spare.append(code)
            for level, keysym in enumerate(own[:2]):
                if keysym:
                    where.setdefault(keysym, (code, level == 1))
        if not spare or 0xFFE1 not in where:
            raise OSError("the display has no keyboard")
        return where, spare

    def _fake(self, kind: int, detail: int, x: int = 0, y: int = 0) -> None:
        event = struct.pack("<BBxxIIxxxxxxxxhhxxxxxxxB", kind, detail, 0, 0, x, y, 0)
        self._send(struct.pack("<BBH", self._xtest, _FAKE_INPUT, 9) + event)

    def _send(self, request: bytes) -> None:
        """Raises BrowserUnavailable when the display is gone, or takes no more."""
        try:
            with contextlib.suppress(BlockingIOError):
                while self._socket.recv(1 << 16):  # events and errors: nobody waits for them, but they must not pile up
                    pass
            self._socket.sendall(request)
        except OSError as exc:
            raise BrowserUnavailable("The virtual screen is gone.") from exc

    def _answer(self) -> bytes:
        """The answer to the request before, past events that came first."""
        while True:
            head = self._receive(32)
            if head[0] == 1:
                return head + self._receive(int.from_bytes(head[4:8], "little") * 4)
            if head[0] == 0:
                raise OSError("the display refuses a request")

    def _receive(self, count: int) -> bytes:
        received = bytearray()
        while len(received) < count:
            part = self._socket.recv(count - len(received))
            if not part:
                raise OSError("the display has hung up")
            received += part
        return bytes(received)


def _padded(text: bytes) -> bytes:
    return text + bytes(-len(text) % 4)


def authority(cookie: bytes) -> bytes:
    """The one record of an Xauthority file that lets whoever reads it in, on any display (Xau's FamilyWild)."""
    parts = (b"", b"", AUTH_NAME, cookie)  # address, display, name, data
    return struct.pack(">H", 0xFFFF) + b"".join(struct.pack(">H", len(part)) + part for part in parts)
