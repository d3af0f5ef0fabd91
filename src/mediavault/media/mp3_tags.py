"""Takes off what is between the frames of an MP3 file: tags, and padding at its end. Players skip both.

Joined episodes and advertisements bring their own tags along. FFmpeg's parser hands them out in front of the next frame, and
its decoder then refuses both.
"""

from __future__ import annotations

MP3_FRAME_BYTES = 1_441  # the longest: 320 kbit/s at 32 kHz, padded
_PADDING = b"\0\r\n\t "
_APE_BYTES = 32  # of its header and of its footer, each


def without_tags(packet: bytes) -> bytes:
    """Return a packet without the tags in front of its frame; b"" for one that has nothing else, or only padding."""
    rest = packet
    while size := _tag_bytes(rest):
        rest = rest[size:]
    return rest if rest.strip(_PADDING) else b""


def _tag_bytes(rest: bytes) -> int:
    """Return the length of the tag at the start, 0 if there is none."""
    if rest[:3] == b"ID3" and len(rest) >= 10 and max(rest[6:10]) < 0x80:  # id3.org, ID3v2.4.0, section 3.1
        content = rest[6] << 21 | rest[7] << 14 | rest[8] << 7 | rest[9]
        return 10 + content + (10 if rest[5] & 0x10 else 0)
    if rest[:8] == b"APETAGEX" and len(rest) >= _APE_BYTES:  # its size is without the header, and with the footer
        is_header = int.from_bytes(rest[20:24], "little") & 1 << 29
        return _APE_BYTES + int.from_bytes(rest[12:16], "little") if is_header else _APE_BYTES
    return 128 if rest[:3] == b"TAG" else 0  # ID3v1
