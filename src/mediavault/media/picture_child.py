"""A picture that is saved as it is, in the helper process: whether all of it decodes,
and a small one of it for lists.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mediavault.core.media import picture_suffix
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
from mediavault.media.picture_structure import structure_of_picture, webp_chunks
from mediavault.media.sniff import SNIFF_BYTES, sniff
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
