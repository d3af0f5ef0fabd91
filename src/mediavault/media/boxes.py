"""Check B: a walk over a container's own length fields, which must end exactly where the file ends.

A truncation, even by one byte, a hole, or bytes lost in the middle break these lengths, and finding
that costs a few reads per megabyte. This module has MP4 and MOV (ISO/IEC 14496-12) and transport
streams (ISO/IEC 13818-1); Matroska and WebM are in ``ebml``, the others in ``old_containers``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO

from mediavault.core.media import Problem
from mediavault.core.messages import Message
from mediavault.media.ebml import walk_matroska
from mediavault.media.mp4_boxes import Box, boxes, end_of_samples, end_of_segments, inside
from mediavault.media.old_containers import walk_asf, walk_avi, walk_flv, walk_ogg, walk_ps
from mediavault.media.sniff import SNIFF_BYTES, Kind, ts_packet_bytes
from mediavault.media.structure import (
    Structure,
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
