"""The viewer's VNC connection to the virtual screen, and the filter for the viewer's messages.

Xvnc listens on a UNIX socket in the screen's private folder and asks for no password; the vault
authenticates the viewer. Sources: RFC 6143 (the RFB protocol), the community's rfbproto document
(extensions), X11's appendix A (keysyms).
"""

from __future__ import annotations

import asyncio
import os
import shutil
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

from mediavault.core.failures import BadInput, BrowserUnavailable, ToolMissing

SOCKET = "vnc"  # in the screen's folder
CONNECT_S = 5.0
READ_BYTES = 64 * 1024
MAX_CLIPBOARD_BYTES = 64 * 1024
INSTALL = (
    "Install it with `apt-get install -y tigervnc-standalone-server`; or import a cookies.txt, or"
    " run `mediavault login` where there is a screen."
)

_VERSION = b"RFB 003.008\n"
_GREETING = (len(_VERSION), 1, 1)  # the version, the security type, and whether to share the screen
_SET_ENCODINGS, _KEY, _POINTER, _CUT_TEXT, _FENCE = 2, 4, 5, 6, 248
# 0 pixel format, 3 and 150 updates
_FIXED_BYTES: Mapping[int, int] = {0: 20, 3: 10, _KEY: 8, _POINTER: 6, 150: 10}
# Raw, CopyRect, Hextile, Tight, ZRLE; levels of compression; changed size, last rectangle, fences,
# continuous updates, cursor, clipboard. Not offered to Xvnc: JPEG, which noVNC draws from data:
# URLs that our pages forbid, and extensions that put keys, buttons or sizes in messages that are
# not read here.
_ENCODINGS = frozenset(
    {0, 1, 5, 7, 16, *range(-256, -246), -223, -224, -312, -313, -239, 0xC0A1E5CE - (1 << 32)}
)
_BUTTONS = 0b0111_1001  # left and the wheel; middle and right open menus and windows

_CONTROL = frozenset({0xFFE3, 0xFFE4})
_ALT = frozenset({0xFFE9})
_MODIFIERS = frozenset({0xFFE1, 0xFFE2, *_CONTROL, *_ALT})
_LEFT, _RIGHT = 0xFF51, 0xFF53
# Backspace … End
_EDITING = frozenset({0xFF08, 0xFF09, 0xFF0D, 0xFF1B, 0xFFFF, *range(0xFF50, 0xFF58)})
_WITH_CONTROL = frozenset(
    {*map(ord, "acxvzrwACXVZRW"), 0xFF08, 0xFFFF, _LEFT, _RIGHT, 0xFF50, 0xFF57}
)
_ASCII = range(0x20, 0x7F)
# no shortcut of the browser is on these
_BEYOND_ASCII = (range(0xA0, 0x100), range(0x0100_0100, 0x0111_0000))


class NotVnc(BadInput):
    """The viewer sent something other than RFB 3.8."""


