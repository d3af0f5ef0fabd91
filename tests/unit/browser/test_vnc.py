"""The connection to the virtual screen: which of a viewer's messages reach it,
and how its socket is found.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mediavault.browser import vnc
from mediavault.browser.vnc import MAX_CLIPBOARD_BYTES, NotVnc, ViewerMessages, connect_to_screen
from mediavault.core.failures import BrowserUnavailable, ToolMissing
from tests import rfb_client as rfb
from tests.patience import patient

UPDATE = struct.pack(">BBHHHH", 3, 1, 0, 0, 1280, 800)


def greeted() -> ViewerMessages:
    messages = ViewerMessages()
    for part in rfb.GREETING:
        assert messages.take(part) == part
    return messages


def passed(*messages: bytes) -> bytes:
    return greeted().take(b"".join(messages))


def encodings(*numbers: int) -> bytes:
    return struct.pack(f">BxH{len(numbers)}i", 2, len(numbers), *numbers)


def cut_text(text: bytes) -> bytes:
    return struct.pack(">Bxxxi", 6, len(text)) + text


@pytest.mark.parametrize(
    "message",
    [
        UPDATE,
        bytes(20),  # a pixel format
        struct.pack(">BBHHHH", 150, 1, 0, 0, 1280, 800),  # continuous updates
        struct.pack(">BxxxIB", 248, 1, 3) + b"abc",  # a fence
        cut_text(b"pasted"),
        struct.pack(">Bxxxi", 6, -6) + b"pasted",  # a clipboard in the extended form
    ],
)
def test_messages_that_show_the_screen_and_fill_its_clipboard_pass(message: bytes) -> None:
    assert passed(message, UPDATE) == message + UPDATE


def test_messages_are_whole_however_they_arrive() -> None:
    stream = encodings(0, 7) + rfb.typed("é") + cut_text(b"abc") + UPDATE
    messages = greeted()

    assert b"".join(messages.take(bytes([byte])) for byte in stream) == stream


def test_characters_of_every_script_pass() -> None:
    text = rfb.typed("aA@ é ß € ж 你 😀")
    assert passed(text) == text


@pytest.mark.parametrize(
    "keysym", [rfb.TAB, rfb.ENTER, 0xFF08, 0xFFFF, 0xFF1B, *range(0xFF50, 0xFF58)]
)
def test_keys_that_edit_pass(keysym: int) -> None:
    assert passed(rfb.stroke(keysym)) == rfb.stroke(keysym)


@pytest.mark.parametrize(
    "keysym",
    [
        0xFFC9,  # F12
        0xFFBE,  # F1
        0xFF67,  # Menu
        0xFFEB,  # Super
        0xFFE7,  # Meta
        0xFE03,  # AltGr
        0x1008FF18,  # the key that opens the home page
        0x0100_0000,  # Unicode's NUL
    ],
)
def test_keys_that_open_tools_menus_or_windows_do_not_pass(keysym: int) -> None:
    assert passed(rfb.stroke(keysym)) == b""


@pytest.mark.parametrize("char", "acvxzrwéЖ你")  # the last ones only so that they get a key
def test_shortcuts_for_text_and_for_the_pages_buttons_pass(char: str) -> None:
    strokes = (
        rfb.key(rfb.CONTROL, down=True)
        + rfb.stroke(rfb.keysym_of(char))
        + rfb.key(rfb.CONTROL, down=False)
    )
    assert passed(strokes) == strokes


@pytest.mark.parametrize(
    ("modifiers", "keysym"),
    [
        # windows, files, tools, histories
        *(([rfb.CONTROL], ord(char)) for char in "tnolsujhpOTN"),
        *(([0xFFE4], ord(char)) for char in "to"),  # the other Control
        ([rfb.CONTROL], rfb.TAB),
        ([rfb.CONTROL, rfb.SHIFT], ord("I")),
        ([rfb.ALT], ord("f")),
        ([rfb.ALT], 0xFF50),  # to the home page
        ([rfb.CONTROL, rfb.ALT], ord("a")),
    ],
)
def test_other_shortcuts_do_not_pass(modifiers: Sequence[int], keysym: int) -> None:
    held = b"".join(rfb.key(modifier, down=True) for modifier in modifiers)
    assert passed(held, rfb.key(keysym, down=True)) == held


@pytest.mark.parametrize("keysym", [0xFF51, 0xFF53])
def test_the_page_before_and_the_next_can_be_reached(keysym: int) -> None:
    strokes = rfb.key(rfb.ALT, down=True) + rfb.stroke(keysym)
    assert passed(strokes) == strokes


def test_a_modifier_counts_until_it_is_released() -> None:
    control = rfb.key(rfb.CONTROL, down=True) + rfb.key(rfb.CONTROL, down=False)
    assert passed(control, rfb.typed("t")) == control + rfb.typed("t")


def test_the_left_button_and_the_wheel_are_all_that_the_pointer_has() -> None:
    assert passed(rfb.pointer(5, 6, 0b1111_1111)) == rfb.pointer(5, 6, 0b0111_1001)


def test_a_click_with_a_modifier_opens_no_window() -> None:
    held = rfb.key(rfb.CONTROL, down=True)
    assert passed(held, rfb.pointer(5, 6, 1)) == held + rfb.pointer(5, 6, 0)


def test_extensions_that_would_bypass_the_filter_are_not_offered() -> None:
    """JPEG and its quality, QEMU's keys, more mouse buttons, another size."""
    assert passed(encodings(7, 21, -26, 0, -258, -316, -308, -1063131698)) == encodings(
        7, 0, -1063131698
    )


