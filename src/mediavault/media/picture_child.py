"""A picture that is saved as it is, in the helper process: whether all of it decodes,
and a small one of it for lists.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mediavault.core.media import Problem, picture_suffix
from mediavault.core.messages import Message
from mediavault.core.typed_records import to_named_json
from mediavault.media.facts import DecodeFacts, FileFacts, StreamFacts
from mediavault.media.library import (
    FAULTS,
    damage_marks,
    decode_in_this_thread,
    even,
    jpeg,
    listening,
    new_decoder,
    open_input,
    packet_of,
    quiet,
    upright,
)
from mediavault.media.sniff import SNIFF_BYTES, sniff
from mediavault.media.structure import Structure, cut_off, damaged, incomplete
from mediavault.sandbox.guard import error_text

MAX_SAVED_PICTURE_BYTES = 256 << 20  # it is read into memory
MAX_FRAMES = 5_000  # of an animation
SMALL_SIDE = 640

_DEMUXERS = {
    ".jpg": "jpeg_pipe",
    ".png": "png_pipe",
    ".webp": "webp_pipe",
    ".gif": "gif",
    ".avif": "mov",
}


def answer(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """``{"task": "picture", "path"}`` -> FileFacts."""
    quiet()
    return to_named_json(examine(Path(request["path"])))


def examine(path: Path) -> FileFacts:
    """Run checks S, B, O and F. The format is the ``codec`` of ``video``:
    its suffix without the dot.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(SNIFF_BYTES)
        facts, suffix = FileFacts(size=size, kind=sniff(head)), picture_suffix(head)
        if suffix is None or size > MAX_SAVED_PICTURE_BYTES:
            return facts
        body = head + file.read()
    facts = replace(facts, structure=structure_of_picture(body))
    if facts.structure.problems:
        return replace(facts, video=StreamFacts(suffix[1:]))
    width = height = pictures = corrupt = 0
    error, is_turned = None, False
    with listening() as log:
        try:
            for frame in _frames(path, suffix, body):
                pictures += 1
                corrupt += frame.is_corrupt
                width, height = max(width, frame.width), max(height, frame.height)
                is_turned = is_turned or frame.rotation % 180 != 0
        except FAULTS as exc:
            error = error_text(exc)
        marked = damage_marks(log)
    if is_turned:
        width, height = height, width
    decoded = DecodeFacts(
        whole=error is None,
        pictures=pictures,
        corrupt=corrupt,
        marked=marked,
        turned=is_turned,
        error=error,
    )
    return replace(
        facts, video=StreamFacts(suffix[1:], width=width, height=height), decoded=decoded
    )


def _frames(path: Path, suffix: str, body: bytes) -> Iterator[Any]:
    """Yield all pictures of the file, one after the other. Raises ``FAULTS``,
    also for more than 268 million pixels.
    """
    if suffix == ".webp" and (pieces := list(_webp_pictures(body))):
        yield from _decoded_webp(pieces)
        return
    with open_input(path, _DEMUXERS[suffix]) as opened:
        stream = opened.streams.video[0]
        decode_in_this_thread(stream)
        for number, frame in enumerate(opened.decode(stream)):
            yield frame
            if number >= MAX_FRAMES:
                return


def _webp_pictures(body: bytes) -> Iterator[bytes]:
    """Yield the pictures of an animated WebP, each as a separate WebP;
    FFmpeg's decoder reads single ones only.
    """
    for at, name, length in webp_chunks(body):
        if name == b"ANMF":
            frame = body[at + 8 : at + 8 + length]
            # 24 bits each of x, y, width - 1, height - 1, duration; then flags
            size, picture = frame[6:12], frame[16:]
            extended = b"VP8X" + (10).to_bytes(4, "little") + bytes([0x10, 0, 0, 0]) + size
            rest = b"WEBP" + (extended if picture.startswith(b"ALPH") else b"") + picture
            yield b"RIFF" + len(rest).to_bytes(4, "little") + rest


def _decoded_webp(pieces: list[bytes]) -> Iterator[Any]:
    for piece in pieces[:MAX_FRAMES]:
        yield from new_decoder("webp").decode(packet_of(piece))


def small_jpeg(path: Path, longest_px: int = SMALL_SIDE) -> bytes | None:
    """Return a JPEG of the first picture, turned upright,
    with sides of at most ``longest_px``; None when that fails.
    """
    body = path.read_bytes()
    suffix = picture_suffix(body)
    if suffix is None:
        return None
    try:
        picture = upright(next(_frames(path, suffix, body)))
        scale = min(1.0, longest_px / max(picture.width, picture.height))
        return jpeg(picture, even(picture.width * scale), even(picture.height * scale))
    except (*FAULTS, StopIteration):
        return None


