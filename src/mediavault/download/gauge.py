"""Checks a segment's bytes as they arrive: it is whole if packets or boxes end where the segment
ends.

The transport cannot show this when no length was announced, and a server that stores a truncated
segment announces its truncated length.
"""

from __future__ import annotations

from typing import Protocol

from mediavault.core.failures import Failure, Incomplete, NotAVideo
from mediavault.core.messages import Message
from mediavault.media.sniff import DESCRIPTIONS, Kind, sniff

TS_PACKET_BYTES = 188
_MAX_HEADER = 16
_CLUSTER = b"\x1f\x43\xb6\x75"  # how a WebM media segment begins
_SEGMENT = b"\x18\x53\x80\x67"


class SegmentChecker(Protocol):
    def feed(self, data: bytes) -> None:
        """Take the next bytes into account."""

    def fault(self) -> str | None:
        """Return why the segment, which has ended, is not whole; completes "a segment …".
        None when it is whole.
        """


def checker_for(head: bytes) -> SegmentChecker:
    """Return a new gauge for a segment that begins with ``head``.
    Raises Incomplete and NotAVideo.
    """
    kind = sniff(head)
    if kind in (Kind.WEBM, Kind.MATROSKA) or head.startswith(_CLUSTER):
        return EbmlGauge()
    if kind is Kind.MPEGTS:
        return TsGauge()
    if kind in (Kind.MP4, Kind.MOV):
        return BoxGauge()
    if kind is Kind.AUDIO:
        return NullChecker()
    raise _not_a_segment(kind)


def _not_a_segment(kind: Kind) -> Failure:
    if kind in (Kind.EMPTY, Kind.ZEROS):
        return Incomplete("A segment is empty.")
    if kind is Kind.UNKNOWN:
        return Incomplete(
            "A segment has an unknown format: it is damaged, or encrypted with another key."
        )
    return NotAVideo(
        Message(
            "The site sent %(descriptions)s in place of a segment.", descriptions=DESCRIPTIONS[kind]
        )
    )


class TsGauge:
    """A transport stream: whole packets, each with its sync byte."""

    def __init__(self) -> None:
        self._offset = 0  # into the current packet
        self._lost_sync = False

    def feed(self, data: bytes) -> None:
        first = -self._offset % TS_PACKET_BYTES
        syncs = data[first::TS_PACKET_BYTES]
        self._lost_sync = self._lost_sync or syncs != b"\x47" * len(syncs)
        self._offset = (self._offset + len(data)) % TS_PACKET_BYTES

    def fault(self) -> str | None:
        if self._offset:
            return Message("ends inside a packet")
        return Message("loses packet sync") if self._lost_sync else None


class _LengthGauge:
    """Units that each begin with their own length and together fill the segment."""

    def __init__(self) -> None:
        self._header = b""
        self._left = 0  # of the current unit
        self._to_the_end = self._broken = False

    def feed(self, data: bytes) -> None:
        at = 0
        while at < len(data) and not (self._to_the_end or self._broken):
            if self._left:
                step = min(self._left, len(data) - at)
                self._left -= step
                at += step
            else:
                at += self._read_header(data[at : at + _MAX_HEADER - len(self._header)])

    def _read_header(self, data: bytes) -> int:
        """Take the missing bytes of a unit's header from ``data`` and return how many were
        taken.
        """
        raise NotImplementedError


class BoxGauge(_LengthGauge):
    """MP4: top-level boxes that fill the segment."""

    def _read_header(self, data: bytes) -> int:
        had = len(self._header)
        header = self._header + data
        length, needed = int.from_bytes(header[:4], "big"), 8
        if len(header) >= 8 and length == 1:
            length, needed = int.from_bytes(header[8:16], "big"), 16
        if len(header) < needed:
            self._header = header
            return len(data)
        self._header = b""
        self._to_the_end = length == 0
        self._broken = 0 < length < needed
        self._left = max(0, length - needed)
        return needed - had

    def fault(self) -> str | None:
        if self._broken:
            return Message("has a broken structure")
        return Message("ends inside a box") if self._left or self._header else None


class EbmlGauge(_LengthGauge):
    """WebM (RFC 8794): elements that fill the segment.
    The length of the outermost container is ignored.
    """

    def _read_header(self, data: bytes) -> int:
        self._header += data[:1]
        self._parse_header()
        return 1

    def _parse_header(self) -> None:
        """Parse the header once it is complete: an identifier of up to 4 bytes,
        a length of up to 8.
        """
        id_bytes = 9 - self._header[0].bit_length()
        if id_bytes > 4:
            self._broken = True
            return
        size = self._header[id_bytes:]
        if not size:
            return
        size_bytes = 9 - size[0].bit_length()
        if size_bytes > 8:
            self._broken = True
        elif len(size) == size_bytes:
            length = int.from_bytes(size, "big") & ((1 << 7 * size_bytes) - 1)
            unknown = length == (1 << 7 * size_bytes) - 1
            is_segment = self._header.startswith(_SEGMENT)
            self._to_the_end = unknown and not is_segment
            self._left = 0 if unknown or is_segment else length
            self._header = b""

    def fault(self) -> str | None:
        if self._broken:
            return Message("has a broken structure")
        return Message("ends inside an element") if self._left or self._header else None


class NullChecker:
    """For a kind in which a truncation cannot be distinguished from the end."""

    def feed(self, data: bytes) -> None:
        """Do nothing."""

    def fault(self) -> str | None:
        return None