class ViewerMessages:
    """The messages of one viewer, cut at their ends and without those that a sign-in does not need.

    Characters, editing keys, a few shortcuts, the left button and the wheel pass. Everything else
    could open menus, file dialogs, developer tools or windows, and so show the vault's machine to
    an attacker with a stolen session.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._greeting = list(_GREETING)
        self._held: set[int] = set()  # modifiers

    def take(self, data: bytes) -> bytes:
        """Return what may pass of the messages that ``data`` completes. Raises NotVnc."""
        self._buffer += data
        passed = bytearray()
        while (size := self._next_size()) is not None and len(self._buffer) >= size:
            message = bytes(self._buffer[:size])
            del self._buffer[:size]
            passed += self._greet(message) if self._greeting else self._allowed(message)
        return bytes(passed)

    def _next_size(self) -> int | None:
        """Return the size of the next message in bytes;
        None while too little of it has arrived to know.
        """
        if self._greeting:
            return self._greeting[0]
        buffer = self._buffer
        if not buffer or buffer[0] in _FIXED_BYTES:
            return _FIXED_BYTES[buffer[0]] if buffer else None
        if buffer[0] == _SET_ENCODINGS:
            return 4 + 4 * int.from_bytes(buffer[2:4]) if len(buffer) >= 4 else None
        if buffer[0] == _CUT_TEXT:
            return 8 + _clipboard_size(bytes(buffer[4:8])) if len(buffer) >= 8 else None
        if buffer[0] == _FENCE:
            return 9 + buffer[8] if len(buffer) >= 9 else None
        raise NotVnc("The viewer sent something other than VNC.")

    def _greet(self, part: bytes) -> bytes:
        if len(part) > 1 and part != _VERSION:
            raise NotVnc("The viewer sent something other than VNC.")
        del self._greeting[0]
        return part

    def _allowed(self, message: bytes) -> bytes:
        kind = message[0]
        if kind == _SET_ENCODINGS:
            return _offer(
                [
                    encoding
                    for (encoding,) in struct.iter_unpack(">i", message[4:])
                    if encoding in _ENCODINGS
                ]
            )
        if kind == _POINTER:
            # with a modifier a click opens a window
            buttons = 0 if self._held else message[1] & _BUTTONS
            return bytes([_POINTER, buttons]) + message[2:]
        if kind == _KEY and not self._is_key_allowed(
            int.from_bytes(message[4:8]), is_down=bool(message[1])
        ):
            return b""
        return message

    def _is_key_allowed(self, keysym: int, *, is_down: bool) -> bool:
        if keysym in _MODIFIERS:
            (self._held.add if is_down else self._held.discard)(keysym)
            return True
        if self._held & _CONTROL and self._held & _ALT:
            return False
        if self._held & _CONTROL:
            return keysym in _WITH_CONTROL or any(keysym in part for part in _BEYOND_ASCII)
        if self._held & _ALT:
            return keysym in (_LEFT, _RIGHT)  # the previous and the next page
        return keysym in _EDITING or any(keysym in part for part in (_ASCII, *_BEYOND_ASCII))


def _clipboard_size(field: bytes) -> int:
    """Return the size in bytes; negative lengths announce the extended form.
    Raises NotVnc above the limit.
    """
    size = abs(int.from_bytes(field, signed=True))
    if size > MAX_CLIPBOARD_BYTES:
        raise NotVnc("The clipboard is too large.")
    return size


def _offer(encodings: Sequence[int]) -> bytes:
    return struct.pack(f">BxH{len(encodings)}i", _SET_ENCODINGS, len(encodings), *encodings)


class ScreenConnection:
    """One viewer's connection to a virtual screen.
    Close it when the viewer leaves or loses the window.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._messages = ViewerMessages()

    async def read(self) -> bytes:
        """Return what the screen sends next; b"" once the connection has ended."""
        try:
            return await self._reader.read(READ_BYTES)
        except OSError:
            return b""

    async def write(self, data: bytes) -> None:
        """Send those of the viewer's messages that may pass. Raises NotVnc, BrowserUnavailable."""
        try:
            self._writer.write(self._messages.take(data))
            await self._writer.drain()
        except OSError as exc:
            raise BrowserUnavailable("The window was closed.") from exc

    def close(self) -> None:
        """End the connection at once; a pending ``read`` then returns b"". Safe to call twice."""
        self._writer.transport.abort()


async def connect_to_screen(folder: Path) -> ScreenConnection:
    """Connect to the Xvnc whose socket is in ``folder``. Raises BrowserUnavailable."""
    try:
        async with asyncio.timeout(CONNECT_S):
            return ScreenConnection(*await _connect(folder))
    except (OSError, TimeoutError) as exc:
        raise BrowserUnavailable("The virtual screen cannot be reached.") from exc


async def _connect(folder: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect through a descriptor: a socket's address holds 107 bytes,
    the folder's path may be longer (unix(7)).
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return await asyncio.open_unix_connection(f"/proc/self/fd/{descriptor}/{SOCKET}")
    finally:
        os.close(descriptor)


def check_tools() -> None:
    """Raise ToolMissing where no virtual screen can be made."""
    if shutil.which("Xvnc") is None:
        raise ToolMissing(
            "Xvnc is missing: without it there is no window inside the page.", help=INSTALL
        )
