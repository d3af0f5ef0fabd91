"""Check B: a walk over a container's own length fields, which must end exactly where the file ends.

A truncation, even by one byte, a hole, or bytes lost in the middle break these lengths, and finding
that costs a few reads per megabyte. This module has MP4 and MOV (ISO/IEC 14496-12) and transport
streams (ISO/IEC 13818-1); Matroska and WebM are in ``ebml``, the others in ``old_containers``.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from mediavault.core.media import Problem
from mediavault.core.messages import Message
from mediavault.media.mp4_boxes import Box, boxes, end_of_samples, end_of_segments, inside
from mediavault.media.old_containers import walk_asf, walk_avi, walk_flv, walk_ogg, walk_ps
from mediavault.media.sniff import SNIFF_BYTES, Kind, ts_packet_bytes
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
from mediavault.media.tables import contradiction

MAX_MOOV_BYTES = 256 << 20  # twelve hours at 60 pictures a second need some 60 MB
# fields of a run that its flags announce (14496-12, 8.8.8)
_OF_EACH_SAMPLE, _OF_THE_RUN = 0xF00, 0x5
_TS_BLOCK_PACKETS = 8_192


def walk(file: BinaryIO, size: int, kind: Kind) -> Structure:
    """Walk over ``file``, which is ``size`` bytes long and of ``kind``."""
    walkers: Mapping[Kind, Callable[[], Structure]] = {
        Kind.MP4: lambda: walk_mp4(file, size),
        Kind.MOV: lambda: walk_mp4(file, size),
        Kind.WEBM: lambda: walk_matroska(file, size),
        Kind.MATROSKA: lambda: walk_matroska(file, size),
        Kind.MPEGTS: lambda: walk_ts(file, size),
        Kind.FLV: lambda: walk_flv(file, size),
        Kind.AVI: lambda: walk_avi(file, size),
        Kind.MPEGPS: lambda: walk_ps(file, size),
        Kind.ASF: lambda: walk_asf(file, size),
        Kind.OGG: lambda: walk_ogg(file, size),
    }
    return walkers[kind]()


# --- MP4 and MOV ----------------------------------------------------------------------------------


def walk_mp4(file: BinaryIO, size: int) -> Structure:
    """Check that top-level boxes fill the file, with one ``moov``, pictures in ``mdat`` and no
    protected sample entry.

    A wrong length after the last sample is forgiven, because every packet is read anyway.
    """
    top_level = list(boxes(file, 0, size))
    payload = sum(min(box.end, size) - box.body for box in top_level if box.type == b"mdat")
    fragmented = any(box.type == b"moof" for box in top_level)
    problems, notes = _mp4_end(file, size, top_level, fragmented=fragmented)
    problems += _mp4_parts(top_level, fragmented=fragmented)
    if not problems:
        problems += _mp4_insides(file, size, top_level)
    if not problems and not fragmented:
        problems += _mp4_tables(file, top_level, size)
    if not problems and fragmented:
        problems += _mp4_runs(file, top_level)
    if any(entry in (b"encv", b"enca") for entry in _sample_entries(file, size, top_level)):
        problems.insert(0, protected())
    open_ended = any(box.to_the_end for box in top_level)
    return Structure(
        tuple(problems),
        tuple(notes),
        open_ended=open_ended,
        payload_bytes=payload,
        fragmented=fragmented,
    )


def _mp4_end(
    file: BinaryIO, size: int, top_level: list[Box], *, fragmented: bool
) -> tuple[list[Problem], list[str]]:
    end = top_level[-1].end if top_level else 0
    if end == size:
        return [], []
    complete = [box for box in top_level if box.end <= size]
    whole_until = complete[-1].end if complete else 0
    # A fragmented file that goes on is a broken chain of fragments; a plain one is whole as soon as
    # both parts are.
    whole = not fragmented and {b"moov", b"mdat"} <= {box.type for box in complete}
    if whole and harmless_tail(file, whole_until, size):
        return [], [tail_note(size - whole_until)]
    if not fragmented and _samples_end(file, top_level, size) is not None:
        return [], [
            Message("a length in its structure is wrong, behind its last picture and sound")
        ]
    if end > size:
        what = top_level[-1].type.decode("latin-1")
        return [
            incomplete(
                Message(
                    "its last part (%(what)s) should reach to byte %(end)d, but the file ends at"
                    " %(size)d",
                    what=what,
                    end=end,
                    size=size,
                )
            )
        ], []
    return [
        incomplete(Message("its structure ends at byte %(end)d of %(size)d", end=end, size=size))
    ], []


def _mp4_parts(top_level: list[Box], *, fragmented: bool) -> list[Problem]:
    count = sum(box.type == b"moov" for box in top_level)
    if count > 1:
        return [
            damaged(
                Message(
                    "it contains two videos joined together (it has more than one table of"
                    " contents)"
                )
            )
        ]
    if count == 0:
        return [incomplete(Message("its table of contents (moov) is missing"))]
    if (
        fragmented
        and [box.type for box in top_level if box.type in (b"moof", b"mdat")][-1] == b"moof"
    ):
        return [incomplete(Message("the contents of its last fragment are missing"))]
    if not fragmented and not any(box.type == b"mdat" and box.end > box.body for box in top_level):
        return [incomplete(Message("it holds a header, but no pictures"))]
    return []


def _mp4_insides(file: BinaryIO, size: int, top_level: list[Box]) -> list[Problem]:
    """Check boxes that may come last, where zeroed bytes break no length,
    and the index of segments.
    """
    for box in top_level:
        if box.type == b"moov":
            inner = list(boxes(file, box.body, box.end))
            if not inner or (
                inner[-1].end != box.end and not _padding(file, inner[-1].end, box.end)
            ):
                return [damaged(Message("its table of contents is broken"))]
        # its last box, mfro, ends with the length of the whole
        if box.type == b"mfra" and box.end - box.body >= 8:
            file.seek(box.end - 4)
            if int.from_bytes(file.read(4), "big") != box.end - box.start:
                return [damaged(Message("its index of fragments is broken"))]
        if box.type == b"sidx":
            file.seek(box.body)
            announced = end_of_segments(file.read(box.end - box.body), box.end)
            if announced > size:
                return [
                    incomplete(
                        Message(
                            "its segments should reach to byte %(announced)d, but it ends at"
                            " %(size)d",
                            announced=announced,
                            size=size,
                        )
                    )
                ]
    return []


def _mp4_tables(file: BinaryIO, top_level: list[Box], size: int) -> list[Problem]:
    moov = next(box for box in top_level if box.type == b"moov")
    if moov.end - moov.start > MAX_MOOV_BYTES or moov.end > size:
        return []
    contents = [range(box.body, min(box.end, size)) for box in top_level if box.type == b"mdat"]
    reason = contradiction(file, moov, contents)
    return (
        [damaged(Message("its table of contents contradicts itself: %(reason)s", reason=reason))]
        if reason
        else []
    )


def _mp4_runs(file: BinaryIO, top_level: list[Box]) -> list[Problem]:
    """Check that each fragment's runs hold as many samples as they say:
    a player stops at one that does not.
    """
    moofs = [box for box in top_level if box.type == b"moof"]
    for run in inside(file, moofs, (b"traf", b"trun")):
        file.seek(run.body)
        head = file.read(8)
        flags, count = int.from_bytes(head[1:4], "big"), int.from_bytes(head[4:8], "big")
        width = 4 * (flags & _OF_EACH_SAMPLE).bit_count()
        if run.body + 8 + 4 * (flags & _OF_THE_RUN).bit_count() + count * width > run.end:
            return [damaged(Message("a fragment's table is shorter than it says"))]
    return []


def _padding(file: BinaryIO, start: int, end: int) -> bool:
    """Return whether the bytes are padding: QuickTime closes some lists with four zero bytes."""
    file.seek(start)
    return end - start <= 8 and not file.read(max(0, end - start)).strip(b"\0")


def _samples_end(file: BinaryIO, top_level: list[Box], size: int) -> int | None:
    """Return where the last sample of all tracks ends; None when that is outside of the file."""
    moovs = [box for box in top_level if box.type == b"moov" and box.end <= size]
    moov = [box for box in moovs if box.end - box.start <= MAX_MOOV_BYTES]
    try:
        ends = [
            end_of_samples(
                file,
                {child.type: (child.body, child.end) for child in boxes(file, stbl.body, stbl.end)},
            )
            for stbl in inside(file, moov, (b"trak", b"mdia", b"minf", b"stbl"))
        ]
    except ValueError:
        return None
    last = max(ends, default=0)
    return last if 0 < last <= size else None


def _sample_entries(file: BinaryIO, size: int, top_level: list[Box]) -> Iterator[bytes]:
    """Yield the four-letter codes of all tracks' sample descriptions
    (moov/trak/mdia/minf/stbl/stsd).
    """
    for moov in top_level:
        if moov.type != b"moov" or moov.end > size or moov.end - moov.start > MAX_MOOV_BYTES:
            continue
        # version, flags and count come before its entries
        for stsd in inside(file, [moov], (b"trak", b"mdia", b"minf", b"stbl", b"stsd")):
            yield from (entry.type for entry in boxes(file, stsd.body + 8, stsd.end))


# --- transport stream -----------------------------------------------------------------------------


def walk_ts(file: BinaryIO, size: int) -> Structure:
    """Check for whole packets with their sync bytes."""
    file.seek(0)
    shape = ts_packet_bytes(file.read(SNIFF_BYTES))
    if shape is None:
        return Structure((damaged(Message("its packets do not begin as they should")),))
    packet, offset = shape
    if size % packet:
        return Structure(
            (
                incomplete(
                    Message(
                        "its last packet has %(size)s of %(packet)s bytes",
                        size=size % packet,
                        packet=packet,
                    )
                ),
            ),
            open_ended=True,
        )
    lost = _first_lost_sync(file, size // packet, packet, offset)
    if lost is not None:
        return Structure(
            (damaged(Message("its packets lose their rhythm near byte %(lost)d", lost=lost)),),
            open_ended=True,
        )
    return Structure(open_ended=True)


def _first_lost_sync(file: BinaryIO, packets: int, packet: int, offset: int) -> int | None:
    for position in range(0, packets, _TS_BLOCK_PACKETS):
        file.seek(position * packet)
        block: bytes = file.read(min(_TS_BLOCK_PACKETS, packets - position) * packet)
        if block[offset::packet] != b"\x47" * (len(block) // packet):
            return position * packet
    return None


# --- ebml -----------------------------------------------------------------------------------------
# Check B for Matroska and WebM: RFC 8794 (EBML) and RFC 9559 (the elements).

EBML, SEGMENT, CLUSTER, TRACKS = 0x1A45DFA3, 0x18538067, 0x1F43B675, 0x1654AE6B
_VOID, _CRC = 0xEC, 0xBF
_BLOCK_BYTES = 1 << 20
_TRACK, _ENCODINGS, _ENCODING, _ENCRYPTION = 0xAE, 0x6D80, 0x6240, 0x5035

# SeekHead, Info, Tracks, Cluster, Cues, Attachments, Chapters, Tags, Void, CRC-32
IN_SEGMENT = frozenset(
    {
        0x114D9B74,
        0x1549A966,
        TRACKS,
        CLUSTER,
        0x1C53BB6B,
        0x1941A469,
        0x1043A770,
        0x1254C367,
        _VOID,
        _CRC,
    }
)
# Timestamp, SimpleBlock, BlockGroup, PrevSize, Position, SilentTracks, EncryptedBlock, Void, CRC-32
IN_CLUSTER = frozenset({0xE7, 0xA3, 0xA0, 0xAB, 0xA7, 0x5854, 0xAF, _VOID, _CRC})


@dataclass(frozen=True, slots=True)
class EbmlElement:
    id: int
    start: int
    body: int
    end: int | None  # None: of unknown size, as live recorders write


def element_at(file: BinaryIO, start: int) -> EbmlElement | None:
    """Return the element whose header is at ``start``; None when there is none."""
    file.seek(start)
    header = file.read(12)
    if not header or header[0] < 0x08:  # ids of Matroska have at most four bytes
        return None
    id_length = 9 - header[0].bit_length() if header[0] >= 0x10 else 0
    if not id_length or len(header) <= id_length or header[id_length] == 0:
        return None
    size_length = 9 - header[id_length].bit_length()
    raw = header[id_length : id_length + size_length]
    if len(raw) < size_length:
        return None
    value = int.from_bytes(raw, "big") & ((1 << 7 * size_length) - 1)
    body = start + id_length + size_length
    unknown = value == (1 << 7 * size_length) - 1
    return EbmlElement(
        int.from_bytes(header[:id_length], "big"), start, body, None if unknown else body + value
    )


def walk_matroska(file: BinaryIO, size: int) -> Structure:
    """Check that header and one segment fill the file, the segment with known elements,
    the clusters with known blocks.
    """
    head = element_at(file, 0)
    segment = element_at(file, head.end) if head is not None and head.end is not None else None
    if head is None or head.id != EBML or segment is None or segment.id != SEGMENT:
        return Structure((incomplete(Message("its main part (the segment) is missing")),))
    if segment.end is not None and segment.end > size:
        return Structure((cut_off(segment.end, size),))
    end, notes = size, []
    if segment.end is not None and _void_until(file, segment.end, size) < size:
        end = segment.end
        if not harmless_tail(file, end, size):
            return Structure(
                (incomplete(Message("%(size)d unexpected bytes follow its end", size=size - end)),)
            )
        notes.append(tail_note(size - end))
    walked = _Walk(file, end)
    problems = walked.problems(segment)
    open_ended = segment.end is None
    return Structure(
        tuple(problems), tuple(notes), open_ended=open_ended, payload_bytes=walked.payload or None
    )


def _void_until(file: BinaryIO, at: int, size: int) -> int:
    """Return where the padding (Void, RFC 8794, 11.3.2:
    allowed at any level) after the segment ends.
    """
    while at < size and (element := element_at(file, at)) and element.id == _VOID and element.end:
        at = element.end
    return at


class _Walk:
    """One pass over a segment, down to the blocks of each cluster."""

    def __init__(self, file: BinaryIO, end: int) -> None:
        self._file, self._end = file, end
        self.payload = 0

    def problems(self, segment: EbmlElement) -> list[Problem]:
        seen: set[int] = set()
        at = segment.body
        while at < self._end:
            element = element_at(self._file, at)
            if element is None or element.id not in IN_SEGMENT:
                return [broken_at(at, self._end)]
            if element.end is not None and element.end > self._end:
                return [cut_off(element.end, self._end)]
            seen.add(element.id)
            if element.id == TRACKS and element.end is not None and self._is_encrypted(element):
                return [protected()]
            if element.id == CLUSTER:
                stop = self._cluster_end(element)
                if isinstance(stop, Problem):
                    return [stop]
                if not self._matches_checksum(element):
                    return [
                        damaged(
                            Message(
                                "a part of it does not match its checksum near byte %(at)d",
                                at=element.start,
                            )
                        )
                    ]
                self.payload += stop - element.body
                at = stop
            elif element.end is None:
                return [broken_at(at, self._end)]
            else:
                at = element.end
        if not {TRACKS, CLUSTER} <= seen:
            return [incomplete(Message("it holds a header, but no pictures"))]
        return []

    def _cluster_end(self, cluster: EbmlElement) -> int | Problem:
        """Return where the cluster ends; its blocks must fill it.

        A cluster of unknown size ends where an element of the segment begins.
        """
        end = cluster.end if cluster.end is not None else self._end
        at = cluster.body
        while at < end:
            block = element_at(self._file, at)
            if cluster.end is None and block is not None and block.id in IN_SEGMENT - IN_CLUSTER:
                return at
            if block is None or block.id not in IN_CLUSTER or block.end is None:
                return broken_at(at, self._end)
            if block.end > end:
                return cut_off(block.end, end)
            at = block.end
        return at

    def _matches_checksum(self, element: EbmlElement) -> bool:
        """Whether the element's content has the CRC-32 that its first child states,
        where it states one (RFC 8794, 11.3.1).
        """
        first = element_at(self._file, element.body)
        if element.end is None or first is None or first.id != _CRC or first.end != first.body + 4:
            return True
        self._file.seek(first.body)
        stated, left, crc = int.from_bytes(self._file.read(4), "little"), element.end - first.end, 0
        while left > 0 and (block := self._file.read(min(_BLOCK_BYTES, left))):
            crc, left = zlib.crc32(block, crc), left - len(block)
        return crc == stated

    def _is_encrypted(self, tracks: EbmlElement) -> bool:
        level = [tracks]
        for wanted in (_TRACK, _ENCODINGS, _ENCODING, _ENCRYPTION):
            level = [
                child for parent in level for child in self._children(parent) if child.id == wanted
            ]
        return bool(level)

    def _children(self, parent: EbmlElement) -> Iterator[EbmlElement]:
        at = parent.body
        while parent.end is not None and at < parent.end:
            child = element_at(self._file, at)
            if child is None or child.end is None:
                return
            yield child
            at = child.end
