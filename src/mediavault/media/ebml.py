"""Check B for Matroska and WebM: RFC 8794 (EBML) and RFC 9559 (the elements)."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

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