@pytest.mark.parametrize(
    "message",
    [
        b"\x63",  # not an RFB message
        b"\xff\x00" + bytes(10),  # QEMU's extension
        b"\xfb" + bytes(23),  # another size
        struct.pack(">Bxxxi", 6, MAX_CLIPBOARD_BYTES + 1),
        struct.pack(">Bxxxi", 6, -MAX_CLIPBOARD_BYTES - 1),
        struct.pack(">Bxxxi", 6, -(1 << 31)),
    ],
)
def test_unknown_or_too_large_messages_are_refused(message: bytes) -> None:
    with pytest.raises(NotVnc):
        passed(message)


def test_another_version_is_refused() -> None:
    """Its messages would start at another offset."""
    with pytest.raises(NotVnc):
        ViewerMessages().take(b"RFB 003.003\n")


# --- the connection


@asynccontextmanager
async def a_screen(folder: Path) -> AsyncIterator[asyncio.Queue[bytes]]:
    """A socket like Xvnc's that sends a greeting and records what it receives."""
    received: asyncio.Queue[bytes] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(rfb.VERSION)
        while data := await reader.read(100):
            received.put_nowait(data)
        writer.close()

    folder.mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        server = await asyncio.start_unix_server(serve, vnc.SOCKET)
    async with server:
        yield received


async def test_a_screen_is_reached_however_long_the_path_of_its_folder_is(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30) / "window"
    async with a_screen(folder) as received:
        connection = await connect_to_screen(folder)
        assert await connection.read() == rfb.VERSION
        await connection.write(rfb.VERSION)
        assert await asyncio.wait_for(received.get(), patient(30)) == rfb.VERSION
        connection.close()
        connection.close()

        assert await asyncio.wait_for(connection.read(), patient(30)) == b""


@pytest.mark.parametrize("available", [True, False])
async def test_a_screen_that_is_not_there_is_unavailable(tmp_path: Path, available: bool) -> None:
    folder = tmp_path / "window"
    if available:
        folder.mkdir()

    with pytest.raises(BrowserUnavailable):
        await connect_to_screen(folder)


def test_without_xvnc_the_command_that_installs_it_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)

    with pytest.raises(ToolMissing) as missing:
        vnc.check_tools()
    assert "apt-get install -y tigervnc-standalone-server" in missing.value.help
