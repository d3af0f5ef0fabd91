"""Identifies a file by its first bytes. Pure; never looks at names or content types.

A file that is not a video container is refused before any media library sees a byte of it:
playlists and scripts can make a demuxer open other files, and images, pages and JSON are not videos
whatever they are called.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum

from mediavault.core.messages import Message

SNIFF_BYTES = 1_024
ID3_BYTES = 10  # of the tag's own head


class Kind(StrEnum):
    MP4 = "mp4"
    MOV = "mov"
    WEBM = "webm"
    MATROSKA = "matroska"
    MPEGTS = "mpegts"
    FLV = "flv"
    AVI = "avi"
    MPEGPS = "mpegps"
    ASF = "asf"
    OGG = "ogg"
    AUDIO = "audio"
    IMAGE = "image"
    HTML = "html"
    XML = "xml"
    JSON = "json"
    HLS = "hls"
    DASH = "dash"
    SCRIPT = "script"
    TEXT = "text"
    ZEROS = "zeros"
    EMPTY = "empty"
    UNKNOWN = "unknown"


# container -> the one FFmpeg demuxer that may read it
DEMUXERS: Mapping[Kind, str] = {
    Kind.MP4: "mov",
    Kind.MOV: "mov",
    Kind.WEBM: "matroska",
    Kind.MATROSKA: "matroska",
    Kind.MPEGTS: "mpegts",
    Kind.FLV: "flv",
    Kind.AVI: "avi",
    Kind.MPEGPS: "mpeg",
    Kind.ASF: "asf",
    Kind.OGG: "ogg",
}

# the first bytes of a file of sound alone -> the one FFmpeg demuxer that may read it
_SOUND_DEMUXERS: tuple[tuple[bytes, str], ...] = (
    (b"fLaC", "flac"),
    (b"RIFF", "wav"),
    (b"\xff\xf1", "aac"),
    (b"\xff\xf9", "aac"),
    (b"\xff\xfb", "mp3"),
    (b"\xff\xf3", "mp3"),
)

# completes "it is …"
DESCRIPTIONS: Mapping[Kind, str] = {
    Kind.AUDIO: Message("sound without pictures"),
    Kind.IMAGE: Message("an image"),
    Kind.HTML: Message("a web page"),
    Kind.XML: Message("an XML document"),
    Kind.JSON: Message("a JSON answer"),
    Kind.HLS: Message("a playlist (HLS)"),
    Kind.DASH: Message("a playlist (DASH)"),
    Kind.SCRIPT: Message("a script for a media program"),
    Kind.TEXT: Message("plain text"),
    Kind.ZEROS: Message("nothing but zeros"),
    Kind.EMPTY: Message("empty"),
    Kind.UNKNOWN: Message("an unknown type of file"),
}

_MAGIC: tuple[tuple[bytes, Kind], ...] = (
    (b"\x89PNG\r\n\x1a\n", Kind.IMAGE),
    (b"\xff\xd8\xff", Kind.IMAGE),
    (b"GIF8", Kind.IMAGE),
    (b"BM", Kind.IMAGE),
    (b"II*\0", Kind.IMAGE),
    (b"MM\0*", Kind.IMAGE),
    (b"\x00\x00\x01\x00", Kind.IMAGE),
    (b"\xff\x0a", Kind.IMAGE),
    (b"FLV\x01", Kind.FLV),
    (b"ID3", Kind.AUDIO),
    (b"fLaC", Kind.AUDIO),
    (b"OggS", Kind.OGG),
    (b"\x00\x00\x01\xba", Kind.MPEGPS),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c", Kind.ASF),
    (b"\xff\xf1", Kind.AUDIO),
    (b"\xff\xf9", Kind.AUDIO),
    (b"\xff\xfb", Kind.AUDIO),
    (b"\xff\xf3", Kind.AUDIO),
)
_RIFF: Mapping[bytes, Kind] = {b"AVI ": Kind.AVI, b"WAVE": Kind.AUDIO, b"WEBP": Kind.IMAGE}
_EBML = b"\x1a\x45\xdf\xa3"

# QuickTime files without ftyp
_WHOLE_MP4_BOXES = frozenset({b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"})
_FRAGMENT_BOXES = frozenset({b"styp", b"moof", b"sidx", b"emsg", b"prft"})
_IMAGE_BRANDS = frozenset(
    {b"avif", b"avis", b"heic", b"heix", b"hevc", b"hevx", b"mif1", b"msf1", b"jp2 ", b"jpx "}
)
_AUDIO_BRANDS = frozenset({b"M4A ", b"M4B ", b"M4P "})

_ISO = frozenset({Kind.MP4, Kind.MOV})
# all that their demuxers need comes before the pictures
_STREAMED = frozenset({Kind.WEBM, Kind.MATROSKA, Kind.MPEGTS})

_ASCII_SHARE = 0.7  # of an old page in a western language

_TEXT_STARTS: tuple[tuple[re.Pattern[str], Kind], ...] = (
    (re.compile(r"#EXTM3U"), Kind.HLS),
    (
        re.compile(
            r"(<\?xml[^>]*>\s*)?(<!--(?>.*?-->)\s*+)*+<(\w+:)?MPD\b", re.IGNORECASE | re.DOTALL
        ),
        Kind.DASH,
    ),
    (re.compile(r"ffconcat\b|\[playlist\]|#!", re.IGNORECASE), Kind.SCRIPT),
    (
        re.compile(
            r"(<\?xml[^>]*>\s*)?(<!--(?>.*?-->)\s*+)*+(<!doctype\s+svg|<svg\b)",
            re.IGNORECASE | re.DOTALL,
        ),
        Kind.IMAGE,
    ),
    (
        re.compile(
            r"<!doctype\s+html|<(html|head|body|script|title|meta|div|p|h1|a)\b", re.IGNORECASE
        ),
        Kind.HTML,
    ),
    (re.compile(r"(<\?xml[^>]*>|<!--).*<html\b", re.IGNORECASE | re.DOTALL), Kind.HTML),
    (re.compile(r"<[?!a-z]", re.IGNORECASE), Kind.XML),
    (re.compile(r"[{\[]\s*[\"'{\[\]}\w-]|(null|true|false)\s*$"), Kind.JSON),
)


def sniff(head: bytes) -> Kind:
    """Return the kind of a file that begins with ``head`` (as much as there is,
    up to SNIFF_BYTES).
    """
    head = head[:SNIFF_BYTES]
    if not head:
        return Kind.EMPTY
    if not head.strip(b"\0"):
        return Kind.ZEROS
    # text before the short magic numbers: "BMW …" is not a bitmap, a line that begins with G not a
    # transport stream
    return (
        _iso(head)
        or _riff_or_ebml(head)
        or _text(head)
        or _ts(head)
        or _magic(head)
        or Kind.UNKNOWN
    )


def demuxer_of(head: bytes) -> str | None:
    """Return the one FFmpeg demuxer that may read a file with these first bytes; None when it is
    not media.

    An ID3 tag is followed by MP3, or by raw AAC; the tag may be longer than ``head``.
    """
    kind = sniff(head)
    if kind is not Kind.AUDIO:
        return DEMUXERS.get(kind)
    if head[4:8] == b"ftyp":
        return "mov"
    if head.startswith(b"ID3") and len(head) >= ID3_BYTES:
        size = sum(
            (byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True)
        )
        head = head[ID3_BYTES + size :]
    return next((demuxer for magic, demuxer in _SOUND_DEMUXERS if head.startswith(magic)), "mp3")


def demuxer_in_order(head: bytes) -> str | None:
    """Return the demuxer that reads a video with these first bytes from its beginning to its end,
    without looking ahead.

    None when there is none: an MP4's table of contents, for one, may be behind its contents.
    """
    kind = sniff(head)
    if kind in _ISO:
        return DEMUXERS[kind] if _table_comes_first(head) else None
    return DEMUXERS[kind] if kind in _STREAMED else None


def _table_comes_first(head: bytes) -> bool:
    """Whether the table of contents of an MP4 begins in its first bytes."""
    at = 0
    while len(header := head[at : at + 16]) >= 8:
        size, box = int.from_bytes(header[:4], "big"), header[4:8]
        if box in (b"moov", b"mdat"):
            return box == b"moov"
        size = int.from_bytes(header[8:], "big") if size == 1 else size
        if size < 8:
            return False
        at += size
    return False


def ts_packet_bytes(head: bytes) -> tuple[int, int] | None:
    """Return (packet size, offset of the first sync byte) of a transport stream; None when it is
    not one.

    188 is MPEG-2's own packet; 192 carries a 4-byte time stamp in front (Blu-ray), 204 a 16-byte
    checksum at the end.
    """
    for size, offset in ((188, 0), (192, 4), (204, 0)):
        syncs = head[offset::size]
        if syncs and syncs == b"\x47" * len(syncs) and (len(syncs) > 1 or len(head) == size):
            return size, offset
    return None


def _iso(head: bytes) -> Kind | None:
    size, box = int.from_bytes(head[:4], "big"), head[4:8]
    if size != 0 and size != 1 and size < 8:
        return None
    if box == b"ftyp":
        brand = head[8:12]
        if brand in _IMAGE_BRANDS:
            return Kind.IMAGE
        return Kind.AUDIO if brand in _AUDIO_BRANDS else Kind.MOV if brand == b"qt  " else Kind.MP4
    if box == b"JXL ":
        return Kind.IMAGE
    return Kind.MP4 if box in _FRAGMENT_BOXES else Kind.MOV if box in _WHOLE_MP4_BOXES else None


def _riff_or_ebml(head: bytes) -> Kind | None:
    if head.startswith(b"RIFF"):
        return _RIFF.get(head[8:12])
    if head.startswith(_EBML):
        return Kind.WEBM if b"webm" in head[:64] else Kind.MATROSKA
    return None


def _ts(head: bytes) -> Kind | None:
    return Kind.MPEGTS if ts_packet_bytes(head) else None


def _magic(head: bytes) -> Kind | None:
    return next((kind for magic, kind in _MAGIC if head.startswith(magic)), None)


def _text(head: bytes) -> Kind | None:
    text = _decoded(head)
    if text is None:
        return None
    text = text.lstrip("\ufeff \t\r\n")
    return next((kind for pattern, kind in _TEXT_STARTS if pattern.match(text)), Kind.TEXT)


def _decoded(head: bytes) -> str | None:
    """Return ``head`` as text; None when it is not text or holds control characters.
    A character cut at the end is dropped.
    """
    encoding = "utf-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8"
    try:
        text = head.decode(encoding)
    except UnicodeDecodeError as exc:
        if encoding == "utf-8" and exc.start < len(head) - 3:
            if sum(byte < 0x80 for byte in head) < _ASCII_SHARE * len(head):
                return None
            # a page of the old kind: mostly ASCII, no control characters
            text = head.decode("latin-1")
        else:
            text = head.decode(encoding, "ignore")
    return None if re.search(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\x9f]", text) else text
