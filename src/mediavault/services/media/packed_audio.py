"""Sound-only HLS segments without a container: raw frames behind an ID3 tag that says when they are heard.

RFC 8216, section 3.4: the tag holds a PRIV frame of the owner below, whose 8 bytes are a 90 kHz time of 33 bits.
"""

from __future__ import annotations

_OWNER = b"com.apple.streaming.transportStreamTimestamp\0"
_CLOCK_HZ = 90_000
_DEMUXERS = (
    (b"\xff\xf1", "aac"),
    (b"\xff\xf9", "aac"),
    (b"\xff\xfb", "mp3"),
    (b"\xff\xf3", "mp3"),
    (b"\x0b\x77", "ac3"),
)


def packed_audio(head: bytes) -> tuple[str, float]:
    """(FFmpeg's demuxer, seconds at which the first frame is heard). ValueError when it is no packed audio."""
    frames, start_s = head, 0.0
    if head.startswith(b"ID3") and len(head) >= 10:
        size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
        tag, frames = head[: 10 + size], head[10 + size :]
        at = tag.find(_OWNER)
        if at >= 0:
            value = tag[at + len(_OWNER) : at + len(_OWNER) + 8]
            start_s = (int.from_bytes(value, "big") & ((1 << 33) - 1)) / _CLOCK_HZ
    demuxer = next((name for magic, name in _DEMUXERS if frames.startswith(magic)), None)
    if demuxer is None:
        raise ValueError("its segments are of no kind that is known here")
    return demuxer, start_s
