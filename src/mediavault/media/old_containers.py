"""Check B for containers that FFmpeg reads leniently: ASF, FLV, AVI, Ogg and MPEG program streams.

FFmpeg skips what it cannot read in them and reports nothing, even when every packet is read and
every picture decoded: of 393 damaged ASF files it noticed 146, of 262 damaged Ogg files 44
(decision 16 has all figures).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import BinaryIO
from uuid import UUID

from mediavault.core.media import Problem
from mediavault.core.messages import Message
from mediavault.media.structure import (
    Structure,
    broken_at,
    cut_off,
    damaged,
    harmless_tail,
    incomplete,
    protected,
    tail_note,
)

# --- ASF (.wmv, .asf): Microsoft's Advanced Systems Format specification 01.20.06, sections 2 to 6
# ---

ASF_HEADER = UUID("75b22630-668e-11cf-a6d9-00aa0062ce6c").bytes_le
ASF_DATA = UUID("75b22636-668e-11cf-a6d9-00aa0062ce6c").bytes_le
_FILE_PROPERTIES = UUID("8cabdca1-a947-11cf-8ee4-00c00c205365").bytes_le
_PROTECTED = frozenset(
    {
        UUID("2211b3fb-bd23-11d2-b4b7-00a0c955fc6e").bytes_le,  # content encryption
        UUID("298ae614-2622-4c17-b935-dae07ee9289c").bytes_le,  # extended content encryption
    }
)
_BROADCAST = 1
_OBJECT_HEAD_BYTES = 24
_HEADER_HEAD_BYTES = 30
_DATA_HEAD_BYTES = 50
_MAX_SAMPLED_PACKETS = 10_000


@dataclass(frozen=True, slots=True)
class _AsfPackets:
    count: int
    size: int

    @property
    def end(self) -> int:
        return _DATA_HEAD_BYTES + self.count * self.size

    def first_lost(self, file: BinaryIO, data: int) -> int | None:
        """Return the offset of a packet without the flags that the first one begins with (section
        5.2.1), or None.

        Of a long file only a sample of the packets is read.
        """
        file.seek(data + _DATA_HEAD_BYTES)
        flags = file.read(1)
        for number in range(0, self.count, max(1, self.count // _MAX_SAMPLED_PACKETS)):
            at = data + _DATA_HEAD_BYTES + number * self.size
            file.seek(at)
            if file.read(1) != flags:
                return at
        return None


def walk_asf(file: BinaryIO, size: int) -> Structure:
    """Check that a header, the data and indexes fill the file,
    and that the data holds the announced packets.
    """
    header_end, packets, problem = _read_asf_header(file, size)
    if problem is not None:
        return Structure((problem,))
    at, has_data = header_end, False
    while at < size:
        file.seek(at)
        head = file.read(_OBJECT_HEAD_BYTES)
        length = int.from_bytes(head[16:24], "little")
        if len(head) < _OBJECT_HEAD_BYTES or (
            length < _OBJECT_HEAD_BYTES and head[:16] != ASF_DATA
        ):
            return _after_the_end(file, at, size, whole_before=has_data)
        end = at + length if length >= _OBJECT_HEAD_BYTES else size
        if end > size:
            return Structure((cut_off(end, size),))
        if head[:16] == ASF_HEADER:
            return Structure((damaged(Message("it contains two videos joined together")),))
        if head[:16] == ASF_DATA:
            has_data = True
            if packets is not None and at + packets.end > end:
                return Structure(
                    (incomplete(Message("its data holds fewer packets than its header says")),)
                )
            if packets is not None and (lost := packets.first_lost(file, at)) is not None:
                return Structure(
                    (damaged(Message("its packets lose their rhythm at byte %(lost)d", lost=lost)),)
                )
        at = end
    if not has_data:
        return Structure((incomplete(Message("it holds a header, but no pictures")),))
    return Structure(open_ended=packets is None)


def _read_asf_header(file: BinaryIO, size: int) -> tuple[int, _AsfPackets | None, Problem | None]:
    """Return where the header ends, its packets (None when the file was broadcast),
    and what is wrong with it.
    """
    file.seek(0)
    end = int.from_bytes(file.read(_HEADER_HEAD_BYTES)[16:24], "little")
    if end > size or end < _HEADER_HEAD_BYTES:
        return 0, None, incomplete(Message("its header is incomplete"))
    at, packets = _HEADER_HEAD_BYTES, None
    while at + _OBJECT_HEAD_BYTES <= end:
        file.seek(at)
        head = file.read(_OBJECT_HEAD_BYTES)
        length = int.from_bytes(head[16:24], "little")
        if length < _OBJECT_HEAD_BYTES or at + length > end:
            return 0, None, damaged(Message("its header is broken"))
        if head[:16] in _PROTECTED:
            return 0, None, protected()
        if head[:16] == _FILE_PROPERTIES:
            packets = _asf_packets(file.read(80))
        at += length
    return end, packets, None


def _asf_packets(properties: bytes) -> _AsfPackets | None:
    count = int.from_bytes(properties[32:40], "little")
    flags = int.from_bytes(properties[64:68], "little")
    size = int.from_bytes(properties[68:72], "little")
    return None if flags & _BROADCAST or not size else _AsfPackets(count, size)


# --- FLV: Adobe Flash Video File Format Specification 10.1 ----------------------------------------

_FLV_TAGS = frozenset({8, 9, 18})  # sound, pictures, script data


def walk_flv(file: BinaryIO, size: int) -> Structure:
    """Check that tags fill the file, each followed by its repeated length."""
    file.seek(0)
    at = int.from_bytes(file.read(9)[5:9], "big") + 4
    while at < size:
        file.seek(at)
        header = file.read(11)
        if header[0] & 0x1F not in _FLV_TAGS:
            return Structure((broken_at(at, size),))
        end = at + 11 + int.from_bytes(header[1:4], "big")
        file.seek(end)
        repeated = file.read(4)
        if len(header) < 11 or end > size or 0 < len(repeated) < 4:
            return Structure((cut_off(end + 4, size),))
        if repeated and int.from_bytes(repeated, "big") not in (end - at, 0):
            return Structure((broken_at(end, size),))
        at = end + 4
    return Structure(open_ended=True)


# --- AVI: Microsoft's RIFF AVI with its OpenDML extension -----------------------------------------


def walk_avi(file: BinaryIO, size: int) -> Structure:
    """Check that one RIFF chunk, or several (OpenDML), fill the file,
    and that lists and chunks fill these.
    """
    at, kind = 0, b"AVI "
    while at + 12 <= size:
        file.seek(at)
        header = file.read(12)
        if header[:4] != b"RIFF" or header[8:] != kind:
            break
        end = at + 8 + int.from_bytes(header[4:8], "little")
        if end > size:
            return Structure((cut_off(end, size),))
        broken = _first_broken_chunk(file, at + 12, end)
        if broken is not None:
            return Structure((broken_at(broken, size),))
        at, kind = _padded(end, size), b"AVIX"
    if at == size or (at and _is_junk(file, at, size)):
        return Structure()
    return _after_the_end(file, at, size, whole_before=at > 0)


def _is_junk(file: BinaryIO, at: int, size: int) -> bool:
    """Return whether one chunk of padding fills the rest."""
    file.seek(at)
    header = file.read(8)
    return (
        header[:4] == b"JUNK"
        and _padded(at + 8 + int.from_bytes(header[4:8], "little"), size) == size
    )


def _first_broken_chunk(file: BinaryIO, at: int, end: int) -> int | None:
    """Return the offset of the first chunk that is malformed or overruns its parent, or None."""
    while at < end:
        file.seek(at)
        header = file.read(12)
        chunk_end = at + 8 + int.from_bytes(header[4:8], "little")
        if (
            len(header) < 8
            or not header[:4].isascii()
            or not header[:4].strip(b"\0")
            or chunk_end > end
        ):
            return at
        if header[:4] == b"LIST" and header[8:] in (b"movi", b"rec "):
            inner = _first_broken_chunk(file, at + 12, chunk_end)
            if inner is not None:
                return inner
        at = _padded(chunk_end, end)
    return None


def _padded(at: int, end: int) -> int:
    """Round up to an even offset, where chunks begin;
    after the last one the pad byte may be missing.
    """
    return at + 1 if at % 2 and at < end else at


# --- Ogg: RFC 3533; every page carries its length, its number and a checksum of all its bytes -----

_PAGE_HEADER_BYTES = 27
_END_OF_STREAM = 4
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def walk_ogg(file: BinaryIO, size: int) -> Structure:
    """Check that pages fill the file, each with the right checksum,
    those of a stream numbered without a gap.
    """
    numbers: dict[bytes, int] = {}
    ended: set[bytes] = set()
    at = 0
    while at < size:
        file.seek(at)
        header = file.read(_PAGE_HEADER_BYTES)
        if header[:4] != b"OggS":
            return _after_the_end(file, at, size, whole_before=at > 0)
        table = file.read(header[26] if len(header) == _PAGE_HEADER_BYTES else 0)
        end = at + _PAGE_HEADER_BYTES + len(table) + sum(table)
        if len(header) < _PAGE_HEADER_BYTES or len(table) < header[26] or end > size:
            return Structure(
                (incomplete(Message("its last page ends at byte %(size)d", size=size)),)
            )
        body = header[:22] + bytes(4) + header[26:] + table + file.read(sum(table))
        if ogg_checksum(body) != int.from_bytes(header[22:26], "little"):
            return Structure(
                (damaged(Message("the page at byte %(at)d does not match its checksum", at=at)),)
            )
        stream, number = header[14:18], int.from_bytes(header[18:22], "little")
        if number != numbers.get(stream, number - 1) + 1:
            return Structure((damaged(Message("pages are missing before byte %(at)d", at=at)),))
        numbers[stream] = number
        if header[5] & _END_OF_STREAM:
            ended.add(stream)
        at = end
    return Structure(open_ended=ended != set(numbers))


def ogg_checksum(body: bytes) -> int:
    """Return the CRC-32 with the polynomial 0x04C11DB7, most significant bit first, starting from
    zero.

    zlib computes its mirror image, so bytes and result are mirrored.
    """
    mirrored = zlib.crc32(body.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)


# --- MPEG program streams (.mpg, .vob): ISO/IEC 13818-1 section 2.5, ISO/IEC 11172-1 section 2.4
# ---

_END, _FIRST_PACKET = 0xB9, 0xBB
_MAX_PADDING_BYTES = 4_096
_MPEG1_PACK_BYTES, _MPEG2_PACK_BYTES = 12, 14


def walk_ps(file: BinaryIO, size: int) -> Structure:
    """Check that packs and packets fill the file, with at most a disc sector of zeros between or
    after them.
    """
    at = 0
    while at < size:
        end = _end_of_unit(file, at)
        if end is None:
            end = _after_padding(file, at, size)
            if end is None:
                return Structure((broken_at(at, size),))
        if end > size:
            return Structure((cut_off(end, size),))
        at = end
    return Structure(open_ended=True)


def _end_of_unit(file: BinaryIO, at: int) -> int | None:
    """Return where the pack header or packet at ``at`` ends; None when none begins there."""
    file.seek(at)
    head = file.read(_MPEG2_PACK_BYTES)
    if len(head) < 4 or head[:3] != b"\0\0\1" or head[3] < _END:
        return None
    if head[3] == _END:
        return at + 4
    if head[3] >= _FIRST_PACKET:
        return at + 6 + int.from_bytes(head[4:6], "big")
    if len(head) == _MPEG2_PACK_BYTES and head[4] >> 6 == 1:
        return at + _MPEG2_PACK_BYTES + (head[13] & 7)  # plus the stuffing bytes that it announces
    return at + _MPEG1_PACK_BYTES


def _after_padding(file: BinaryIO, at: int, size: int) -> int | None:
    """Return where the next unit may begin after zeros;
    None when there are other bytes at ``at``, or too many zeros.
    """
    file.seek(at)
    block = file.read(_MAX_PADDING_BYTES)
    zeros = len(block) - len(block.lstrip(b"\0"))
    if at + zeros == size:
        return size if at > 0 else None
    # a start code itself begins with two zeros
    return at + zeros - 2 if 2 < zeros < len(block) else None


# --- all of them ----------------------------------------------------------------------------------


def _after_the_end(file: BinaryIO, at: int, size: int, *, whole_before: bool) -> Structure:
    """Judge bytes that belong to no part of the format: padding or text after a whole file,
    or damage.
    """
    if whole_before and harmless_tail(file, at, size):
        return Structure(notes=(tail_note(size - at),))
    return Structure((broken_at(at, size),))