# --- picture structure ----------------------------------------------------------------------------
# Check B of pictures: whether a file goes on to the end that its own format states.
#
# Sources: ISO/IEC 10918-1 annex B (JPEG), ISO/IEC 15948 (PNG), the WebP container specification,
# the GIF89a specification, ISO/IEC 14496-12 (the boxes of AVIF).

_END_IS_MISSING = incomplete(Message("its end is missing"))
_NOT_ITS_FORMAT = damaged(Message("it breaks the rules of its format"))


def structure_of_picture(body: bytes) -> Structure:
    """Return what is wrong with the form of a JPEG, PNG, WebP, GIF or AVIF file.
    Bytes after its end are ignored.
    """
    walk = _WALKS.get(picture_suffix(body) or "")
    problem = walk(body) if walk is not None else _NOT_ITS_FORMAT
    return Structure(problems=(problem,) if problem is not None else ())


def _jpeg(body: bytes) -> Problem | None:
    """Follow the segments; entropy-coded data end at a marker that is neither a stuffed zero nor a
    restart.
    """
    at = 2
    while True:
        at = body.find(b"\xff", at)
        if at < 0 or at + 1 >= len(body):
            return _END_IS_MISSING
        marker = body[at + 1]
        if marker == 0xD9:
            return None
        if marker in (0x00, 0x01, 0xFF) or 0xD0 <= marker <= 0xD8:
            at += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(body[at + 2 : at + 4], "big")
        if length < 2:
            return _END_IS_MISSING if at + 4 > len(body) else _NOT_ITS_FORMAT
        at += 2 + length
        if at > len(body):
            return cut_off(at, len(body))


def _png(body: bytes) -> Problem | None:
    at = 8
    while at + 12 <= len(body):
        length, kind = int.from_bytes(body[at : at + 4], "big"), body[at + 4 : at + 8]
        end = at + 12 + length
        if end > len(body):
            return cut_off(end, len(body))
        if zlib.crc32(body[at + 4 : end - 4]) != int.from_bytes(body[end - 4 : end], "big"):
            return damaged(Message("one of its parts has a wrong checksum"))
        if kind == b"IEND":
            return None
        at = end
    return _END_IS_MISSING


def _webp(body: bytes) -> Problem | None:
    end = 8 + int.from_bytes(body[4:8], "little")
    if end > len(body):
        return cut_off(end, len(body))
    at = 12
    for at, _, chunk in webp_chunks(body[:end]):
        if at + 8 + chunk > end:
            return _NOT_ITS_FORMAT
    return _NOT_ITS_FORMAT if at == 12 and end <= 12 else None


def webp_chunks(body: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Yield each chunk's place, name and the length of its contents,
    which begin eight bytes after the place.
    """
    at = 12
    while at + 8 <= len(body):
        length = int.from_bytes(body[at + 4 : at + 8], "little")
        yield at, body[at : at + 4], length
        at += 8 + length + length % 2


def _gif(body: bytes) -> Problem | None:
    at = 13 + _colours(body[10]) if len(body) > 13 else len(body)
    while at < len(body):
        match body[at]:
            case 0x3B:
                return None
            case 0x2C if at + 10 <= len(body):
                at = _after_blocks(body, at + 11 + _colours(body[at + 9]))
            case 0x21:
                at = _after_blocks(body, at + 2)
            case 0x00:  # padding between blocks, as some programs write it
                at += 1
            case _:
                return _NOT_ITS_FORMAT
    return _END_IS_MISSING


def _colours(flags: int) -> int:
    """Return the bytes of a table of colours."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(body: bytes, at: int) -> int:
    while at < len(body) and body[at]:
        at += 1 + body[at]
    return at + 1


def _avif(body: bytes) -> Problem | None:
    at, names = 0, []
    while at + 8 <= len(body):
        size, start = int.from_bytes(body[at : at + 4], "big"), 8
        if size == 1:
            size, start = int.from_bytes(body[at + 8 : at + 16], "big"), 16
        end = len(body) if size == 0 else at + size
        if size and size < start:
            return _NOT_ITS_FORMAT
        if end > len(body):
            return cut_off(end, len(body))
        names.append(body[at + 4 : at + 8])
        at = end
    return None if b"mdat" in names or b"idat" in body else _END_IS_MISSING


_WALKS: Mapping[str, Callable[[bytes], Problem | None]] = {
    ".jpg": _jpeg,
    ".png": _png,
    ".webp": _webp,
    ".gif": _gif,
    ".avif": _avif,
}
