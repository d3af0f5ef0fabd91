"""Which X keysym a key or a character is. Pure.

Sources: the X Window System Protocol, appendix A (keysyms; Unicode is 0x01000000 plus the code point), and the names of
KeyboardEvent.key (W3C UI Events), checked 2026-11-24.
"""

from __future__ import annotations

from collections.abc import Mapping

SHIFT, CONTROL, ALT = 0xFFE1, 0xFFE3, 0xFFE9

NAMED: Mapping[str, int] = {
    "Backspace": 0xFF08,
    "Tab": 0xFF09,
    "Enter": 0xFF0D,
    "Escape": 0xFF1B,
    "Delete": 0xFFFF,
    "Home": 0xFF50,
    "ArrowLeft": 0xFF51,
    "ArrowUp": 0xFF52,
    "ArrowRight": 0xFF53,
    "ArrowDown": 0xFF54,
    "PageUp": 0xFF55,
    "PageDown": 0xFF56,
    "End": 0xFF57,
}
# With Control: what edits text. The others open menus, files, new windows and tools, which a sign-in needs none of.
WITH_CONTROL = frozenset({"a", "c", "x", "v", "z", "Backspace", "Delete", "ArrowLeft", "ArrowRight", "Home", "End"})

_LATIN_1 = (range(0x20, 0x7F), range(0xA0, 0x100))  # there the keysym is the code point
_UNICODE = 0x0100_0000


def keysym_of_char(char: str) -> int | None:
    """None for what no key types: control characters other than tab and line end, surrogates."""
    if char in "\r\n":
        return NAMED["Enter"]
    if char == "\t":
        return NAMED["Tab"]
    code = ord(char)
    if any(code in part for part in _LATIN_1):
        return code
    is_typed = code >= 0x100 and not 0xD800 <= code <= 0xDFFF
    return _UNICODE + code if is_typed else None


def keysym_of_key(key: str, *, control: bool) -> int | None:
    """The keysym of a KeyboardEvent.key; None for keys that are not passed on."""
    if control:
        key = key.lower() if len(key) == 1 else key
        if key not in WITH_CONTROL:
            return None
    if key in NAMED:
        return NAMED[key]
    return keysym_of_char(key) if len(key) == 1 else None
